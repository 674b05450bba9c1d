/* The control socket: DIR/control.sock, how an operator's commands reach the
 * running relay. A Unix stream socket of mode 0600 whose callers must be the
 * relay's own user or root (the kernel says who they are). One request, one
 * line of JSON each way, then the end:
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
    RL_CONTROL_ANSWER_MAX = 8192,
    RL_CONTROL_CALLERS_MAX = 4,
    RL_CONTROL_TIMEOUT_MS = 5000,
};

typedef enum rl_control_command {
    RL_CONTROL_STATUS,
    RL_CONTROL_RELOAD,
} rl_control_command;

typedef struct rl_control_request {
    rl_control_command command;
} rl_control_request;

/* Read one request line, without its newline. PN_E_PROTO if it is no request,
 * PN_E_VERSION if "v" is not 1, PN_E_NOT_FOUND if the command is unknown. */
PN_MUST_USE pn_err rl_control_parse(rl_control_request *out, pn_bytes line);

typedef struct rl_control rl_control;

/* Answer a request: add members, "type" first, to *j. */
typedef void rl_control_answer_fn(void *ctx, const rl_control_request *request,
                                  pn_json *j);

/* Listen on the socket at `path`, whose leftover of an earlier run is
 * replaced: the caller holds the directory's lock. PN_E_ARG if the path is too
 * long for a socket, PN_E_IO with errno, PN_E_NOMEM. Owns itself until
 * rl_control_stop(). */
PN_MUST_USE pn_err rl_control_start(rl_control **out, uv_loop_t *loop,
                                    const char *path,
                                    rl_control_answer_fn *answer, void *ctx);
/* Close everything, remove the socket and null *control; memory goes when the
 * loop has run the last close. Accepts NULL and a null *control. */
void rl_control_stop(rl_control **control);

#endif
