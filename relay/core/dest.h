/* Destinations inside the core: spools, gates and what is under way. Shared by
 * the files of this room that forward, and by no other.
 *
 *   dest.c     the list of destinations and the clock of each
 *   spool.c    custody: what goes to the store and comes back
 *   convey.c   from the spool over a link to the destination, and its answers
 *   forward.c  the client's side: Forward and ForwardReply
 *
 * A class of a spool is read like a queue's mail (mail.c): `after` is the last
 * sequence taken up, `behind` says that there may be more in the store. When
 * the last link is lost, all that was taken up is forgotten and read again from
 * the beginning: memory holds nothing that the store does not.
 */
#ifndef POSTERN_RELAY_CORE_DEST_H
#define POSTERN_RELAY_CORE_DEST_H

#include "relay/core/gate.h"
#include "relay/core/state.h"
#include "relay/core/turns.h"

enum {
    /* Of a spool's message, before its parcel: version 1, zero, and the u16 day
     * it came. */
    RL_SPOOL_HEADER = 4,
    RL_LANE_COUNT = 64,         /* parcels of a class held ready */
    RL_LANE_BYTES = 128 * 1024, /* and bytes; one always may */
    RL_DONE_MAX = 256,          /* answered, not yet out of the store */
};

/* A parcel taken up. */
typedef struct rl_item {
    pn_node node;  /* in its lane's ready, or in its destination's sent */
    rl_link *link; /* it was sent on */
    uint64_t frame_id;
    uint64_t seq;
    uint64_t due_ms;
    uint32_t len;
    rl_day since;
    uint8_t class;
    bool kept; /* the store has it; else it is now or never */
    uint8_t tag[RL_MESSAGE_ID_BYTES];
    uint8_t *parcel; /* owned; NULL once sent */
} rl_item;

/* One class of a spool. */
typedef struct rl_lane {
    pn_node ready; /* rl_item, by due_ms */
    size_t ready_count;
    size_t ready_bytes;
    uint64_t after;
    uint32_t turn; /* goes up when all is forgotten */
    bool behind;
    bool fetching;
    rl_day oldest;
    uint64_t count; /* in the store, ready and sent ones too */
    uint64_t bytes;
    uint64_t coming_count; /* on their way into the store, not in `count` */
    uint64_t coming_bytes;
} rl_lane;

typedef enum rl_spool_state {
    RL_SPOOL_ABSENT, /* not made yet, or making it failed */
    RL_SPOOL_MAKING, /* under way */
    RL_SPOOL_THERE,
} rl_spool_state;

struct rl_dest {
    rl_core *core;
    pn_node in_core;
    uint8_t key[PN_RELAY_KEY_BYTES];
    uint8_t noise_pk[32]; /* how it shows itself on a link */
    uint8_t recv_id[RL_QUEUE_ID_BYTES];
    uint8_t send_id[RL_QUEUE_ID_BYTES];
    uint8_t cap_hash[RL_CAP_HASH_BYTES];
    bool listed;
    bool keep;
    bool knocked;  /* a link is wanted though nothing is in the spool */
    bool full;     /* the link takes no more: rl_core_writable() will come */
    bool rewind;   /* read the spool again when nothing is under way */
    bool recount;  /* ask the store what is in it when nothing is under way */
    uint8_t spool; /* rl_spool_state */
    uint32_t ops;  /* of the store, under way */
    uint32_t op_serial; /* of the last of them */
    rl_gate gate;
    rl_turns turns;
    rl_lane lanes[RL_CLASSES];
    pn_node links; /* rl_link, the newest first: it is the one in use */
    pn_node sent;  /* rl_item, the oldest first */
    size_t sent_count;
    size_t sent_bytes;
    uint32_t window;    /* how many may be sent now */
    uint64_t frame_id;  /* last used */
    uint64_t answer_ms; /* when patience ends; UINT64_MAX: nothing is owed */
    uint64_t ping_ms;   /* UINT64_MAX: no link is kept */
    uint64_t retry_ms;  /* of what the store did not take; UINT64_MAX: none */
    /* Tags that were answered: the first `acking` are on their way. */
    uint8_t done[RL_DONE_MAX][RL_MESSAGE_ID_BYTES];
    uint32_t done_count;
    uint32_t acking;
    uint8_t *descriptor; /* owned: its own, verified; NULL: not known */
    size_t descriptor_len;
    rl_destination_stats stats;
};

/* A Forward that may still get a reply. */
typedef struct rl_asked {
    pn_node in_link;
    pn_node in_core;  /* by until_ms */
    pn_heap_node due; /* mono: when `accepted`, or the reply, may be said */
    rl_link *link;
    uint64_t id;
    uint64_t until_ms;
    uint8_t tag[RL_MESSAGE_ID_BYTES];
    bool is_held;     /* `accepted` was not said yet */
    bool is_answered; /* the reply is here: */
    pn_parcel_outcome outcome;
    uint8_t key_id[PN_KEY_ID_BYTES];
    size_t key_id_len;
    uint8_t *reply; /* owned; NULL if it is empty */
    size_t reply_len;
} rl_asked;

/* A store's operation of a spool; `id` of the pending is not used. */
typedef struct rl_spooling {
    rl_pending pending;
    rl_dest *dest;
    uint32_t turn;
    uint32_t serial;
    uint8_t class;
    bool peek; /* only to see how old it is */
} rl_spooling;

/* A Forward on its way into the spool. */
typedef struct rl_forwarding {
    rl_pending pending;
    rl_dest *dest;
    uint32_t len; /* as the store has it */
    uint8_t class;
    uint8_t tag[RL_MESSAGE_ID_BYTES];
} rl_forwarding;

/* --- dest.c --------------------------------------------------------------- */

void rl_dests_init(rl_core *core);
void rl_dests_free(rl_core *core);
/* NULL if it is not on the list. */
rl_dest *rl_dest_find(const rl_core *core, const uint8_t *key);
/* The one that shows this X25519 key on a link; NULL if none does. */
rl_dest *rl_dest_of_noise(const rl_core *core, const uint8_t *noise_pk);
/* The core is about to be freed: nothing is begun any more. */
void rl_dests_stop(rl_core *core);
/* An event for its gate; dials if that says so. */
void rl_dest_event(rl_dest *dest, rl_gate_event event, uint32_t hint_ms);
/* Something changed that may bring its next moment forward. */
void rl_dest_arm(rl_dest *dest);
/* An operation of the store begins. */
void rl_dest_hold(rl_dest *dest);
/* It has ended, and its result was seen to: go on with what follows. Frees a
 * destination that is not listed when it was the last. */
void rl_dest_settle(rl_dest *dest);
/* The store has expired something: count again. */
void rl_dests_recount(rl_core *core);
void rl_dests_tick(rl_core *core);
bool rl_dest_is_wanted(const rl_dest *dest);
uint64_t rl_dest_waiting(const rl_dest *dest);
bool rl_dest_ok(const rl_dest *dest);

/* --- spool.c -------------------------------------------------------------- */

/* The ids of the destination's spool. */
void rl_spool_name(rl_dest *dest);
/* Make it if need be, and count what is in it. */
void rl_spool_open(rl_dest *dest);
/* Whether one more parcel of `len` bytes may come in. */
bool rl_spool_admits(const rl_dest *dest, rl_class class, size_t len);
/* Put a parcel in; the result comes to rl_forward_result(). */
PN_MUST_USE pn_err rl_spool_put(rl_dest *dest, rl_forwarding *f,
                                const pn_msg_forward *forward);
/* A committed parcel: take it up if its turn is now. */
void rl_spool_stored(rl_dest *dest, const rl_envelope *e);
/* Ask for more of the classes that are behind. */
void rl_spool_fill(rl_dest *dest);
/* The destination has answered; it may leave the store. */
void rl_spool_done(rl_dest *dest, const rl_item *item);
/* Ask for a count when there is time. */
void rl_spool_recount(rl_dest *dest);
/* Try again what the store did not take. */
void rl_spool_retry(rl_dest *dest);
void rl_spool_result(rl_core *core, rl_pending *p, const rl_result *r);

/* --- convey.c ------------------------------------------------------------- */

/* Send what may be sent. */
void rl_convey_pump(rl_dest *dest);
/* A copy of a parcel, ready to be sent; false when memory is out. */
bool rl_convey_add(rl_dest *dest, const rl_item *like, pn_bytes parcel);
bool rl_convey_has(const rl_dest *dest, uint64_t seq);
/* Forget all that was taken up; the spool is read again. */
void rl_convey_forget(rl_dest *dest);
/* A link to the destination has opened, dialled by us or not; or is gone. */
void rl_convey_attach(rl_dest *dest, rl_link *link, bool dialled);
void rl_convey_detach(rl_link *link);
void rl_convey_writable(rl_link *link);
pn_err rl_convey_result(rl_link *link, const pn_msg *msg);
pn_err rl_convey_error(rl_link *link, const pn_msg *msg);
/* It did not answer in time. */
void rl_convey_give_up(rl_dest *dest);
void rl_convey_ping(rl_dest *dest);

/* --- asked.c -------------------------------------------------------------- */

/* The link's client waits for the reply to this parcel, as `id`. With `hold`
 * its `accepted` is not said yet, but RL_HOLD_MS from now. */
void rl_asked_add(rl_link *link, uint64_t id, const uint8_t *tag, bool hold);
/* The destination's answer, for who waits for it, once. It is said a whole
 * number of RL_HOLD_MS after rl_asked_add(), with `accepted` if that is held;
 * at once if it is longer than PN_REPLY_STATUS_BYTES, or memory is out. */
void rl_asked_reply(rl_core *core, const uint8_t *tag,
                    const pn_msg_parcel_result *result);
void rl_asked_drop_link(rl_link *link);
void rl_asked_tick(rl_core *core);
uint64_t rl_asked_deadline(const rl_core *core);

/* --- forward.c ------------------------------------------------------------ */

pn_err rl_forward_take(rl_link *link, const pn_msg *msg);
void rl_forward_result(rl_core *core, rl_pending *p, const rl_result *r);
void rl_forward_answer(rl_link *link, uint64_t id, pn_forward_status status,
                       uint32_t retry_after_ms);

#endif
