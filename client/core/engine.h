/* The endpoint's engine: contacts, invitations, outbox, inbox and events of
 * one identity, over any number of relays.
 *
 * Sans-IO and deterministic: commands of the application, messages of relays
 * and the time go in; durable records go to a store (store.h), messages for
 * relays to a sink. Same seed, same events: same effects.
 *
 * The rule everything else serves: cl_engine_pump() first seals what is due,
 * then commits, and only then sends. So a ratchet's state is durable before
 * what it sealed leaves, and a message before it is acknowledged.
 *
 * When a commit fails, nothing of it has happened: the engine forgets what it
 * holds in memory, hangs up every link and reads its store again. A command
 * that is caught in this returns the store's error and has not happened.
 *
 * No look-up and no pump walks what has nothing to do: people have thousands of
 * contacts. Sessions and bodies are read from the store when they are touched.
 *
 * Names of contacts, ids: as in postern.h. Thread rule: one thread at a time.
 */
#ifndef POSTERN_CLIENT_CORE_ENGINE_H
#define POSTERN_CLIENT_CORE_ENGINE_H

#include "client/core/content.h"
#include "client/core/invitation.h"
#include "client/core/session.h"
#include "client/core/store.h"
#include "proto/wire/msg.h"

enum {
    CL_ID_BYTES = 16,
    CL_REASON_MAX = 159,
    CL_BODY_MAX = 60000,  /* a text, or a file with its name and type */
    CL_SEND_ID_MAX = 128, /* bytes of an application's own id */
    CL_CONTACTS_MAX = 100000,
    CL_OUTBOX_MAX = 20000,
    CL_INVITES_MAX = 1000,
    CL_RELAYS_MAX = 64,   /* of our choice */
    CL_EVENTS_MAX = 4096, /* that are about our own messages */
    CL_RELAYS_WANTED = 2, /* for each contact's mail, without another choice */
};

/* What the engine wants of the network. Called from cl_engine_pump() only,
 * with a relay's number; must not call back. */
typedef struct cl_sink {
    void *ctx;
    /* Open a link. cl_engine_link_open() or _closed() follows, later. */
    void (*dial)(void *ctx, uint32_t relay, const pn_address *address);
    /* Let it go in good order; no event of it is wanted any more. 0: all. */
    void (*hangup)(void *ctx, uint32_t relay);
    /* Send, copied. PN_E_FULL: cl_engine_writable() follows. Anything else
     * that fails ends in cl_engine_link_closed(). */
    pn_err (*send)(void *ctx, uint32_t relay, const pn_msg *msg);
    /* Something happened that an application may wait for. May be NULL. */
    void (*changed)(void *ctx);
} cl_sink;

typedef struct cl_engine cl_engine;

/* Make the records of a new identity in an empty store, durably. `name` is
 * what contacts are told; may be "". PN_E_ARG for a bad name, PN_E_EXISTS if
 * there is one, PN_E_RANDOM, and the store's. */
PN_MUST_USE pn_err cl_engine_create(const pn_env *env, const cl_store *store,
                                    const char *name);
/* Read the store. `env`, `store` and `sink` are copied; their ctx is borrowed
 * for the engine's life. PN_E_NOT_FOUND if nobody lives there, PN_E_CORRUPT,
 * PN_E_VERSION, PN_E_NOMEM, and the store's. */
PN_MUST_USE pn_err cl_engine_open(cl_engine **out, const pn_env *env,
                                  const cl_store *store, const cl_sink *sink);
/* Wipe and free; what was not pumped is not sent. NULL is fine. */
void cl_engine_free(cl_engine **e);
/* The store is an older one than was used: every session begins anew and open
 * invitations are revoked. Staged: the next commit makes it durable. */
PN_MUST_USE pn_err cl_engine_restored(cl_engine *e);
/* Make durable what events have staged, apart from a pump. */
PN_MUST_USE pn_err cl_engine_commit(cl_engine *e);
/* Forget what came from the store, hang up every link, and read it again: it
 * failed, or was taken away. Commands give PN_E_CLOSED if its keys are gone. */
void cl_engine_reload(cl_engine *e);
/* It did that not long ago: what could not be kept then has hardly had the time
 * to come again. */
bool cl_engine_is_recovering(const cl_engine *e);
/* How much is sent for how little: the thin profile is for links where each
 * kilobyte counts. It is for contacts that no other choice was made for. */
PN_MUST_USE pn_err cl_engine_set_profile(cl_engine *e, cl_profile profile);
cl_profile cl_engine_profile(const cl_engine *e);
/* Which way mail goes where it is to lie. On disk; as postern_route. */
typedef enum cl_routing {
    CL_ROUTING_AUTO = 0,   /* through another relay of ours, if we know one: of
                            * another operator, or after a while of any */
    CL_ROUTING_DIRECT = 1, /* straight, which shows it where we are */
    CL_ROUTING_APART = 2,  /* through one of another operator, or not at all */
} cl_routing;
PN_MUST_USE pn_err cl_engine_set_routing(cl_engine *e, cl_routing routing);
cl_routing cl_engine_routing(const cl_engine *e);
/* Bytes of a record on a new link. */
uint16_t cl_engine_record_size(const cl_engine *e);
/* Dial nobody from now on. */
void cl_engine_set_offline(cl_engine *e, bool offline);

/* --- driver ------------------------------------------------------------- */

void cl_engine_link_open(cl_engine *e, uint32_t relay,
                         const uint8_t binding[32]);
/* `why` is for a person. */
void cl_engine_link_closed(cl_engine *e, uint32_t relay, const char *why);
/* One message of the relay, borrowed. PN_E_PROTO: close the link. */
PN_MUST_USE pn_err cl_engine_msg(cl_engine *e, uint32_t relay,
                                 const pn_msg *msg);
void cl_engine_writable(cl_engine *e, uint32_t relay);
/* Do what is due, commit, send. Call after events and at the deadline. A fault
 * of the store is returned, after which the engine stands as after
 * cl_engine_open(), or, if that fails too, does nothing until a later pump
 * succeeds in it. */
PN_MUST_USE pn_err cl_engine_pump(cl_engine *e);
/* When to pump again without an event: mono ms, UINT64_MAX for never. */
uint64_t cl_engine_deadline(const cl_engine *e);

/* --- commands: durable on PN_OK, sent by the next pump ------------------ */

/* PN_E_EXISTS if it is in use, PN_E_FULL. */
PN_MUST_USE pn_err cl_relay_add(cl_engine *e, const pn_address *address);
/* The same for a relay whose operator asks for a secret of 1 to
 * PN_ACCESS_SECRET_MAX bytes; of one in use it replaces the secret. PN_E_ARG,
 * PN_E_FULL. */
PN_MUST_USE pn_err cl_relay_add_secret(cl_engine *e, const pn_address *address,
                                       pn_bytes access);
/* Its secret is forgotten, too. PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_relay_remove(cl_engine *e, const pn_address *address);
/* On how many relays each contact's mail is to lie (1 to CL_QUEUES_MAX), and
 * for how long one of ours may fail, while another does not, before its
 * mailboxes are replaced (ten seconds to a year). PN_E_ARG. */
PN_MUST_USE pn_err cl_relays_set(cl_engine *e, uint32_t wanted,
                                 uint64_t dead_ms);
void cl_relays_get(const cl_engine *e, uint32_t *wanted, uint64_t *dead_ms);

/* PN_E_NOT_FOUND without a relay, PN_E_EXISTS, PN_E_FULL, PN_E_ARG. */
PN_MUST_USE pn_err cl_invite_create(cl_engine *e, cl_invitation_form form,
                                    const char *name, uint64_t expires_in_ms,
                                    uint8_t id[CL_ID_BYTES]);
/* PN_E_NOT_FOUND, PN_E_STATE if it is not open. */
PN_MUST_USE pn_err cl_invite_revoke(cl_engine *e,
                                    const uint8_t id[CL_ID_BYTES]);
/* PN_E_PROTO, PN_E_VERSION, PN_E_CRYPTO: no good invitation; PN_E_TIMEOUT: too
 * old; PN_E_NOT_FOUND without a relay; PN_E_REFUSED: our own, or a contact's
 * we have; PN_E_EXISTS: the name is taken; PN_E_FULL, PN_E_ARG. */
PN_MUST_USE pn_err cl_invite_accept(cl_engine *e, pn_bytes text,
                                    const char *name, uint8_t id[CL_ID_BYTES]);

/* `contact` is a name or 32 hex digits; PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_contact_rename(cl_engine *e, const char *contact,
                                     const char *name);
/* `safety` may be NULL. PN_E_REFUSED if it differs, PN_E_STATE if unknown. */
PN_MUST_USE pn_err cl_contact_verify(cl_engine *e, const char *contact,
                                     const char *safety);
PN_MUST_USE pn_err cl_contact_block(cl_engine *e, const char *contact,
                                    bool block);
PN_MUST_USE pn_err cl_contact_remove(cl_engine *e, const char *contact);

/* The profile for one contact. On disk. */
typedef enum cl_choice {
    CL_CHOICE_AUTO = 0, /* the engine's; or thin, if the contact wishes it */
    CL_CHOICE_NORMAL = 1,
    CL_CHOICE_THIN = 2,
} cl_choice;

PN_MUST_USE pn_err cl_contact_choose(cl_engine *e, const char *contact,
                                     cl_choice choice);
PN_MUST_USE pn_err cl_contact_decide(cl_engine *e, const char *contact,
                                     const char *safety, bool accept);

/* What to send: a text, or a file if file_name is not empty. Borrowed. */
typedef struct cl_send {
    pn_bytes text;
    pn_bytes file_name;
    pn_bytes file_type;
    pn_bytes file_bytes;
    pn_bytes own_id; /* of the application, or empty */
    pn_priority priority;
    uint64_t expires_in_ms;
} cl_send;

/* PN_E_NOT_FOUND, PN_E_FULL (too big, if over CL_BODY_MAX: PN_E_SHORT),
 * PN_E_REFUSED (blocked by us), PN_E_ARG. */
PN_MUST_USE pn_err cl_outbox_send(cl_engine *e, const char *contact,
                                  const cl_send *what, uint8_t id[CL_ID_BYTES]);
/* All with a NULL id. */
PN_MUST_USE pn_err cl_outbox_retry(cl_engine *e, const uint8_t *id);
PN_MUST_USE pn_err cl_outbox_cancel(cl_engine *e, const uint8_t *id);
/* PN_E_NOT_FOUND; PN_E_STATE while on its way or not acknowledged. */
PN_MUST_USE pn_err cl_message_delete(cl_engine *e, const uint8_t *id);

/* --- events ------------------------------------------------------------- */

typedef enum cl_event_kind { /* as postern_event_kind; on disk */
                             CL_EVENT_MESSAGE = 1,
                             CL_EVENT_FILE = 2,
                             CL_EVENT_DELIVERED = 3,
                             CL_EVENT_FAILED = 4,
                             CL_EVENT_CONTACT_ADDED = 5,
                             CL_EVENT_IDENTITY_CHANGED = 6,
                             CL_EVENT_RESYNCED = 7,
} cl_event_kind;

/* Why something failed; on disk. */
typedef enum cl_failure {
    CL_FAILURE_NONE = 0,
    CL_FAILURE_EXPIRED = 1,  /* no confirmation in its time */
    CL_FAILURE_REMOVED = 2,  /* the contact was removed */
    CL_FAILURE_USED = 3,     /* the invitation is no longer there */
    CL_FAILURE_HOSTILE = 4,  /* what lay there is not what was left there */
    CL_FAILURE_REFUSED = 5,  /* the relay does not let us */
    CL_FAILURE_INTERNAL = 6, /* a damaged record */
    CL_FAILURE_KNOWN = 7,    /* an invitation of ours, or of a contact */
} cl_failure;

typedef struct cl_event {
    uint64_t sequence;
    cl_event_kind kind;
    cl_failure failure;
    uint64_t time_ms;
    uint8_t contact[CL_ID_BYTES];
    uint8_t message[CL_ID_BYTES]; /* zeros: none */
    bool given;                   /* since the engine was opened */
    bool again;                   /* given before that, or returned */
} cl_event;

/* The next event that was not given; it is now. PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_event_next(cl_engine *e, cl_event *out);
PN_MUST_USE pn_err cl_event_ack(cl_engine *e, uint64_t sequence);
PN_MUST_USE pn_err cl_event_return(cl_engine *e, uint64_t sequence);

/* --- views: filled by copy ---------------------------------------------- */

typedef enum cl_item_state { /* as postern_message_state; on disk */
                             CL_ITEM_QUEUED = 0,
                             CL_ITEM_RELAYED = 1,
                             CL_ITEM_DELIVERED = 2,
                             CL_ITEM_EXPIRED = 3,
                             CL_ITEM_FAILED = 4,
                             CL_ITEM_CANCELLED = 5,
                             CL_ITEM_RECEIVED = 6,
} cl_item_state;

typedef struct cl_message {
    uint8_t id[CL_ID_BYTES];
    uint8_t contact[CL_ID_BYTES];
    uint8_t content_id[CL_ID_BYTES]; /* as both ends know it */
    cl_item_state state;
    cl_failure failure;
    pn_priority priority;
    bool is_file;
    bool has_more; /* parts of a later version came with it */
    uint64_t sent_ms;
    uint64_t received_ms;
    uint32_t len; /* of its body */
    char file_name[CL_FILE_NAME_MAX + 1];
    char file_type[CL_FILE_TYPE_MAX + 1];
} cl_message;

PN_MUST_USE pn_err cl_message_get(cl_engine *e, const uint8_t *id,
                                  cl_message *out);
/* Replace the content of *body. PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_message_body(cl_engine *e, const uint8_t *id,
                                   pn_buf *body);
/* In the order of coming; *cursor starts at 0; PN_E_NOT_FOUND at the end. */
PN_MUST_USE pn_err cl_message_next(cl_engine *e, uint64_t *cursor,
                                   cl_message *out);

typedef struct cl_contact_view {
    uint8_t id[CL_ID_BYTES];
    char name[CL_NAME_MAX + 1];
    char own_name[CL_NAME_MAX + 1];
    bool verified, blocked, changed, ready;
    bool thin; /* what we send */
    cl_choice choice;
    uint32_t outbox;
    uint64_t created_ms;
    uint64_t seen_ms;
    char safety[CL_SAFETY_DIGITS + 1];
    char safety_changed[CL_SAFETY_DIGITS + 1];
} cl_contact_view;

/* By name or 32 hex digits. `with_safety` costs about a hundred hashes of
 * a hundred: ask for it for one, not for thousands. PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_contact_get(cl_engine *e, const char *contact,
                                  bool with_safety, cl_contact_view *out);
/* The i-th; PN_E_NOT_FOUND past the end. */
PN_MUST_USE pn_err cl_contact_at(cl_engine *e, size_t i, cl_contact_view *out);
/* Just the name; "" if there is none. */
void cl_contact_name(cl_engine *e, const uint8_t id[CL_ID_BYTES],
                     char out[CL_NAME_MAX + 1]);

/* A message at one of its contact's relays. */
typedef struct cl_copy_view {
    pn_address relay;
    bool held;
    bool in_custody;   /* of a relay of ours, which brings it there */
    uint64_t since_ms; /* held, or waiting for the same thing */
    char reason[CL_REASON_MAX + 1];
} cl_copy_view;

typedef struct cl_item_view {
    uint8_t id[CL_ID_BYTES];
    uint8_t contact[CL_ID_BYTES];
    cl_item_state state;
    pn_priority priority;
    uint32_t attempts;
    uint32_t len;
    uint64_t created_ms;
    uint64_t expires_ms;
    uint64_t since_ms;
    char reason[CL_REASON_MAX + 1];
    uint32_t held; /* relays that have it */
    size_t copy_count;
    cl_copy_view copies[CL_QUEUES_MAX];
} cl_item_view;

/* The i-th message of ours under way, oldest first. PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_item_at(cl_engine *e, size_t i, cl_item_view *out);
/* One, also when it is done (from its message then). PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_item_state_of(cl_engine *e, const uint8_t *id,
                                    cl_item_state *out);

typedef enum cl_relay_state {
    CL_RELAY_OFFLINE = 0,
    CL_RELAY_CONNECTING = 1,
    CL_RELAY_ONLINE = 2,
} cl_relay_state;

typedef struct cl_relay_view {
    pn_address address;
    cl_relay_state state;
    bool is_own;
    bool is_dead;      /* given up: its mailboxes are being replaced */
    bool is_two_faced; /* it signed two descriptors under one number */
    uint32_t queues;
    uint64_t since_ms;
    uint64_t down_ms; /* failing since then; 0: it is not */
    char reason[CL_REASON_MAX + 1];
} cl_relay_view;

PN_MUST_USE pn_err cl_relay_at(const cl_engine *e, size_t i,
                               cl_relay_view *out);

typedef enum cl_invite_state { /* as postern_invite_state; on disk */
                               CL_INVITE_PREPARING = 0,
                               CL_INVITE_OPEN = 1,
                               CL_INVITE_ANSWERED = 2,
                               CL_INVITE_REVOKED = 3,
                               CL_INVITE_EXPIRED = 4,
                               CL_INVITE_FAILED = 5,
} cl_invite_state;

typedef struct cl_invite_view {
    uint8_t id[CL_ID_BYTES];
    uint8_t contact[CL_ID_BYTES]; /* zeros until answered */
    cl_invite_state state;
    bool is_offline;
    uint64_t created_ms;
    uint64_t expires_ms;
    char name[CL_NAME_MAX + 1];
    char reason[CL_REASON_MAX + 1];
    char text[CL_INVITATION_TEXT_MAX + 1]; /* secret; "" unless open */
} cl_invite_view;

PN_MUST_USE pn_err cl_invite_get(cl_engine *e, const uint8_t id[CL_ID_BYTES],
                                 cl_invite_view *out);
PN_MUST_USE pn_err cl_invite_at(cl_engine *e, size_t i, cl_invite_view *out);
/* How an acceptance went: PN_MORE while under way (*reason says what for),
 * PN_OK (*contact), PN_E_NOT_FOUND for an unknown id, or the error of
 * *failure. Known until the engine is freed. */
PN_MUST_USE pn_err cl_accept_state(cl_engine *e, const uint8_t id[CL_ID_BYTES],
                                   uint8_t contact[CL_ID_BYTES],
                                   cl_failure *failure,
                                   char reason[CL_REASON_MAX + 1]);
/* Whether what tells the contact who and where we are is with its relays, or in
 * the custody of ours: then a program may end, and it arrives. PN_MORE: not
 * yet. */
PN_MUST_USE pn_err cl_hello_is_out(const cl_engine *e,
                                   const uint8_t contact[CL_ID_BYTES]);

typedef struct cl_engine_counts {
    uint32_t contacts;
    uint32_t relays;
    uint32_t relays_own;
    uint32_t relays_online;
    uint32_t relays_two_faced; /* of all; each address counts */
    uint32_t outbox;
    uint32_t events;
    uint32_t invites; /* open */
} cl_engine_counts;

void cl_engine_count(const cl_engine *e, cl_engine_counts *out);
/* Our identity's id and name. Borrowed. */
const uint8_t *cl_engine_id(const cl_engine *e);
const char *cl_engine_name(const cl_engine *e);
/* The invariants, after a pump, for tests. Walks everything. */
bool cl_engine_ok(cl_engine *e);

#endif
