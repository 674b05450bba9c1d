#include "tests/support/lonelyrelay.h"

#include <string.h>

#include "tests/support/faults.h"

enum { ASKED_MAX = 256 };

typedef struct asked {
    uint32_t relay;
    uint64_t id;
    cl_ask kind;
    size_t count;
} asked;

static uint32_t next_handle;
static uint8_t next_queue;

static void give(lonely *l, uint32_t relay, const pn_msg *msg)
{
    if (cl_engine_msg(l->engine, relay, msg) != PN_OK)
        cl_engine_link_closed(l->engine, relay, "it spoke nonsense");
}

static size_t list(lonely *l, bool in_custody, asked out[ASKED_MAX])
{
    size_t count = 0;
    for (pn_node *n = l->engine->relays.next; n != &l->engine->relays;
         n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        const pn_node *head = in_custody ? &r->custody : &r->requests;
        for (pn_node *k = head->next; k != head && count < ASKED_MAX;
             k = k->next) {
            const cl_request *req = PN_ENTRY(k, cl_request, in_relay);
            out[count++] = (asked){ r->number, req->id, req->kind, req->count };
        }
    }
    return count;
}

void lonelyrelay_link(lonely *l)
{
    static const uint8_t binding[32] = { 1 };
    next_handle = 0;
    next_queue = 0;
    for (pn_node *n = l->engine->relays.next; n != &l->engine->relays;
         n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        if (r->state == CL_RELAY_CONNECTING)
            cl_engine_link_open(l->engine, r->number, binding);
    }
}

static void say_done(pn_msg *m, unsigned way)
{
    static const pn_queue_status statuses[] = { PN_QUEUE_OK, PN_QUEUE_UNKNOWN,
                                                PN_QUEUE_NOT_ALLOWED,
                                                PN_QUEUE_BUSY };
    m->kind = PN_MSG_QUEUE_DONE;
    m->u.queue_done.status = statuses[way % 4];
    m->u.queue_done.retry_after_ms = way % 4 == 3 ? 1000 : 0;
}

static void say_error(pn_msg *m, unsigned way)
{
    m->kind = PN_MSG_ERROR;
    m->u.error.code = (pn_error_code)(PN_ERROR_UNSUPPORTED + way % 4);
}

static void create(lonely *l, const asked *a, unsigned way, pn_msg *m)
{
    static uint8_t recv_id[32], send_id[32];
    (void)a;
    (void)l;
    if (way == 0) {
        recv_id[0] = send_id[0] = ++next_queue;
        send_id[1] = 1;
        m->kind = PN_MSG_QUEUE_CREATED;
        m->u.queue_created.handle = ++next_handle;
        m->u.queue_created.recv_id = CL_VIEW(recv_id);
        m->u.queue_created.send_id = CL_VIEW(send_id);
    } else if (way < 4) {
        say_done(m, way);
    } else {
        say_error(m, way);
    }
}

static void open_all(const asked *a, unsigned way, pn_msg *m)
{
    static pn_opened_queue queues[PN_OPEN_MAX];
    memset(queues, 0, sizeof queues);
    if (way >= 3) {
        if (way >= 5)
            say_error(m, way);
        else
            say_done(m, way);
        return;
    }
    m->kind = PN_MSG_QUEUE_OPENED;
    m->u.queue_opened.queues = queues;
    m->u.queue_opened.count = way == 2 ? a->count + 1 : a->count;
    for (size_t i = 0; i < a->count && way == 0; i++) {
        queues[i].known = true;
        queues[i].handle = ++next_handle;
        queues[i].waiting = 1;
    }
}

static void answer(lonely *l, const asked *a, unsigned way)
{
    pn_msg m = { .id = a->id };
    switch (a->kind) {
    case CL_ASK_CREATE:
        create(l, a, way, &m);
        break;
    case CL_ASK_OPEN:
        open_all(a, way, &m);
        break;
    case CL_ASK_DEPOSIT:
    case CL_ASK_BLOB:
        m.kind = PN_MSG_DEPOSIT_RESULT;
        m.u.deposit_result.status = (pn_deposit_status)(1 + way);
        if (way >= 6)
            say_error(&m, way);
        break;
    case CL_ASK_FORWARD:
        m.kind = PN_MSG_FORWARD_RESULT;
        m.u.forward_result.status = (pn_forward_status)(1 + way);
        if (way >= 6)
            say_error(&m, way);
        break;
    case CL_ASK_DESCRIPTOR:
        m.kind = PN_MSG_DESCRIPTOR;
        if (way % 3 == 1)
            m.u.descriptor.descriptor = PN_BYTES_LIT("no descriptor");
        if (way % 3 == 2)
            say_error(&m, way);
        break;
    case CL_ASK_ACK:
        m.kind = PN_MSG_ACKED;
        if (way > 0)
            say_done(&m, way);
        break;
    case CL_ASK_ROTATE:
    case CL_ASK_DELETE:
        say_done(&m, way);
        if (way >= 4)
            say_error(&m, way);
        break;
    case CL_ASK_PING:
        m.kind = PN_MSG_PONG;
        break;
    }
    give(l, a->relay, &m);
}

void lonelyrelay_answer(lonely *l, unsigned way)
{
    asked all[ASKED_MAX];
    const size_t count = list(l, false, all);
    for (size_t i = 0; i < count; i++)
        answer(l, &all[i], way);
}

void lonelyrelay_reply(lonely *l, unsigned way)
{
    static const uint8_t rubbish[PN_REPLY_STATUS_BYTES];
    asked all[ASKED_MAX];
    const size_t count = list(l, true, all);
    for (size_t i = 0; i < count; i++) {
        pn_msg m = { .id = all[i].id, .kind = PN_MSG_FORWARD_REPLY };
        m.u.forward_reply.outcome = PN_PARCEL_REFUSED;
        if (way % 2 == 1) {
            m.u.forward_reply.outcome = PN_PARCEL_DONE;
            m.u.forward_reply.reply = CL_VIEW(rubbish);
        }
        if (way >= 2)
            m.id += 1000; /* of a parcel that never was */
        give(l, all[i].relay, &m);
    }
}

/* Every open queue by its relay and handle. */
typedef void each_fn(lonely *l, uint32_t relay, uint32_t handle,
                     const void *what);

static void each_open(lonely *l, each_fn *fn, const void *what)
{
    asked open[ASKED_MAX];
    size_t count = 0;
    for (pn_node *n = l->engine->relays.next; n != &l->engine->relays;
         n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        for (uint32_t h = 0; h < r->handles_cap && count < ASKED_MAX; h++) {
            if (r->handles[h] != NULL && r->state == CL_RELAY_ONLINE)
                open[count++] = (asked){ .relay = r->number, .id = h };
        }
    }
    for (size_t i = 0; i < count; i++)
        fn(l, open[i].relay, (uint32_t)open[i].id, what);
}

/* The queue of a handle, while it has one. */
static const cl_queue *queue_of(const lonely *l, uint32_t relay,
                                uint32_t handle)
{
    const cl_relay *r = cl_relay_by_number(l->engine, relay);
    return r == NULL || handle >= r->handles_cap ? NULL : r->handles[handle];
}

/* Whether the letter lies in that queue: a link's answerer knows its own. */
static bool lies_in(const cl_queue *q, const lonely_letter *letter)
{
    bool is_paused, is_ours;
    cl_bundle b;
    if (q->owner != CL_OWNER_FETCH)
        return memcmp(q->send_id, letter->send_id, 32) == 0;
    is_paused = faults_pause(true);
    is_ours =
        cl_blob_open(&b, &q->who.accept->link,
                     (pn_bytes){ letter->envelope, letter->len }) == PN_OK;
    (void)faults_pause(is_paused);
    return is_ours;
}

static void deliver(lonely *l, uint32_t relay, uint32_t handle,
                    const void *what)
{
    const bool spoilt = *(const bool *)what;
    static uint8_t room[PN_ENVELOPE_MAX];
    size_t count;
    const lonely_letter *all = lonely_letters(&count);
    for (size_t i = 0; i < count; i++) {
        const cl_queue *q = queue_of(l, relay, handle);
        pn_msg m = { .kind = PN_MSG_DELIVER };
        if (q == NULL || !lies_in(q, &all[i]))
            continue;
        memcpy(room, all[i].envelope, all[i].len);
        room[100] ^= spoilt ? 1 : 0;
        m.u.deliver =
            (pn_msg_deliver){ .handle = handle,
                              .message_id = CL_VIEW(all[i].message_id),
                              .priority = all[i].priority,
                              .envelope = { room, all[i].len } };
        give(l, relay, &m);
        give(l, relay, &m); /* twice, as may be */
    }
}

void lonelyrelay_deliver(lonely *l, bool spoilt)
{
    each_open(l, deliver, &spoilt);
}

static void say_closed(lonely *l, uint32_t relay, uint32_t handle,
                       const void *what)
{
    pn_msg m = { .kind = PN_MSG_QUEUE_CLOSED };
    m.u.queue_closed.handle = handle;
    m.u.queue_closed.reason = *(const pn_closed_reason *)what;
    give(l, relay, &m);
}

void lonelyrelay_close(lonely *l, pn_closed_reason why)
{
    each_open(l, say_closed, &why);
}
