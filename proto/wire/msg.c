#include "proto/wire/msg.h"

#include "proto/wire/queue_msg.h"

void pn_msg_scratch_init(pn_msg_scratch *s)
{
    s->arena = (pn_arena){ 0 };
}

void pn_msg_scratch_release(pn_msg_scratch *s)
{
    pn_arena_reset(&s->arena);
}

/* 1..PN_SOFTWARE_MAX bytes that a terminal shows as themselves. */
static bool is_graphic(pn_bytes text)
{
    if (text.len < 1 || text.len > PN_SOFTWARE_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < 0x21 || text.p[i] > 0x7e)
            return false;
    }
    return true;
}

static bool info_ok(const pn_msg_info *info)
{
    return is_graphic(info->software) && is_graphic(info->version) &&
           info->protocol >= 1 && info->frame_max >= 1;
}

bool pn_msg_ok(const pn_msg *msg)
{
    switch (msg->kind) {
    case PN_MSG_PING:
    case PN_MSG_PONG:
        return msg->id >= 1 && msg->u.ping.data.len <= PN_PING_MAX;
    case PN_MSG_INFO_REQUEST:
        return msg->id >= 1;
    case PN_MSG_INFO:
        return msg->id >= 1 && info_ok(&msg->u.info);
    case PN_MSG_BYE:
        return msg->id == 0 && msg->u.bye.reason >= PN_BYE_DONE &&
               msg->u.bye.reason <= PN_BYE_REPLACED;
    case PN_MSG_ERROR:
        return msg->id >= 1 && msg->u.error.code >= PN_ERROR_UNSUPPORTED &&
               msg->u.error.code <= PN_ERROR_INTERNAL &&
               msg->u.error.retry_after_ms <= PN_RETRY_AFTER_MAX;
    case PN_MSG_DEPOSIT:
    case PN_MSG_DEPOSIT_RESULT:
    case PN_MSG_FETCH:
    case PN_MSG_DELIVER:
    case PN_MSG_FETCH_END:
    case PN_MSG_ACK:
    case PN_MSG_ACKED:
    case PN_MSG_QUEUE_CREATE:
    case PN_MSG_QUEUE_CREATED:
    case PN_MSG_QUEUE_OPEN:
    case PN_MSG_QUEUE_OPENED:
    case PN_MSG_QUEUE_ROTATE:
    case PN_MSG_QUEUE_SUSPEND:
    case PN_MSG_QUEUE_RESUME:
    case PN_MSG_QUEUE_DELETE:
    case PN_MSG_QUEUE_DONE:
    case PN_MSG_QUEUE_CLOSED:
    case PN_MSG_FORWARD:
    case PN_MSG_FORWARD_RESULT:
    case PN_MSG_FORWARD_REPLY:
    case PN_MSG_PARCEL:
    case PN_MSG_PARCEL_RESULT:
    case PN_MSG_DESCRIPTOR_REQUEST:
    case PN_MSG_DESCRIPTOR:
        return pn_queue_msg_ok(msg);
    }
    return false;
}

static bool info_equal(const pn_msg_info *a, const pn_msg_info *b)
{
    return pn_bytes_equal(a->software, b->software) &&
           pn_bytes_equal(a->version, b->version) &&
           a->protocol == b->protocol && a->wall_ms == b->wall_ms &&
           a->frame_max == b->frame_max && a->features == b->features;
}

bool pn_msg_equal(const pn_msg *a, const pn_msg *b)
{
    if (a->id != b->id || a->kind != b->kind)
        return false;
    switch (a->kind) {
    case PN_MSG_PING:
    case PN_MSG_PONG:
        return pn_bytes_equal(a->u.ping.data, b->u.ping.data);
    case PN_MSG_INFO_REQUEST:
        return true;
    case PN_MSG_INFO:
        return info_equal(&a->u.info, &b->u.info);
    case PN_MSG_BYE:
        return a->u.bye.reason == b->u.bye.reason;
    case PN_MSG_ERROR:
        return a->u.error.code == b->u.error.code &&
               a->u.error.retry_after_ms == b->u.error.retry_after_ms;
    case PN_MSG_DEPOSIT:
    case PN_MSG_DEPOSIT_RESULT:
    case PN_MSG_FETCH:
    case PN_MSG_DELIVER:
    case PN_MSG_FETCH_END:
    case PN_MSG_ACK:
    case PN_MSG_ACKED:
    case PN_MSG_QUEUE_CREATE:
    case PN_MSG_QUEUE_CREATED:
    case PN_MSG_QUEUE_OPEN:
    case PN_MSG_QUEUE_OPENED:
    case PN_MSG_QUEUE_ROTATE:
    case PN_MSG_QUEUE_SUSPEND:
    case PN_MSG_QUEUE_RESUME:
    case PN_MSG_QUEUE_DELETE:
    case PN_MSG_QUEUE_DONE:
    case PN_MSG_QUEUE_CLOSED:
    case PN_MSG_FORWARD:
    case PN_MSG_FORWARD_RESULT:
    case PN_MSG_FORWARD_REPLY:
    case PN_MSG_PARCEL:
    case PN_MSG_PARCEL_RESULT:
    case PN_MSG_DESCRIPTOR_REQUEST:
    case PN_MSG_DESCRIPTOR:
        return pn_fields_equal(pn_queue_layout(a->kind), &a->u, &b->u);
    }
    return false;
}
