/* Between a cl_content and its protobuf. The only file of this room that sees
 * generated code. */
#include <string.h>

#include "client/core/content.h"
#include "proto/base/arena.h"
#include "proto/base/mem.h"
#include "proto/schema/content.pb-c.h"

enum { SLACK = 16 * 1024, SIZE_THIN = 1 };

static void *arena_alloc(void *arena, size_t len)
{
    return pn_arena_alloc(arena, len);
}

static void arena_free(void *arena, void *p)
{
    (void)arena; /* released all at once */
    (void)p;
}

static pn_bytes view(ProtobufCBinaryData data)
{
    return (pn_bytes){ data.data, data.len };
}

static bool has_unknown(const ProtobufCMessage *m)
{
    return m->n_unknown_fields > 0;
}

static pn_err take_fixed(uint8_t *out, size_t len, ProtobufCBinaryData in)
{
    if (in.len != len)
        return PN_E_PROTO;
    memcpy(out, in.data, len);
    return PN_OK;
}

/* An address in its one spelling: the parser alone also takes others. */
static pn_err take_address(pn_address *out, pn_bytes text)
{
    char again[PN_ADDRESS_TEXT_MAX + 1];
    PN_TRY(pn_address_parse(out, text, NULL));
    PN_TRY(pn_address_format(again, sizeof again, out));
    return pn_bytes_equal(text,
                          (pn_bytes){ (const uint8_t *)again, strlen(again) })
               ? PN_OK
               : PN_E_PROTO;
}

static pn_err take_queue(const Cl__Content__Queue *in, cl_content *out)
{
    cl_queue_ref *q;
    if (out->queue_count == CL_QUEUES_MAX)
        return PN_E_PROTO;
    q = &out->queues[out->queue_count++];
    out->has_more = out->has_more || has_unknown(&in->base);
    PN_TRY(take_fixed(q->send_id, sizeof q->send_id, in->send_id));
    PN_TRY(take_fixed(q->capability, sizeof q->capability, in->capability));
    PN_TRY(take_fixed(q->key, sizeof q->key, in->key));
    return take_address(&q->relay, view(in->relay));
}

static void take_file(const Cl__Content__File *in, cl_content *out)
{
    out->has_file = true;
    out->has_more = out->has_more || has_unknown(&in->base);
    out->file_name = view(in->name);
    out->file_type = view(in->type);
    out->file_bytes = view(in->bytes);
}

/* An empty part that is there is not the same as none. */
static bool is_empty_part(const Cl__Content__Content *m)
{
    return (m->has_text && m->text.len == 0) ||
           (m->has_receipts && m->receipts.len == 0) ||
           (m->profile != NULL && m->profile->name.len == 0) ||
           (m->has_queues_ms && m->queues_ms == 0) ||
           (m->resync != NULL && m->resync->reason == CL_RESYNC_NONE);
}

static pn_err take_content(const Cl__Content__Content *m, cl_content *out)
{
    out->has_more = has_unknown(&m->base);
    if (is_empty_part(m))
        return PN_E_PROTO;
    PN_TRY(take_fixed(out->id, sizeof out->id, m->id));
    out->has_sent = m->has_sent_ms != 0;
    out->sent_ms = m->has_sent_ms ? m->sent_ms : 0;
    if (m->has_text)
        out->text = view(m->text);
    if (m->file != NULL)
        take_file(m->file, out);
    if (m->has_receipts)
        out->receipts = view(m->receipts);
    if (m->resync != NULL) {
        if (m->resync->reason > CL_RESYNC_ASKED)
            return PN_E_PROTO;
        out->resync = (cl_resync_reason)m->resync->reason;
        out->has_more = out->has_more || has_unknown(&m->resync->base);
    }
    for (size_t i = 0; i < m->n_queues; i++)
        PN_TRY(take_queue(m->queues[i], out));
    out->queues_ms = m->has_queues_ms ? m->queues_ms : 0;
    if (m->profile != NULL) {
        out->profile_name = view(m->profile->name);
        out->has_more = out->has_more || has_unknown(&m->profile->base);
    }
    out->wants_thin = m->has_size && m->size == SIZE_THIN;
    out->has_more = out->has_more || (m->has_size && !out->wants_thin);
    return cl_content_ok(out) ? PN_OK : PN_E_PROTO;
}

/* A sink that compares: without unknown fields there is one spelling. */
typedef struct compare {
    ProtobufCBuffer base;
    pn_bytes rest;
    bool differs;
} compare;

static void compare_append(ProtobufCBuffer *base, size_t len, const uint8_t *p)
{
    compare *c = (compare *)(void *)base; /* base is the first member */
    pn_bytes part;
    if (c->differs || pn_take(&c->rest, len, &part) != PN_OK ||
        (len > 0 && memcmp(part.p, p, len) != 0))
        c->differs = true;
}

static bool is_canonical(const Cl__Content__Content *m, pn_bytes in)
{
    compare c = { .base = { .append = compare_append }, .rest = in };
    (void)protobuf_c_message_pack_to_buffer(&m->base, &c.base);
    return !c.differs && c.rest.len == 0;
}

static pn_err decode(cl_content *out, pn_arena *arena, pn_bytes in)
{
    ProtobufCAllocator allocator = { .alloc = arena_alloc,
                                     .free = arena_free,
                                     .allocator_data = arena };
    cl_content c = { .has_sent = false };
    const Cl__Content__Content *m =
        cl__content__content__unpack(&allocator, in.len, in.p);
    if (m == NULL)
        return PN_E_PROTO;
    PN_TRY(take_content(m, &c));
    if (!c.has_more && !is_canonical(m, in))
        return PN_E_PROTO;
    *out = c;
    pn_wipe(&c, sizeof c);
    return PN_OK;
}

pn_err cl_content_decode(cl_content *out, cl_content_scratch *s, pn_bytes in)
{
    pn_arena arena;
    pn_err err;
    cl_content_scratch_release(s);
    if (in.len == 0 || in.len > CL_CONTENT_MAX)
        return PN_E_PROTO;
    /* All the memory the decoder may have, in one block that can be wiped. */
    s->len = in.len + SLACK;
    s->p = pn_alloc(1, s->len);
    if (s->p == NULL) {
        s->len = 0;
        return PN_E_NOMEM;
    }
    pn_arena_init(&arena, s->len, s->p, s->len);
    err = decode(out, &arena, in);
    pn_arena_reset(&arena);
    if (err != PN_OK)
        cl_content_scratch_release(s);
    return err;
}

static ProtobufCBinaryData data(pn_bytes in)
{
    /* protobuf-c does not write through it when it packs. */
    return (ProtobufCBinaryData){ .len = in.len,
                                  .data = (uint8_t *)(uintptr_t)in.p };
}

/* The generated structures of one content, all in one place. */
typedef struct packing {
    Cl__Content__Content content;
    Cl__Content__File file;
    Cl__Content__Resync resync;
    Cl__Content__Profile profile;
    Cl__Content__Queue queue[CL_QUEUES_MAX];
    Cl__Content__Queue *queues[CL_QUEUES_MAX];
    char relay[CL_QUEUES_MAX][PN_ADDRESS_TEXT_MAX + 1];
} packing;

static pn_err fill_queue(packing *p, size_t i, const cl_queue_ref *q)
{
    cl__content__queue__init(&p->queue[i]);
    PN_TRY(pn_address_format(p->relay[i], sizeof p->relay[i], &q->relay));
    p->queue[i].send_id = data(CL_VIEW(q->send_id));
    p->queue[i].capability = data(CL_VIEW(q->capability));
    p->queue[i].key = data(CL_VIEW(q->key));
    p->queue[i].relay =
        data((pn_bytes){ (const uint8_t *)p->relay[i], strlen(p->relay[i]) });
    p->queues[i] = &p->queue[i];
    return PN_OK;
}

static void fill_parts(packing *p, const cl_content *c)
{
    cl__content__file__init(&p->file);
    p->file.name = data(c->file_name);
    p->file.type = data(c->file_type);
    p->file.bytes = data(c->file_bytes);
    p->content.file = c->has_file ? &p->file : NULL;
    cl__content__resync__init(&p->resync);
    p->resync.reason = (uint32_t)c->resync;
    p->content.resync = c->resync != CL_RESYNC_NONE ? &p->resync : NULL;
    cl__content__profile__init(&p->profile);
    p->profile.name = data(c->profile_name);
    p->content.profile = c->profile_name.len > 0 ? &p->profile : NULL;
}

static pn_err fill(packing *p, const cl_content *c)
{
    cl__content__content__init(&p->content);
    p->content.id = data(CL_VIEW(c->id));
    p->content.has_sent_ms = c->has_sent;
    p->content.sent_ms = c->sent_ms;
    p->content.has_text = c->text.len > 0;
    p->content.text = data(c->text);
    p->content.has_receipts = c->receipts.len > 0;
    p->content.receipts = data(c->receipts);
    p->content.has_size = c->wants_thin;
    p->content.size = SIZE_THIN;
    fill_parts(p, c);
    for (size_t i = 0; i < c->queue_count; i++)
        PN_TRY(fill_queue(p, i, &c->queues[i]));
    p->content.n_queues = c->queue_count;
    p->content.queues = p->queues;
    p->content.has_queues_ms = c->queues_ms != 0;
    p->content.queues_ms = c->queues_ms;
    return PN_OK;
}

pn_err cl_content_encode(pn_out *out, const cl_content *c)
{
    packing p;
    size_t len;
    if (c->has_more || !cl_content_ok(c))
        return PN_E_ARG;
    PN_TRY(fill(&p, c));
    len = cl__content__content__get_packed_size(&p.content);
    if (len > CL_CONTENT_MAX)
        return PN_E_FULL;
    PN_TRY(pn_out_err(out));
    if (out->cap - out->len < len)
        return PN_E_FULL;
    (void)cl__content__content__pack(&p.content, out->p + out->len);
    out->len += len;
    return PN_OK;
}
