/* Events: fetched by one thread while somebody asks, leased to who gets them,
 * given again if that connection ends without acknowledging. */
#include <string.h>

#include "client/rpc/server_internal.h"
#include "proto/base/mem.h"

static void *fetch(void *arg)
{
    rpc_server *s = arg;
    (void)pthread_mutex_lock(&s->lock);
    while (!s->is_stopping) {
        postern_event *event = NULL;
        int code;
        if (!s->wants_event || s->fetched != NULL || s->fetch_error != 0) {
            (void)pthread_cond_wait(&s->want_cond, &s->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&s->lock);
        code = postern_next_event(s->client, RPC_WAIT_MAX_MS, &event);
        (void)pthread_mutex_lock(&s->lock);
        s->fetched = event;
        s->fetch_error = code == POSTERN_E_TIMEOUT ? POSTERN_OK : code;
        if (code != POSTERN_E_TIMEOUT)
            rpc_wake(s);
    }
    s->threads_alive--;
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static rpc_lease *unleased(const rpc_server *s)
{
    rpc_lease *l = s->leases;
    while (l != NULL && l->conn != 0)
        l = l->next;
    return l;
}

static void forget(rpc_server *s, rpc_lease *lease)
{
    rpc_lease **at = &s->leases;
    while (*at != lease)
        at = &(*at)->next;
    *at = lease->next;
    s->lease_count--;
    postern_event_free(&lease->event);
    pn_free(lease);
}

/* Keep an event, as nobody's, behind the others. */
static bool keep(rpc_server *s, postern_event *event)
{
    rpc_lease *lease = pn_alloc(1, sizeof *lease), **end = &s->leases;
    if (lease == NULL)
        return false;
    lease->event = event;
    while (*end != NULL)
        end = &(*end)->next;
    *end = lease;
    s->lease_count++;
    return true;
}

static void say(rpc_server *s, uint64_t conn, json_t *id, json_t *result)
{
    rpc_conn *c = rpc_conn_find(s, conn);
    if (c != NULL && id != NULL)
        rpc_conn_say(s, c, rpc_answer(id, result));
    else
        json_decref(result);
}

static void say_error(rpc_server *s, uint64_t conn, json_t *id, int code)
{
    rpc_conn *c = rpc_conn_find(s, conn);
    rpc_error why;
    rpc_error_of(&why, code, code == POSTERN_E_IO ? s->client : NULL);
    rpc_server_note(s, code);
    if (c != NULL && id != NULL)
        rpc_conn_say(s, c, rpc_answer_error(id, &why));
}

/* Give a free event to one who asks; its lease begins. */
static void give(rpc_server *s, uint64_t conn, json_t *id, rpc_lease *lease)
{
    json_t *object = rpc_event_object(lease->event);
    if (object != NULL && lease->is_again &&
        json_object_set_new(object, "again", json_true()) != 0) {
        json_decref(object);
        object = NULL;
    }
    if (object == NULL) {
        say_error(s, conn, id, POSTERN_E_NOMEM);
        return;
    }
    lease->conn = conn;
    lease->is_again = true;
    if (lease->event->sequence == 0)
        forget(s, lease); /* wants no acknowledgement */
    say(s, conn, id, object);
}

static void wait_for_one(rpc_server *s, const rpc_conn *c, json_t *id,
                         uint64_t timeout_ms)
{
    rpc_waiter *w = pn_alloc(1, sizeof *w), **end = &s->waiters;
    if (w == NULL) {
        say_error(s, c->id, id, POSTERN_E_NOMEM);
        return;
    }
    w->conn = c->id;
    w->id = json_incref(id);
    w->until_ms = rpc_now() + timeout_ms;
    while (*end != NULL)
        end = &(*end)->next;
    *end = w;
    rpc_lease_pump(s);
}

static void next_event(rpc_server *s, rpc_conn *c, const rpc_request *request)
{
    const json_t *timeout = json_object_get(request->params, "timeout_ms");
    const uint64_t ms =
        timeout == NULL ? 30000 : (uint64_t)json_integer_value(timeout);
    unsigned waiting = 0;
    if (request->id == NULL)
        return; /* an event nobody could take */
    for (const rpc_waiter *w = s->waiters; w != NULL; w = w->next)
        waiting += w->conn == c->id ? 1 : 0;
    if (waiting >= RPC_UNDERWAY_MAX) {
        say_error(s, c->id, request->id, POSTERN_E_FULL);
        return;
    }
    if (unleased(s) == NULL && s->lease_count >= RPC_LEASES_MAX) {
        say_error(s, c->id, request->id, POSTERN_E_FULL);
        return;
    }
    if (ms == 0 && s->waiters == NULL && unleased(s) == NULL) {
        postern_event *event = NULL;
        const int code = postern_next_event(s->client, 0, &event);
        if (code != POSTERN_OK && code != POSTERN_E_TIMEOUT) {
            say_error(s, c->id, request->id, code);
            return;
        }
        if (event != NULL && !keep(s, event)) {
            postern_event_free(&event);
            say_error(s, c->id, request->id, POSTERN_E_NOMEM);
            return;
        }
    }
    wait_for_one(s, c, request->id, ms);
}

void rpc_lease_request(rpc_server *s, rpc_conn *c, const rpc_request *request)
{
    const bool is_ack = strcmp(request->method->name, "event_ack") == 0;
    rpc_lease *l = s->leases;
    uint64_t sequence;
    int code;
    if (strcmp(request->method->name, "next_event") == 0) {
        next_event(s, c, request);
        return;
    }
    sequence = (uint64_t)json_integer_value(
        json_object_get(request->params, "sequence"));
    while (l != NULL && (l->conn != c->id || l->event->sequence != sequence))
        l = l->next;
    if (l == NULL) {
        say_error(s, c->id, request->id, POSTERN_E_NOT_FOUND);
        return;
    }
    code = is_ack ? postern_event_ack(s->client, sequence)
                  : postern_event_return(s->client, sequence);
    if (code != POSTERN_OK) {
        say_error(s, c->id, request->id, code);
        return;
    }
    forget(s, l);
    say(s, c->id, request->id, json_true());
}

/* Nothing came in time; or did it, and could not be kept? */
static void give_up(rpc_server *s, const rpc_waiter *w)
{
    postern_event *event = NULL;
    int code = POSTERN_E_TIMEOUT;
    if (s->lease_count < RPC_LEASES_MAX)
        code = postern_next_event(s->client, 0, &event);
    if (event != NULL && !keep(s, event)) {
        postern_event_free(&event);
        code = POSTERN_E_NOMEM;
    }
    if (code == POSTERN_OK)
        give(s, w->conn, w->id, unleased(s));
    else if (code == POSTERN_E_TIMEOUT)
        say(s, w->conn, w->id, json_null());
    else
        say_error(s, w->conn, w->id, code);
}

static void end_waiter(rpc_server *s, rpc_waiter *w)
{
    rpc_waiter **at = &s->waiters;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    json_decref(w->id);
    pn_free(w);
}

/* Take over what the fetcher brought, and say whether more is wanted. */
static int collect(rpc_server *s)
{
    postern_event *event;
    int code;
    (void)pthread_mutex_lock(&s->lock);
    event = s->fetched;
    code = s->fetch_error;
    s->fetched = NULL;
    s->fetch_error = POSTERN_OK;
    s->wants_event = false;
    (void)pthread_mutex_unlock(&s->lock);
    if (event != NULL && !keep(s, event)) {
        /* Unacknowledged: it comes again with the next start. */
        postern_event_free(&event);
        code = POSTERN_E_NOMEM;
    }
    return code;
}

static void want(rpc_server *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->wants_event = s->lease_count < RPC_LEASES_MAX;
    if (!s->has_fetcher && pthread_create(&s->fetcher, NULL, fetch, s) == 0) {
        s->has_fetcher = true;
        s->threads_alive++;
    }
    (void)pthread_cond_signal(&s->want_cond);
    (void)pthread_mutex_unlock(&s->lock);
}

void rpc_lease_pump(rpc_server *s)
{
    const uint64_t now = rpc_now();
    const int code = collect(s);
    rpc_waiter *w, *next;
    for (w = s->waiters; w != NULL; w = next) {
        rpc_lease *lease = unleased(s);
        next = w->next;
        if (rpc_conn_find(s, w->conn) != NULL) {
            if (lease != NULL)
                give(s, w->conn, w->id, lease);
            else if (code != POSTERN_OK)
                say_error(s, w->conn, w->id, code);
            else if (now >= w->until_ms)
                give_up(s, w);
            else
                continue;
        }
        /* Answering may have ended connections, never waiters. */
        next = w->next;
        end_waiter(s, w);
    }
    if (s->waiters != NULL)
        want(s);
}

uint64_t rpc_lease_deadline(const rpc_server *s)
{
    uint64_t soonest = UINT64_MAX;
    for (const rpc_waiter *w = s->waiters; w != NULL; w = w->next)
        if (w->until_ms < soonest)
            soonest = w->until_ms;
    return soonest;
}

void rpc_lease_drop(rpc_server *s, uint64_t conn)
{
    for (rpc_lease *l = s->leases; l != NULL; l = l->next)
        if (l->conn == conn)
            l->conn = 0;
}

void rpc_lease_free(rpc_server *s)
{
    postern_event_free(&s->fetched);
    while (s->leases != NULL)
        forget(s, s->leases);
    while (s->waiters != NULL)
        end_waiter(s, s->waiters);
}
