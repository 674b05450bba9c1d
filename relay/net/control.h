/* The control socket: DIR/control.sock, how an operator's commands reach the
 * running relay. A Unix stream socket of mode 0600 whose callers must be the
 * relay's own user or root (the kernel says who they are). One request, one
 * line of JSON each way, then the end:
 * Commands: status, stats, reload, queue-count, and with "id" of 64 hex digits
 * queue-block, queue-unblock and queue-purge.
 *   {"v":1,"command":"status"}  ->  {"v":1,"type":"status",...}
 *                               or  {"v":1,"type":"error","message":...}
 * Bounds: four callers at once, requests of 1 KiB, five seconds for all.
 * Thread rule: the loop's thread.
 */
#ifndef POSTERN_RELAY_NET_CONTROL_H
#define POSTERN_RELAY_NET_CONTROL_H

#include <uv.h>

#include "proto/base/json.h"

enum {
    RL_CONTROL_REQUEST_MAX = 1024,
    RL_CONTROL_ANSWER_MAX = 128 * 1024, /* every relay of a full list */
    RL_CONTROL_CALLERS_MAX = 4,
    RL_CONTROL_TIMEOUT_MS = 5000,
};

typedef enum rl_control_command {
    RL_CONTROL_STATUS,
    RL_CONTROL_STATS,
    RL_CONTROL_RELOAD,
    RL_CONTROL_QUEUE_COUNT,
    RL_CONTROL_QUEUE_BLOCK,
    RL_CONTROL_QUEUE_UNBLOCK,
    RL_CONTROL_QUEUE_PURGE,
} rl_control_command;

typedef struct rl_control_request {
    rl_control_command command;
    uint8_t id[32]; /* block, unblock, purge: one of a queue's ids */
} rl_control_request;

/* Read one request line, without its newline. PN_E_PROTO if it is no request,
 * PN_E_VERSION if "v" is not 1, PN_E_NOT_FOUND if the command is unknown. */
PN_MUST_USE pn_err rl_control_parse(rl_control_request *out, pn_bytes line);

typedef struct rl_control rl_control;

/* Answer a request: add members, "type" first, to *j and return true; or return
 * false and answer with rl_control_answer() and this ticket later. */
typedef bool rl_control_answer_fn(void *ctx, const rl_control_request *request,
                                  uint64_t ticket, pn_json *j);

/* Listen on the socket at `path`, whose leftover of an earlier run is
 * replaced: the caller holds the directory's lock. PN_E_ARG if the path is too
 * long for a socket, PN_E_IO with errno, PN_E_NOMEM. Owns itself until
 * rl_control_stop(). */
PN_MUST_USE pn_err rl_control_start(rl_control **out, uv_loop_t *loop,
                                    const char *path,
                                    rl_control_answer_fn *answer, void *ctx);
/* Answer one of the requests that were put off; nothing happens if its caller
 * has gone. `fill` adds the members. */
void rl_control_answer(rl_control *control, uint64_t ticket,
                       void (*fill)(const void *ctx, pn_json *j),
                       const void *ctx);
/* Close everything, remove the socket and null *control; memory goes when the
 * loop has run the last close. Accepts NULL and a null *control. */
void rl_control_stop(rl_control **control);

#endif
