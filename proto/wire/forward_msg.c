#include "proto/wire/queue_msg.h"
#include "proto/wire/tables.h"

_Static_assert(sizeof(pn_forward_status) == 4 && sizeof(pn_parcel_outcome) == 4,
               "enums are as wide as uint32_t");

bool pn_parcel_len_ok(size_t len)
{
    return len > PN_PARCEL_OVERHEAD &&
           pn_envelope_len_ok(len - PN_PARCEL_OVERHEAD);
}

bool pn_reply_len_ok(size_t len)
{
    return len == PN_REPLY_STATUS_BYTES ||
           (len > PN_REPLY_OVERHEAD &&
            pn_envelope_len_ok(len - PN_REPLY_OVERHEAD));
}

static const pn_field forward[] = {
    EXACT(forward.destination, PN_RELAY_KEY_BYTES),
    U32_OR_0(forward.expires_days, PN_FORWARD_DAYS_MIN, PN_FORWARD_DAYS_MAX),
    U32(forward.priority, PN_PRIORITY_URGENT, PN_PRIORITY_BULK),
    SIZED(forward.parcel, 1, pn_parcel_len_ok),
};
static const pn_field forward_result[] = {
    U32(forward_result.status, PN_FORWARD_ACCEPTED, PN_FORWARD_EXPIRED),
    U32(forward_result.retry_after_ms, 0, PN_RETRY_AFTER_MAX),
};
static const pn_field forward_reply[] = {
    U32(forward_reply.outcome, PN_PARCEL_DONE, PN_PARCEL_REFUSED),
    BYTES(forward_reply.key_id, 0, PN_KEY_ID_BYTES, PN_KEY_ID_BYTES),
    SIZED(forward_reply.reply, 0, pn_reply_len_ok),
};
static const pn_field parcel[] = {
    U32(parcel.priority, PN_PRIORITY_URGENT, PN_PRIORITY_BULK),
    SIZED(parcel.parcel, 1, pn_parcel_len_ok),
};
static const pn_field parcel_result[] = {
    U32(parcel_result.outcome, PN_PARCEL_DONE, PN_PARCEL_REFUSED),
    U32(parcel_result.retry_after_ms, 0, PN_RETRY_AFTER_MAX),
    BYTES(parcel_result.key_id, 0, PN_KEY_ID_BYTES, PN_KEY_ID_BYTES),
    SIZED(parcel_result.reply, 0, pn_reply_len_ok),
};
static const pn_field descriptor_request[] = {
    BYTES(descriptor_request.relay_key, 0, PN_RELAY_KEY_BYTES,
          PN_RELAY_KEY_BYTES),
};
static const pn_field descriptor[] = {
    BYTES(descriptor.descriptor, 0, PN_DESCRIPTOR_MAX, 1),
};

static const pn_layout forwarding[] = {
    [PN_MSG_FORWARD - PN_MSG_FORWARD] = LAYOUT(forward),
    [PN_MSG_FORWARD_RESULT - PN_MSG_FORWARD] = LAYOUT(forward_result),
    [PN_MSG_FORWARD_REPLY - PN_MSG_FORWARD] = LAYOUT(forward_reply),
    [PN_MSG_PARCEL - PN_MSG_FORWARD] = LAYOUT(parcel),
    [PN_MSG_PARCEL_RESULT - PN_MSG_FORWARD] = LAYOUT(parcel_result),
};
static const pn_layout describing[] = {
    [PN_MSG_DESCRIPTOR_REQUEST - PN_MSG_DESCRIPTOR_REQUEST] =
        LAYOUT(descriptor_request),
    [PN_MSG_DESCRIPTOR - PN_MSG_DESCRIPTOR_REQUEST] = LAYOUT(descriptor),
};

const pn_layout *pn_forward_layout(pn_msg_kind kind)
{
    const unsigned i = (unsigned)kind;
    if (i - PN_MSG_FORWARD < sizeof forwarding / sizeof forwarding[0])
        return &forwarding[i - PN_MSG_FORWARD];
    if (i - PN_MSG_DESCRIPTOR_REQUEST <
        sizeof describing / sizeof describing[0])
        return &describing[i - PN_MSG_DESCRIPTOR_REQUEST];
    return NULL;
}

/* A reply comes with DONE and always then; a hint with REFUSED only. */
static bool outcome_ok(pn_parcel_outcome outcome, pn_bytes key_id,
                       pn_bytes reply)
{
    return (outcome == PN_PARCEL_DONE) == (reply.len > 0) &&
           (outcome == PN_PARCEL_REFUSED || key_id.len == 0);
}

bool pn_forward_rules_ok(const pn_msg *msg)
{
    const pn_msg_forward_result *result = &msg->u.forward_result;
    const pn_msg_forward_reply *reply = &msg->u.forward_reply;
    const pn_msg_parcel_result *parcel_of = &msg->u.parcel_result;
    if (msg->kind == PN_MSG_FORWARD_RESULT)
        return result->status == PN_FORWARD_QUOTA ||
               result->status == PN_FORWARD_BUSY || result->retry_after_ms == 0;
    if (msg->kind == PN_MSG_FORWARD_REPLY)
        return reply->outcome != PN_PARCEL_BUSY &&
               outcome_ok(reply->outcome, reply->key_id, reply->reply);
    if (msg->kind == PN_MSG_PARCEL_RESULT)
        return (parcel_of->outcome == PN_PARCEL_BUSY ||
                parcel_of->retry_after_ms == 0) &&
               outcome_ok(parcel_of->outcome, parcel_of->key_id,
                          parcel_of->reply);
    return true;
}
