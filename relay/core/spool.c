/* Custody: what goes to the store and what comes back. */
#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/dest.h"

enum { HEADER_VERSION = 1, BUSY_MS = RL_BUSY_MS };

/* --- names ---------------------------------------------------------------- */

static void name(uint8_t out[32], const rl_dest *dest, char what)
{
    static const char label[] = "postern/spool/1";
    const uint8_t *secret = dest->core->config.forward.secret;
    crypto_generichash_state s;
    (void)crypto_generichash_init(&s, secret, RL_SPOOL_SECRET_BYTES, 32);
    (void)crypto_generichash_update(&s, (const uint8_t *)label,
                                    sizeof label - 1);
    (void)crypto_generichash_update(&s, (const uint8_t *)&what, 1);
    (void)crypto_generichash_update(&s, dest->key, sizeof dest->key);
    (void)crypto_generichash_final(&s, out, 32);
    pn_wipe(&s, sizeof s);
}

void rl_spool_name(rl_dest *dest)
{
    name(dest->recv_id, dest, 'r');
    name(dest->send_id, dest, 's');
    /* The hash of no capability that anybody could find. */
    name(dest->cap_hash, dest, 'c');
}

/* --- operations ----------------------------------------------------------- */

static void again_later(rl_dest *dest)
{
    const uint64_t at = pn_mono_ms(dest->core->env) + BUSY_MS;
    dest->retry_ms = at < dest->retry_ms ? at : dest->retry_ms;
    rl_dest_arm(dest);
}

/* Give the operation to the store; false if it takes none now. */
static bool submit(rl_dest *dest, rl_op *op, uint8_t class, bool peek)
{
    rl_core *core = dest->core;
    rl_spooling *s = (rl_spooling *)(void *)rl_pending_new(
        core, NULL, sizeof *s, (pn_msg_kind)RL_BY_SPOOL, 0, 0);
    if (s != NULL) {
        s->dest = dest;
        s->class = class;
        s->turn = dest->lanes[class].turn;
        s->serial = dest->op_serial + 1;
        s->peek = peek;
        if (rl_submit(core, &s->pending, op) == PN_OK) {
            rl_dest_hold(dest);
            return true;
        }
        rl_pending_free(core, &s->pending);
    }
    again_later(dest);
    return false;
}

static void create(rl_dest *dest)
{
    /* Nobody can sign for a key of zeros; open.c does not even try. */
    static const uint8_t nobody[RL_OWNER_KEY_BYTES] = { 0 };
    rl_op op = { .kind = RL_OP_CREATE, .id = dest->recv_id };
    op.u.create = (rl_create){ .send_id = dest->send_id,
                               .owner = nobody,
                               .cap_hash = dest->cap_hash,
                               .max_count = RL_SPOOL,
                               .max_bytes = UINT32_MAX,
                               .ttl_days = PN_FORWARD_DAYS_MAX };
    if (submit(dest, &op, 0, false))
        dest->spool = RL_SPOOL_MAKING;
}

static void count(rl_dest *dest)
{
    rl_op op = { .kind = RL_OP_LOOKUP, .id = dest->recv_id };
    if (submit(dest, &op, 0, false))
        dest->recount = false;
}

static void fetch(rl_dest *dest, rl_class c, bool peek)
{
    rl_lane *lane = &dest->lanes[c];
    rl_op op = { .kind = RL_OP_FETCH, .id = dest->recv_id };
    op.u.fetch.max_count = peek ? 1 : RL_LANE_COUNT;
    op.u.fetch.max_bytes = RL_LANE_BYTES;
    for (int k = 0; k < RL_CLASSES; k++)
        op.u.fetch.cursor.after[k] = UINT64_MAX;
    op.u.fetch.cursor.after[c] = peek ? 0 : lane->after;
    if (!submit(dest, &op, (uint8_t)c, peek) || peek)
        return;
    lane->fetching = true;
    lane->behind = false; /* what comes from now on says so again */
}

static void forget_done(rl_dest *dest)
{
    rl_op op = { .kind = RL_OP_ACK, .id = dest->recv_id };
    if (dest->acking > 0 || dest->done_count == 0)
        return;
    op.u.ack = (rl_ack){ .ids = dest->done[0], .count = dest->done_count };
    if (submit(dest, &op, 0, false))
        dest->acking = dest->done_count;
}

void rl_spool_open(rl_dest *dest)
{
    if (dest->spool == RL_SPOOL_ABSENT)
        create(dest);
}

void rl_spool_fill(rl_dest *dest)
{
    /* A store that failed is asked again when its time has come, and not as
     * fast as it fails. */
    if (dest->spool != RL_SPOOL_THERE || dest->retry_ms != UINT64_MAX)
        return;
    for (rl_class c = RL_URGENT; c < RL_CLASSES; c++) {
        const rl_lane *lane = &dest->lanes[c];
        if (lane->behind && !lane->fetching &&
            lane->ready_count <= RL_LANE_COUNT / 2 &&
            lane->ready_bytes <= RL_LANE_BYTES / 2)
            fetch(dest, c, false);
    }
}

void rl_spool_recount(rl_dest *dest)
{
    dest->recount = true;
    if (dest->ops == 0 && dest->done_count == 0 &&
        dest->spool == RL_SPOOL_THERE && dest->retry_ms == UINT64_MAX)
        count(dest);
}

void rl_spool_retry(rl_dest *dest)
{
    dest->retry_ms = UINT64_MAX;
    rl_spool_open(dest);
    forget_done(dest);
    if (dest->recount)
        rl_spool_recount(dest);
}

/* --- into the spool ------------------------------------------------------- */

bool rl_spool_admits(const rl_dest *dest, rl_class class, size_t len)
{
    const rl_forward_config *c = &dest->core->config.forward;
    /* As with a queue: bulk gets half, normal and bulk seven eighths. */
    const uint64_t eighths = class == RL_URGENT   ? 8
                             : class == RL_NORMAL ? 7
                                                  : 4;
    uint64_t n = 1, bytes = len + RL_SPOOL_HEADER;
    for (int k = RL_BULK; k >= RL_URGENT; k--) {
        n += dest->lanes[k].count + dest->lanes[k].coming_count;
        bytes += dest->lanes[k].bytes + dest->lanes[k].coming_bytes;
        if (k == (int)class && (n > (c->spool_count * eighths + 7) / 8 ||
                                bytes > (c->spool_bytes * eighths + 7) / 8))
            return false;
    }
    return n <= c->spool_count && bytes <= c->spool_bytes;
}

pn_err rl_spool_put(rl_dest *dest, rl_forwarding *f,
                    const pn_msg_forward *forward)
{
    rl_core *core = dest->core;
    const uint32_t most = core->config.forward.spool_days;
    const uint32_t days =
        forward->expires_days < most ? forward->expires_days : most;
    rl_op op = { .kind = RL_OP_DEPOSIT, .id = dest->send_id };
    pn_out out;
    if (core->body == NULL)
        core->body = pn_alloc(1, RL_SPOOL_HEADER + PN_PARCEL_MAX);
    if (core->body == NULL)
        return PN_E_NOMEM;
    out = pn_out_over(core->body, RL_SPOOL_HEADER + PN_PARCEL_MAX);
    pn_put_u8(&out, HEADER_VERSION);
    pn_put_u8(&out, 0);
    pn_put_u16(&out, rl_today(core));
    pn_put(&out, forward->parcel);
    op.u.deposit = (rl_deposit){ .cap_hash = dest->cap_hash,
                                 .message_id = f->tag,
                                 .class = (rl_class)f->class,
                                 .ttl_days = (uint8_t)days,
                                 .body = pn_out_view(&out) };
    PN_TRY(rl_submit(core, &f->pending, &op));
    f->len = (uint32_t)op.u.deposit.body.len;
    dest->lanes[f->class].coming_count++;
    dest->lanes[f->class].coming_bytes += f->len;
    rl_dest_hold(dest);
    return PN_OK;
}

/* A stored parcel as an item, `parcel` what is in it; false if it is none. */
static bool read_item(const rl_envelope *e, rl_item *item, pn_bytes *parcel)
{
    pn_bytes in = e->body;
    uint8_t version, zero;
    if (e->damaged || pn_take_u8(&in, &version) != PN_OK ||
        pn_take_u8(&in, &zero) != PN_OK ||
        pn_take_u16(&in, &item->since) != PN_OK || version != HEADER_VERSION ||
        !pn_parcel_len_ok(in.len))
        return false;
    item->seq = e->seq;
    item->class = (uint8_t)e->class;
    item->len = (uint32_t)in.len;
    item->kept = true;
    memcpy(item->tag, e->id, sizeof item->tag);
    *parcel = in;
    return true;
}

static bool has_room(const rl_lane *lane, size_t len)
{
    return lane->ready_count == 0 || (lane->ready_count < RL_LANE_COUNT &&
                                      lane->ready_bytes + len <= RL_LANE_BYTES);
}

void rl_spool_stored(rl_dest *dest, const rl_envelope *e)
{
    rl_lane *lane = &dest->lanes[e->class];
    rl_item item = { .len = 0 };
    pn_bytes parcel;
    lane->count++;
    lane->bytes += e->body.len;
    if (lane->oldest == 0)
        lane->oldest = rl_today(dest->core);
    if (e->seq <= lane->after)
        return; /* a fetch brought it already */
    if (rl_gate_is_up(&dest->gate) && !lane->fetching && !lane->behind &&
        has_room(lane, e->body.len) && read_item(e, &item, &parcel) &&
        rl_convey_add(dest, &item, parcel))
        lane->after = e->seq;
    else
        lane->behind = true;
}

/* --- and out of it -------------------------------------------------------- */

static bool is_done(const rl_dest *dest, const uint8_t *tag)
{
    for (uint32_t i = 0; i < dest->done_count; i++)
        if (memcmp(dest->done[i], tag, sizeof dest->done[i]) == 0)
            return true;
    return false;
}

static void note_done(rl_dest *dest, const uint8_t *tag, rl_class c, size_t len)
{
    rl_lane *lane = &dest->lanes[c];
    memcpy(dest->done[dest->done_count++], tag, sizeof dest->done[0]);
    lane->count -= lane->count > 0 ? 1 : 0;
    lane->bytes -= lane->bytes < len ? lane->bytes : len;
    forget_done(dest);
}

void rl_spool_done(rl_dest *dest, const rl_item *item)
{
    rl_lane *lane = &dest->lanes[item->class];
    note_done(dest, item->tag, (rl_class)item->class,
              item->len + RL_SPOOL_HEADER);
    lane->oldest = lane->count > 0 ? item->since : 0;
}

/* Take up one stored parcel; false if that has to wait. */
static bool take_up(rl_dest *dest, const rl_envelope *e)
{
    rl_item item = { .len = 0 };
    pn_bytes parcel;
    if (e->expires < rl_today(dest->core) || rl_convey_has(dest, e->seq) ||
        is_done(dest, e->id))
        return true;
    if (read_item(e, &item, &parcel))
        return rl_convey_add(dest, &item, parcel);
    if (dest->done_count + dest->sent_count >= RL_DONE_MAX)
        return false;
    dest->stats.damaged++;
    pn_log(dest->core->env, PN_LOG_ERROR,
           "a parcel for another relay was lost to a damaged disk");
    note_done(dest, e->id, e->class, e->body.len);
    return true;
}

static void fetched(rl_dest *dest, const rl_spooling *s, const rl_result *r)
{
    rl_lane *lane = &dest->lanes[s->class];
    rl_item first = { .len = 0 };
    pn_bytes parcel;
    if (!s->peek && s->turn == lane->turn)
        lane->fetching = false;
    if (r->status != RL_STATUS_OK) {
        if (!s->peek)
            lane->behind = true;
        again_later(dest);
        return;
    }
    if (s->peek) {
        if (r->u.fetch.count > 0 &&
            read_item(&r->u.fetch.envelopes[0], &first, &parcel))
            lane->oldest = first.since;
        return;
    }
    if (s->turn != lane->turn)
        return; /* all was forgotten meanwhile, and is read again */
    for (uint32_t i = 0; i < r->u.fetch.count; i++) {
        const rl_envelope *e = &r->u.fetch.envelopes[i];
        if (!take_up(dest, e)) {
            lane->behind = true;
            again_later(dest);
            return;
        }
        lane->after = e->seq;
    }
    lane->behind = lane->behind || r->u.fetch.more;
}

static void acked(rl_dest *dest, const rl_result *r)
{
    const uint32_t n = dest->acking;
    dest->acking = 0;
    if (r->status != RL_STATUS_OK && r->status != RL_STATUS_UNKNOWN) {
        again_later(dest);
        return;
    }
    dest->done_count -= n;
    memmove(dest->done[0], dest->done[n],
            dest->done_count * sizeof dest->done[0]);
    forget_done(dest);
}

static void counted(rl_dest *dest, const rl_spooling *s, const rl_result *r)
{
    if (r->status != RL_STATUS_OK) {
        dest->spool =
            r->status == RL_STATUS_UNKNOWN ? RL_SPOOL_ABSENT : dest->spool;
        dest->recount = true;
        again_later(dest);
        return;
    }
    if (s->serial != dest->op_serial || dest->done_count > 0) {
        dest->recount = true; /* more happened meanwhile */
        return;
    }
    for (rl_class c = RL_URGENT; c < RL_CLASSES; c++) {
        rl_lane *lane = &dest->lanes[c];
        lane->count = r->u.queue.count[c];
        lane->bytes = r->u.queue.bytes[c];
        if (lane->count == 0)
            lane->oldest = 0;
        else if (lane->oldest == 0)
            fetch(dest, c, true);
    }
}

static void made(rl_dest *dest, const rl_result *r)
{
    if (r->status != RL_STATUS_OK && r->status != RL_STATUS_EXISTS) {
        dest->spool = RL_SPOOL_ABSENT;
        again_later(dest);
        return;
    }
    dest->spool = RL_SPOOL_THERE;
    dest->recount = true;
}

void rl_spool_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    const rl_spooling s = *(const rl_spooling *)(const void *)p;
    rl_dest *dest = s.dest;
    rl_pending_free(core, p);
    if (r->kind == RL_OP_FETCH)
        fetched(dest, &s, r);
    else if (r->kind == RL_OP_ACK)
        acked(dest, r);
    else if (r->kind == RL_OP_LOOKUP)
        counted(dest, &s, r);
    else
        made(dest, r);
    rl_dest_settle(dest);
}
