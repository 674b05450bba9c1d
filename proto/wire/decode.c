/* From a frame to a pn_msg. protobuf-c parses into the capped arena; what it
 * lets pass is refused here: unknown fields, repeated fields, any spelling but
 * the encoder's, and values outside their rules.
 */
#include <string.h>

#include "proto/schema/link.pb-c.h"
#include "proto/wire/queue_msg.h"

_Static_assert((int)PN_MSG_PING == (int)PN__LINK__FRAME__BODY_PING &&
                   (int)PN_MSG_PONG == (int)PN__LINK__FRAME__BODY_PONG &&
                   (int)PN_MSG_INFO_REQUEST ==
                       (int)PN__LINK__FRAME__BODY_INFO_REQUEST &&
                   (int)PN_MSG_INFO == (int)PN__LINK__FRAME__BODY_INFO &&
                   (int)PN_MSG_BYE == (int)PN__LINK__FRAME__BODY_BYE &&
                   (int)PN_MSG_ERROR == (int)PN__LINK__FRAME__BODY_ERROR,
               "pn_msg_kind follows the schema");

_Static_assert((int)PN_MSG_DEPOSIT == (int)PN__LINK__FRAME__BODY_DEPOSIT,
               "DEPOSIT");
_Static_assert((int)PN_MSG_DEPOSIT_RESULT ==
                   (int)PN__LINK__FRAME__BODY_DEPOSIT_RESULT,
               "DEPOSIT_RESULT");
_Static_assert((int)PN_MSG_FETCH == (int)PN__LINK__FRAME__BODY_FETCH, "FETCH");
_Static_assert((int)PN_MSG_DELIVER == (int)PN__LINK__FRAME__BODY_DELIVER,
               "DELIVER");
_Static_assert((int)PN_MSG_FETCH_END == (int)PN__LINK__FRAME__BODY_FETCH_END,
               "FETCH_END");
_Static_assert((int)PN_MSG_ACK == (int)PN__LINK__FRAME__BODY_ACK, "ACK");
_Static_assert((int)PN_MSG_ACKED == (int)PN__LINK__FRAME__BODY_ACKED, "ACKED");
_Static_assert((int)PN_MSG_QUEUE_CREATE ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_CREATE,
               "QUEUE_CREATE");
_Static_assert((int)PN_MSG_QUEUE_CREATED ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_CREATED,
               "QUEUE_CREATED");
_Static_assert((int)PN_MSG_QUEUE_OPEN == (int)PN__LINK__FRAME__BODY_QUEUE_OPEN,
               "QUEUE_OPEN");
_Static_assert((int)PN_MSG_QUEUE_OPENED ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_OPENED,
               "QUEUE_OPENED");
_Static_assert((int)PN_MSG_QUEUE_ROTATE ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_ROTATE,
               "QUEUE_ROTATE");
_Static_assert((int)PN_MSG_QUEUE_SUSPEND ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_SUSPEND,
               "QUEUE_SUSPEND");
_Static_assert((int)PN_MSG_QUEUE_RESUME ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_RESUME,
               "QUEUE_RESUME");
_Static_assert((int)PN_MSG_QUEUE_DELETE ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_DELETE,
               "QUEUE_DELETE");
_Static_assert((int)PN_MSG_QUEUE_DONE == (int)PN__LINK__FRAME__BODY_QUEUE_DONE,
               "QUEUE_DONE");
_Static_assert((int)PN_MSG_QUEUE_CLOSED ==
                   (int)PN__LINK__FRAME__BODY_QUEUE_CLOSED,
               "QUEUE_CLOSED");
_Static_assert((int)PN_MSG_FORWARD == (int)PN__LINK__FRAME__BODY_FORWARD,
               "FORWARD");
_Static_assert((int)PN_MSG_FORWARD_RESULT ==
                   (int)PN__LINK__FRAME__BODY_FORWARD_RESULT,
               "FORWARD_RESULT");
_Static_assert((int)PN_MSG_FORWARD_REPLY ==
                   (int)PN__LINK__FRAME__BODY_FORWARD_REPLY,
               "FORWARD_REPLY");
_Static_assert((int)PN_MSG_PARCEL == (int)PN__LINK__FRAME__BODY_PARCEL,
               "PARCEL");
_Static_assert((int)PN_MSG_PARCEL_RESULT ==
                   (int)PN__LINK__FRAME__BODY_PARCEL_RESULT,
               "PARCEL_RESULT");
_Static_assert((int)PN_MSG_DESCRIPTOR_REQUEST ==
                   (int)PN__LINK__FRAME__BODY_DESCRIPTOR_REQUEST,
               "DESCRIPTOR_REQUEST");
_Static_assert((int)PN_MSG_DESCRIPTOR == (int)PN__LINK__FRAME__BODY_DESCRIPTOR,
               "DESCRIPTOR");

/* The arena as protobuf-c's allocator; remembers why it said no. */
typedef struct capped {
    pn_arena *arena;
    bool out_of_memory;
} capped;

static void *capped_alloc(void *data, size_t len)
{
    capped *c = data;
    const size_t left = c->arena->cap - c->arena->used;
    void *p = pn_arena_alloc(c->arena, len);
    if (p == NULL && len + sizeof(max_align_t) <= left)
        c->out_of_memory = true; /* the cap had room, the system had none */
    return p;
}

static void capped_free(void *data, void *p)
{
    (void)data; /* the arena releases all at once */
    (void)p;
}

/* A protobuf-c sink that keeps nothing and compares what is written to it with
 * the frame: proof, without a copy, that the frame is the canonical one. */
typedef struct compare {
    ProtobufCBuffer base;
    pn_bytes rest;
    bool differs;
} compare;

static void compare_append(ProtobufCBuffer *base, size_t len, const uint8_t *p)
{
    compare *c = (compare *)(void *)base; /* base is the first member */
    if (len == 0)
        return;
    if (c->differs || len > c->rest.len || memcmp(c->rest.p, p, len) != 0) {
        c->differs = true;
        return;
    }
    c->rest.p += len;
    c->rest.len -= len;
}

static bool is_canonical(const Pn__Link__Frame *frame, pn_bytes in)
{
    compare c = { .base = { .append = compare_append }, .rest = in };
    (void)protobuf_c_message_pack_to_buffer(&frame->base, &c.base);
    return !c.differs && c.rest.len == 0;
}

static pn_bytes view(ProtobufCBinaryData data)
{
    return (pn_bytes){ data.data, data.len };
}

/* Whether a message holds known fields only. */
static bool is_known(const ProtobufCMessage *m)
{
    return m->n_unknown_fields == 0;
}

static pn_err take_info(const Pn__Link__Info *in, pn_msg_info *out)
{
    if (!is_known(&in->base))
        return PN_E_PROTO;
    *out = (pn_msg_info){ .software = view(in->software),
                          .version = view(in->version),
                          .protocol = in->protocol,
                          .wall_ms = in->wall_ms,
                          .frame_max = in->frame_max,
                          .features = in->features };
    return PN_OK;
}

/* Enum values are checked by pn_msg_ok() afterwards; the bound here keeps a
 * negative or huge number from becoming a valid one by conversion. */
static pn_err take_bye(const Pn__Link__Bye *in, pn_msg_bye *out)
{
    const int reason = (int)in->reason;
    if (!is_known(&in->base) || reason < PN_BYE_DONE ||
        reason > PN_BYE_REPLACED)
        return PN_E_PROTO;
    out->reason = (pn_bye_reason)reason;
    return PN_OK;
}

static pn_err take_error(const Pn__Link__Error *in, pn_msg_error *out)
{
    const int code = (int)in->code;
    if (!is_known(&in->base) || code < PN_ERROR_UNSUPPORTED ||
        code > PN_ERROR_INTERNAL)
        return PN_E_PROTO;
    out->code = (pn_error_code)code;
    out->retry_after_ms = in->retry_after_ms;
    return PN_OK;
}

static pn_err take_body(const Pn__Link__Frame *f, pn_msg *out)
{
    switch (f->body_case) {
    case PN__LINK__FRAME__BODY_PING:
        out->kind = PN_MSG_PING;
        out->u.ping.data = view(f->ping->data);
        return is_known(&f->ping->base) ? PN_OK : PN_E_PROTO;
    case PN__LINK__FRAME__BODY_PONG:
        out->kind = PN_MSG_PONG;
        out->u.ping.data = view(f->pong->data);
        return is_known(&f->pong->base) ? PN_OK : PN_E_PROTO;
    case PN__LINK__FRAME__BODY_INFO_REQUEST:
        out->kind = PN_MSG_INFO_REQUEST;
        return is_known(&f->info_request->base) ? PN_OK : PN_E_PROTO;
    case PN__LINK__FRAME__BODY_INFO:
        out->kind = PN_MSG_INFO;
        return take_info(f->info, &out->u.info);
    case PN__LINK__FRAME__BODY_BYE:
        out->kind = PN_MSG_BYE;
        return take_bye(f->bye, &out->u.bye);
    case PN__LINK__FRAME__BODY_ERROR:
        out->kind = PN_MSG_ERROR;
        return take_error(f->error, &out->u.error);
    case PN__LINK__FRAME__BODY_DEPOSIT:
    case PN__LINK__FRAME__BODY_DEPOSIT_RESULT:
    case PN__LINK__FRAME__BODY_FETCH:
    case PN__LINK__FRAME__BODY_DELIVER:
    case PN__LINK__FRAME__BODY_FETCH_END:
    case PN__LINK__FRAME__BODY_ACK:
    case PN__LINK__FRAME__BODY_ACKED:
    case PN__LINK__FRAME__BODY_QUEUE_CREATE:
    case PN__LINK__FRAME__BODY_QUEUE_CREATED:
    case PN__LINK__FRAME__BODY_QUEUE_OPEN:
    case PN__LINK__FRAME__BODY_QUEUE_OPENED:
    case PN__LINK__FRAME__BODY_QUEUE_ROTATE:
    case PN__LINK__FRAME__BODY_QUEUE_SUSPEND:
    case PN__LINK__FRAME__BODY_QUEUE_RESUME:
    case PN__LINK__FRAME__BODY_QUEUE_DELETE:
    case PN__LINK__FRAME__BODY_QUEUE_DONE:
    case PN__LINK__FRAME__BODY_QUEUE_CLOSED:
    case PN__LINK__FRAME__BODY_FORWARD:
    case PN__LINK__FRAME__BODY_FORWARD_RESULT:
    case PN__LINK__FRAME__BODY_FORWARD_REPLY:
    case PN__LINK__FRAME__BODY_PARCEL:
    case PN__LINK__FRAME__BODY_PARCEL_RESULT:
    case PN__LINK__FRAME__BODY_DESCRIPTOR_REQUEST:
    case PN__LINK__FRAME__BODY_DESCRIPTOR:
    case PN__LINK__FRAME__BODY__NOT_SET:
    case _PN__LINK__FRAME__BODY__CASE_IS_INT_SIZE:
        break;
    }
    return PN_E_PROTO;
}

pn_err pn_msg_decode(pn_msg *out, pn_msg_scratch *s, pn_bytes frame)
{
    pn_msg msg = { 0 };
    capped c = { .arena = &s->arena };
    ProtobufCAllocator allocator = { .alloc = capped_alloc,
                                     .free = capped_free,
                                     .allocator_data = &c };
    const Pn__Link__Frame *f;
    pn_err err;
    pn_msg_scratch_release(s);
    if (frame.len == 0)
        return PN_E_PROTO;
    pn_arena_init(&s->arena, frame.len + PN_MSG_SLACK, s->first,
                  sizeof s->first);
    err = pn_queue_msg_decode(out, s, frame);
    if (err != PN_MORE)
        return err;
    f = pn__link__frame__unpack(&allocator, frame.len, frame.p);
    if (f == NULL)
        return c.out_of_memory ? PN_E_NOMEM : PN_E_PROTO;
    if (!is_known(&f->base))
        return PN_E_PROTO;
    msg.id = f->id;
    PN_TRY(take_body(f, &msg));
    if (!pn_msg_ok(&msg) || !is_canonical(f, frame))
        return PN_E_PROTO;
    *out = msg;
    return PN_OK;
}
