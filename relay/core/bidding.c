/* The command inside a parcel, carried out as its like on a link would be. */
#include <sodium.h>
#include <string.h>

#include "relay/core/opening.h"

static void give_up(rl_core *core, rl_opening *o)
{
    rl_parcel_busy(core, o, RL_BUSY_MS);
}

/* The store's status where only patience helps. */
static void put_off(rl_core *core, rl_opening *o, const rl_result *r)
{
    rl_parcel_busy(core, o, rl_retry_ms(r));
}

static void submit(rl_core *core, rl_opening *o, rl_step step, rl_op *op)
{
    o->step = (uint8_t)step;
    if (rl_submit(core, &o->pending, op) != PN_OK)
        give_up(core, o);
}

/* --- deposits ------------------------------------------------------------- */

static void deposit(rl_core *core, rl_opening *o)
{
    const pn_msg_deposit *d = &o->opened.command.u.deposit;
    uint8_t hash[RL_CAP_HASH_BYTES];
    rl_op op = rl_deposit_op(d, hash);
    submit(core, o, RL_STEP_DEPOSIT, &op);
}

static void deposited(rl_core *core, rl_opening *o, const rl_result *r)
{
    static const struct {
        pn_deposit_status counted;
        uint8_t said;
    } words[] = {
        [RL_STATUS_OK] = { PN_DEPOSIT_STORED, PN_PARCEL_OK },
        [RL_STATUS_DUPLICATE] = { PN_DEPOSIT_DUPLICATE, PN_PARCEL_DUPLICATE },
        [RL_STATUS_UNKNOWN] = { PN_DEPOSIT_UNKNOWN, PN_PARCEL_UNKNOWN },
        [RL_STATUS_QUOTA] = { PN_DEPOSIT_QUOTA, PN_PARCEL_QUOTA },
        [RL_STATUS_SUSPENDED] = { PN_DEPOSIT_SUSPENDED, PN_PARCEL_SUSPENDED },
        [RL_STATUS_BLOCKED] = { PN_DEPOSIT_SUSPENDED, PN_PARCEL_SUSPENDED },
        [RL_STATUS_EXISTS] = { PN_DEPOSIT_BUSY, 0 },
        [RL_STATUS_BUSY] = { PN_DEPOSIT_BUSY, 0 },
        [RL_STATUS_FAILED] = { PN_DEPOSIT_BUSY, 0 },
    };
    core->stats.deposits[words[r->status].counted]++;
    if (r->status == RL_STATUS_UNKNOWN)
        rl_parcel_late(core, o, PN_PARCEL_UNKNOWN);
    else if (words[r->status].said == 0)
        put_off(core, o, r);
    else
        rl_parcel_status(core, o, (pn_parcel_status)words[r->status].said);
    if (r->status == RL_STATUS_OK)
        rl_mail_deposited(core, r);
}

/* --- what leaves a tag ---------------------------------------------------- */

/* False, and told to come later, if the tag finds no place. */
static bool begin_tag(rl_core *core, rl_opening *o)
{
    o->tag = rl_tags_begin(core, o->tag_id, o->key_id);
    if (o->tag != NULL)
        return true;
    give_up(core, o);
    return false;
}

static void create(rl_core *core, rl_opening *o)
{
    const pn_parcel_create *c = &o->opened.command.u.create;
    rl_op op = { .kind = RL_OP_CREATE };
    uint32_t wait;
    if (!rl_create_is_allowed(core, c->access_secret) ||
        pn_parcel_check(&o->opened, c->queue_key.p) != PN_OK) {
        rl_parcel_late(core, o, PN_PARCEL_NOT_ALLOWED);
        return;
    }
    wait = rl_create_wait(o->pending.link);
    if (wait > 0) {
        const pn_parcel_answer later = { .status = PN_PARCEL_LATER,
                                         .retry_after_ms = wait };
        rl_parcel_answer(core, o, &later);
        return;
    }
    if (!begin_tag(core, o))
        return;
    if (pn_random(core->env, o->recv_id, sizeof o->recv_id) != PN_OK ||
        pn_random(core->env, o->send_id, sizeof o->send_id) != PN_OK) {
        give_up(core, o);
        return;
    }
    o->created = (pn_parcel_created){
        .recv_id = { o->recv_id, sizeof o->recv_id },
        .send_id = { o->send_id, sizeof o->send_id },
        .max_count = core->config.queue_count,
        .max_bytes = core->config.queue_bytes,
        .ttl_days = c->ttl_days < core->config.ttl_days_max
                        ? c->ttl_days
                        : core->config.ttl_days_max,
    };
    op.id = o->recv_id;
    op.u.create = (rl_create){ .send_id = o->send_id,
                               .owner = c->queue_key.p,
                               .cap_hash = c->deposit_hash.p,
                               .max_count = o->created.max_count,
                               .max_bytes = o->created.max_bytes,
                               .ttl_days = (uint8_t)o->created.ttl_days };
    submit(core, o, RL_STEP_CREATE, &op);
}

static void created(rl_core *core, rl_opening *o, const rl_result *r)
{
    const pn_parcel_answer answer = { .status = PN_PARCEL_OK,
                                      .u.created = o->created };
    if (r->status != RL_STATUS_OK) {
        put_off(core, o, r);
        return;
    }
    core->stats.created++;
    rl_parcel_remember(core, o, &answer);
}

static rl_op_kind op_of(pn_parcel_kind kind)
{
    if (kind == PN_PARCEL_ROTATE)
        return RL_OP_ROTATE;
    if (kind == PN_PARCEL_SUSPEND)
        return RL_OP_SUSPEND;
    return kind == PN_PARCEL_RESUME ? RL_OP_RESUME : RL_OP_DELETE;
}

static void change(rl_core *core, rl_opening *o)
{
    const pn_parcel_manage *m = &o->opened.command.u.manage;
    rl_op op = { .kind = op_of(o->opened.command.kind), .id = m->recv_id.p };
    if (!begin_tag(core, o))
        return;
    if (op.kind == RL_OP_ROTATE)
        op.u.new_cap_hash = m->deposit_hash.p;
    submit(core, o, RL_STEP_CHANGE, &op);
}

static void changed(rl_core *core, rl_opening *o, const rl_result *r)
{
    const pn_parcel_answer fine = { .status = PN_PARCEL_OK };
    rl_queue *q;
    if (r->status == RL_STATUS_UNKNOWN) {
        rl_parcel_late(core, o, PN_PARCEL_UNKNOWN);
        return;
    }
    if (r->status != RL_STATUS_OK) {
        put_off(core, o, r);
        return;
    }
    q = pn_map_get(&core->queues, o->opened.command.u.manage.recv_id.p);
    if (r->kind == RL_OP_DELETE && q != NULL)
        rl_queue_release(core, q, PN_CLOSED_GONE);
    rl_parcel_remember(core, o, &fine);
}

/* --- mail ----------------------------------------------------------------- */

enum { CURSOR_PART = PN_PARCEL_CURSOR_BYTES / RL_CLASSES };

/* 48 bits for each class: a relay that stores a million messages a second
 * needs nine years for them. */
static void read_cursor(rl_cursor *out, pn_bytes in)
{
    for (size_t c = 0; c < RL_CLASSES; c++) {
        out->after[c] = 0;
        for (size_t i = 0; i < CURSOR_PART; i++)
            out->after[c] = out->after[c] << 8 | in.p[c * CURSOR_PART + i];
    }
}

static void write_cursor(uint8_t out[PN_PARCEL_CURSOR_BYTES],
                         const rl_cursor *cursor)
{
    for (size_t c = 0; c < RL_CLASSES; c++)
        for (size_t i = 0; i < CURSOR_PART; i++)
            out[c * CURSOR_PART + i] =
                (uint8_t)(cursor->after[c] >> (8 * (CURSOR_PART - 1 - i)));
}

static void fetch(rl_core *core, rl_opening *o)
{
    const pn_parcel_manage *m = &o->opened.command.u.manage;
    rl_op op = { .kind = RL_OP_FETCH,
                 .id = m->recv_id.p,
                 .u.fetch = { .max_count = 1, .max_bytes = RL_FETCH_BYTES } };
    read_cursor(&op.u.fetch.cursor, m->cursor);
    submit(core, o, RL_STEP_FETCH, &op);
}

static void ack(rl_core *core, rl_opening *o)
{
    const pn_parcel_manage *m = &o->opened.command.u.manage;
    rl_op op = { .kind = RL_OP_ACK, .id = m->recv_id.p };
    op.u.ack =
        (rl_ack){ .ids = m->message_ids.p,
                  .count = (uint32_t)(m->message_ids.len / RL_MESSAGE_ID_BYTES),
                  .clear_marks = m->refused_seen };
    submit(core, o, RL_STEP_ACK, &op);
}

static void acked(rl_core *core, rl_opening *o, const rl_result *r)
{
    const pn_parcel_answer answer = { .status = PN_PARCEL_OK,
                                      .u.forgotten = r->u.forgotten };
    rl_queue *q;
    if (r->status == RL_STATUS_UNKNOWN) {
        rl_parcel_late(core, o, PN_PARCEL_UNKNOWN);
        return;
    }
    if (r->status != RL_STATUS_OK) {
        put_off(core, o, r);
        return;
    }
    core->stats.acked += r->u.forgotten;
    q = pn_map_get(&core->queues, o->opened.command.u.manage.recv_id.p);
    if (q != NULL) {
        q->unacked -= r->u.forgotten < q->unacked ? r->u.forgotten : q->unacked;
        rl_mail_pump(q);
    }
    if (o->opened.command.kind == PN_PARCEL_FETCH)
        fetch(core, o);
    else
        rl_parcel_answer(core, o, &answer);
}

/* One message as the answer to a fetch says it. */
static void describe(pn_parcel_answer *answer, const rl_envelope *e,
                     pn_envelope_class room)
{
    pn_parcel_fetched *f = &answer->u.fetched;
    f->message_id = (pn_bytes){ e->id, RL_MESSAGE_ID_BYTES };
    f->priority = (pn_priority)(e->class + 1);
    answer->status = PN_PARCEL_LOST;
    if (e->damaged || pn_envelope_class_of(&f->class, e->body.len) != PN_OK)
        return;
    answer->status = PN_PARCEL_LARGER;
    if (f->class > room)
        return;
    answer->status = PN_PARCEL_OK;
    f->envelope = e->body;
}

static void fetched(rl_core *core, rl_opening *o, const rl_result *r)
{
    const pn_parcel_manage *m = &o->opened.command.u.manage;
    pn_parcel_answer answer = { .status = PN_PARCEL_EMPTY };
    uint8_t raw[PN_PARCEL_CURSOR_BYTES];
    rl_cursor cursor;
    if (r->status == RL_STATUS_UNKNOWN) {
        rl_parcel_late(core, o, PN_PARCEL_UNKNOWN);
        return;
    }
    if (r->status != RL_STATUS_OK) {
        put_off(core, o, r);
        return;
    }
    read_cursor(&cursor, m->cursor);
    if (r->u.fetch.count > 0) {
        const rl_envelope *e = &r->u.fetch.envelopes[0];
        describe(&answer, e, m->room);
        cursor.after[e->class] = e->seq;
        answer.u.fetched.more = r->u.fetch.more;
    }
    write_cursor(raw, &cursor);
    if (answer.status != PN_PARCEL_LARGER)
        answer.u.fetched.cursor = (pn_bytes){ raw, sizeof raw };
    answer.u.fetched.refused = r->u.fetch.refused;
    core->stats.delivered += answer.status == PN_PARCEL_OK ? 1 : 0;
    rl_parcel_answer(core, o, &answer);
}

/* --- whose queue ---------------------------------------------------------- */

static void looked_up(rl_core *core, rl_opening *o, const rl_result *r)
{
    const pn_parcel_command *cmd = &o->opened.command;
    const rl_queue_info *info = &r->u.queue;
    /* A spool is the relay's own: to its peers there is none. */
    const bool exists =
        r->status == RL_STATUS_OK && info->max_count != RL_SPOOL;
    bool good;
    if (r->status != RL_STATUS_OK && r->status != RL_STATUS_UNKNOWN) {
        put_off(core, o, r);
        return;
    }
    good =
        pn_parcel_check(&o->opened, exists ? info->owner : rl_nobody) == PN_OK;
    if (!exists || !good)
        rl_parcel_late(core, o, PN_PARCEL_UNKNOWN);
    else if (cmd->kind == PN_PARCEL_ACK ||
             (cmd->kind == PN_PARCEL_FETCH &&
              (cmd->u.manage.message_ids.len > 0 ||
               cmd->u.manage.refused_seen)))
        ack(core, o);
    else if (cmd->kind == PN_PARCEL_FETCH)
        fetch(core, o);
    else
        change(core, o);
}

void rl_parcel_begin(rl_core *core, rl_opening *o)
{
    const pn_parcel_command *cmd = &o->opened.command;
    rl_op lookup = { .kind = RL_OP_LOOKUP, .id = cmd->u.manage.recv_id.p };
    if (cmd->kind == PN_PARCEL_DEPOSIT)
        deposit(core, o);
    else if (cmd->kind == PN_PARCEL_CREATE)
        create(core, o);
    else
        submit(core, o, RL_STEP_LOOKUP, &lookup);
}

void rl_parcel_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    static void (*const steps[])(rl_core *, rl_opening *, const rl_result *) = {
        [RL_STEP_DEPOSIT] = deposited,
        [RL_STEP_LOOKUP] = looked_up,
        [RL_STEP_ACK] = acked,
        [RL_STEP_FETCH] = fetched,
        [RL_STEP_CREATE] = created,
        [RL_STEP_CHANGE] = changed,
        [RL_STEP_TAG] = rl_parcel_remembered,
        [RL_STEP_RECALL] = rl_parcel_recalled,
    };
    rl_opening *o = (rl_opening *)(void *)p;
    steps[o->step](core, o, r);
}
