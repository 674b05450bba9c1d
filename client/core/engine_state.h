/* The engine's structures, shared by the engine's files and by no other.
 *
 * Who owns what: the engine owns relays, contacts, items, invitations,
 * acceptances and events; a queue belongs to its owner (contact, invitation,
 * acceptance) or, doomed, to nobody but the engine. Relays are never freed
 * before the engine: all others may point at them.
 */
#ifndef POSTERN_CLIENT_CORE_ENGINE_STATE_H
#define POSTERN_CLIENT_CORE_ENGINE_STATE_H

#include "client/core/content.h"
#include "client/core/engine.h"
#include "proto/base/list.h"
#include "proto/base/map.h"

enum {
    CL_WINDOW = 64,           /* pushed to us and not acknowledged, per queue */
    CL_IN_FLIGHT = 16,        /* deposits without answer, per relay */
    CL_RECEIPTS_CARRIED = 64, /* with another message */
    CL_SECOND_MS = 1000,
    CL_PING_MS = 4 * 60 * 1000,
    CL_LINGER_MS = 30 * 1000, /* a link nobody needs */
    CL_BACKOFF_MAX_MS = 5 * 60 * 1000,
    CL_RECEIPT_MIN_MS = 30 * 1000,
    CL_RECEIPT_MAX_MS = 5 * 60 * 1000,
    CL_RESYNC_AGAIN_MS = 24 * 3600 * 1000,
    CL_GAP_MS = 3600 * 1000, /* a later message was confirmed, this one not */
    CL_RESEND_DAYS = 3,      /* and if nothing is confirmed; then doubled */
    CL_SEEN_DAYS = 200,      /* longer than any message can be under way */
    CL_EXPIRES_DAYS = 21,
    CL_EXPIRES_DAYS_MAX = 90,
    CL_INVITE_DAYS = 30,
};
static const uint64_t cl_day_ms = 24 * 3600 * 1000;

typedef struct cl_relay cl_relay;
typedef struct cl_contact cl_contact;
typedef struct cl_invite cl_invite;
typedef struct cl_accept cl_accept;
typedef struct cl_item cl_item;

typedef enum cl_owner {
    CL_OWNER_NOBODY = 0,  /* doomed: to be deleted at the relay */
    CL_OWNER_CONTACT = 1, /* a contact writes here */
    CL_OWNER_REPLY = 2,   /* an invitation's answer comes here */
    CL_OWNER_BUNDLE = 3,  /* an invitation's bundle lies here */
    CL_OWNER_FETCH = 4,   /* somebody else's bundle: we take it from here */
    CL_OWNER_ANSWER = 5,  /* ours, for the contact an acceptance will make */
} cl_owner;

typedef enum cl_queue_state {
    CL_QUEUE_CLOSED = 0,
    CL_QUEUE_ASKED, /* create or open is under way */
    CL_QUEUE_OPEN,
    CL_QUEUE_DELETING,
    CL_QUEUE_LOST, /* the relay does not know it */
} cl_queue_state;

typedef struct cl_queue {
    pn_node in_relay;
    cl_relay *relay;
    cl_owner owner;
    union {
        cl_contact *contact;
        cl_invite *invite;
        cl_accept *accept;
    } who;
    uint8_t seed[32];       /* secret: of its Ed25519 key */
    uint8_t capability[32]; /* secret */
    uint8_t key[32];        /* secret: of its envelopes */
    uint8_t recv_id[32];
    uint8_t send_id[32];
    bool created; /* the ids are the relay's */
    /* The link's life: */
    cl_queue_state state;
    bool held;   /* something was kept back there, without an event */
    bool reopen; /* what was kept back is wanted again */
    uint32_t handle;
    uint64_t retry_ms; /* mono */
    pn_buf acks;       /* message ids to acknowledge; durable here */
} cl_queue;

/* Where a contact is written to. */
typedef struct cl_route {
    cl_relay *relay;
    uint8_t send_id[32];
    uint8_t capability[32]; /* secret */
    uint8_t key[32];        /* secret */
} cl_route;

typedef enum cl_ask {
    CL_ASK_CREATE,
    CL_ASK_OPEN,
    CL_ASK_DEPOSIT,
    CL_ASK_BLOB, /* deposit of an invitation's bundle */
    CL_ASK_ACK,
    CL_ASK_DELETE,
    CL_ASK_PING,
} cl_ask;

/* A frame that waits for its answer. */
typedef struct cl_request {
    pn_node in_relay;
    uint64_t id;
    cl_ask kind;
    cl_item *item;   /* DEPOSIT; NULL once the item is gone */
    cl_queue *queue; /* CREATE, BLOB, DELETE; likewise */
    size_t count;
    cl_queue *batch[]; /* OPEN; likewise */
} cl_request;

struct cl_relay {
    pn_node in_engine;
    uint32_t number; /* the sink's name for it; new after a reload */
    pn_address address;
    bool is_own;
    uint8_t access_len;                   /* 0: its operator asks for nothing */
    uint8_t access[PN_ACCESS_SECRET_MAX]; /* secret */
    pn_node queues;                       /* cl_queue */
    cl_relay_state state;
    uint64_t since_ms; /* wall */
    char reason[CL_REASON_MAX + 1];
    /* The link's life: */
    uint64_t dial_ms; /* mono: not before */
    uint32_t backoff_ms;
    uint64_t linger_ms; /* mono: hang up then, if nobody needs it */
    uint64_t ping_ms;
    uint64_t next_id;
    uint8_t binding[32];
    bool full;
    bool pong; /* owed */
    uint64_t pong_id;
    size_t pong_len;
    uint8_t pong_data[PN_PING_MAX];
    uint32_t in_flight; /* deposits */
    uint32_t sealed;    /* by this pump */
    pn_node requests;   /* cl_request */
    cl_queue **handles; /* owned array, by handle */
    size_t handles_cap;
};

struct cl_contact {
    uint8_t id[CL_ID_BYTES];
    uint8_t peer[CL_IDENTITY_ID_BYTES]; /* its identity's id */
    char name[CL_NAME_MAX + 1];
    char own_name[CL_NAME_MAX + 1];
    bool verified;
    bool blocked;
    bool knows_us;            /* it has written to our queue */
    cl_session_state session; /* of the stored session */
    uint64_t created_ms;
    uint64_t seen_ms;
    size_t queue_count;
    cl_queue *queues[CL_QUEUES_MAX]; /* owned */
    size_t route_count;
    cl_route routes[CL_QUEUES_MAX];
    uint64_t due_ms; /* wall: receipts go then; 0 for none */
    size_t due_count;
    uint8_t (*due)[CL_ID_BYTES]; /* owned */
    /* Not stored: */
    uint32_t items;
    uint64_t resync_ms; /* mono: not before */
};

typedef enum cl_item_kind {                      /* on disk */
                            CL_ITEM_MESSAGE = 1, /* the application's */
                            CL_ITEM_HELLO = 2,   /* says who and where we are;
                                                    wants a receipt */
                            CL_ITEM_RECEIPT = 3, /* receipts alone; done when a
                                                    relay has it */
                            CL_ITEM_RESYNC = 4,  /* likewise */
} cl_item_kind;

/* What an item waits for. */
typedef enum cl_wait {
    CL_WAIT_NOTHING = 0,
    CL_WAIT_ROUTE,
    CL_WAIT_RELAY,
    CL_WAIT_QUOTA,
    CL_WAIT_SUSPENDED,
    CL_WAIT_GONE,
    CL_WAIT_BUSY,
    CL_WAIT_IDENTITY,
    CL_WAIT_SESSION,
    CL_WAIT_BLOCKED,
    CL_WAITS,
} cl_wait;

struct cl_item {
    pn_node in_engine;
    cl_contact *contact;
    uint8_t id[CL_ID_BYTES]; /* of the content, too */
    cl_item_kind kind;
    cl_item_state state; /* QUEUED or RELAYED */
    pn_priority priority;
    uint32_t epoch; /* counts the times it had to be sent anew */
    uint32_t attempts;
    uint32_t len;
    uint64_t created_ms;
    uint64_t expires_ms;
    uint64_t since_ms;
    uint64_t resend_ms; /* wall; when RELAYED */
    size_t receipts_len;
    uint8_t *receipts; /* owned: those that go with it */
    /* Not stored: */
    cl_wait wait;
    uint64_t retry_ms; /* mono */
    uint32_t backoff_ms;
    uint8_t *envelope; /* owned: sealed, its key durably spent */
    size_t envelope_len;
    bool in_flight;
};

struct cl_invite {
    pn_node in_engine;
    uint8_t id[CL_ID_BYTES];
    uint8_t contact[CL_ID_BYTES];
    char name[CL_NAME_MAX + 1];
    cl_invitation_form form;
    cl_invite_state state;
    cl_failure failure;
    uint64_t created_ms;
    uint64_t expires_ms;
    bool made; /* inv and bundle are there */
    cl_invitation inv;
    uint8_t bundle_hash[32];
    size_t bundle_len;
    uint8_t *bundle; /* owned; while it is needed */
    cl_queue *reply; /* owned; NULL once it is a contact's, or doomed */
    cl_queue *left;  /* owned: where the bundle lies, for a link */
    /* Not stored: */
    cl_wait wait;
    bool in_flight; /* the bundle */
    uint64_t retry_ms;
};

struct cl_accept {
    pn_node in_engine;
    uint8_t id[CL_ID_BYTES];
    char name[CL_NAME_MAX + 1];
    bool is_link;
    cl_link link;
    size_t relay_at;              /* of link.relays, the one asked */
    uint8_t contact[CL_ID_BYTES]; /* zeros until made */
    uint8_t hello[CL_ID_BYTES];
    cl_queue *fetch;  /* owned; the link's */
    cl_queue *answer; /* owned; until it is the contact's */
    bool has_bundle;  /* offline: stored */
    size_t encoded_len;
    uint8_t *encoded; /* owned: the bundle; stored for the offline form */
    /* Not stored: */
    bool done;
    cl_failure failure;
};

typedef struct cl_event_entry {
    pn_node in_engine;
    cl_event event;
    /* Of a message: what to acknowledge. */
    bool has_source;
    uint8_t source_queue[32]; /* recv_id */
    uint8_t source_id[PN_MESSAGE_ID_BYTES];
    uint8_t content_id[CL_ID_BYTES];
} cl_event_entry;

struct cl_engine {
    pn_env env;
    cl_store store;
    cl_sink sink;
    cl_identity self;
    char name[CL_NAME_MAX + 1];
    uint64_t next_event;
    uint32_t next_relay;
    pn_node relays;
    cl_contact **contacts; /* owned array, oldest first */
    size_t contact_count;
    size_t contacts_cap;
    pn_map contacts_by_id;
    pn_node items;
    size_t item_count; /* of the application's */
    pn_map items_by_id;
    pn_node invites;
    pn_node accepts;
    pn_node events;
    size_t event_count;
    size_t notice_count;    /* events that are about our own messages */
    cl_queue **doomed_list; /* owned, with what it points at */
    size_t doomed_count;
    size_t doomed_cap;
    bool offline;
    bool dirty;         /* something is staged */
    bool broken;        /* the store failed: read it again */
    pn_err fault;       /* why it is broken */
    bool hang_up;       /* all links belong to a forgotten state */
    uint64_t retry_ms;  /* mono: read it again, if that failed */
    bool changed;       /* tell the application */
    uint64_t chores_ms; /* wall: next daily round */
    pn_buf record;
    uint8_t *plain; /* owned: PN_ENVELOPE_MAX each */
    uint8_t *inner;
    uint8_t *envelope;
};

/* --- records.c: every record's form ------------------------------------- */

pn_err cl_put_self(cl_engine *e);
pn_err cl_save_relay(cl_engine *e, const cl_relay *r);
pn_err cl_save_contact(cl_engine *e, const cl_contact *c);
pn_err cl_save_item(cl_engine *e, const cl_item *item);
pn_err cl_save_invite(cl_engine *e, const cl_invite *invite);
pn_err cl_save_accept(cl_engine *e, const cl_accept *accept);
pn_err cl_save_event(cl_engine *e, const cl_event_entry *entry);
pn_err cl_save_message(cl_engine *e, const cl_message *m);
pn_err cl_save_doomed(cl_engine *e, const cl_queue *q);
pn_err cl_read_message(cl_message *out, pn_bytes value);
/* Stage. */
pn_err cl_put(cl_engine *e, cl_table table, pn_bytes key, pn_bytes value);
pn_err cl_del(cl_engine *e, cl_table table, pn_bytes key);
/* The session of a contact, read; the caller frees it. */
pn_err cl_load_session(cl_engine *e, const cl_contact *c, cl_session **out);
/* Stage it, and the contact if the state changed. */
pn_err cl_save_session(cl_engine *e, cl_contact *c, const cl_session *s);

/* --- load.c ------------------------------------------------------------- */

pn_err cl_load(cl_engine *e);

/* --- engine.c ----------------------------------------------------------- */

/* End of a command: commit on PN_OK, else undo what it staged. */
pn_err cl_finish(cl_engine *e, pn_err err);
/* Start of a command: what events staged is committed apart. */
pn_err cl_begin(cl_engine *e);
uint64_t cl_mono(const cl_engine *e);
uint64_t cl_wall(const cl_engine *e);
void cl_forget_all(cl_engine *e);

/* --- relays.c, links.c ------------------------------------ */

cl_relay *cl_relay_by_number(const cl_engine *e, uint32_t number);
/* The relay of this address; made if need be. NULL: no memory. */
cl_relay *cl_relay_of(cl_engine *e, const pn_address *address);
/* The relay for a new queue of ours, or NULL. */
cl_relay *cl_relay_choose(const cl_engine *e);
cl_request *cl_request_new(cl_relay *r, cl_ask kind, size_t batch);
pn_err cl_relay_send(cl_engine *e, cl_relay *r, pn_msg *msg, cl_request *req);
void cl_relay_down(cl_engine *e, cl_relay *r, const char *why);
void cl_relays_pump(cl_engine *e);
uint64_t cl_relays_deadline(const cl_engine *e);
void cl_relay_release(cl_relay *r);

/* --- queues.c, queues_ask.c
 * ----------------------------------------------------------- */

/* A queue with fresh keys, not yet created. */
pn_err cl_queue_new(cl_engine *e, cl_relay *r, cl_owner owner, cl_queue **out);
/* A queue whose keys follow from a link key. */
pn_err cl_queue_of_link(cl_engine *e, cl_relay *r, cl_owner owner,
                        const uint8_t link_key[32], cl_queue **out);
void cl_queue_attach(cl_queue *q, cl_relay *r);
void cl_queue_free(cl_queue **q);
/* Let the relay delete it, for as long as that takes. Staged; takes *q. */
pn_err cl_queue_doom(cl_engine *e, cl_queue **q);
/* Where others write to it. */
void cl_queue_ref_of(cl_queue_ref *out, const cl_queue *q);
/* Send what the relay's queues want: create, open, acknowledge, delete. */
void cl_queues_pump(cl_engine *e, cl_relay *r);
pn_err cl_queues_answer(cl_engine *e, cl_relay *r, cl_request *req,
                        const pn_msg *msg);
void cl_queue_closed(cl_engine *e, cl_relay *r, const pn_msg *msg);
void cl_queue_ack(cl_engine *e, cl_queue *q, const uint8_t *message_id);
cl_queue *cl_queue_by_recv_id(const cl_engine *e, const uint8_t *recv_id);

/* --- contacts.c --------------------------------------------------------- */

cl_contact *cl_contact_find(const cl_engine *e, const char *name_or_id);
cl_contact *cl_contact_by_id(const cl_engine *e, const uint8_t *id);
cl_contact *cl_contact_by_peer(const cl_engine *e, const uint8_t *peer);
bool cl_name_is_free(const cl_engine *e, const char *name,
                     const cl_contact *but);
/* Make one; `wish` (may be "") becomes its name, changed until unique. */
pn_err cl_contact_new(cl_engine *e, const char *wish, cl_contact **out);
pn_err cl_contact_link(cl_engine *e, cl_contact *c);
void cl_contact_free(cl_contact **c);
void cl_contact_drop(cl_engine *e, cl_contact *c);
pn_err cl_contact_set_routes(cl_engine *e, cl_contact *c,
                             const cl_queue_ref *refs, size_t count);

/* --- outbox.c, seal.c
 * -------------------------------------------------------*/

/* A new item, linked and staged. The id is drawn if NULL. */
pn_err cl_item_new(cl_engine *e, cl_contact *c, cl_item_kind kind,
                   pn_priority priority, const uint8_t *id, uint64_t expires_ms,
                   cl_item **out);
cl_item *cl_item_by_id(const cl_engine *e, const uint8_t *id);
void cl_item_free(cl_engine *e, cl_item *item);
/* It is done, as `state` says: record, event, end. Staged. */
pn_err cl_item_end(cl_engine *e, cl_item *item, cl_item_state state,
                   cl_failure failure);
/* Send it anew: the relay's copy, if any, counts for nothing. Staged. */
pn_err cl_item_again(cl_engine *e, cl_item *item);
pn_err cl_items_again(cl_engine *e, const cl_contact *c);
/* The contact has the message of this content id. Staged. */
pn_err cl_item_confirmed(cl_engine *e, const cl_contact *c, const uint8_t *id);
/* Note it in its message, if it has one. Staged. */
pn_err cl_item_mark(cl_engine *e, const cl_item *item, cl_item_state state,
                    cl_failure failure);
/* Throw its envelope away. */
void cl_item_unseal(cl_engine *e, cl_item *item);
/* Expire and resend what is due. */
pn_err cl_outbox_tick(cl_engine *e);
/* Seal what can leave now: spends keys, staged. */
pn_err cl_outbox_seal(cl_engine *e);
/* Send what is sealed and committed. */
void cl_outbox_transmit(cl_engine *e);
pn_err cl_outbox_answer(cl_engine *e, cl_request *req, const pn_msg *msg);
uint64_t cl_outbox_deadline(const cl_engine *e);
cl_relay *cl_item_relay(const cl_item *item);
void cl_item_reason(const cl_item *item, char out[CL_REASON_MAX + 1]);
bool cl_relay_has_work(const cl_engine *e, const cl_relay *r);
/* Draw up the item's content and seal it into its envelope. */
pn_err cl_item_seal(cl_engine *e, cl_item *item);

/* --- inbox.c
 * ----------------------------------------------------------------*/

pn_err cl_inbox_deliver(cl_engine *e, cl_relay *r, const pn_msg_deliver *d);

/* --- receipts.c
 * -------------------------------------------------------------*/

/* Owe the contact a receipt. Staged with the contact. */
pn_err cl_receipt_owe(cl_engine *e, cl_contact *c, const uint8_t *content_id);
/* Make items of what is due. */
pn_err cl_receipts_tick(cl_engine *e);
/* Let the item carry up to `max` of what is owed. */
pn_err cl_receipts_carry(cl_engine *e, cl_item *item, size_t max);
uint64_t cl_receipts_deadline(const cl_engine *e);

/* --- events.c
 * ---------------------------------------------------------------*/

/* Add one: staged. `source` may be NULL. */
pn_err cl_event_add(cl_engine *e, cl_event_kind kind, cl_failure failure,
                    const uint8_t *contact, const uint8_t *message,
                    cl_event_entry **out);
cl_event_entry *cl_event_of_message(const cl_engine *e, const uint8_t *id);
void cl_event_drop(cl_engine *e, cl_event_entry *entry);

/* --- invites.c, accepts.c
 * ----------------------------------------------------*/

pn_err cl_invites_tick(cl_engine *e);
void cl_invites_transmit(cl_engine *e, cl_relay *r);
pn_err cl_invite_queue_created(cl_engine *e, cl_invite *invite);
pn_err cl_invite_blob_answer(cl_engine *e, cl_request *req, const pn_msg *msg);
pn_err cl_invite_refused(cl_engine *e, cl_invite *invite);
/* Its answer came: the contact takes the reply queue. Staged. */
pn_err cl_invite_answered(cl_engine *e, cl_invite *invite, cl_contact *c);
void cl_invite_free(cl_invite *invite);
uint64_t cl_invites_deadline(const cl_engine *e);

pn_err cl_accepts_tick(cl_engine *e);
pn_err cl_accept_fetched(cl_engine *e, cl_accept *accept, pn_bytes envelope);
/* The relay knows no such queue, or nothing lies there. */
pn_err cl_accept_missing(cl_engine *e, cl_accept *accept);
pn_err cl_accept_refused(cl_engine *e, cl_accept *accept);
pn_err cl_accept_hello_stored(cl_engine *e, const cl_item *item);
void cl_accept_free(cl_accept *accept);

#endif
