#include "proto/wire/queue_msg.h"
#include "proto/wire/tables.h"

#define HANDLE(member) U32(member.handle, 1, PN_HANDLE_MAX)

/* The tables write enums as four bytes. */
_Static_assert(sizeof(pn_priority) == 4 && sizeof(pn_deposit_status) == 4 &&
                   sizeof(pn_queue_status) == 4 &&
                   sizeof(pn_closed_reason) == 4,
               "enums are as wide as uint32_t");
_Static_assert(offsetof(pn_msg_queue_opened, queues) ==
                       offsetof(pn_field_list, p) &&
                   offsetof(pn_msg_queue_opened, count) ==
                       offsetof(pn_field_list, count) &&
                   sizeof(pn_msg_queue_opened) == sizeof(pn_field_list),
               "a list has the shape the tables expect");

static const pn_field deposit[] = {
    EXACT(deposit.send_id, PN_QUEUE_ID_BYTES),
    EXACT(deposit.capability, PN_CAPABILITY_BYTES),
    EXACT(deposit.message_id, PN_MESSAGE_ID_BYTES),
    U32(deposit.priority, PN_PRIORITY_URGENT, PN_PRIORITY_BULK),
    U32_OR_0(deposit.ttl_days, PN_TTL_DAYS_MIN, PN_TTL_DAYS_MAX),
    SIZED(deposit.envelope, 1, pn_envelope_len_ok),
};
static const pn_field deposit_result[] = {
    U32(deposit_result.status, PN_DEPOSIT_STORED, PN_DEPOSIT_BUSY),
    U32(deposit_result.retry_after_ms, 0, PN_RETRY_AFTER_MAX),
};
static const pn_field fetch[] = {
    HANDLE(fetch),
    U32(fetch.max, 1, PN_FETCH_MAX),
};
static const pn_field deliver[] = {
    HANDLE(deliver),
    EXACT(deliver.message_id, PN_MESSAGE_ID_BYTES),
    U32(deliver.priority, PN_PRIORITY_URGENT, PN_PRIORITY_BULK),
    SIZED(deliver.envelope, 0, pn_envelope_len_ok),
};
static const pn_field fetch_end[] = {
    FLAG(fetch_end.more),
    U32(fetch_end.refused, 0, 7),
};
static const pn_field ack[] = {
    HANDLE(ack),
    BYTES(ack.message_ids, 0, PN_ACK_MAX *PN_MESSAGE_ID_BYTES,
          PN_MESSAGE_ID_BYTES),
    FLAG(ack.refused_seen),
};
static const pn_field acked[] = {
    U32(acked.forgotten, 0, PN_ACK_MAX),
};
static const pn_field create[] = {
    EXACT(queue_create.queue_key, PN_QUEUE_KEY_BYTES),
    EXACT(queue_create.deposit_hash, PN_DEPOSIT_HASH_BYTES),
    U32(queue_create.ttl_days, PN_TTL_DAYS_MIN, PN_TTL_DAYS_MAX),
    U32(queue_create.window, 0, PN_WINDOW_MAX),
    BYTES(queue_create.access_secret, 0, PN_ACCESS_SECRET_MAX, 1),
    EXACT(queue_create.signature, PN_SIGNATURE_BYTES),
};
static const pn_field created[] = {
    HANDLE(queue_created),
    EXACT(queue_created.recv_id, PN_QUEUE_ID_BYTES),
    EXACT(queue_created.send_id, PN_QUEUE_ID_BYTES),
    U32(queue_created.max_count, 1, UINT32_MAX),
    U32(queue_created.max_bytes, 1, UINT32_MAX),
    U32(queue_created.ttl_days, PN_TTL_DAYS_MIN, PN_TTL_DAYS_MAX),
};
static const pn_field open_[] = {
    U32(queue_open.window, 0, PN_WINDOW_MAX),
    BYTES(queue_open.proofs, PN_QUEUE_PROOF_BYTES,
          PN_OPEN_MAX *PN_QUEUE_PROOF_BYTES, PN_QUEUE_PROOF_BYTES),
};
static const pn_field opened_queue[] = {
    { .type = PN_FIELD_BOOL, .at = offsetof(pn_opened_queue, known) },
    { .type = PN_FIELD_U32,
      .at = offsetof(pn_opened_queue, handle),
      .max = PN_HANDLE_MAX },
    { .type = PN_FIELD_U32,
      .at = offsetof(pn_opened_queue, waiting),
      .max = UINT32_MAX },
    { .type = PN_FIELD_U32,
      .at = offsetof(pn_opened_queue, refused),
      .max = 7 },
    { .type = PN_FIELD_U32, .at = offsetof(pn_opened_queue, flags), .max = 3 },
};
static const pn_layout opened_queue_layout = LAYOUT(opened_queue);
static const pn_field opened[] = {
    { .type = PN_FIELD_LIST,
      .at = AT(queue_opened),
      .min = 1,
      .max = PN_OPEN_MAX,
      .step = sizeof(pn_opened_queue),
      .element = &opened_queue_layout },
};
static const pn_field rotate[] = {
    HANDLE(queue_rotate),
    EXACT(queue_rotate.deposit_hash, PN_DEPOSIT_HASH_BYTES),
};
static const pn_field handle[] = { HANDLE(queue_handle) };
static const pn_field done[] = {
    U32(queue_done.status, PN_QUEUE_OK, PN_QUEUE_BUSY),
    U32(queue_done.retry_after_ms, 0, PN_RETRY_AFTER_MAX),
};
static const pn_field closed[] = {
    HANDLE(queue_closed),
    U32(queue_closed.reason, PN_CLOSED_TAKEN, PN_CLOSED_GONE),
};

enum { LAYOUTS = PN_MSG_QUEUE_CLOSED + 1 };

/* An absent line is no queue command. */
static const pn_layout layouts[LAYOUTS] = {
    [PN_MSG_DEPOSIT] = LAYOUT(deposit),
    [PN_MSG_DEPOSIT_RESULT] = LAYOUT(deposit_result),
    [PN_MSG_FETCH] = LAYOUT(fetch),
    [PN_MSG_DELIVER] = LAYOUT(deliver),
    [PN_MSG_FETCH_END] = LAYOUT(fetch_end),
    [PN_MSG_ACK] = LAYOUT(ack),
    [PN_MSG_ACKED] = LAYOUT(acked),
    [PN_MSG_QUEUE_CREATE] = LAYOUT(create),
    [PN_MSG_QUEUE_CREATED] = LAYOUT(created),
    [PN_MSG_QUEUE_OPEN] = LAYOUT(open_),
    [PN_MSG_QUEUE_OPENED] = LAYOUT(opened),
    [PN_MSG_QUEUE_ROTATE] = LAYOUT(rotate),
    [PN_MSG_QUEUE_SUSPEND] = LAYOUT(handle),
    [PN_MSG_QUEUE_RESUME] = LAYOUT(handle),
    [PN_MSG_QUEUE_DELETE] = LAYOUT(handle),
    [PN_MSG_QUEUE_DONE] = LAYOUT(done),
    [PN_MSG_QUEUE_CLOSED] = LAYOUT(closed),
};

const pn_layout *pn_queue_layout(pn_msg_kind kind)
{
    const unsigned i = (unsigned)kind;
    return i < LAYOUTS && layouts[i].count > 0 ? &layouts[i]
                                               : pn_forward_layout(kind);
}

static bool opened_ok(const pn_msg_queue_opened *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const pn_opened_queue *q = &m->queues[i];
        if (q->known ? q->handle == 0
                     : (q->handle | q->waiting | q->refused | q->flags) != 0)
            return false;
    }
    return true;
}

/* What no single field can say. */
static bool rules_ok(const pn_msg *msg)
{
    const bool unasked = msg->kind == PN_MSG_QUEUE_CLOSED;
    if (msg->id == 0 ? !unasked && msg->kind != PN_MSG_DELIVER : unasked)
        return false;
    if (msg->kind == PN_MSG_DEPOSIT_RESULT)
        return msg->u.deposit_result.status == PN_DEPOSIT_BUSY ||
               msg->u.deposit_result.retry_after_ms == 0;
    if (msg->kind == PN_MSG_QUEUE_DONE)
        return msg->u.queue_done.status == PN_QUEUE_BUSY ||
               msg->u.queue_done.retry_after_ms == 0;
    if (msg->kind == PN_MSG_QUEUE_OPENED)
        return opened_ok(&msg->u.queue_opened);
    return pn_forward_rules_ok(msg);
}

bool pn_queue_msg_ok(const pn_msg *msg)
{
    return pn_fields_ok(pn_queue_layout(msg->kind), &msg->u) && rules_ok(msg);
}

enum { TAG_ID = 1 << 3, WIRE_BYTES = 2, KINDS = PN_MSG_DESCRIPTOR + 1 };

pn_err pn_queue_msg_encode(pn_out *out, const pn_msg *msg)
{
    const pn_layout *layout = pn_queue_layout(msg->kind);
    const uint64_t tag = (uint64_t)msg->kind << 3 | WIRE_BYTES;
    const size_t body = pn_fields_len(layout, &msg->u);
    const size_t len = 1 + pn_varint_len(msg->id) + pn_varint_len(tag) +
                       pn_varint_len(body) + body;
    /* All or nothing: no half frame may stay behind in *out. */
    if (len > out->cap - out->len)
        return PN_E_FULL;
    pn_put_u8(out, TAG_ID);
    pn_put_varint(out, msg->id);
    pn_put_varint(out, tag);
    pn_put_varint(out, body);
    pn_fields_put(out, layout, &msg->u);
    return pn_out_err(out);
}

pn_err pn_queue_msg_decode(pn_msg *out, pn_msg_scratch *s, pn_bytes frame)
{
    pn_msg msg = { 0 };
    const pn_layout *layout;
    uint64_t tag, len;
    if (frame.len == 0 || frame.p[0] != TAG_ID)
        return PN_MORE;
    frame.p++;
    frame.len--;
    if (pn_take_varint(&frame, &msg.id) != PN_OK ||
        pn_take_varint(&frame, &tag) != PN_OK || tag >= (uint64_t)KINDS << 3 ||
        (tag & 7) != WIRE_BYTES)
        return PN_MORE;
    msg.kind = (pn_msg_kind)(tag >> 3);
    layout = pn_queue_layout(msg.kind);
    if (layout == NULL)
        return PN_MORE;
    PN_TRY(pn_take_varint(&frame, &len));
    if (len != frame.len)
        return PN_E_PROTO;
    PN_TRY(pn_fields_take(layout, &msg.u, frame, &s->arena));
    if (!rules_ok(&msg))
        return PN_E_PROTO;
    *out = msg;
    return PN_OK;
}
