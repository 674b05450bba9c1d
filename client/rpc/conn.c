/* One connection: a line comes in, an answer goes out. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/rpc/server_internal.h"

rpc_conn *rpc_conn_find(rpc_server *s, uint64_t id)
{
    for (size_t i = 0; i < RPC_CONNS_MAX && id != 0; i++)
        if (s->conns[i].id == id)
            return &s->conns[i];
    return NULL;
}

rpc_conn *rpc_conn_new(rpc_server *s, int in, int out)
{
    for (size_t i = 0; i < RPC_CONNS_MAX; i++) {
        rpc_conn *c = &s->conns[i];
        if (c->id != 0)
            continue;
        *c = (rpc_conn){ .in = in, .out = out };
        c->line = rpc_alloc(RPC_LINE_MAX);
        if (c->line == NULL)
            return NULL;
        c->id = ++s->next_conn;
        return c;
    }
    return NULL;
}

void rpc_conn_end(rpc_server *s, rpc_conn *c)
{
    if (c->id == 0)
        return;
    rpc_lease_drop(s, c->id);
    if (!c->is_first)
        (void)close(c->in);
    rpc_free(c->line);
    rpc_free(c->answers);
    *c = (rpc_conn){ .in = -1, .out = -1 };
}

static bool make_room(rpc_conn *c, size_t len)
{
    const size_t held = c->answers_len - c->answers_at;
    char *bigger;
    if (held > 0 && c->answers_at > 0)
        memmove(c->answers, c->answers + c->answers_at, held);
    c->answers_at = 0;
    c->answers_len = held;
    if (len <= c->answers_cap - held)
        return true;
    if (len > RPC_ANSWER_MAX || held > RPC_ANSWER_MAX - len)
        return false;
    bigger = rpc_alloc(held + len);
    if (bigger == NULL)
        return false;
    if (held > 0)
        memcpy(bigger, c->answers, held);
    rpc_free(c->answers);
    c->answers = bigger;
    c->answers_cap = held + len;
    return true;
}

void rpc_conn_say(rpc_server *s, rpc_conn *c, json_t *answer)
{
    size_t len = 0;
    char *line = answer == NULL ? NULL : rpc_dump(answer, &len);
    json_decref(answer);
    if (line == NULL || !make_room(c, len)) {
        rpc_free(line);
        rpc_conn_end(s, c);
        return;
    }
    memcpy(c->answers + c->answers_len, line, len);
    c->answers_len += len;
    rpc_free(line);
}

bool rpc_conn_is_reading(const rpc_conn *c)
{
    return !c->is_ended && c->underway < RPC_UNDERWAY_MAX &&
           c->answers_len - c->answers_at < RPC_BACKLOG_MAX;
}

static void refuse(rpc_server *s, rpc_conn *c, json_t *id, const rpc_error *why)
{
    rpc_server_note(s, why->code);
    if (id != NULL)
        rpc_conn_say(s, c, rpc_answer_error(id, why));
}

static void carry_out(rpc_server *s, rpc_conn *c, rpc_request *request)
{
    rpc_error why;
    json_t *result;
    if ((request->method->flags & RPC_EVENTS) != 0) {
        rpc_lease_request(s, c, request);
    } else if ((request->method->flags & RPC_WAITS) != 0) {
        why.code = POSTERN_E_NOMEM;
        (void)snprintf(why.text, sizeof why.text, "no memory, or no thread");
        if (!rpc_jobs_push(s, c, request))
            refuse(s, c, request->id, &why);
    } else if (rpc_run(s->client, request->method, request->params, &result,
                       &why) != POSTERN_OK) {
        refuse(s, c, request->id, &why);
    } else if (request->id != NULL) {
        rpc_conn_say(s, c, rpc_answer(request->id, result));
    } else {
        json_decref(result);
    }
}

static void take_line(rpc_server *s, rpc_conn *c, const char *line, size_t len)
{
    rpc_request request;
    rpc_error why;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0)
        return;
    if (rpc_request_read(&request, line, len, &why))
        carry_out(s, c, &request);
    else
        refuse(s, c, request.id, &why);
    rpc_request_free(&request);
}

void rpc_conn_take(rpc_server *s, rpc_conn *c)
{
    const uint64_t id = c->id;
    size_t at = 0;
    while (c->id == id && c->underway < RPC_UNDERWAY_MAX &&
           c->answers_len - c->answers_at < RPC_BACKLOG_MAX) {
        const char *end = memchr(c->line + at, '\n', c->line_len - at);
        if (end == NULL)
            break;
        take_line(s, c, c->line + at, (size_t)(end - (c->line + at)));
        at = c->id == id ? (size_t)(end - c->line) + 1 : 0;
    }
    if (c->id != id)
        return;
    memmove(c->line, c->line + at, c->line_len - at);
    explicit_bzero(c->line + c->line_len - at, at);
    c->line_len -= at;
}

bool rpc_conn_has_line(const rpc_conn *c)
{
    return c->line_len > 0 && memchr(c->line, '\n', c->line_len) != NULL;
}

/* Nothing more comes; what came without a newline is a line too. */
static void end_input(rpc_conn *c)
{
    c->is_ended = true;
    if (c->line_len > 0 && c->line_len < RPC_LINE_MAX)
        c->line[c->line_len++] = '\n';
}

void rpc_conn_read(rpc_server *s, rpc_conn *c)
{
    const rpc_error why = { RPC_E_REQUEST, "the line is too long" };
    ssize_t n;
    if (c->line_len == RPC_LINE_MAX) {
        json_t *null = json_null();
        c->is_ended = true;
        c->line_len = 0;
        rpc_conn_say(s, c, rpc_answer_error(null, &why));
        return;
    }
    n = read(c->in, c->line + c->line_len, RPC_LINE_MAX - c->line_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        end_input(c);
    else
        c->line_len += (size_t)n;
}

void rpc_conn_write(rpc_server *s, rpc_conn *c)
{
    const size_t left = c->answers_len - c->answers_at;
    /* A pipe that is writable takes this much without blocking. */
    const size_t now = c->is_first && left > PIPE_BUF ? PIPE_BUF : left;
    const ssize_t n = write(c->out, c->answers + c->answers_at, now);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        rpc_conn_end(s, c);
        return;
    }
    explicit_bzero(c->answers + c->answers_at, (size_t)n);
    c->answers_at += (size_t)n;
}
