/* The relay's core with the in-memory store and any number of links, in one
 * process and in virtual time. Nothing moves but by these calls, so that the
 * same seed and the same calls give the same run.
 *
 * Results of the store may be shuffled: whatever store.h allows to come in
 * another order may come so.
 */
#ifndef POSTERN_TESTS_SUPPORT_CORESIM_H
#define POSTERN_TESTS_SUPPORT_CORESIM_H

#include "proto/base/list.h"
#include "relay/core/core.h"
#include "relay/store/store_mem.h"
#include "tests/support/simenv.h"

enum {
    CORESIM_LINKS = 8,
    CORESIM_QUEUES = 8,
    CORESIM_RELAYS = 4,
    CORESIM_EVENTS = 4096,
    CORESIM_ENC_AT = 1 + PN_KEY_ID_BYTES, /* in a parcel */
};

/* What a link was sent, with the views of `msg` made safe to keep. */
typedef struct coresim_event {
    size_t link;
    uint64_t at_ms;
    pn_msg msg;
    pn_opened_queue opened[PN_OPEN_MAX];
    uint8_t bytes[64];   /* ids; of a parcel the beginning of its enc */
    size_t envelope_len; /* or of a parcel, or a reply */
} coresim_event;

typedef struct coresim coresim;

/* Another relay. */
typedef struct coresim_relay {
    uint8_t key[32];
    uint8_t noise_pk[32];
    unsigned dials; /* the core began */
} coresim_relay;

typedef struct coresim_link {
    coresim *world;
    rl_link *link; /* NULL when closed */
    bool busy;
    bool closing;
    pn_bye_reason why;
    uint64_t paused_until;
    size_t room; /* Delivers and Parcels it will still take; SIZE_MAX: all */
    uint8_t binding[RL_BINDING_BYTES];
} coresim_link;

typedef struct coresim_queue {
    uint8_t sk[64];
    uint8_t pk[32];
    uint8_t cap[32];
    uint8_t recv_id[32];
    uint8_t send_id[32];
    bool created;
} coresim_queue;

struct coresim {
    simenv sim;
    pn_env env;
    rl_store *store;
    rl_core *core;
    rl_sink sink;
    rl_core_config config;
    rl_relay relay;
    coresim_link links[CORESIM_LINKS];
    coresim_queue queues[CORESIM_QUEUES];
    coresim_relay relays[CORESIM_RELAYS];
    pn_node results; /* drained and not yet given to the core */
    uint64_t submitted;
    bool shuffle;
    bool reverse;     /* instead: the latest result first */
    bool plain;       /* links without the feature of queues */
    bool refuse;      /* the store is full */
    bool no_expiry;   /* the store is too busy to expire */
    bool no_reads;    /* the store fails to fetch and to look up */
    bool no_dial;     /* an attempt cannot even begin */
    unsigned fail_at; /* the operation that fails, counted down; 0: none */
    int fail_as;      /* an rl_status; RL_STATUS_OK: it is not even taken */
    bool failed;      /* it has */
    /* Called for every message, before it is recorded. May be NULL. */
    void (*on_msg)(void *ctx, size_t link, const pn_msg *msg);
    void *ctx;
    /* Sees every message the store gives, and may damage it. May be NULL. */
    void (*spoil)(void *ctx, rl_envelope *e, uint8_t *body);
    /* What the operator asked for. May be NULL. */
    void (*operated)(void *ctx, uint64_t ticket, const rl_result *r);
    /* A relay's new descriptor. May be NULL. */
    void (*described)(void *ctx, const uint8_t *key, pn_bytes descriptor);
    coresim_event *events; /* the last CORESIM_EVENTS */
    size_t event_count;
    pn_msg_scratch scratch;
    uint8_t parcel[PN_PARCEL_MAX];
    uint8_t frame[PN_MSG_MAX];
};

/* A world without links. The limits are wide; change `config` and call
 * coresim_restart() for others. */
void coresim_init(coresim *w, uint64_t seed);
void coresim_free(coresim *w);
/* The relay dies: what the store had not committed is lost but for its oldest
 * `survive` operations; all links are gone. A new core starts. */
void coresim_restart(coresim *w, size_t survive);

/* The i-th link, which was closed, made new but not opened. */
coresim_link *coresim_fresh_link(coresim *w, size_t i);
/* Open or close the i-th link. */
void coresim_open(coresim *w, size_t i);
void coresim_close(coresim *w, size_t i);
/* List the first `count` relays, to be dialled or not, and kept or not. */
void coresim_list(coresim *w, size_t count, bool may_dial, bool keep);
/* The i-th link is one with relay r, dialled by us or by it. */
pn_err coresim_open_relay(coresim *w, size_t i, size_t r, bool dialled);
/* Parcel number n of a class, for relay r. Borrows from *w until the next. */
pn_msg coresim_forward(coresim *w, size_t r, uint64_t id, pn_priority priority,
                       uint64_t n, size_t size);
/* The ids of relay r's spool, which no client can know. */
void coresim_spool_ids(const coresim *w, size_t r, uint8_t recv_id[32],
                       uint8_t send_id[32]);
/* Which parcel an event is about. */
uint64_t coresim_parcel_of(const coresim_event *e);
/* Give the core one message, through its encoding and back. Closes the link
 * when the core wants that. */
pn_err coresim_take(coresim *w, size_t i, const pn_msg *msg);

/* Commit the oldest `count` operations and collect their results. */
void coresim_commit(coresim *w, size_t count);
/* Give the core one of the results; false if there is none. */
bool coresim_result(coresim *w);
/* Let time pass, and what is due happen. */
void coresim_advance(coresim *w, uint64_t ms);
/* Until nothing is under way. Takes time when failures wait for theirs. */
void coresim_settle(coresim *w);

/* Events since `from`: the next of `kind` for link i (any: SIZE_MAX), or
 * NULL. */
const coresim_event *coresim_find(const coresim *w, size_t from, size_t i,
                                  pn_msg_kind kind, uint64_t id);

/* Ready-made messages. Those about a queue sign with its key for link i, and
 * borrow from *w until the next of the kind. */
pn_msg coresim_create(coresim *w, size_t i, size_t q, uint64_t id,
                      uint32_t window);
pn_msg coresim_open_queue(coresim *w, size_t i, size_t q, uint64_t id,
                          uint32_t window);
pn_msg coresim_deposit(coresim *w, size_t q, uint64_t id, pn_priority priority,
                       uint64_t message);
/* The message id that stands for a number, and back. */
void coresim_message_id(uint8_t out[PN_MESSAGE_ID_BYTES], uint64_t message);
uint64_t coresim_message_of(const uint8_t *id);

/* Create queue q through link i, open with `window`; returns its handle. */
uint32_t coresim_make(coresim *w, size_t i, size_t q, uint32_t window);

#endif
