/* The inside of hubs, links and listeners, for the files of this room and for
 * tests.
 *
 * One function decides for a link, pn_uvlink_pump() in uvio.c. libuv's
 * callbacks hand it bytes or say that something changed; calls from the
 * application only leave a note (pn_uvlink_wake) for the next turn of the loop.
 */
#ifndef POSTERN_PROTO_CARRIER_UV_INTERNAL_H
#define POSTERN_PROTO_CARRIER_UV_INTERNAL_H

#include "proto/base/buf.h"
#include "proto/base/list.h"
#include "proto/carrier/uvlisten.h"
#include "proto/carrier/wheel.h"

enum {
    PN_UV_READ_BYTES = 64 * 1024,  /* the hub's one read buffer */
    PN_UV_WRITE_BYTES = 16 * 1024, /* what one pending write holds */
};

struct pn_uvhub {
    uv_loop_t *loop;
    const pn_env *env;
    pn_uvhub_options options;
    pn_uvhub_stats stats;
    uv_timer_t timer;
    uv_idle_t waker;  /* runs once per turn while `awake` is not empty */
    unsigned handles; /* of these two, not yet closed */
    uint64_t armed;   /* when the timer fires; UINT64_MAX: it does not */
    pn_wheel wheel;
    pn_node links;
    pn_node listeners;
    pn_node half_open; /* listeners' links not yet open, the oldest first */
    pn_node awake;     /* links that want a pump in the next turn */
    pn_node waiting;   /* with a write in flight, the longest first */
    size_t objects;    /* links, listeners and dials not yet freed */
    bool stopping;
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
    uint8_t read_buffer[PN_UV_READ_BYTES];
};

typedef enum pn_uv_state {
    PN_UV_DIALLING, /* no stream yet */
    PN_UV_RUNNING,  /* a stream and a pn_link, open or not */
    PN_UV_DRAINING, /* Bye is queued; output goes on, input is dropped */
    PN_UV_ENDED,    /* all is written; waits for the peer's end */
    PN_UV_CLOSING,  /* the handle is closing; only on_closed is left */
} pn_uv_state;

/* Written but not taken by the socket: the one request a link may have. */
typedef struct pn_uv_write {
    uv_write_t req;
    size_t len;
    uint8_t bytes[PN_UV_WRITE_BYTES];
} pn_uv_write;

typedef struct pn_uvdial pn_uvdial;

struct pn_uvlink {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
    pn_uvhub *hub;
    pn_link *link; /* owned; NULL while dialling */
    const pn_uvlink_events *events;
    void *ctx;
    pn_uvdial *dial;       /* until connected */
    pn_uvlisten *listener; /* borrowed; NULL for others */
    uint64_t tag;
    pn_uv_write *write; /* the write in flight, owned */
    pn_buf held;        /* read while busy, not yet fed */
    pn_node in_hub;
    pn_node in_awake;
    pn_node in_half_open;
    pn_node in_waiting;
    pn_wheel_entry timer;
    uint64_t heard_ms; /* last frame from the peer, or when it got its turn */
    uint64_t moved_ms; /* last progress of output */
    uint64_t cut_ms;   /* end of the drain */
    size_t write_left; /* of the write in flight, when last looked at */
    size_t owed;       /* as counted in the hub's stats */
    size_t owed_besides;
    pn_err fault;
    uint8_t state;  /* pn_uv_state */
    uint8_t reason; /* pn_close_reason */
    bool accepted;  /* the relay's end */
    bool open;      /* handshake done, on_open called */
    bool announced; /* the application knows it: on_closed will come */
    bool busy;      /* the application wants no frames */
    bool clogged;   /* the peer does not take our answers */
    bool reading;
    bool starved;   /* a send was refused for want of room */
    bool unflushed; /* a record is being filled */
    bool pumping;
};

/* --- uvhub.c -------------------------------------------------------------- */

/* An object was made, or is about to be freed. */
void pn_uvhub_hold(pn_uvhub *hub);
void pn_uvhub_drop(pn_uvhub *hub);
/* See that the timer fires for `due_ms`. */
void pn_uvhub_arm(pn_uvhub *hub, pn_wheel_entry *e, uint64_t due_ms);
/* Pump `link` in the next turn of the loop. */
void pn_uvlink_wake(pn_uvlink *link);

/* --- uvlink.c ------------------------------------------------------------- */

/* A link in PN_UV_RUNNING, its handle initialised as TCP or a pipe but not
 * opened. PN_E_NOMEM, PN_E_STATE. */
PN_MUST_USE pn_err pn_uvlink_make(pn_uvlink **out, pn_uvhub *hub, bool tcp,
                                  const pn_uvlink_events *events, void *ctx);
/* A stranger at `listener`'s door; takes `fd` on success. */
PN_MUST_USE pn_err pn_uvlink_take_in(pn_uvlink **out, pn_uvhub *hub, int fd,
                                     pn_gate *gate, pn_bytes origin,
                                     pn_uvlisten *listener, uint64_t tag,
                                     const pn_uvlink_events *events, void *ctx);
/* Close with a fault: its reason follows from it. */
void pn_uvlink_fail(pn_uvlink *link, pn_err fault);
/* The close callback of every link handle. */
void pn_uvlink_on_handle_closed(uv_handle_t *handle);

/* --- uvio.c --------------------------------------------------------------- */

/* Begin to read and write on a connected stream. */
void pn_uvlink_start(pn_uvlink *link);
void pn_uvlink_pump(pn_uvlink *link);
/* A deadline may have passed. */
void pn_uvlink_on_due(pn_uvlink *link);

/* --- uvowed.c ------------------------------------------------------------- */

/* What the link owes has changed: count it, and close links beyond the bound,
 * this one perhaps. */
void pn_uvlink_count(pn_uvlink *link);
/* Whether it has enough waiting, for a hub that owes much. */
bool pn_uvlink_is_rationed(const pn_uvlink *link);

/* --- uvdial.c ------------------------------------------------------------- */

/* The handle of a failed attempt has closed: try the next address. */
void pn_uvdial_next(pn_uvlink *link);
/* When the attempt or the whole dial is over. */
uint64_t pn_uvdial_deadline(const pn_uvlink *link);
void pn_uvdial_on_due(pn_uvlink *link);
/* Forget the dial of a link that connected or is being freed. */
void pn_uvdial_free(pn_uvlink *link);

/* --- uvlisten.c ----------------------------------------------------------- */

void pn_uvlisten_on_opened(pn_uvlisten *listener);
void pn_uvlisten_on_gone(pn_uvlisten *listener, bool was_open, uint64_t tag);
/* Begin to close; the listener is the hub's from now on. Idempotent. */
void pn_uvlisten_shut(pn_uvlisten *listener);
void pn_uvlisten_shut_all(pn_uvhub *hub);

#endif
