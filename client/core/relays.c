/* Relays: one link each, dialled while somebody needs it, and the frames that
 * wait for their answers. */
#include <stdio.h>
#include <string.h>

#include "client/core/deposit.h"
#include "proto/base/mem.h"

/* A deposit fills its records exactly only with ids below this. */
enum { FRAME_ID_MAX = (1 << 21) - 1 };

static void number_key(uint8_t key[4], uint32_t number)
{
    pn_out o = pn_out_over(key, 4);
    pn_put_u32(&o, number);
}

cl_relay *cl_relay_by_number(const cl_engine *e, uint32_t number)
{
    uint8_t key[4];
    number_key(key, number);
    return pn_map_get(&e->relays_by_number, key);
}

static void address_key(uint8_t key[32], const pn_address *a)
{
    const uint8_t port[2] = { (uint8_t)(a->port >> 8), (uint8_t)a->port };
    const pn_bytes parts[] = {
        CL_VIEW(a->relay_key),
        CL_VIEW(port),
        { (const uint8_t *)a->host, strlen(a->host) + 1 },
        { (const uint8_t *)a->params, strlen(a->params) },
    };
    cl_hash(key, "postern/relay-address/1", parts, 4);
}

static cl_relay *find(const cl_engine *e, const pn_address *address)
{
    uint8_t key[32];
    address_key(key, address);
    return pn_map_get(&e->relays_by_address, key);
}

static pn_err index_relay(cl_engine *e, cl_relay *r)
{
    uint8_t number[4], address[32];
    pn_err err;
    number_key(number, r->number);
    address_key(address, &r->address);
    PN_TRY(pn_map_put(&e->relays_by_number, number, r));
    err = pn_map_put(&e->relays_by_address, address, r);
    if (err != PN_OK)
        (void)pn_map_take(&e->relays_by_number, number);
    return err;
}

cl_relay *cl_relay_of(cl_engine *e, const pn_address *address)
{
    cl_relay *r = find(e, address);
    if (r != NULL)
        return r;
    r = pn_alloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->number = e->next_relay;
    r->address = *address;
    if (index_relay(e, r) != PN_OK) {
        pn_free(r);
        return NULL;
    }
    e->next_relay++;
    r->since_ms = cl_wall(e);
    r->backoff_ms = CL_SECOND_MS;
    pn_node_init(&r->queues);
    for (size_t i = 0; i <= PN_PRIORITY_BULK; i++)
        pn_node_init(&r->ready[i]);
    pn_node_init(&r->to_work);
    pn_node_init(&r->to_open);
    pn_node_init(&r->to_fetch);
    pn_node_init(&r->requests);
    pn_node_init(&r->custody);
    pn_list_push_back(&e->relays, &r->in_engine);
    return r;
}

void cl_relay_release(cl_engine *e, cl_relay *r)
{
    uint8_t number[4], address[32];
    pn_node *n;
    while ((n = pn_list_first(&r->requests)) != NULL)
        cl_request_free(PN_ENTRY(n, cl_request, in_relay));
    while ((n = pn_list_first(&r->custody)) != NULL)
        cl_request_free(PN_ENTRY(n, cl_request, in_relay));
    number_key(number, r->number);
    address_key(address, &r->address);
    (void)pn_map_take(&e->relays_by_number, number);
    (void)pn_map_take(&e->relays_by_address, address);
    pn_list_remove(&r->in_engine);
    pn_free(r->handles);
    pn_free_wiped(r, sizeof *r);
}

/* --- commands ----------------------------------------------------------- */

static size_t own_relays(const cl_engine *e)
{
    size_t count = 0;
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next)
        count += PN_ENTRY(n, cl_relay, in_engine)->is_own ? 1 : 0;
    return count;
}

static pn_err use_relay(cl_engine *e, const pn_address *address,
                        pn_bytes access)
{
    cl_relay *r = find(e, address);
    if ((r == NULL || !r->is_own) && own_relays(e) >= CL_RELAYS_MAX)
        return PN_E_FULL;
    r = cl_relay_of(e, address);
    if (r == NULL)
        return PN_E_NOMEM;
    r->is_own = true;
    cl_upkeep_all(e);
    cl_ways_changed(e);
    r->access_len = (uint8_t)access.len;
    if (access.len > 0)
        memcpy(r->access, access.p, access.len);
    /* What it refused before, it may grant now. */
    for (pn_node *n = r->queues.next; n != &r->queues; n = n->next) {
        cl_queue *q = PN_ENTRY(n, cl_queue, in_relay);
        q->retry_ms = 0;
        cl_queue_place(e, q);
    }
    e->dirty = true;
    e->changed = true;
    return cl_finish(e, cl_save_relay(e, r));
}

pn_err cl_relay_add(cl_engine *e, const pn_address *address)
{
    const cl_relay *r;
    PN_TRY(cl_begin(e));
    r = find(e, address);
    if (r != NULL && r->is_own)
        return PN_E_EXISTS;
    return use_relay(e, address, (pn_bytes){ NULL, 0 });
}

pn_err cl_relay_add_secret(cl_engine *e, const pn_address *address,
                           pn_bytes access)
{
    if (access.len == 0 || access.len > PN_ACCESS_SECRET_MAX)
        return PN_E_ARG;
    PN_TRY(cl_begin(e));
    return use_relay(e, address, access);
}

pn_err cl_relay_remove(cl_engine *e, const pn_address *address)
{
    char text[PN_ADDRESS_TEXT_MAX + 1];
    cl_relay *r;
    pn_err err;
    PN_TRY(cl_begin(e));
    r = find(e, address);
    if (r == NULL || !r->is_own)
        return PN_E_NOT_FOUND;
    PN_TRY(pn_address_format(text, sizeof text, address));
    r->is_own = false;
    cl_upkeep_all(e); /* what lies there moves to another, if there is one */
    cl_ways_changed(e);
    pn_wipe(r->access, sizeof r->access);
    r->access_len = 0;
    e->changed = true;
    err = cl_destination_forgive(e, address->relay_key);
    if (err == PN_OK)
        err = cl_del(e, CL_TABLE_RELAY,
                     (pn_bytes){ (uint8_t *)text, strlen(text) });
    return cl_finish(e, err);
}

pn_err cl_relay_at(const cl_engine *e, size_t i, cl_relay_view *out)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        if (i-- > 0)
            continue;
        *out = (cl_relay_view){ .address = r->address,
                                .state = r->state,
                                .is_own = r->is_own,
                                .is_dead = cl_relay_is_dead(e, r),
                                .is_two_faced = cl_relay_is_two_faced(e, r),
                                .down_ms = r->down_ms,
                                .since_ms = r->since_ms };
        memcpy(out->reason, r->reason, sizeof out->reason);
        for (pn_node *q = r->queues.next; q != &r->queues; q = q->next)
            out->queues++;
        return PN_OK;
    }
    return PN_E_NOT_FOUND;
}

/* --- frames ------------------------------------------------------------- */

cl_request *cl_request_new(cl_relay *r, cl_ask kind, size_t batch)
{
    cl_request *req =
        pn_alloc(1, sizeof *req + batch * sizeof(struct cl_queue *));
    if (req == NULL)
        return NULL;
    req->kind = kind;
    req->count = batch;
    pn_list_push_back(&r->requests, &req->in_relay);
    return req;
}

void cl_request_free(cl_request *req)
{
    if (req->copy != NULL && req->copy->deposit == req)
        req->copy->deposit = NULL;
    if (req->copy != NULL && req->copy->custody == req)
        req->copy->custody = NULL;
    if (req->kind == CL_ASK_DESCRIPTOR && req->to != NULL)
        req->to->from = NULL;
    if (req->queue != NULL && req->queue->asked == req)
        req->queue->asked = NULL;
    if (req->queue != NULL && req->queue->blob == req)
        req->queue->blob = NULL;
    for (size_t i = 0; i < req->count; i++) {
        if (req->batch[i] != NULL && req->batch[i]->asked == req)
            req->batch[i]->asked = NULL;
    }
    pn_list_remove(&req->in_relay);
    pn_wipe(&req->reply, sizeof req->reply);
    pn_free(req);
}

pn_err cl_relay_send(cl_engine *e, cl_relay *r, pn_msg *msg, cl_request *req)
{
    pn_err err;
    if (r->next_id == 0 || r->next_id > FRAME_ID_MAX)
        r->next_id = 1;
    msg->id = r->next_id;
    req->id = msg->id;
    err = e->sink.send(e->sink.ctx, r->number, msg);
    if (err != PN_OK) {
        cl_request_free(req);
        r->full = true; /* or about to close: no more either way */
        return err;
    }
    r->next_id++;
    req->sent_ms = cl_mono(e);
    r->ping_ms = cl_mono(e) + CL_PING_MS;
    if (req->kind == CL_ASK_DEPOSIT || req->kind == CL_ASK_FORWARD ||
        req->kind == CL_ASK_BLOB)
        r->in_flight++;
    if (req->kind == CL_ASK_OPEN)
        r->opening++;
    return PN_OK;
}

static cl_request *request_of(const cl_relay *r, uint64_t id)
{
    for (pn_node *n = r->requests.next; n != &r->requests; n = n->next) {
        cl_request *req = PN_ENTRY(n, cl_request, in_relay);
        if (req->id == id)
            return req;
    }
    return NULL;
}

static bool answers(cl_ask kind, const pn_msg *msg)
{
    if (msg->kind == PN_MSG_ERROR)
        return true;
    switch (kind) {
    case CL_ASK_CREATE:
        return msg->kind == PN_MSG_QUEUE_CREATED ||
               msg->kind == PN_MSG_QUEUE_DONE;
    case CL_ASK_OPEN:
        return msg->kind == PN_MSG_QUEUE_OPENED ||
               msg->kind == PN_MSG_QUEUE_DONE;
    case CL_ASK_DEPOSIT:
    case CL_ASK_BLOB:
        return msg->kind == PN_MSG_DEPOSIT_RESULT;
    case CL_ASK_FORWARD:
        return msg->kind == PN_MSG_FORWARD_RESULT;
    case CL_ASK_DESCRIPTOR:
        return msg->kind == PN_MSG_DESCRIPTOR;
    case CL_ASK_ACK:
        return msg->kind == PN_MSG_ACKED || msg->kind == PN_MSG_QUEUE_DONE;
    case CL_ASK_ROTATE:
    case CL_ASK_DELETE:
        return msg->kind == PN_MSG_QUEUE_DONE;
    case CL_ASK_PING:
        return msg->kind == PN_MSG_PONG;
    }
    return false;
}

static pn_err answer(cl_engine *e, cl_relay *r, const pn_msg *msg)
{
    cl_request *req = request_of(r, msg->id);
    bool kept = false;
    pn_err err = PN_OK;
    /* No answer to it: what was asked waits until the link is closed. */
    if (req == NULL || !answers(req->kind, msg))
        return PN_E_PROTO;
    pn_list_remove(&req->in_relay);
    if (req->kind == CL_ASK_OPEN)
        r->opening--;
    if (req->kind == CL_ASK_DEPOSIT) {
        r->in_flight--;
        err = cl_outbox_answer(e, req, msg);
    } else if (req->kind == CL_ASK_FORWARD) {
        r->in_flight--;
        err = cl_forward_result(e, r, req, msg, &kept);
    } else if (req->kind == CL_ASK_DESCRIPTOR) {
        err = cl_destination_told(e, r, req, msg);
    } else if (req->kind == CL_ASK_BLOB) {
        r->in_flight--;
        err = cl_invite_blob_answer(e, req, msg);
    } else if (req->kind != CL_ASK_ACK && req->kind != CL_ASK_PING) {
        err = cl_queues_answer(e, r, req, msg);
    }
    if (!kept)
        cl_request_free(req);
    return err;
}

static pn_err take(cl_engine *e, cl_relay *r, const pn_msg *msg)
{
    if (msg->kind == PN_MSG_PING) {
        r->pong = true;
        r->pong_id = msg->id;
        r->pong_len = msg->u.ping.data.len;
        if (r->pong_len > 0)
            memcpy(r->pong_data, msg->u.ping.data.p, r->pong_len);
        return PN_OK;
    }
    if (msg->kind == PN_MSG_DELIVER)
        return msg->id == 0 ? cl_inbox_deliver(e, r, &msg->u.deliver)
                            : PN_E_PROTO; /* we never fetch */
    if (msg->kind == PN_MSG_FORWARD_REPLY)
        return cl_forward_reply(e, r, msg);
    if (msg->kind == PN_MSG_QUEUE_CLOSED) {
        cl_queue_closed(e, r, msg);
        return PN_OK;
    }
    return answer(e, r, msg);
}

pn_err cl_engine_msg(cl_engine *e, uint32_t number, const pn_msg *msg)
{
    cl_relay *r = cl_relay_by_number(e, number);
    bool failing;
    pn_err err;
    if (r == NULL || r->state != CL_RELAY_ONLINE || e->broken)
        return PN_OK;
    r->backoff_ms = CL_SECOND_MS; /* it does answer */
    if (msg->kind != PN_MSG_PING && msg->kind != PN_MSG_PONG)
        r->heard_ms = cl_mono(e);
    failing = r->fails > 0;
    cl_relay_answers(r);
    if (failing)
        cl_ways_changed(e); /* mail may leave through it again */
    err = take(e, r, msg);
    if (err == PN_OK || err == PN_E_PROTO)
        return err;
    e->broken = true; /* no memory, or no store: nothing of it happened */
    return PN_OK;
}
