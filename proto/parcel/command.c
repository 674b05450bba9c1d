/* A command as header and body. The header is a kind and fixed fields; the body
 * an envelope, or the ids to acknowledge. Everything else is zeros, and is
 * checked to be. */
#include "proto/parcel/inside.h"

static bool is_manage(pn_parcel_kind kind)
{
    switch (kind) {
    case PN_PARCEL_FETCH:
    case PN_PARCEL_ACK:
    case PN_PARCEL_ROTATE:
    case PN_PARCEL_SUSPEND:
    case PN_PARCEL_RESUME:
    case PN_PARCEL_DELETE:
        return true;
    case PN_PARCEL_DEPOSIT:
    case PN_PARCEL_CREATE:
        break;
    }
    return false;
}

static bool deposit_ok(const pn_msg_deposit *d)
{
    return d->send_id.len == PN_QUEUE_ID_BYTES &&
           d->capability.len == PN_CAPABILITY_BYTES &&
           d->message_id.len == PN_MESSAGE_ID_BYTES &&
           d->priority >= PN_PRIORITY_URGENT &&
           d->priority <= PN_PRIORITY_BULK &&
           (d->ttl_days == 0 || (d->ttl_days >= PN_TTL_DAYS_MIN &&
                                 d->ttl_days <= PN_TTL_DAYS_MAX)) &&
           pn_envelope_len_ok(d->envelope.len);
}

static bool create_ok(const pn_parcel_create *c)
{
    return c->queue_key.len == PN_QUEUE_KEY_BYTES &&
           c->deposit_hash.len == PN_DEPOSIT_HASH_BYTES &&
           c->ttl_days >= PN_TTL_DAYS_MIN && c->ttl_days <= PN_TTL_DAYS_MAX &&
           c->access_secret.len <= PN_ACCESS_SECRET_MAX;
}

static bool manage_ok(pn_parcel_kind kind, const pn_parcel_manage *m)
{
    const bool fetch = kind == PN_PARCEL_FETCH;
    const bool acks = fetch || kind == PN_PARCEL_ACK;
    const size_t hash =
        kind == PN_PARCEL_ROTATE ? (size_t)PN_DEPOSIT_HASH_BYTES : 0;
    const size_t cursor = fetch ? (size_t)PN_PARCEL_CURSOR_BYTES : 0;
    return m->recv_id.len == PN_QUEUE_ID_BYTES && m->deposit_hash.len == hash &&
           m->cursor.len == cursor &&
           m->message_ids.len <= (acks ? (size_t)PN_PARCEL_BODY_BYTES : 0) &&
           m->message_ids.len % PN_MESSAGE_ID_BYTES == 0 &&
           (acks || !m->refused_seen) &&
           (fetch ? m->room <= PN_ENVELOPE_L : m->room == PN_ENVELOPE_XS);
}

bool pn_parcel_command_ok(const pn_parcel_command *cmd)
{
    if (cmd->kind == PN_PARCEL_DEPOSIT)
        return deposit_ok(&cmd->u.deposit);
    if (cmd->kind == PN_PARCEL_CREATE)
        return create_ok(&cmd->u.create);
    return is_manage(cmd->kind) && manage_ok(cmd->kind, &cmd->u.manage);
}

pn_envelope_class pn_parcel_class_for(const pn_parcel_command *cmd)
{
    pn_envelope_class c = PN_ENVELOPE_XS;
    if (cmd->kind == PN_PARCEL_DEPOSIT &&
        pn_envelope_class_of(&c, cmd->u.deposit.envelope.len) != PN_OK)
        c = PN_ENVELOPE_XS;
    return c;
}

static void put_manage(pn_out *w, pn_parcel_kind kind,
                       const pn_parcel_manage *m)
{
    pn_put(w, m->recv_id);
    if (kind == PN_PARCEL_FETCH || kind == PN_PARCEL_ACK) {
        pn_put_u8(w, m->refused_seen ? 1 : 0);
        pn_put_u8(w, (uint8_t)(m->message_ids.len / PN_MESSAGE_ID_BYTES));
    }
    if (kind == PN_PARCEL_FETCH) {
        pn_put_u8(w, (uint8_t)m->room);
        pn_put(w, m->cursor);
    }
    if (kind == PN_PARCEL_ROTATE)
        pn_put(w, m->deposit_hash);
}

void pn_parcel_command_write(const pn_parcel_command *cmd, uint8_t *content)
{
    const size_t body_len = pn_envelope_size(pn_parcel_class_for(cmd));
    pn_out w = pn_out_over(content, PN_PARCEL_HEADER_BYTES);
    pn_out body = pn_out_over(content + PN_PARCEL_HEADER_BYTES, body_len);
    pn_put_u8(&w, (uint8_t)cmd->kind);
    if (cmd->kind == PN_PARCEL_DEPOSIT) {
        const pn_msg_deposit *d = &cmd->u.deposit;
        pn_put(&w, d->send_id);
        pn_put(&w, d->capability);
        pn_put(&w, d->message_id);
        pn_put_u8(&w, (uint8_t)d->priority);
        pn_put_u8(&w, (uint8_t)d->ttl_days);
        pn_put(&body, d->envelope);
    } else if (cmd->kind == PN_PARCEL_CREATE) {
        const pn_parcel_create *c = &cmd->u.create;
        pn_put(&w, c->queue_key);
        pn_put(&w, c->deposit_hash);
        pn_put_u8(&w, (uint8_t)c->ttl_days);
        pn_put_u8(&w, (uint8_t)c->access_secret.len);
        pn_put(&w, c->access_secret);
    } else {
        put_manage(&w, cmd->kind, &cmd->u.manage);
        pn_put(&body, cmd->u.manage.message_ids);
    }
    pn_put_zeros(&w, w.cap - w.len);
    pn_put_zeros(&body, body.cap - body.len);
}

static pn_err take_byte(pn_bytes *in, uint32_t *out)
{
    uint8_t v;
    PN_TRY(pn_take_u8(in, &v));
    *out = v;
    return PN_OK;
}

static pn_err read_deposit(pn_bytes *header, pn_bytes *body,
                           pn_msg_deposit *out)
{
    uint8_t priority;
    PN_TRY(pn_take(header, PN_QUEUE_ID_BYTES, &out->send_id));
    PN_TRY(pn_take(header, PN_CAPABILITY_BYTES, &out->capability));
    PN_TRY(pn_take(header, PN_MESSAGE_ID_BYTES, &out->message_id));
    PN_TRY(pn_take_u8(header, &priority));
    out->priority = (pn_priority)priority;
    PN_TRY(take_byte(header, &out->ttl_days));
    return pn_take(body, body->len, &out->envelope);
}

static pn_err read_create(pn_bytes *header, pn_parcel_create *out)
{
    uint8_t len;
    PN_TRY(pn_take(header, PN_QUEUE_KEY_BYTES, &out->queue_key));
    PN_TRY(pn_take(header, PN_DEPOSIT_HASH_BYTES, &out->deposit_hash));
    PN_TRY(take_byte(header, &out->ttl_days));
    PN_TRY(pn_take_u8(header, &len));
    if (len > PN_ACCESS_SECRET_MAX)
        return PN_E_PROTO;
    return pn_take(header, len, &out->access_secret);
}

static pn_err read_acks(pn_bytes *header, pn_bytes *body, pn_parcel_manage *out)
{
    uint8_t seen, count;
    PN_TRY(pn_take_u8(header, &seen));
    PN_TRY(pn_take_u8(header, &count));
    if (seen > 1 || count > PN_PARCEL_ACK_MAX)
        return PN_E_PROTO;
    out->refused_seen = seen == 1;
    return pn_take(body, (size_t)count * PN_MESSAGE_ID_BYTES,
                   &out->message_ids);
}

static pn_err read_manage(pn_parcel_kind kind, pn_bytes *header, pn_bytes *body,
                          pn_parcel_manage *out)
{
    uint8_t room;
    PN_TRY(pn_take(header, PN_QUEUE_ID_BYTES, &out->recv_id));
    if (kind == PN_PARCEL_FETCH || kind == PN_PARCEL_ACK)
        PN_TRY(read_acks(header, body, out));
    if (kind == PN_PARCEL_FETCH) {
        PN_TRY(pn_take_u8(header, &room));
        out->room = (pn_envelope_class)room;
        PN_TRY(pn_take(header, PN_PARCEL_CURSOR_BYTES, &out->cursor));
    }
    if (kind == PN_PARCEL_ROTATE)
        PN_TRY(pn_take(header, PN_DEPOSIT_HASH_BYTES, &out->deposit_hash));
    return PN_OK;
}

pn_err pn_parcel_command_read(pn_parcel_command *out, pn_bytes content)
{
    pn_parcel_command cmd = { .kind = PN_PARCEL_DEPOSIT };
    pn_bytes header, body = content;
    uint8_t kind;
    PN_TRY(pn_take(&body, PN_PARCEL_HEADER_BYTES, &header));
    PN_TRY(pn_take_u8(&header, &kind));
    cmd.kind = (pn_parcel_kind)kind;
    if (cmd.kind == PN_PARCEL_DEPOSIT) {
        PN_TRY(read_deposit(&header, &body, &cmd.u.deposit));
    } else {
        if (body.len != PN_PARCEL_BODY_BYTES)
            return PN_E_PROTO;
        header.len -= PN_SIGNATURE_BYTES;
        if (cmd.kind == PN_PARCEL_CREATE)
            PN_TRY(read_create(&header, &cmd.u.create));
        else if (is_manage(cmd.kind))
            PN_TRY(read_manage(cmd.kind, &header, &body, &cmd.u.manage));
        else
            return PN_E_PROTO;
    }
    PN_TRY(pn_take_zeros(&header));
    PN_TRY(pn_take_zeros(&body));
    if (!pn_parcel_command_ok(&cmd))
        return PN_E_PROTO;
    *out = cmd;
    return PN_OK;
}

void pn_parcel_transcript(uint8_t out[PN_PARCEL_SIGNED_MAX],
                          const uint8_t binding[PN_PARCEL_BINDING_BYTES],
                          const uint8_t *content)
{
    /* One and two stand for commands on a link: proto/wire/queue.c. */
    enum { COMMAND_PARCEL = 3 };
    pn_out w = pn_out_over(out, PN_PARCEL_SIGNED_MAX);
    pn_put(&w, PN_BYTES_LIT("postern/queue/1"));
    pn_put_u8(&w, 0);
    pn_put(&w, (pn_bytes){ binding, PN_PARCEL_BINDING_BYTES });
    pn_put_u8(&w, COMMAND_PARCEL);
    pn_put(&w, (pn_bytes){ content, PN_PARCEL_SIGNATURE_AT });
    pn_put(&w, (pn_bytes){ content + PN_PARCEL_HEADER_BYTES,
                           PN_PARCEL_BODY_BYTES });
}
