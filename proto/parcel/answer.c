/* An answer as plain bytes: 464 bytes of status and what it grants, or 40 bytes
 * and room for one envelope. Which of the two is the command's choice. */
#include "proto/parcel/inside.h"
#include "proto/wire/msg.h"

enum {
    FLAG_MORE = 1 << 3, /* below it the refused bits */
    SHIFT_PRIORITY = 4,
    SHIFT_CLASS = 6,
    REFUSED = 7,
};

static unsigned bit(pn_parcel_status status)
{
    return 1U << status;
}

/* Which statuses a command can meet. */
static unsigned statuses_of(uint8_t kind)
{
    const unsigned common =
        bit(PN_PARCEL_OK) | bit(PN_PARCEL_LATER) | bit(PN_PARCEL_REPEATED);
    switch ((pn_parcel_kind)kind) {
    case PN_PARCEL_DEPOSIT:
        return common | bit(PN_PARCEL_DUPLICATE) | bit(PN_PARCEL_QUOTA) |
               bit(PN_PARCEL_SUSPENDED) | bit(PN_PARCEL_UNKNOWN);
    case PN_PARCEL_FETCH:
        return common | bit(PN_PARCEL_UNKNOWN) | bit(PN_PARCEL_EMPTY) |
               bit(PN_PARCEL_LARGER) | bit(PN_PARCEL_LOST);
    case PN_PARCEL_CREATE:
        return common | bit(PN_PARCEL_NOT_ALLOWED);
    case PN_PARCEL_ACK:
    case PN_PARCEL_ROTATE:
    case PN_PARCEL_SUSPEND:
    case PN_PARCEL_RESUME:
    case PN_PARCEL_DELETE:
        return common | bit(PN_PARCEL_UNKNOWN);
    }
    return 0;
}

static bool created_ok(const pn_parcel_created *c)
{
    return c->recv_id.len == PN_QUEUE_ID_BYTES &&
           c->send_id.len == PN_QUEUE_ID_BYTES && c->max_count >= 1 &&
           c->max_bytes >= 1 && c->ttl_days >= PN_TTL_DAYS_MIN &&
           c->ttl_days <= PN_TTL_DAYS_MAX;
}

static bool names_message(pn_parcel_status s)
{
    return s == PN_PARCEL_OK || s == PN_PARCEL_LARGER || s == PN_PARCEL_LOST;
}

static bool has_cursor(pn_parcel_status s)
{
    return s == PN_PARCEL_OK || s == PN_PARCEL_EMPTY || s == PN_PARCEL_LOST;
}

static bool fetched_ok(uint8_t room, pn_parcel_status s,
                       const pn_parcel_fetched *f)
{
    const bool named = names_message(s), cursor = has_cursor(s);
    if (f->message_id.len != (named ? (size_t)PN_MESSAGE_ID_BYTES : 0) ||
        f->cursor.len != (cursor ? (size_t)PN_PARCEL_CURSOR_BYTES : 0))
        return false;
    if (named
            ? f->priority < PN_PRIORITY_URGENT || f->priority > PN_PRIORITY_BULK
            : f->priority != 0 || f->more)
        return false;
    if (named || cursor ? f->refused > REFUSED : f->refused != 0)
        return false;
    if (s == PN_PARCEL_OK)
        return f->class <= room &&
               f->envelope.len == pn_envelope_size(f->class);
    if (s == PN_PARCEL_LARGER ? f->class <= room || f->class > PN_ENVELOPE_L
                              : f->class != PN_ENVELOPE_XS)
        return false;
    return f->envelope.len == 0;
}

bool pn_parcel_answer_ok(const pn_parcel_reply *reply,
                         const pn_parcel_answer *a)
{
    const unsigned s = (unsigned)a->status;
    if (s > PN_PARCEL_LOST || (statuses_of(reply->kind) & 1U << s) == 0)
        return false;
    if (a->retry_after_ms >
        (a->status == PN_PARCEL_LATER ? (uint32_t)PN_RETRY_AFTER_MAX : 0))
        return false;
    if (reply->kind == PN_PARCEL_FETCH)
        return reply->room <= PN_ENVELOPE_L &&
               fetched_ok(reply->room, a->status, &a->u.fetched);
    if (a->status != PN_PARCEL_OK)
        return true;
    if (reply->kind == PN_PARCEL_CREATE)
        return created_ok(&a->u.created);
    return reply->kind != PN_PARCEL_ACK || a->u.forgotten <= PN_PARCEL_ACK_MAX;
}

/* Bytes, or `len` zeros where there are none. */
static void put_or_zeros(pn_out *w, pn_bytes v, size_t len)
{
    if (v.len > 0)
        pn_put(w, v);
    else
        pn_put_zeros(w, len);
}

static void put_fetched(pn_out *w, const pn_parcel_answer *a)
{
    const pn_parcel_fetched *f = &a->u.fetched;
    pn_put_u8(w, (uint8_t)(f->refused | (f->more ? FLAG_MORE : 0) |
                           (unsigned)f->priority << SHIFT_PRIORITY |
                           (unsigned)f->class << SHIFT_CLASS));
    pn_put_u32(w, a->retry_after_ms);
    put_or_zeros(w, f->message_id, PN_MESSAGE_ID_BYTES);
    put_or_zeros(w, f->cursor, PN_PARCEL_CURSOR_BYTES);
    pn_put(w, f->envelope);
}

static void put_created(pn_out *w, const pn_parcel_created *c)
{
    pn_put(w, c->recv_id);
    pn_put(w, c->send_id);
    pn_put_u32(w, c->max_count);
    pn_put_u32(w, c->max_bytes);
    pn_put_u8(w, (uint8_t)c->ttl_days);
}

void pn_parcel_answer_write(const pn_parcel_reply *reply,
                            const pn_parcel_answer *answer, uint8_t *plain,
                            size_t len)
{
    pn_out w = pn_out_over(plain, len);
    pn_put_u8(&w, (uint8_t)answer->status);
    if (reply->kind == PN_PARCEL_FETCH) {
        put_fetched(&w, answer);
    } else {
        pn_put_u32(&w, answer->retry_after_ms);
        if (answer->status == PN_PARCEL_OK && reply->kind == PN_PARCEL_CREATE)
            put_created(&w, &answer->u.created);
        if (answer->status == PN_PARCEL_OK && reply->kind == PN_PARCEL_ACK)
            pn_put_u8(&w, (uint8_t)answer->u.forgotten);
    }
    pn_put_zeros(&w, w.cap - w.len);
}

/* Take `len` bytes if they are there to be read, else that many zeros. */
static pn_err take_if(pn_bytes *in, bool there, size_t len, pn_bytes *out)
{
    PN_TRY(pn_take(in, len, out));
    if (there)
        return PN_OK;
    PN_TRY(pn_take_zeros(out));
    *out = (pn_bytes){ NULL, 0 };
    return PN_OK;
}

static pn_err take_fetched(pn_bytes *in, pn_parcel_answer *a)
{
    pn_parcel_fetched *f = &a->u.fetched;
    uint8_t flags;
    PN_TRY(pn_take_u8(in, &flags));
    f->refused = flags & REFUSED;
    f->more = (flags & FLAG_MORE) != 0;
    f->priority = (pn_priority)(flags >> SHIFT_PRIORITY & 3);
    f->class = (pn_envelope_class)(flags >> SHIFT_CLASS);
    PN_TRY(pn_take_u32(in, &a->retry_after_ms));
    PN_TRY(take_if(in, names_message(a->status), PN_MESSAGE_ID_BYTES,
                   &f->message_id));
    PN_TRY(
        take_if(in, has_cursor(a->status), PN_PARCEL_CURSOR_BYTES, &f->cursor));
    if (a->status != PN_PARCEL_OK)
        return PN_OK;
    /* A class above what was asked for finds no such room. */
    return pn_take(in, pn_envelope_size(f->class), &f->envelope);
}

static pn_err take_created(pn_bytes *in, pn_parcel_created *c)
{
    uint8_t ttl_days;
    PN_TRY(pn_take(in, PN_QUEUE_ID_BYTES, &c->recv_id));
    PN_TRY(pn_take(in, PN_QUEUE_ID_BYTES, &c->send_id));
    PN_TRY(pn_take_u32(in, &c->max_count));
    PN_TRY(pn_take_u32(in, &c->max_bytes));
    PN_TRY(pn_take_u8(in, &ttl_days));
    c->ttl_days = ttl_days;
    return PN_OK;
}

static pn_err take_status(pn_bytes *in, uint8_t kind, pn_parcel_answer *a)
{
    uint8_t forgotten;
    PN_TRY(pn_take_u32(in, &a->retry_after_ms));
    if (a->status != PN_PARCEL_OK)
        return PN_OK;
    if (kind == PN_PARCEL_CREATE)
        return take_created(in, &a->u.created);
    if (kind == PN_PARCEL_ACK) {
        PN_TRY(pn_take_u8(in, &forgotten));
        a->u.forgotten = forgotten;
    }
    return PN_OK;
}

pn_err pn_parcel_answer_read(pn_parcel_answer *out,
                             const pn_parcel_reply *reply, pn_bytes plain)
{
    pn_parcel_answer a = { .status = PN_PARCEL_OK };
    uint8_t status;
    pn_err err;
    PN_TRY(pn_take_u8(&plain, &status));
    a.status = (pn_parcel_status)status;
    err = reply->kind == PN_PARCEL_FETCH ? take_fetched(&plain, &a)
                                         : take_status(&plain, reply->kind, &a);
    if (err == PN_OK)
        err = pn_take_zeros(&plain);
    if (err != PN_OK || !pn_parcel_answer_ok(reply, &a))
        return PN_E_PROTO; /* too short is malformed, too */
    *out = a;
    return PN_OK;
}
