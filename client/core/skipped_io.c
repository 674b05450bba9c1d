/* The stored form: u32 chains, then tag, keys, hk of each; u32 keys, then
 * chain, n, hour, mk of each, oldest first; u32 next tag; u64 dropped. */
#include <string.h>

#include "client/core/skipped.h"
#include "proto/base/mem.h"

enum { CHAIN_BYTES = 4 + 4 + 32, STORED_KEY_BYTES = 4 + 4 + 4 + 32 };

size_t cl_skipped_size(const cl_skipped *s)
{
    return 4 + s->chain_count * CHAIN_BYTES + 4 + s->count * STORED_KEY_BYTES +
           4 + 8;
}

void cl_skipped_write(const cl_skipped *s, pn_out *out)
{
    pn_put_u32(out, (uint32_t)s->chain_count);
    for (size_t i = 0; i < s->chain_count; i++) {
        pn_put_u32(out, s->chains[i].tag);
        pn_put_u32(out, s->chains[i].keys);
        pn_put(out, CL_VIEW(s->chains[i].hk));
    }
    pn_put_u32(out, (uint32_t)s->count);
    for (size_t i = 0; i < s->count; i++) {
        pn_put_u32(out, s->keys[i].chain);
        pn_put_u32(out, s->keys[i].n);
        pn_put_u32(out, s->keys[i].hour);
        pn_put(out, CL_VIEW(s->keys[i].mk));
    }
    pn_put_u32(out, s->next_tag);
    pn_put_u64(out, s->dropped);
}

static pn_err read_all(cl_skipped *s, pn_bytes *in)
{
    uint32_t chains, keys;
    PN_TRY(pn_take_u32(in, &chains));
    if (chains > CL_SKIPPED_CHAINS_MAX || chains > in->len / CHAIN_BYTES)
        return PN_E_CORRUPT;
    if (chains > 0) {
        s->chains = pn_alloc(chains, sizeof *s->chains);
        if (s->chains == NULL)
            return PN_E_NOMEM;
        s->chain_cap = chains;
    }
    for (; s->chain_count < chains; s->chain_count++) {
        cl_skipped_chain *c = &s->chains[s->chain_count];
        PN_TRY(pn_take_u32(in, &c->tag));
        PN_TRY(pn_take_u32(in, &c->keys));
        PN_TRY(pn_take_copy(in, c->hk, sizeof c->hk));
    }
    PN_TRY(pn_take_u32(in, &keys));
    if (keys > CL_SKIPPED_MAX || keys > in->len / STORED_KEY_BYTES)
        return PN_E_CORRUPT;
    if (keys > 0) {
        s->keys = pn_alloc(keys, sizeof *s->keys);
        if (s->keys == NULL)
            return PN_E_NOMEM;
        s->cap = keys;
    }
    for (; s->count < keys; s->count++) {
        cl_skipped_key *k = &s->keys[s->count];
        PN_TRY(pn_take_u32(in, &k->chain));
        PN_TRY(pn_take_u32(in, &k->n));
        PN_TRY(pn_take_u32(in, &k->hour));
        PN_TRY(pn_take_copy(in, k->mk, sizeof k->mk));
    }
    PN_TRY(pn_take_u32(in, &s->next_tag));
    PN_TRY(pn_take_u64(in, &s->dropped));
    return cl_skipped_ok(s) ? PN_OK : PN_E_CORRUPT;
}

pn_err cl_skipped_read(cl_skipped *s, pn_bytes *in)
{
    const pn_err err = read_all(s, in);
    if (err == PN_OK)
        return PN_OK;
    cl_skipped_clear(s);
    return err == PN_E_NOMEM ? err : PN_E_CORRUPT;
}

/* Every chain has as many keys as it says, and at least one; tags are unique
 * and older than the next. Tags grow with the chains'
 * age, which makes uniqueness a comparison of neighbours. */
bool cl_skipped_ok(const cl_skipped *s)
{
    uint32_t have[CL_SKIPPED_CHAINS_MAX] = { 0 };
    if (s->staged != 0 || s->count > CL_SKIPPED_MAX || s->count > s->cap ||
        s->chain_count > CL_SKIPPED_CHAINS_MAX || s->chain_count > s->chain_cap)
        return false;
    for (size_t i = 0; i < s->chain_count; i++) {
        if (s->chains[i].keys == 0 || s->chains[i].tag >= s->next_tag ||
            (i > 0 && s->chains[i].tag <= s->chains[i - 1].tag))
            return false;
    }
    for (size_t i = 0; i < s->count; i++) {
        size_t c = 0;
        while (c < s->chain_count && s->chains[c].tag != s->keys[i].chain)
            c++;
        if (c == s->chain_count)
            return false;
        have[c]++;
    }
    for (size_t i = 0; i < s->chain_count; i++) {
        if (have[i] != s->chains[i].keys)
            return false;
    }
    return true;
}
