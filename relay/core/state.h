/* The core's structures, shared by the files of this room and by no other. */
#ifndef POSTERN_RELAY_CORE_STATE_H
#define POSTERN_RELAY_CORE_STATE_H

#include "proto/base/heap.h"
#include "proto/base/list.h"
#include "proto/base/map.h"
#include "relay/core/calendar.h"
#include "relay/core/core.h"
#include "relay/core/origins.h"

enum {
    /* Bits of a set of priority classes. */
    RL_ALL_CLASSES = (1 << RL_CLASSES) - 1,
    /* One fetch brings at most so much, so that no link's mail can fill the
     * relay's memory. */
    RL_FETCH_BYTES = 128 * 1024,
    RL_BUSY_MS = 1000,    /* retry-after when the store is full */
    RL_FAILED_MS = 60000, /* and when it has failed */
    /* In the place of a message's kind, where no message asked. */
    RL_BY_OPERATOR = 0,
    RL_BY_SPOOL = 1,
    RL_BY_TAGS = 254,
    /* A descriptor is asked for anew where a link stands for long. */
    RL_ASK_AGAIN_MS = 6 * 3600 * 1000,
    RL_BY_EXPIRY = 255,
};

/* See dest.h. */
typedef struct rl_dest rl_dest;

/* See tags.h. */
typedef struct rl_tags {
    pn_map map;   /* by tag: rl_tag */
    pn_node list; /* the same */
    uint8_t recv_id[RL_QUEUE_ID_BYTES];
    uint8_t send_id[RL_QUEUE_ID_BYTES];
    uint8_t cap_hash[RL_CAP_HASH_BYTES];
    uint64_t after;    /* read so far */
    uint64_t retry_ms; /* UINT64_MAX: never */
    bool there;        /* their queue is; the first tag makes it */
    bool read;         /* all that it holds is known */
    bool busy;         /* being read */
} rl_tags;

/* Where a command under way is. */
typedef enum rl_place {
    RL_IN_STORE, /* its result will come */
    RL_LATE,     /* a failure, to be told at the next tick of the floor */
    RL_HELD,     /* an Acked that a fetch submitted before it must overtake */
    RL_QUEUED,   /* a Fetch that waits for another fetch of its queue */
    RL_BATCH,    /* a QueueOpen that waits for its look-ups */
} rl_place;

/* One command under way. Its address is the store's token. */
typedef struct rl_pending {
    pn_node in_link; /* of its link's, or the core's orphans */
    pn_node in_wait; /* of the late ones, or of those held on a queue */
    rl_link *link;   /* NULL once the link is gone */
    uint64_t id;     /* of the frame to answer; 0 for a push */
    uint64_t due_ms; /* while late */
    size_t bytes;    /* counted against the link */
    uint32_t handle;
    uint32_t value;    /* what a late or held answer says; a Fetch's max */
    uint32_t fetch_no; /* see rl_queue */
    uint8_t kind;      /* pn_msg_kind; Fetch for pushes too */
    uint8_t place;     /* rl_place */
    uint8_t classes;   /* set asked for by a fetch */
} rl_pending;

/* A QueueCreate under way. */
typedef struct rl_creation {
    rl_pending pending;
    uint8_t recv_id[RL_QUEUE_ID_BYTES];
    uint8_t send_id[RL_QUEUE_ID_BYTES];
    uint32_t window;
    uint32_t max_count;
    uint32_t max_bytes;
    uint8_t ttl_days;
} rl_creation;

typedef struct rl_proof {
    uint8_t recv_id[RL_QUEUE_ID_BYTES];
    uint8_t signature[PN_SIGNATURE_BYTES];
} rl_proof;

/* A QueueOpen under way. */
typedef struct rl_batch {
    rl_pending pending;
    uint32_t window;
    uint32_t count;
    uint32_t left;     /* look-ups without result */
    uint32_t failures; /* wrong proofs so far */
    bool busy;         /* the store could not answer one of them */
    pn_opened_queue opened[PN_OPEN_MAX];
    rl_proof proofs[]; /* count */
} rl_batch;

/* One look-up of a batch. */
typedef struct rl_lookup {
    rl_pending pending;
    rl_batch *batch;
    uint32_t index;
} rl_lookup;

/* A queue that some link holds. */
typedef struct rl_queue {
    uint8_t recv_id[RL_QUEUE_ID_BYTES];
    rl_link *link;
    pn_node stalled; /* of the link's that wait for room in its output */
    pn_node held;    /* Acked answers that wait for the fetch under way */
    rl_pending *next_fetch; /* a Fetch that waits for it */
    /* Last delivered on this link, by class. */
    uint64_t after[RL_CLASSES];
    uint32_t handle;
    uint32_t window;
    uint32_t unacked;  /* delivered on this link, not yet acknowledged */
    uint32_t fetch_no; /* of the fetch under way, or the last */
    bool fetching;
    uint8_t behind; /* classes that may have mail beyond `after` */
} rl_queue;

struct rl_link {
    rl_core *core;
    void *peer;
    rl_session session;
    pn_node in_core;
    pn_node ops;       /* rl_pending */
    pn_node stalled;   /* rl_queue */
    rl_queue **queues; /* owned array: by handle - 1; NULL where closed */
    uint32_t queues_cap;
    uint32_t handles; /* given so far */
    uint32_t pending;
    size_t pending_bytes;
    uint64_t origin;
    rl_bucket failures;
    rl_bucket creates;
    rl_bucket forwards;
    pn_node asked; /* rl_asked */
    pn_node in_asking;
    pn_node in_dest; /* of another relay's link */
    rl_dest *dest;   /* that relay; NULL: a client, or no longer its link */
    uint32_t asked_count;
    uint64_t describe_id; /* of our DescriptorRequest; 0: none is out */
    uint8_t binding[RL_BINDING_BYTES];
    rl_grants grants;
    bool is_relay;
    bool busy; /* told so */
    bool full; /* a Deliver was refused; rl_core_writable() will come */
};

struct rl_core {
    const pn_env *env;
    rl_sink sink;
    rl_core_config config;
    rl_relay relay;
    rl_relay for_relays; /* the same, at the rate for other relays */
    pn_map queues;       /* by recv_id: rl_queue */
    pn_node links;       /* rl_link */
    pn_node orphans;     /* rl_pending whose link is gone */
    pn_node late;        /* rl_pending, in the order of due_ms */
    rl_origins origins;
    rl_calendar calendar;
    rl_day expired;       /* the last day the store has expired */
    rl_day expired_clock; /* and what the clock said then */
    bool expiring;        /* it is at it */
    uint64_t look_ms;     /* when to look at the calendar again */
    uint64_t retry_ms; /* when to ask a full store again; UINT64_MAX: never */
    pn_map dests;      /* by relay key: rl_dest */
    pn_node dest_list; /* the same, in the order they came */
    uint64_t dest_ms;  /* when the first of them wants a tick */
    pn_map asked;      /* by tag: rl_asked */
    pn_node asked_list;
    pn_node asking[RL_ASKED_PER_LINK + 1]; /* rl_link, by how many it waits for
                                            */
    pn_heap due;             /* of them: whose answer waits for its moment */
    uint8_t *body;           /* owned: room to write one spool's message */
    const rl_onions *onions; /* borrowed; NULL: parcels are not taken */
    uint8_t *descriptor;     /* owned: ours */
    size_t descriptor_len;
    uint64_t ask_ms;     /* when to ask others for theirs again */
    uint8_t *plain;      /* owned: room for an opened parcel */
    uint8_t *reply;      /* owned: and for an answer */
    rl_bucket strangers; /* parcels of all clients */
    rl_tags tags;
    rl_parcels_stats opened;
    rl_origins forwarders; /* who forwards how much, as with `origins` */
    rl_forward_stats forwards;
    rl_core_stats stats;
};

/* --- link.c: sending, counting, commands under way ------------------------ */

/* Today by the relay's calendar; looks at the clock. */
rl_day rl_today(rl_core *core);
/* False once either end has said Bye. */
bool rl_link_is_open(const rl_link *link);
/* Send an answer. */
void rl_answer(rl_link *link, const pn_msg *msg);
void rl_answer_done(rl_link *link, uint64_t id, pn_queue_status status,
                    uint32_t retry_after_ms);
void rl_answer_deposit(rl_link *link, uint64_t id, pn_deposit_status status,
                       uint32_t retry_after_ms);
/* `size` bytes beginning with an rl_pending, counted on the link (NULL: nobody
 * waits for it); NULL when memory is out. */
rl_pending *rl_pending_new(rl_core *core, rl_link *link, size_t size,
                           pn_msg_kind kind, uint64_t id, size_t bytes);
/* It takes more than was counted. */
void rl_pending_grow(rl_pending *p, size_t bytes);
/* Uncount and free. */
void rl_pending_free(rl_core *core, rl_pending *p);
/* Let the command's failure be told at the floor's tick, and charge the link
 * `count` failures; closes it when its budget is spent. */
void rl_pending_late(rl_core *core, rl_pending *p, uint32_t count);
/* Give the operation to the store with `p` as token. Anything but PN_OK means
 * that the store is full or memory out; p is the caller's. */
PN_MUST_USE pn_err rl_submit(rl_core *core, rl_pending *p, rl_op *op);
void rl_link_limit(rl_link *link);
/* What a status of the store means for a retry, in ms. */
uint32_t rl_retry_ms(const rl_result *result);

/* --- queue.c: which link holds which queue -------------------------------- */

/* The queue a handle stands for on this link, or NULL if it is closed. */
rl_queue *rl_queue_of(const rl_link *link, uint32_t handle);
/* Give a queue to a link, taking it from whoever had it. PN_E_NOMEM, or
 * PN_E_FULL when a bound is reached. */
PN_MUST_USE pn_err rl_queue_take(rl_link *link, const uint8_t *recv_id,
                                 uint32_t window, rl_queue **out);
/* The link does not hold it any more, and is told so; RL_SILENTLY: is not. */
enum { RL_SILENTLY = 0 };
void rl_queue_release(rl_core *core, rl_queue *q, int why);

/* --- mail.c: fetch, push, acknowledge ------------------------------------- */

pn_err rl_mail_fetch(rl_link *link, const pn_msg *msg);
pn_err rl_mail_ack(rl_link *link, const pn_msg *msg);
void rl_mail_fetched(rl_core *core, rl_pending *p, const rl_result *r);
void rl_mail_acked(rl_core *core, rl_pending *p, const rl_result *r);
/* A message was committed: push it if its queue is open and up to date. */
void rl_mail_deposited(rl_core *core, const rl_result *r);
/* Ask the store for what the window has room for. */
void rl_mail_pump(rl_queue *q);
/* Let queues that waited for room, memory or the store go on. */
void rl_mail_resume(rl_link *link);
/* Answer whoever waits on the queue, which is about to be released. */
void rl_mail_abandon(rl_core *core, rl_queue *q);
void rl_mail_say_acked(rl_core *core, rl_pending *p);

/* --- expire.c ------------------------------------------------------------- */

/* See whether a day is over, at times. */
void rl_expire_tick(rl_core *core, uint64_t now);
void rl_expire_result(rl_core *core, rl_pending *p, const rl_result *r);

/* --- deposit.c, open.c, manage.c ------------------------------------------ */

/* The operation; `hash` is room for what it borrows, as is *d. */
rl_op rl_deposit_op(const pn_msg_deposit *d, uint8_t hash[RL_CAP_HASH_BYTES]);
pn_err rl_deposit_take(rl_link *link, const pn_msg *msg);
void rl_deposit_result(rl_core *core, rl_pending *p, const rl_result *r);

/* A good key whose owner nobody is. */
extern const uint8_t rl_nobody[RL_OWNER_KEY_BYTES];
/* Whether who shows this secret may create queues. */
bool rl_create_is_allowed(const rl_core *core, pn_bytes secret);
/* 0, or when what came over this link may create one more, in ms. */
uint32_t rl_create_wait(rl_link *link);
pn_err rl_create_take(rl_link *link, const pn_msg *msg);
void rl_create_result(rl_core *core, rl_pending *p, const rl_result *r);
pn_err rl_open_take(rl_link *link, const pn_msg *msg);
void rl_open_result(rl_core *core, rl_pending *p, const rl_result *r);
/* The answer to a whole QueueOpen. */
void rl_open_answer(rl_core *core, rl_pending *p);

/* --- opening.c: see opening.h --------------------------------------------- */

pn_err rl_parcel_take(rl_link *link, const pn_msg *msg);
void rl_parcel_result(rl_core *core, rl_pending *p, const rl_result *r);
void rl_opening_wipe(rl_pending *p);

/* --- known.c: descriptors ------------------------------------------------- */

pn_err rl_known_request(rl_link *link, const pn_msg *msg);
/* A descriptor that another relay gave. */
pn_err rl_known_take(rl_link *link, const pn_msg *msg);
/* Its Error; false if that is about something else. */
bool rl_known_error(rl_link *link, uint64_t id);
void rl_known_forget(rl_dest *dest);
void rl_known_tick(rl_core *core, uint64_t now);

pn_err rl_manage_take(rl_link *link, const pn_msg *msg);
void rl_manage_result(rl_core *core, rl_pending *p, const rl_result *r);

#endif
