/* From a pn_msg to a frame, without allocating: protobuf-c's structures live
 * on the stack and borrow the message's bytes.
 */
#include "proto/schema/link.pb-c.h"
#include "proto/wire/queue_msg.h"

/* Room for whichever body the message has. */
typedef union body {
    Pn__Link__Ping ping;
    Pn__Link__Pong pong;
    Pn__Link__InfoRequest info_request;
    Pn__Link__Info info;
    Pn__Link__Bye bye;
    Pn__Link__Error error;
} body;

/* A protobuf-c sink over a pn_out. */
typedef struct sink {
    ProtobufCBuffer base;
    pn_out *out;
} sink;

static void sink_append(ProtobufCBuffer *base, size_t len, const uint8_t *p)
{
    const sink *s = (const sink *)(void *)base; /* base is the first member */
    pn_put(s->out, (pn_bytes){ p, len });
}

/* protobuf-c's fields are not const, but packing only reads them. */
static ProtobufCBinaryData lend(pn_bytes in)
{
    return (ProtobufCBinaryData){ .len = in.len,
                                  .data = (uint8_t *)(uintptr_t)in.p };
}

static void fill_info(Pn__Link__Info *to, const pn_msg_info *from)
{
    *to = (Pn__Link__Info)PN__LINK__INFO__INIT;
    to->software = lend(from->software);
    to->version = lend(from->version);
    to->protocol = from->protocol;
    to->wall_ms = from->wall_ms;
    to->frame_max = from->frame_max;
    to->features = from->features;
}

static void fill(Pn__Link__Frame *f, body *b, const pn_msg *msg)
{
    f->id = msg->id;
    switch (msg->kind) {
    case PN_MSG_PING:
        b->ping = (Pn__Link__Ping)PN__LINK__PING__INIT;
        b->ping.data = lend(msg->u.ping.data);
        f->ping = &b->ping;
        f->body_case = PN__LINK__FRAME__BODY_PING;
        break;
    case PN_MSG_PONG:
        b->pong = (Pn__Link__Pong)PN__LINK__PONG__INIT;
        b->pong.data = lend(msg->u.ping.data);
        f->pong = &b->pong;
        f->body_case = PN__LINK__FRAME__BODY_PONG;
        break;
    case PN_MSG_INFO_REQUEST:
        b->info_request = (Pn__Link__InfoRequest)PN__LINK__INFO_REQUEST__INIT;
        f->info_request = &b->info_request;
        f->body_case = PN__LINK__FRAME__BODY_INFO_REQUEST;
        break;
    case PN_MSG_INFO:
        fill_info(&b->info, &msg->u.info);
        f->info = &b->info;
        f->body_case = PN__LINK__FRAME__BODY_INFO;
        break;
    case PN_MSG_BYE:
        b->bye = (Pn__Link__Bye)PN__LINK__BYE__INIT;
        b->bye.reason = (Pn__Link__ByeReason)msg->u.bye.reason;
        f->bye = &b->bye;
        f->body_case = PN__LINK__FRAME__BODY_BYE;
        break;
    case PN_MSG_ERROR:
        b->error = (Pn__Link__Error)PN__LINK__ERROR__INIT;
        b->error.code = (Pn__Link__ErrorCode)msg->u.error.code;
        b->error.retry_after_ms = msg->u.error.retry_after_ms;
        f->error = &b->error;
        f->body_case = PN__LINK__FRAME__BODY_ERROR;
        break;
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
        break; /* not here: pn_queue_msg_encode() */
    }
}

pn_err pn_msg_encode(pn_out *out, const pn_msg *msg)
{
    Pn__Link__Frame f = PN__LINK__FRAME__INIT;
    sink s = { .base = { .append = sink_append }, .out = out };
    body b;
    if (!pn_msg_ok(msg))
        return PN_E_ARG;
    if (pn_queue_layout(msg->kind) != NULL)
        return pn_queue_msg_encode(out, msg);
    fill(&f, &b, msg);
    /* All or nothing: no half frame may stay behind in *out. */
    if (protobuf_c_message_get_packed_size(&f.base) > out->cap - out->len)
        return PN_E_FULL;
    (void)protobuf_c_message_pack_to_buffer(&f.base, &s.base);
    return pn_out_err(out);
}
