/* The engine's structures, shared by the engine's files and by no other.
 *
 * Who owns what: the engine owns relays, contacts, items, invitations,
 * acceptances and events; a queue belongs to its owner (contact, invitation,
 * acceptance) or, doomed, to nobody but the engine. Relays are never freed
 * before the engine: all others may point at them.
 */
#ifndef POSTERN_CLIENT_CORE_ENGINE_TYPES_H
#define POSTERN_CLIENT_CORE_ENGINE_TYPES_H

#include "client/core/content.h"
#include "client/core/engine.h"
#include "proto/base/heap.h"
#include "proto/base/list.h"
#include "proto/base/map.h"
#include "proto/parcel/parcel.h"
#include "proto/roster/descriptor.h"

enum {
    CL_WINDOW = 64,    /* pushed to us and not acknowledged, per queue */
    CL_IN_FLIGHT = 16, /* deposits without answer, per relay */
    CL_OPENING = 2,    /* QueueOpen likewise: what is sent waits for these */
    CL_RECEIPTS_CARRIED = 64, /* with another message */
    CL_SECOND_MS = 1000,
    CL_REOPEN_MS = 30 * 1000, /* a queue that somebody took from us */
    CL_PING_MS = 4 * 60 * 1000,
    CL_LINGER_MS = 30 * 1000, /* a link nobody needs */
    CL_BACKOFF_MAX_MS = 5 * 60 * 1000,
    /* A relay that was asked and says nothing to the purpose, or says other
     * things instead, does not answer. */
    CL_ANSWER_MS = 2 * 60 * 1000,
    CL_ANSWER_MAX_MS = 30 * 60 * 1000,
    CL_RETRY_MAX_MS = 3600 * 1000, /* whatever a relay asks for a queue */
    CL_CLOCK_MS = 3600 * 1000,     /* set back by less, it was not set back */
    CL_RECEIPT_MIN_MS = 30 * 1000,
    CL_RECEIPT_MAX_MS = 5 * 60 * 1000,
    CL_RESYNC_AGAIN_MS = 24 * 3600 * 1000,
    CL_GAP_MS = 3600 * 1000, /* a later message was confirmed, this one not */
    CL_RESEND_DAYS = 3,      /* and if nothing is confirmed; then doubled */
    CL_SEEN_DAYS = 200,      /* longer than any message can be under way */
    CL_ROUND_DAYS = 7,       /* a daily round ages that by so much at most */
    CL_EXPIRES_DAYS = 21,
    CL_EXPIRES_DAYS_MAX = 90,
    CL_NAME_KEY_BYTES = 16,
    CL_IDLE_MS = 2000, /* without a commit */
    CL_INVITE_DAYS = 30,
    CL_LATE_MS = 5000,  /* how long the first relay waits for the others */
    CL_QUEUE_DAYS = 30, /* then another takes a queue's place */
    CL_QUEUE_MESSAGES = 1000,
    CL_OWN_QUEUES_MAX = 6,   /* of one contact, with those on their way out */
    CL_SOURCES_MAX = 8,      /* copies of a message that wait for its event */
    CL_INNER_KEPT = 4 << 20, /* bytes sealed once, for relays that are late */
    CL_CUSTODY_MAX = 256,    /* parcels at one entry relay, not yet answered */
    CL_NO_WAYS_MAX = 8,      /* of our relays that do not forward somewhere */
};
static const uint64_t cl_day_ms = UINT64_C(24) * 3600 * 1000;

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

/* Of a contact's queue. On disk. */
typedef enum cl_role {
    CL_ROLE_LISTED = 0, /* the contact is to write there */
    CL_ROLE_LEFT = 1,   /* no more; read until nothing can come */
} cl_role;

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
    bool created;      /* the ids are the relay's */
    bool rotating;     /* `fresh` is to take the capability's place */
    uint8_t fresh[32]; /* secret */
    /* Of a contact's: */
    cl_role role;
    uint64_t born_ms;  /* wall */
    uint64_t left_ms;  /* wall: the contact knows that it is; 0 before */
    uint32_t messages; /* that came there */
    /* The link's life: */
    uint64_t heard_ms; /* wall: opened, or something came; 0: neither */
    cl_queue_state state;
    bool held;   /* something was kept back there, without an event */
    bool reopen; /* what was kept back is wanted again */
    uint32_t handle;
    uint64_t retry_ms; /* mono */
    pn_buf acks;       /* message ids to acknowledge; durable here */
    pn_node in_doomed;
    /* cl_queue_place() keeps these: */
    pn_node in_wish;
    pn_node *wish; /* the relay's list of what it wants; NULL: nothing */
    pn_heap_node retry;
    struct cl_request *asked; /* CREATE, OPEN, ROTATE or DELETE, under way */
    struct cl_request *blob;  /* BLOB, under way */
} cl_queue;

/* Where a contact is written to. Routes keep their places in the contact's
 * array while others come and go. */
typedef struct cl_route {
    cl_relay *relay; /* NULL: nothing is here */
    uint32_t number; /* tells it from those that were here before */
    uint8_t send_id[32];
    uint8_t capability[32]; /* secret */
    uint8_t key[32];        /* secret */
} cl_route;

/* A relay that mail is brought to by others: what it says of itself, and which
 * of our relays do not forward to it. */
typedef struct cl_destination {
    pn_node in_engine;
    uint8_t key[PN_RELAY_KEY_BYTES];
    pn_descriptor *said; /* owned; NULL: nothing yet */
    uint8_t *bytes;      /* owned: *said borrows from it */
    size_t bytes_len;
    bool is_known;  /* it has said whose it is, at one time at least */
    bool is_silent; /* asked itself, it has not */
    uint8_t operator_id[PN_OPERATOR_ID_BYTES]; /* zeros: not told */
    bool two_faced;        /* it has signed two descriptors of one sequence */
    struct cl_relay *from; /* asked for its descriptor, under way */
    uint64_t ask_ms;       /* mono: not before */
    uint32_t misses;       /* answers in a row that told nothing new */
    struct {
        struct cl_relay *by; /* NULL: free */
        uint64_t until_ms;   /* mono */
        bool is_doubt;       /* it may be the destination's doing */
    } no_way[CL_NO_WAYS_MAX];
} cl_destination;

typedef enum cl_ask {
    CL_ASK_CREATE,
    CL_ASK_OPEN,
    CL_ASK_DEPOSIT,
    CL_ASK_FORWARD, /* the same, in a parcel */
    CL_ASK_DESCRIPTOR,
    CL_ASK_BLOB, /* deposit of an invitation's bundle */
    CL_ASK_ACK,
    CL_ASK_ROTATE,
    CL_ASK_DELETE,
    CL_ASK_PING,
} cl_ask;

/* A frame that waits for its answer. */
typedef struct cl_request {
    pn_node in_relay;
    uint64_t id;
    uint64_t sent_ms; /* mono */
    cl_ask kind;
    struct cl_copy *copy;  /* DEPOSIT, FORWARD; NULL once nobody waits for it */
    cl_destination *to;    /* FORWARD, DESCRIPTOR */
    pn_parcel_reply reply; /* FORWARD: opens the answer. Secret */
    cl_queue *queue;       /* CREATE, BLOB, DELETE; likewise */
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
    uint64_t down_ms; /* wall: failing since then, while others do not; 0: it
                       * is not. On disk */
    pn_node queues;   /* cl_queue */
    cl_relay_state state;
    uint64_t since_ms; /* wall */
    char reason[CL_REASON_MAX + 1];
    /* The link's life: */
    uint64_t dial_ms; /* mono: not before */
    uint32_t backoff_ms;
    uint64_t linger_ms; /* mono: hang up then, if nobody needs it */
    uint64_t ping_ms;
    uint32_t fails;    /* in a row, likewise */
    bool answered;     /* on this link */
    bool is_told;      /* its queues are being replaced */
    bool is_unsaved;   /* down_ms has changed */
    uint64_t heard_ms; /* something to the purpose */
    uint64_t next_id;
    uint8_t binding[32];
    bool full;
    bool pong; /* owed */
    uint64_t pong_id;
    size_t pong_len;
    uint8_t pong_data[PN_PING_MAX];
    uint32_t in_flight;                  /* deposits */
    uint32_t opening;                    /* QueueOpen without answer */
    pn_node ready[PN_PRIORITY_BULK + 1]; /* cl_copy: may leave, by priority */
    pn_node to_work;                     /* cl_queue: create, delete, ack */
    pn_node to_open;
    pn_node to_fetch;
    pn_heap retries;  /* cl_queue, mono */
    pn_node requests; /* cl_request */
    pn_node custody;  /* cl_request: FORWARDs it has accepted, and which the
                       * destination has not answered yet */
    size_t custody_count;
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
    cl_choice choice;         /* of the profile, for this contact */
    bool peer_thin;           /* it wishes to be written to in the thin one */
    uint64_t created_ms;
    uint64_t seen_ms;
    size_t queue_count;
    cl_queue *queues[CL_OWN_QUEUES_MAX]; /* owned */
    size_t route_count;                  /* of the places below, those taken */
    cl_route routes[CL_QUEUES_MAX];
    uint32_t next_route;
    uint64_t peer_list_ms; /* of what the routes are */
    uint64_t list_ms;      /* of our queues, as it is told */
    bool list_known;       /* the contact has confirmed that one */
    uint64_t due_ms;       /* wall: receipts go then; 0 for none */
    size_t due_count;
    uint8_t (*due)[CL_ID_BYTES]; /* owned */
    /* Not stored: */
    uint32_t items;
    uint64_t resync_ms; /* mono: not before */
    pn_node all;        /* cl_item, oldest first */
    pn_heap_node receipts;
    pn_heap_node resync;
    pn_heap_node upkeep;
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
    CL_WAIT_ENTRY,  /* none of our relays forwards to where it goes */
    CL_WAIT_KEYS,   /* the descriptor of where it goes */
    CL_WAIT_APART,  /* an entry of another operator than where it goes */
    CL_WAIT_SPREAD, /* not together with another copy by the same entry */
    CL_WAITS,
} cl_wait;

/* An item at one of its contact's routes, which has the same place. */
typedef struct cl_copy {
    cl_item *item;
    bool held;         /* by the relay: durable there. On disk */
    uint64_t since_ms; /* wall: held, or waiting for the same thing */
    /* Not stored: */
    cl_wait wait;      /* as the relay said, until retry_ms */
    uint64_t retry_ms; /* mono */
    uint32_t backoff_ms;
    uint8_t forwards; /* taken into custody, without an answer to the purpose */
    uint8_t *envelope; /* owned: sealed, its key durably spent */
    size_t envelope_len;
    bool in_flight;
    struct cl_request *deposit; /* when in flight */
    struct cl_request *custody; /* an entry relay has it; until it is held */
    struct cl_relay *keeper;    /* the entry relay that took it; NULL: none */
    const struct cl_relay *left_by; /* the last entry relay; NULL: none yet */
    uint64_t left_ms;               /* mono: when */
    uint64_t spread_ms; /* mono: drawn for it, after others had left; or 0 */
    /* cl_item_place() keeps these: */
    struct cl_relay *via; /* it leaves through; NULL: there is no way */
    uint64_t apart_ms;    /* as cl_way's until_ms */
    pn_node in_place;
    pn_node *place; /* a relay's ready list, or NULL */
    pn_heap_node retry;
} cl_copy;

struct cl_item {
    pn_node in_engine;
    pn_node in_contact;
    cl_contact *contact;
    uint8_t id[CL_ID_BYTES]; /* of the content, too */
    cl_item_kind kind;
    cl_item_state state; /* QUEUED, or RELAYED: some relay holds it */
    pn_priority priority;
    uint32_t epoch; /* counts the times it had to be sent anew */
    uint32_t attempts;
    uint32_t len;
    uint64_t created_ms;
    uint64_t expires_ms;
    uint64_t since_ms;
    uint64_t resend_ms; /* wall; when RELAYED */
    uint64_t list_ms;   /* HELLO: the list it told when it was first sealed */
    size_t receipts_len;
    uint8_t *receipts; /* owned: those that go with it */
    cl_copy copies[CL_QUEUES_MAX];
    /* Not stored: */
    cl_wait wait;      /* of all of it, until retry_ms */
    uint64_t retry_ms; /* mono */
    uint8_t *inner;    /* owned: sealed in the session, for every copy */
    size_t inner_len;
    /* cl_item_place() keeps this: */
    pn_heap_node timer;
};

struct cl_invite {
    pn_node in_engine;
    pn_node in_preparing;
    pn_heap_node timer;
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
    size_t reply_count;
    cl_queue *reply[CL_QUEUES_MAX]; /* owned, until they are a contact's */
    size_t left_count;
    cl_queue
        *left[CL_QUEUES_MAX]; /* owned: where the bundle lies, for a link */
    /* Not stored: */
    bool laid[CL_QUEUES_MAX]; /* the bundle does lie there */
    uint64_t retry_ms;
    uint64_t wait_ms; /* mono: go on without those that are late; 0: none */
};

struct cl_accept {
    pn_node in_engine;
    uint8_t id[CL_ID_BYTES];
    char name[CL_NAME_MAX + 1];
    bool is_link;
    cl_link link;
    uint8_t contact[CL_ID_BYTES]; /* zeros until made */
    uint8_t hello[CL_ID_BYTES];
    size_t fetch_count;
    cl_queue *fetch[CL_QUEUES_MAX]; /* owned; the link's */
    size_t answer_count;
    cl_queue *answer[CL_QUEUES_MAX]; /* owned; until they are the contact's */
    bool has_bundle;                 /* offline: stored */
    size_t encoded_len;
    uint8_t *encoded; /* owned: the bundle; stored for the offline form */
    /* Not stored: */
    uint64_t wait_ms; /* mono: go on without those that are late; 0: none */
    bool done;
    cl_failure failure;
};

/* An envelope at a relay. */
typedef struct cl_source {
    uint8_t queue[32]; /* recv_id */
    uint8_t id[PN_MESSAGE_ID_BYTES];
} cl_source;

typedef struct cl_event_entry {
    pn_node in_engine; /* events, or given */
    cl_event event;
    /* Of a message: what to acknowledge. */
    bool has_source;
    uint8_t source_queue[32]; /* recv_id */
    uint8_t source_id[PN_MESSAGE_ID_BYTES];
    uint8_t content_id[CL_ID_BYTES];
    /* Not stored: copies that came besides. What is forgotten here the relay
     * gives again. */
    cl_source *also; /* owned */
    size_t also_count;
} cl_event_entry;

struct cl_engine {
    pn_env env;
    cl_store store;
    cl_sink sink;
    cl_identity self;
    char name[CL_NAME_MAX + 1];
    cl_profile profile;
    uint64_t next_event;
    uint32_t next_relay;
    pn_node relays;
    pn_map relays_by_number;
    pn_map relays_by_address; /* a hash of it */
    pn_node destinations;
    pn_map destinations_by_key;
    cl_routing routing;    /* which way mail goes where it is to lie */
    pn_map queues_by_id;   /* recv_id; not those of others' bundles */
    cl_contact **contacts; /* owned array, oldest first */
    size_t contact_count;
    size_t contacts_cap;
    pn_map contacts_by_id;
    pn_map contacts_by_name; /* a hash of it */
    pn_map contacts_by_peer; /* the first, if several have one identity */
    pn_heap receipts;        /* cl_contact, wall */
    pn_heap resyncs;         /* cl_contact, mono */
    pn_heap upkeeps;         /* cl_contact, wall: look after its queues */
    uint8_t relays_wanted;   /* for each contact */
    uint64_t dead_ms;        /* a relay that fails for so long is replaced */
    pn_node items;
    size_t item_count; /* of the application's */
    pn_map items_by_id;
    pn_heap copy_retries; /* mono */
    pn_heap item_timers;  /* wall: it expires, or goes again */
    size_t inner_kept;    /* bytes of items' inner */
    pn_node invites;
    pn_node preparing;     /* cl_invite: the bundle is not there yet */
    pn_heap invite_timers; /* wall */
    size_t open_invites;
    pn_node accepts;
    pn_node events; /* to be given, in that order */
    pn_node given;  /* and not acknowledged */
    pn_map events_by_sequence;
    pn_map events_by_message;
    size_t event_count;
    size_t notice_count; /* events that are about our own messages */
    pn_node doomed;      /* cl_queue, owned: to be deleted */
    bool offline;
    bool dirty;        /* something is staged */
    bool broken;       /* the store failed: read it again */
    pn_err fault;      /* why it is broken */
    bool hang_up;      /* all links belong to a forgotten state */
    uint64_t retry_ms; /* mono: read it again, if that failed */
    uint64_t *kept;    /* owned: events given before, until it is read */
    size_t kept_count;
    uint64_t wall_ms;     /* the clock when it was looked at; 0: not yet */
    bool changed;         /* tell the application */
    uint64_t idle_ms;     /* mono: let the store tidy up; 0 for never */
    uint64_t chores_ms;   /* wall: next daily round */
    uint64_t calendar_ms; /* by which what was seen grows old; chores.c */
    bool round;           /* one is under way */
    uint64_t round_seen;  /* its cursor in what was seen */
    size_t round_at;      /* and in the contacts */
    pn_buf record;
    uint8_t *plain; /* owned: PN_ENVELOPE_MAX each */
    uint8_t *inner;
    uint8_t *envelope;
    uint8_t *parcel; /* owned: PN_PARCEL_MAX */
    uint8_t *answer; /* owned: PN_REPLY_PLAIN_MAX */
};

#endif
