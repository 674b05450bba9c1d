/* struct ucred, by which the kernel says who called, is a GNU name. */
#define _GNU_SOURCE
#include "relay/net/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/mem.h"

enum { BACKLOG = 16 }; /* callers of one turn of the loop */

typedef struct caller {
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    rl_control *control;
    unsigned handles; /* of the above, still to be closed */
    bool closing;
    bool answered;
    uint64_t ticket;
    size_t len;
    char request[RL_CONTROL_REQUEST_MAX + 1]; /* and its newline */
    char answer[RL_CONTROL_ANSWER_MAX];
} caller;

struct rl_control {
    uv_pipe_t listener;
    rl_control_answer_fn *answer;
    void *ctx;
    caller *callers[RL_CONTROL_CALLERS_MAX];
    uv_pipe_t door;      /* takes those who find no place, to drop them */
    bool door_busy;      /* still closing behind the last one */
    bool door_waited;    /* somebody stands before it meanwhile */
    unsigned references; /* the listener, the door while busy, each caller */
    uint64_t tickets;    /* given so far */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

static void unref(rl_control *control)
{
    if (--control->references == 0)
        pn_free(control);
}

static void on_listener_closed(uv_handle_t *handle)
{
    unref(handle->data);
}

static void on_caller_closed(uv_handle_t *handle)
{
    caller *c = handle->data;
    rl_control *control = c->control;
    if (--c->handles > 0)
        return;
    for (size_t i = 0; i < RL_CONTROL_CALLERS_MAX; i++)
        if (control->callers[i] == c)
            control->callers[i] = NULL;
    pn_free(c);
    unref(control);
}

static void hang_up(caller *c)
{
    if (c->closing)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->pipe, on_caller_closed);
    uv_close((uv_handle_t *)&c->timer, on_caller_closed);
}

static void on_timeout(uv_timer_t *timer)
{
    hang_up(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    hang_up(write->data);
}

/* Send what was written and arrange to hang up afterwards. */
static void say(caller *c, pn_json *j)
{
    uv_buf_t out;
    if (pn_json_end(j) != PN_OK) {
        hang_up(c);
        return;
    }
    c->answer[j->len] = '\n';
    out = uv_buf_init(c->answer, (unsigned)j->len + 1);
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &out, 1, on_written) != 0)
        hang_up(c);
}

/* Answer the line request[0..len) and arrange to hang up afterwards. */
static void answer(caller *c, size_t len)
{
    rl_control_request request;
    /* One byte is kept for the newline. */
    pn_json j = pn_json_begin(c->answer, sizeof c->answer - 1);
    const pn_err err = rl_control_parse(
        &request, (pn_bytes){ (const uint8_t *)c->request, len });
    c->answered = true;
    if (err == PN_OK) {
        if (!c->control->answer(c->control->ctx, &request, c->ticket, &j))
            return; /* later, or the timer hangs up */
    } else {
        pn_json_text(&j, "type", "error");
        pn_json_text(&j, "message",
                     err == PN_E_NOT_FOUND ? "unknown command"
                     : err == PN_E_VERSION ? "this relay speaks version 1"
                                           : "not a request");
    }
    say(c, &j);
}

void rl_control_answer(rl_control *control, uint64_t ticket,
                       void (*fill)(const void *ctx, pn_json *j),
                       const void *ctx)
{
    for (size_t i = 0; control != NULL && i < RL_CONTROL_CALLERS_MAX; i++) {
        caller *c = control->callers[i];
        pn_json j;
        if (c == NULL || c->closing || c->ticket != ticket)
            continue;
        j = pn_json_begin(c->answer, sizeof c->answer - 1);
        fill(ctx, &j);
        say(c, &j);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    caller *c = handle->data;
    (void)suggested;
    *out = uv_buf_init(c->request + c->len,
                       (unsigned)(sizeof c->request - c->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    caller *c = stream->data;
    const char *end;
    (void)buf;
    if (n < 0) {
        /* Also UV_ENOBUFS: a request longer than there is room for. */
        if (!c->answered)
            hang_up(c);
        return;
    }
    c->len += (size_t)n;
    end = memchr(c->request, '\n', c->len);
    if (end == NULL)
        return;
    (void)uv_read_stop(stream);
    answer(c, (size_t)(end - c->request));
}

/* Only this user and root: the socket's mode says so too, but a mode is easily
 * changed by an installation script. */
static bool may_call(const caller *c)
{
    struct ucred who;
    socklen_t len = sizeof who;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    return who.uid == 0 || who.uid == geteuid();
}

static caller **free_slot(rl_control *control)
{
    for (size_t i = 0; i < RL_CONTROL_CALLERS_MAX; i++)
        if (control->callers[i] == NULL)
            return &control->callers[i];
    return NULL;
}

static void turn_away(rl_control *control);

static void turn_away_done(uv_handle_t *handle)
{
    rl_control *control = handle->data;
    const bool next = control->door_waited &&
                      !uv_is_closing((const uv_handle_t *)&control->listener);
    control->door_busy = control->door_waited = false;
    if (next)
        turn_away(control);
    unref(control);
}

/* Accept and drop: a connection that is not taken would stop all later ones.
 * Needs no memory, for that may be why there was no place. */
static void turn_away(rl_control *control)
{
    if (control->door_busy) {
        control->door_waited = true; /* libuv brings nobody else till then */
        return;
    }
    control->door_busy = true;
    control->references++;
    /* Cannot fail: it neither allocates nor asks the system. */
    (void)uv_pipe_init(control->listener.loop, &control->door, 0);
    control->door.data = control;
    (void)uv_accept((uv_stream_t *)&control->listener,
                    (uv_stream_t *)&control->door);
    uv_close((uv_handle_t *)&control->door, turn_away_done);
}

static void on_connection(uv_stream_t *listener, int status)
{
    rl_control *control = listener->data;
    caller **slot = free_slot(control);
    caller *c;
    if (status != 0)
        return;
    c = slot == NULL ? NULL : pn_alloc(1, sizeof *c);
    if (c == NULL) {
        turn_away(control);
        return;
    }
    c->control = control;
    c->pipe.data = c;
    c->timer.data = c;
    c->write.data = c;
    /* These two cannot fail: neither allocates nor asks the system. */
    (void)uv_pipe_init(listener->loop, &c->pipe, 0);
    (void)uv_timer_init(listener->loop, &c->timer);
    c->pipe.data = c;
    c->timer.data = c;
    c->handles = 2;
    c->ticket = ++control->tickets;
    control->references++;
    *slot = c;
    if (uv_accept(listener, (uv_stream_t *)&c->pipe) != 0 || !may_call(c) ||
        uv_timer_start(&c->timer, on_timeout, RL_CONTROL_TIMEOUT_MS, 0) != 0 ||
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) != 0)
        hang_up(c);
}

static pn_err listen_at(rl_control *control)
{
    int rc;
    if (unlink(control->path) != 0 && errno != ENOENT)
        return PN_E_IO;
    rc = uv_pipe_bind(&control->listener, control->path);
    if (rc == 0 && chmod(control->path, S_IRUSR | S_IWUSR) != 0)
        return PN_E_IO;
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&control->listener, BACKLOG,
                       on_connection);
    if (rc == 0)
        return PN_OK;
    errno = -rc;
    return PN_E_IO;
}

pn_err rl_control_start(rl_control **out, uv_loop_t *loop, const char *path,
                        rl_control_answer_fn *answer_fn, void *ctx)
{
    rl_control *control;
    pn_err err;
    *out = NULL;
    if (strlen(path) >= sizeof control->path)
        return PN_E_ARG;
    control = pn_alloc(1, sizeof *control);
    if (control == NULL)
        return PN_E_NOMEM;
    memcpy(control->path, path, strlen(path));
    control->answer = answer_fn;
    control->ctx = ctx;
    if (uv_pipe_init(loop, &control->listener, 0) != 0) {
        pn_free(control);
        return PN_E_IO;
    }
    control->listener.data = control;
    control->references = 1;
    err = listen_at(control);
    if (err != PN_OK) {
        const int why = errno;
        uv_close((uv_handle_t *)&control->listener, on_listener_closed);
        errno = why;
        return err;
    }
    *out = control;
    return PN_OK;
}

void rl_control_stop(rl_control **control)
{
    rl_control *c;
    if (control == NULL || *control == NULL)
        return;
    c = *control;
    *control = NULL;
    (void)unlink(c->path);
    for (size_t i = 0; i < RL_CONTROL_CALLERS_MAX; i++)
        if (c->callers[i] != NULL)
            hang_up(c->callers[i]);
    uv_close((uv_handle_t *)&c->listener, on_listener_closed);
}
