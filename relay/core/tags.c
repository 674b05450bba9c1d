#include "relay/core/tags.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/onions.h"

enum { VERSION = 1, PAGE = RL_FETCH_MAX };

/* Longer than any key lives; each tag has its own, shorter time. */
enum { QUEUE_DAYS = PN_ONION_VALID_DAYS + 1 };

static void name(uint8_t out[32], const rl_core *core, char what)
{
    static const char label[] = "postern/parcel-tags/1";
    crypto_generichash_state s;
    (void)crypto_generichash_init(&s, core->config.forward.secret,
                                  RL_SPOOL_SECRET_BYTES, 32);
    (void)crypto_generichash_update(&s, (const uint8_t *)label,
                                    sizeof label - 1);
    (void)crypto_generichash_update(&s, (const uint8_t *)&what, 1);
    (void)crypto_generichash_final(&s, out, 32);
    pn_wipe(&s, sizeof s);
}

pn_err rl_tags_init(rl_core *core)
{
    rl_tags *t = &core->tags;
    pn_node_init(&t->list);
    t->retry_ms = UINT64_MAX;
    name(t->recv_id, core, 'r');
    name(t->send_id, core, 's');
    name(t->cap_hash, core, 'c');
    return pn_map_init(&t->map, core->env, RL_MESSAGE_ID_BYTES, SIZE_MAX);
}

void rl_tags_drop(rl_core *core, rl_tag *tag)
{
    (void)pn_map_take(&core->tags.map, tag->tag);
    pn_list_remove(&tag->node);
    pn_free(tag);
}

void rl_tags_free(rl_core *core)
{
    rl_tags *t = &core->tags;
    while (!pn_list_is_empty(&t->list))
        rl_tags_drop(core, PN_FRONT(&t->list, rl_tag, node));
    pn_map_free(&t->map);
}

static rl_tag *add(rl_core *core, const uint8_t *tag, const uint8_t *key_id,
                   uint64_t seq)
{
    rl_tags *t = &core->tags;
    rl_tag *fresh = pn_alloc(1, sizeof *fresh);
    if (fresh == NULL)
        return NULL;
    if (pn_map_put(&t->map, tag, fresh) != PN_OK) {
        pn_free(fresh);
        return NULL;
    }
    memcpy(fresh->tag, tag, sizeof fresh->tag);
    memcpy(fresh->key_id, key_id, sizeof fresh->key_id);
    fresh->seq = seq;
    pn_list_push_back(&t->list, &fresh->node);
    return fresh;
}

/* --- reading them when the relay starts ----------------------------------- */

static void later(rl_core *core)
{
    core->tags.retry_ms = pn_mono_ms(core->env) + RL_BUSY_MS;
}

static bool submit(rl_core *core, rl_op *op)
{
    rl_pending *p =
        rl_pending_new(core, NULL, sizeof *p, (pn_msg_kind)RL_BY_TAGS, 0, 0);
    if (p != NULL && rl_submit(core, p, op) == PN_OK)
        return true;
    if (p != NULL)
        rl_pending_free(core, p);
    return false;
}

static void create(rl_core *core)
{
    /* Nobody can sign for a key of zeros. */
    static const uint8_t owner[RL_OWNER_KEY_BYTES];
    rl_op op = { .kind = RL_OP_CREATE, .id = core->tags.recv_id };
    op.u.create = (rl_create){ .send_id = core->tags.send_id,
                               .owner = owner,
                               .cap_hash = core->tags.cap_hash,
                               .max_count = RL_SPOOL,
                               .max_bytes = UINT32_MAX,
                               .ttl_days = QUEUE_DAYS };
    core->tags.there = submit(core, &op);
}

static void fill_fetch(const rl_core *core, rl_op *op, uint64_t after,
                       uint32_t count)
{
    op->kind = RL_OP_FETCH;
    op->id = core->tags.recv_id;
    op->u.fetch =
        (rl_fetch){ .max_count = count, .max_bytes = PAGE * RL_TAG_BYTES };
    for (int c = 0; c < RL_CLASSES; c++)
        op->u.fetch.cursor.after[c] = UINT64_MAX;
    op->u.fetch.cursor.after[RL_NORMAL] = after;
}

static void read_more(rl_core *core)
{
    rl_op op = { .kind = RL_OP_FETCH };
    fill_fetch(core, &op, core->tags.after, PAGE);
    core->tags.busy = submit(core, &op);
    if (!core->tags.busy)
        later(core);
}

void rl_tags_open(rl_core *core)
{
    rl_tags *t = &core->tags;
    if (t->busy || t->read)
        return;
    t->retry_ms = UINT64_MAX;
    read_more(core);
}

void rl_tags_tick(rl_core *core, uint64_t now)
{
    if (core->tags.retry_ms <= now)
        rl_tags_open(core);
}

bool rl_tags_read(const rl_envelope *e, const uint8_t *tag, pn_bytes *answer)
{
    *answer = e->body;
    if (e->damaged || e->body.len != RL_TAG_BYTES || e->body.p[0] != VERSION ||
        memcmp(e->id, tag, sizeof e->id) != 0)
        return false;
    answer->p += RL_TAG_HEADER;
    answer->len -= RL_TAG_HEADER;
    return true;
}

/* Of a tag whose bytes were lost the id is left, and that is what counts: it
 * is kept as long as the youngest key. */
static bool take_up(rl_core *core, const rl_envelope *e)
{
    const rl_onions *o = core->onions;
    const bool whole = !e->damaged && e->body.len == RL_TAG_BYTES;
    const uint8_t *key_id = whole ? e->body.p + 1 : NULL;
    if (!whole && o->count > 0)
        key_id = o->at[o->count - 1].id;
    if (key_id == NULL || rl_onions_find(o, key_id) == NULL ||
        rl_tags_find(core, e->id) != NULL)
        return true;
    return add(core, e->id, key_id, e->seq) != NULL;
}

static bool take_page(rl_core *core, const rl_result *r)
{
    for (uint32_t i = 0; i < r->u.fetch.count; i++) {
        if (!take_up(core, &r->u.fetch.envelopes[i]))
            return false;
        core->tags.after = r->u.fetch.envelopes[i].seq;
    }
    if (!r->u.fetch.more)
        core->tags.read = true;
    return true;
}

void rl_tags_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    rl_tags *t = &core->tags;
    rl_pending_free(core, p);
    if (r->kind == RL_OP_CREATE) {
        t->there = r->status == RL_STATUS_OK || r->status == RL_STATUS_EXISTS;
        return;
    }
    t->busy = false;
    if (r->status == RL_STATUS_UNKNOWN) {
        t->read = true; /* no queue, no tag */
        return;
    }
    t->there = r->status == RL_STATUS_OK;
    if (t->there && take_page(core, r))
        rl_tags_open(core);
    else
        later(core);
}

/* --- as parcels come ------------------------------------------------------ */

void rl_tags_prune(rl_core *core)
{
    pn_node *at = core->tags.list.next;
    while (at != &core->tags.list) {
        rl_tag *tag = PN_ENTRY(at, rl_tag, node);
        at = at->next;
        if (tag->seq != 0 && rl_onions_find(core->onions, tag->key_id) == NULL)
            rl_tags_drop(core, tag);
    }
}

rl_tag *rl_tags_find(const rl_core *core, const uint8_t *tag)
{
    return pn_map_get(&core->tags.map, tag);
}

rl_tag *rl_tags_begin(rl_core *core, const uint8_t *tag, const uint8_t *key_id)
{
    if (!core->tags.read ||
        core->tags.map.count >= core->config.parcels.tags_max)
        return NULL;
    return add(core, tag, key_id, 0);
}

static uint8_t days_of(rl_core *core, const rl_tag *tag)
{
    const rl_onion *key = rl_onions_find(core->onions, tag->key_id);
    const rl_day today = rl_today(core);
    rl_day last;
    if (key == NULL)
        return 1;
    last = rl_onion_last_day(key);
    if (last <= today)
        return 1;
    return last - today >= QUEUE_DAYS ? QUEUE_DAYS
                                      : (uint8_t)(last - today + 1);
}

pn_err rl_tags_keep(rl_core *core, rl_pending *p, const rl_tag *tag,
                    const uint8_t *answer)
{
    uint8_t body[RL_TAG_BYTES];
    rl_op op = { .kind = RL_OP_DEPOSIT, .id = core->tags.send_id };
    if (!core->tags.there)
        create(core); /* it takes effect before what follows */
    body[0] = VERSION;
    memcpy(body + 1, tag->key_id, sizeof tag->key_id);
    memcpy(body + RL_TAG_HEADER, answer, PN_REPLY_STATUS_BYTES);
    op.u.deposit = (rl_deposit){ .cap_hash = core->tags.cap_hash,
                                 .message_id = tag->tag,
                                 .class = RL_NORMAL,
                                 .ttl_days = days_of(core, tag),
                                 .body = { body, sizeof body } };
    return rl_submit(core, p, &op);
}

pn_err rl_tags_recall(rl_core *core, rl_pending *p, const rl_tag *tag)
{
    rl_op op = { .kind = RL_OP_FETCH };
    fill_fetch(core, &op, tag->seq - 1, 1);
    return rl_submit(core, p, &op);
}
