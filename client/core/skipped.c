#include "client/core/skipped.h"

#include <assert.h>
#include <string.h>

#include "proto/base/mem.h"

enum { KEYS_FIRST = 16, CHAINS_FIRST = 4 };

void cl_skipped_clear(cl_skipped *s)
{
    pn_free_wiped(s->keys, s->cap * sizeof *s->keys);
    pn_free_wiped(s->chains, s->chain_cap * sizeof *s->chains);
    *s = (cl_skipped){ 0 };
}

/* A larger block with the old one's content; the old one is wiped. */
static pn_err move_keys(cl_skipped *s, size_t need)
{
    size_t cap = s->cap == 0 ? KEYS_FIRST : s->cap;
    cl_skipped_key *keys;
    while (cap < need)
        cap *= 2;
    keys = pn_alloc(cap, sizeof *keys);
    if (keys == NULL)
        return PN_E_NOMEM;
    if (s->count > 0)
        memcpy(keys, s->keys, s->count * sizeof *keys);
    pn_free_wiped(s->keys, s->cap * sizeof *keys);
    s->keys = keys;
    s->cap = cap;
    return PN_OK;
}

static pn_err move_chains(cl_skipped *s, size_t need)
{
    size_t cap = s->chain_cap == 0 ? CHAINS_FIRST : s->chain_cap;
    cl_skipped_chain *chains;
    while (cap < need)
        cap *= 2;
    chains = pn_alloc(cap, sizeof *chains);
    if (chains == NULL)
        return PN_E_NOMEM;
    if (s->chain_count > 0)
        memcpy(chains, s->chains, s->chain_count * sizeof *chains);
    pn_free_wiped(s->chains, s->chain_cap * sizeof *chains);
    s->chains = chains;
    s->chain_cap = cap;
    return PN_OK;
}

pn_err cl_skipped_reserve(cl_skipped *s, size_t keys)
{
    assert(s->staged == 0);
    s->kept_tag = s->next_tag;
    if (keys == 0)
        return PN_OK;
    if (s->cap - s->count < keys)
        PN_TRY(move_keys(s, s->count + keys));
    if (s->chain_cap - s->chain_count < 2)
        PN_TRY(move_chains(s, s->chain_count + 2));
    return PN_OK;
}

/* Drop chains that have no key left, staged ones included. */
static void sweep_chains(cl_skipped *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->chain_count; i++) {
        if (s->chains[i].keys > 0)
            s->chains[kept++] = s->chains[i];
    }
    if (kept < s->chain_count)
        pn_wipe(s->chains + kept, (s->chain_count - kept) * sizeof *s->chains);
    s->chain_count = kept;
}

static cl_skipped_chain *chain_by_tag(const cl_skipped *s, uint32_t tag)
{
    for (size_t i = s->chain_count; i > 0; i--) {
        if (s->chains[i - 1].tag == tag)
            return &s->chains[i - 1];
    }
    return NULL;
}

/* A key of this chain came, or went. Every key has its chain. */
static void count_key(const cl_skipped *s, uint32_t tag, bool came)
{
    cl_skipped_chain *c = chain_by_tag(s, tag);
    assert(c != NULL);
    if (c != NULL)
        c->keys = came ? c->keys + 1 : c->keys - 1;
}

/* The tag of the chain with this header key, made if there is none yet. New
 * chains have no key until the commit, so that a rollback sweeps them away. */
static uint32_t tag_of(cl_skipped *s, const uint8_t *hk)
{
    cl_skipped_chain *c;
    for (size_t i = s->chain_count; i > 0; i--) {
        if (pn_secret_equal(s->chains[i - 1].hk, hk, CL_KEY_BYTES))
            return s->chains[i - 1].tag;
    }
    assert(s->chain_count < s->chain_cap);
    c = &s->chains[s->chain_count++];
    *c = (cl_skipped_chain){ .tag = s->next_tag++ };
    memcpy(c->hk, hk, CL_KEY_BYTES);
    return c->tag;
}

void cl_skipped_stage(cl_skipped *s, const uint8_t hk[CL_KEY_BYTES], uint32_t n,
                      uint32_t hour, const uint8_t mk[CL_KEY_BYTES])
{
    cl_skipped_key *k;
    const cl_skipped_chain *newest;
    assert(s->count + s->staged < s->cap);
    k = &s->keys[s->count + s->staged];
    *k = (cl_skipped_key){ .n = n, .hour = hour };
    memcpy(k->mk, mk, CL_KEY_BYTES);
    /* Almost always the same chain as the key before. */
    newest = s->staged > 0 ? chain_by_tag(s, k[-1].chain) : NULL;
    if (newest != NULL && pn_secret_equal(newest->hk, hk, CL_KEY_BYTES))
        k->chain = newest->tag;
    else
        k->chain = tag_of(s, hk);
    s->staged++;
}

/* Wipe and remove the keys for which `drop` holds; order is kept. */
static size_t drop_where(cl_skipped *s,
                         bool (*drop)(const cl_skipped_key *, uint64_t),
                         uint64_t arg)
{
    size_t kept = 0;
    const size_t before = s->count;
    for (size_t i = 0; i < s->count; i++) {
        if (drop(&s->keys[i], arg))
            count_key(s, s->keys[i].chain, false);
        else
            s->keys[kept++] = s->keys[i];
    }
    if (kept == before)
        return 0;
    pn_wipe(s->keys + kept, (before - kept) * sizeof *s->keys);
    s->count = kept;
    s->dropped += before - kept;
    sweep_chains(s);
    return before - kept;
}

static bool is_of_chain(const cl_skipped_key *k, uint64_t tag)
{
    return k->chain == tag;
}

static bool is_too_old(const cl_skipped_key *k, uint64_t hour)
{
    return hour >= k->hour && hour - k->hour >= CL_SKIPPED_HOURS;
}

static void drop_oldest(cl_skipped *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        count_key(s, s->keys[i].chain, false);
    memmove(s->keys, s->keys + n, (s->count - n) * sizeof *s->keys);
    pn_wipe(s->keys + s->count - n, n * sizeof *s->keys);
    s->count -= n;
    s->dropped += n;
}

void cl_skipped_commit(cl_skipped *s)
{
    for (size_t i = s->count; i < s->count + s->staged; i++)
        count_key(s, s->keys[i].chain, true);
    s->count += s->staged;
    s->staged = 0;
    if (s->count > CL_SKIPPED_MAX)
        drop_oldest(s, s->count - CL_SKIPPED_MAX);
    sweep_chains(s);
    while (s->chain_count > CL_SKIPPED_CHAINS_MAX)
        (void)drop_where(s, is_of_chain, s->chains[0].tag);
}

void cl_skipped_rollback(cl_skipped *s)
{
    if (s->staged > 0)
        pn_wipe(s->keys + s->count, s->staged * sizeof *s->keys);
    if (s->staged > 0)
        s->next_tag = s->kept_tag;
    s->staged = 0;
    sweep_chains(s);
}

const cl_skipped_key *cl_skipped_find(const cl_skipped *s, uint32_t tag,
                                      uint32_t n)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->keys[i].n == n && s->keys[i].chain == tag)
            return &s->keys[i];
    }
    return NULL;
}

void cl_skipped_remove(cl_skipped *s, const cl_skipped_key *key)
{
    const size_t at = (size_t)(key - s->keys);
    assert(at < s->count && s->staged == 0);
    count_key(s, key->chain, false);
    memmove(s->keys + at, s->keys + at + 1,
            (s->count - at - 1) * sizeof *s->keys);
    s->count--;
    pn_wipe(s->keys + s->count, sizeof *s->keys);
    sweep_chains(s);
}

size_t cl_skipped_expire(cl_skipped *s, uint32_t hour)
{
    return drop_where(s, is_too_old, hour);
}
