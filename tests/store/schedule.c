#include "tests/store/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"

static uint64_t below(schedule *s, uint64_t n)
{
    return simenv_next(&s->rng) % n;
}

/* A 32-byte name from a letter and two small numbers. */
static void name(uint8_t out[32], char what, uint64_t a, uint64_t b)
{
    simenv x;
    simenv_init(&x, (uint64_t)(unsigned char)what << 32 | a << 8 | b);
    for (size_t i = 0; i < 32; i += 8) {
        const uint64_t v = simenv_next(&x);
        memcpy(out + i, &v, 8);
    }
}

void schedule_init(schedule *s, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->seed = seed;
    simenv_init(&s->rng, seed);
    s->base = calloc(1, sizeof *s->base);
    s->now = calloc(1, sizeof *s->now);
    s->ops = calloc(SCHEDULE_OPEN, sizeof *s->ops);
    s->day = 20000;
    s->next_token = 1;
    if (s->base == NULL || s->now == NULL || s->ops == NULL)
        abort();
}

static void forget_ops(schedule *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->ops[i].body);
    memset(s->ops, 0, s->count * sizeof *s->ops);
    s->count = 0;
    s->answered = 0;
}

void schedule_free(schedule *s)
{
    forget_ops(s);
    free(s->base);
    free(s->now);
    free(s->ops);
}

static bool wrong(schedule *s, const rl_op *op, const char *what)
{
    if (s->wrong == NULL) {
        s->wrong = what;
        (void)snprintf(s->said, sizeof s->said,
                       "seed %llu, operation %llu of kind %d: %s",
                       (unsigned long long)s->seed,
                       (unsigned long long)(op != NULL ? op->token : 0),
                       op != NULL ? (int)op->kind : 0, what);
    }
    return false;
}

static void make_deposit(schedule *s, schedule_op *x, uint64_t q)
{
    static const uint32_t lens[] = { 1, 63, 64, 65, 896, 960, 3968, 4032 };
    static const rl_class classes[] = { RL_URGENT, RL_NORMAL, RL_BULK };
    rl_deposit *d = &x->op.u.deposit;
    uint8_t id[32];
    const size_t len = below(s, 3) > 0
                           ? lens[below(s, sizeof lens / sizeof lens[0])]
                           : 1 + below(s, 5000);
    name(x->id, 's', q, 0);
    name(x->cap, 'c', q, below(s, 3));
    name(id, 'm', below(s, 40), 0);
    memcpy(x->message_id, id, 16);
    x->body = malloc(len);
    if (x->body == NULL)
        abort();
    model_body(x->message_id, x->body, len);
    d->cap_hash = x->cap;
    d->message_id = x->message_id;
    d->class = classes[below(s, RL_CLASSES)];
    d->ttl_days = (uint8_t)below(s, 6);
    d->body = (pn_bytes){ x->body, len };
}

static void make_ack(schedule *s, schedule_op *x)
{
    rl_ack *a = &x->op.u.ack;
    a->count = (uint32_t)below(s, 5);
    a->ids = x->ids;
    a->clear_marks = below(s, 4) == 0;
    for (uint32_t i = 0; i < a->count; i++) {
        uint8_t id[32];
        name(id, 'm', below(s, 40), 0);
        memcpy(x->ids + (size_t)i * 16, id, 16);
    }
}

static void make(schedule *s, schedule_op *x)
{
    const uint64_t q = below(s, MODEL_QUEUES), dice = below(s, 100);
    memset(x, 0, sizeof *x);
    if (below(s, 60) == 0)
        s->day = (rl_day)(s->day + 1U + below(s, 4));
    x->op.day = s->day;
    x->op.token = s->next_token++;
    x->op.id = x->id;
    name(x->id, 'r', q, 0);
    if (dice < 8) {
        rl_create *c = &x->op.u.create;
        x->op.kind = RL_OP_CREATE;
        name(x->send_id, 's', q, 0);
        name(x->owner, 'o', q, s->next_token);
        name(x->cap, 'c', q, 0);
        *c = (rl_create){ .send_id = x->send_id,
                          .owner = x->owner,
                          .cap_hash = x->cap,
                          .max_count = below(s, 6) == 0
                                           ? RL_SPOOL
                                           : 1 + (uint32_t)below(s, 12),
                          .max_bytes = 500 + (uint32_t)below(s, 30000),
                          .ttl_days = (uint8_t)(1 + below(s, 40)) };
    } else if (dice < 58) {
        x->op.kind = RL_OP_DEPOSIT;
        make_deposit(s, x, q);
    } else if (dice < 78) {
        x->op.kind = RL_OP_ACK;
        make_ack(s, x);
    } else if (dice < 86) {
        x->op.kind = RL_OP_FETCH;
        x->op.u.fetch.max_count = 1 + (uint32_t)below(s, 16);
        x->op.u.fetch.max_bytes = (uint32_t)below(s, 20000);
    } else if (dice < 89) {
        x->op.kind = RL_OP_LOOKUP;
    } else if (dice < 91) {
        x->op.kind = RL_OP_ROTATE;
        name(x->cap, 'c', q, below(s, 3));
        x->op.u.new_cap_hash = x->cap;
    } else if (dice < 93) {
        x->op.kind = below(s, 3) == 0 ? RL_OP_SUSPEND : RL_OP_RESUME;
    } else if (dice < 95) {
        x->op.kind = below(s, 3) == 0 ? RL_OP_BLOCK : RL_OP_UNBLOCK;
        if (below(s, 2) == 0)
            name(x->id, 's', q, 0);
    } else if (dice < 96) {
        x->op.kind = RL_OP_PURGE;
    } else if (dice < 97) {
        x->op.kind = RL_OP_DELETE;
    } else {
        x->op.kind = RL_OP_EXPIRE;
    }
}

/* All answered: what has happened is the new beginning. */
static void rebase(schedule *s)
{
    *s->base = *s->now;
    forget_ops(s);
}

static bool room(schedule *s)
{
    if (s->answered == s->count)
        rebase(s);
    return s->count < SCHEDULE_OPEN;
}

static bool submit(schedule *s)
{
    schedule_op *x = &s->ops[s->count];
    const pn_err err = rl_store_submit(s->store, &x->op);
    if (err != PN_OK) {
        free(x->body);
        memset(x, 0, sizeof *x);
        return false;
    }
    model_apply(s->now, &x->op, &x->want);
    s->count++;
    return true;
}

bool schedule_step(schedule *s)
{
    if (!room(s))
        return false;
    make(s, &s->ops[s->count]);
    return submit(s);
}

/* What a failed store says of a queue is what was asked of it, durable or not,
 * and so proves nothing. */
static bool proves_nothing(const schedule *s, const rl_result *r)
{
    rl_store_stats stats;
    rl_store_stats_get(s->store, &stats);
    return r->status == RL_STATUS_FAILED ||
           (stats.failed && r->kind == RL_OP_LOOKUP);
}

static void on_result(void *ctx, const rl_result *r)
{
    schedule *s = ctx;
    const char *what;
    if (s->dead != NULL && *s->dead)
        return;
    for (size_t i = 0; i < s->count; i++) {
        schedule_op *x = &s->ops[i];
        if (x->op.token != r->token)
            continue;
        if (x->answered || r->kind != x->op.kind) {
            (void)wrong(s, &x->op, "answered twice, or as another");
            return;
        }
        if (proves_nothing(s, r))
            return;
        x->answered = true;
        s->answered++;
        s->results++;
        what = model_compare(&x->want, r);
        if (what != NULL)
            (void)wrong(s, &x->op, what);
        return;
    }
    (void)wrong(s, NULL, "a result nobody asked for");
}

bool schedule_drain(schedule *s)
{
    (void)rl_store_drain(s->store, on_result, s);
    return s->wrong == NULL;
}

bool schedule_settle(schedule *s)
{
    for (int i = 0; i < 1000 && s->answered < s->count; i++) {
        rl_store_flush(s->store);
        if (!schedule_drain(s))
            return false;
    }
    if (s->answered < s->count)
        return wrong(s, NULL, "operations without an answer");
    rebase(s);
    return true;
}

bool schedule_inspect(schedule *s)
{
    for (uint64_t q = 0; q < MODEL_QUEUES; q++) {
        for (int part = 0; part < 2; part++) {
            schedule_op *x;
            if (!room(s))
                return wrong(s, NULL, "no room to inspect");
            x = &s->ops[s->count];
            memset(x, 0, sizeof *x);
            x->op.token = s->next_token++;
            x->op.id = x->id;
            name(x->id, 'r', q, 0);
            x->op.kind = part == 0 ? RL_OP_LOOKUP : RL_OP_FETCH;
            x->op.u.fetch.max_count = part == 0 ? 0 : RL_FETCH_MAX;
            x->op.u.fetch.max_bytes = part == 0 ? 0 : UINT32_MAX;
            if (!submit(s))
                return wrong(s, &x->op, "not taken");
            if (!schedule_settle(s))
                return false;
        }
    }
    return true;
}

/* Whether the store is where *m is; *s is left as it was. */
static bool is_at(schedule *s, const model *m)
{
    schedule probe = *s;
    bool same;
    probe.base = malloc(sizeof *probe.base);
    probe.now = malloc(sizeof *probe.now);
    probe.ops = calloc(SCHEDULE_OPEN, sizeof *probe.ops);
    if (probe.base == NULL || probe.now == NULL || probe.ops == NULL)
        abort();
    probe.count = probe.answered = 0;
    *probe.base = *probe.now = *m;
    same = schedule_inspect(&probe);
    s->next_token = probe.next_token;
    schedule_free(&probe);
    return same;
}

/* Run one operation against every candidate; drop those it contradicts. */
typedef struct trial {
    const model_expect *wants;
    bool *fits;
    size_t count;
    bool done;
} trial;

static void on_trial(void *ctx, const rl_result *r)
{
    trial *t = ctx;
    for (size_t i = 0; i < t->count; i++)
        t->fits[i] = model_compare(&t->wants[i], r) == NULL;
    t->done = true;
}

static bool try_all(schedule *s, model *cands, size_t *count)
{
    schedule_op *x = &s->ops[0];
    model_expect *wants = calloc(*count, sizeof *wants);
    bool *fits = calloc(*count, sizeof *fits);
    trial t = { wants, fits, *count, false };
    size_t kept = 0;
    if (wants == NULL || fits == NULL)
        abort();
    make(s, x);
    for (size_t i = 0; i < *count; i++)
        model_apply(&cands[i], &x->op, &wants[i]);
    if (rl_store_submit(s->store, &x->op) == PN_OK) {
        for (int i = 0; i < 1000 && !t.done; i++) {
            rl_store_flush(s->store);
            (void)rl_store_drain(s->store, on_trial, &t);
        }
    }
    for (size_t i = 0; i < *count; i++) {
        bool twin = false;
        for (size_t j = 0; j < kept; j++)
            twin = twin || memcmp(&cands[j], &cands[i], sizeof *cands) == 0;
        if (fits[i] && !twin)
            cands[kept++] = cands[i];
    }
    free(x->body);
    memset(x, 0, sizeof *x);
    free(wants);
    free(fits);
    *count = kept;
    return t.done;
}

bool schedule_recover(schedule *s, rl_store *store)
{
    model *cands = calloc(s->count + 1, sizeof *cands);
    model *m = malloc(sizeof *m);
    model_expect *e = malloc(sizeof *e);
    size_t least = 0, n = 0;
    if (cands == NULL || m == NULL || e == NULL)
        abort();
    s->store = store;
    for (size_t i = 0; i < s->count; i++)
        if (s->ops[i].answered && s->ops[i].op.kind != RL_OP_FETCH)
            least = i + 1; /* a fetch may overtake what it does not show */
    *m = *s->base;
    for (size_t i = 0; i <= s->count; i++) {
        if (i >= least &&
            (n == 0 || memcmp(&cands[n - 1], m, sizeof *m) != 0) && is_at(s, m))
            cands[n++] = *m;
        if (i < s->count)
            model_apply(m, &s->ops[i].op, e);
    }
    forget_ops(s);
    for (int i = 0; i < 2000 && n > 1; i++)
        if (!try_all(s, cands, &n))
            break;
    if (n > 0)
        *s->base = *s->now = cands[0];
    free(cands);
    free(m);
    free(e);
    return n > 0 || wrong(s, NULL, "after a crash, no prefix fits");
}
