/* The event queue. */
#include <string.h>

#include "client/api/client.h"
#include "proto/base/mem.h"

enum { BODY_ROOM = 65536 };

/* A library-made event; its bytes follow it. */
typedef struct event_box {
    size_t size;
    postern_event event;
} event_box;

typedef struct event_wait {
    postern_client *client;
    event_box *box; /* owned until handed on */
} event_wait;

static event_box *box_new(size_t body)
{
    event_box *box = pn_alloc(1, sizeof *box + body + 1);
    if (box == NULL)
        return NULL;
    box->size = sizeof *box + body + 1;
    box->event.size = sizeof box->event;
    return box;
}

void postern_event_free(postern_event **event)
{
    event_box *box;
    if (event == NULL || *event == NULL)
        return;
    box = (event_box *)(void *)((char *)*event - offsetof(event_box, event));
    pn_free_wiped(box, box->size);
    *event = NULL;
}

static int public_failure(cl_failure failure)
{
    switch (failure) {
    case CL_FAILURE_NONE:
        return POSTERN_OK;
    case CL_FAILURE_EXPIRED:
        return POSTERN_E_EXPIRED;
    case CL_FAILURE_REMOVED:
        return POSTERN_E_NOT_FOUND;
    case CL_FAILURE_USED:
        return POSTERN_E_USED;
    case CL_FAILURE_HOSTILE:
        return POSTERN_E_AUTH;
    case CL_FAILURE_REFUSED:
        return POSTERN_E_REFUSED;
    case CL_FAILURE_INTERNAL:
        return POSTERN_E_CORRUPT;
    case CL_FAILURE_KNOWN:
        return POSTERN_E_EXISTS;
    }
    return POSTERN_E_INTERNAL;
}

static uint32_t public_priority(pn_priority priority)
{
    if (priority == PN_PRIORITY_URGENT)
        return POSTERN_PRIORITY_URGENT;
    return priority == PN_PRIORITY_BULK ? POSTERN_PRIORITY_BULK
                                        : POSTERN_PRIORITY_NORMAL;
}

static void fill_message(event_box *box, const cl_message *m, pn_bytes body)
{
    postern_event *out = &box->event;
    out->sent_ms = m->sent_ms;
    out->priority = public_priority(m->priority);
    cl_copy_text(out->file_name, sizeof out->file_name, m->file_name);
    cl_copy_text(out->file_type, sizeof out->file_type, m->file_type);
    if (body.len > 0)
        memcpy(box + 1, body.p, body.len);
    out->bytes = (const uint8_t *)(box + 1);
    out->len = body.len;
}

static pn_err fill(cl_engine *e, const cl_event *event, event_box **out)
{
    const bool is_message =
        event->kind == CL_EVENT_MESSAGE || event->kind == CL_EVENT_FILE;
    cl_message m;
    pn_buf body;
    pn_err err = PN_OK;
    event_box *box;
    pn_buf_init(&body, BODY_ROOM);
    if (is_message) {
        err = cl_message_get(e, event->message, &m);
        if (err == PN_OK)
            err = cl_message_body(e, event->message, &body);
    }
    box = err == PN_OK ? box_new(pn_buf_len(&body)) : NULL;
    if (box != NULL) {
        postern_event *p = &box->event;
        p->kind = (uint32_t)event->kind;
        p->sequence = event->sequence;
        p->time_ms = event->time_ms;
        p->is_again = event->again ? 1 : 0;
        p->error = public_failure(event->failure);
        cl_copy_id(p->message, event->message);
        cl_copy_id(p->contact, event->contact);
        cl_contact_name(e, event->contact, p->contact_name);
        if (p->error != POSTERN_OK)
            cl_copy_text(p->reason, sizeof p->reason,
                         postern_strerror(p->error));
        if (is_message)
            fill_message(box, &m, pn_buf_view(&body));
    } else if (err == PN_OK) {
        err = PN_E_NOMEM;
    }
    pn_buf_clear(&body);
    *out = box;
    return err;
}

/* What no event of the engine tells: a relay came or went. */
static pn_err relay_event(event_wait *w, cl_engine *e)
{
    cl_relay_view view;
    for (size_t i = 0; i < CL_RELAYS_SEEN && cl_relay_at(e, i, &view) == PN_OK;
         i++) {
        uint8_t *seen = &w->client->relay_seen[i];
        postern_event *p;
        if (view.state == CL_RELAY_CONNECTING ||
            (*seen == CL_RELAY_ONLINE) == (view.state == CL_RELAY_ONLINE))
            continue;
        w->box = box_new(0);
        if (w->box == NULL)
            return PN_E_NOMEM;
        *seen = view.state == CL_RELAY_ONLINE ? CL_RELAY_ONLINE : 0;
        p = &w->box->event;
        p->kind = POSTERN_EVENT_RELAY_STATE;
        p->time_ms = view.since_ms;
        p->state = (uint32_t)view.state;
        cl_copy_text(p->reason, sizeof p->reason,
                     view.state == CL_RELAY_OFFLINE ? view.reason : "");
        return pn_address_format(p->relay, sizeof p->relay, &view.address);
    }
    return PN_MORE;
}

static pn_err take_next(void *ctx, cl_engine *e)
{
    event_wait *w = ctx;
    cl_event event;
    pn_err err = cl_event_next(e, &event);
    if (err == PN_E_NOT_FOUND)
        return relay_event(w, e);
    PN_TRY(err);
    err = fill(e, &event, &w->box);
    if (err != PN_OK) /* it is not lost by this: it comes again */
        (void)!cl_event_return(e, event.sequence);
    return err;
}

/* Whether what comes cannot be kept at present: it stays at the relays, and
 * that nothing came would not be true. A failure of long ago, after which there
 * was nothing to keep, says nothing of now. */
static bool is_failing(postern_client *client)
{
    const cl_engine *e = cl_driver_lock(client->driver);
    const bool failing = client->store.failing && cl_engine_is_recovering(e);
    cl_driver_unlock(client->driver);
    return failing;
}

int postern_next_event(postern_client *client, uint32_t timeout_ms,
                       postern_event **out)
{
    event_wait w = { .client = client };
    pn_err err;
    if (client == NULL || out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    err = cl_driver_wait(client->driver, timeout_ms, take_next, &w);
    if (err == PN_E_TIMEOUT && is_failing(client))
        return cl_done(client, PN_E_IO, "keeping what comes");
    if (err == PN_E_TIMEOUT)
        return cl_fail(client, POSTERN_E_TIMEOUT, "no event so far");
    if (err != PN_OK) {
        if (w.box != NULL)
            pn_free_wiped(w.box, w.box->size);
        return cl_done(client, err, "taking the next event");
    }
    *out = &w.box->event;
    return POSTERN_OK;
}

int postern_event_ack(postern_client *client, uint64_t sequence)
{
    pn_err err;
    if (client == NULL)
        return POSTERN_E_ARG;
    err = cl_event_ack(cl_driver_lock(client->driver), sequence);
    cl_driver_unlock(client->driver);
    return cl_done(client, err, "acknowledging the event");
}

int postern_event_return(postern_client *client, uint64_t sequence)
{
    pn_err err;
    if (client == NULL)
        return POSTERN_E_ARG;
    err = cl_event_return(cl_driver_lock(client->driver), sequence);
    cl_driver_unlock(client->driver);
    return cl_done(client, err, "returning the event");
}
