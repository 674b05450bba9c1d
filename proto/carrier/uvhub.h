/* What all links of one libuv loop share: the read buffer, one timer for every
 * deadline, the counters, and the orderly stop.
 *
 * A link at rest owns no buffer, no timer handle and no pending request; all
 * of that is here, once.
 * Thread rule: everything of a hub happens on its loop's thread.
 * The program must ignore SIGPIPE: libuv writes with plain write(2).
 */
#ifndef POSTERN_PROTO_CARRIER_UVHUB_H
#define POSTERN_PROTO_CARRIER_UVHUB_H

#include <uv.h>

#include "proto/base/env.h"
#include "proto/wire/msg.h"

/* Why a link ended. Every link ends with exactly one. */
typedef enum pn_close_reason {
    PN_CLOSE_PEER,     /* the peer ended the stream */
    PN_CLOSE_PROTO,    /* the peer broke the protocol or failed to prove it */
    PN_CLOSE_TIMEOUT,  /* handshake, connect or silence ran out of time */
    PN_CLOSE_SLOW,     /* the peer did not take what we wrote */
    PN_CLOSE_IDLE,     /* no frame for too long */
    PN_CLOSE_SHUTDOWN, /* this end wanted it */
    PN_CLOSE_IO,       /* the operating system failed the stream */
    PN_CLOSE_NOMEM,    /* no memory */
    PN_CLOSE_REFUSED,  /* a limit of ours said no */
    PN_CLOSE_RESOLVE,  /* dial: the host name has no address */
    PN_CLOSE_CONNECT,  /* dial: no address of the host could be reached */
    PN_CLOSE_REASONS,  /* how many there are */
} pn_close_reason;

/* A word for logs and metrics: static, lower case, never NULL. */
const char *pn_close_reason_name(pn_close_reason reason);

/* All times in ms. */
typedef struct pn_uvhub_options {
    uint32_t connect_ms; /* per address tried; default 8000 */
    uint32_t dial_ms;    /* name, all addresses; default 25000 */
    uint32_t slow_ms;    /* no progress of a write; default 30000 */
    uint32_t idle_ms;    /* no frame from the peer; default 360000 */
    uint32_t drain_ms;   /* from Bye to the cut; default 5000 */
    uint32_t tick_ms;    /* how late a deadline may fire; default 100 */
    size_t output_max;   /* queued output per link in bytes; default 262144 */
    /* Of all links together; default none. From half of it on a link gets one
     * frame at a time; beyond it, links that do not take theirs are closed as
     * PN_CLOSE_SLOW, the longest waited for first. What is freed is free with
     * the next turn of the loop. */
    size_t output_total;
} pn_uvhub_options;

#define PN_UVHUB_OPTIONS_INIT                                   \
    {                                                           \
        .connect_ms = 8000, .dial_ms = 25000, .slow_ms = 30000, \
        .idle_ms = 360000, .drain_ms = 5000, .tick_ms = 100,    \
        .output_max = 262144, .output_total = SIZE_MAX          \
    }

typedef struct pn_uvhub_stats {
    uint64_t links;     /* alive now, in any state */
    uint64_t open;      /* of them, handshake done and not closing */
    uint64_t opened;    /* handshakes done since the start */
    uint64_t frames_in; /* since the start */
    uint64_t frames_out;
    uint64_t bytes_in; /* on the carrier */
    uint64_t bytes_out;
    uint64_t output_bytes;  /* queued output of all links now */
    uint64_t output_shed;   /* links closed because that was too much */
    uint64_t accept_errors; /* accept(2) failed */
    uint64_t accept_pauses; /* times accepting had to back off */
    uint64_t closed[PN_CLOSE_REASONS]; /* by reason */
} pn_uvhub_stats;

typedef struct pn_uvhub pn_uvhub;

/* Make a hub on `loop`. `loop` and `env` are borrowed and must outlive it.
 * `options` is copied; NULL for the defaults. PN_E_NOMEM, PN_E_IO, PN_E_ARG
 * for a zero among the options. The hub owns itself until pn_uvhub_stop(). */
PN_MUST_USE pn_err pn_uvhub_new(pn_uvhub **out, uv_loop_t *loop,
                                const pn_env *env,
                                const pn_uvhub_options *options);
/* Stop in good order: listeners close, open links say Bye with `why` and get
 * drain_ms to take what is queued for them, others close at once; each link's
 * on_closed comes with PN_CLOSE_SHUTDOWN. When nothing is left, `on_stopped`
 * (may be NULL) is called from the loop, and the hub is freed after it.
 * New links are refused from now on. A second call changes nothing, but with
 * `why` PN_BYE_NONE it closes at once what still drains; so does a first call.
 */
void pn_uvhub_stop(pn_uvhub *hub, pn_bye_reason why,
                   void (*on_stopped)(void *ctx), void *ctx);
/* Borrowed until the hub is freed. */
const pn_uvhub_stats *pn_uvhub_read_stats(const pn_uvhub *hub);
const pn_env *pn_uvhub_env(const pn_uvhub *hub);
uv_loop_t *pn_uvhub_loop(const pn_uvhub *hub);

#endif
