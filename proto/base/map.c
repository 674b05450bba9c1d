#include "proto/base/map.h"

#include <string.h>

#include "proto/base/mem.h"

enum { CAP_FIRST = 16, KEY_MAX = 64 };

static uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* Little-endian load of up to eight bytes. */
static uint64_t load_le(const uint8_t *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint64_t pn_siphash(const uint64_t seed[2], const uint8_t *p, size_t len)
{
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575U,
                      seed[1] ^ 0x646f72616e646f6dU,
                      seed[0] ^ 0x6c7967656e657261U,
                      seed[1] ^ 0x7465646279746573U };
    uint64_t last = (uint64_t)(len & 0xff) << 56;
    size_t i = 0;
    for (; len - i >= 8; i += 8) {
        const uint64_t m = load_le(p + i, 8);
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    last |= load_le(p + i, len - i);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int r = 0; r < 4; r++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

pn_err pn_map_init(pn_map *m, const pn_env *env, size_t key_len, size_t max)
{
    *m = (pn_map){ .key_len = key_len, .max = max };
    if (key_len == 0 || key_len > KEY_MAX)
        return PN_E_ARG;
    return pn_random(env, (uint8_t *)m->seed, sizeof m->seed);
}

void pn_map_free(pn_map *m)
{
    pn_free_wiped(m->keys, m->cap * m->key_len);
    pn_free(m->values);
    m->keys = NULL;
    m->values = NULL;
    m->cap = 0;
    m->count = 0;
}

static uint8_t *key_at(const pn_map *m, size_t slot)
{
    return m->keys + slot * m->key_len;
}

static size_t home_of(const pn_map *m, const uint8_t *key)
{
    return (size_t)pn_siphash(m->seed, key, m->key_len) & (m->cap - 1);
}

/* The slot of `key`, or the free slot where it would go. cap > 0. */
static size_t find(const pn_map *m, const uint8_t *key)
{
    size_t slot = home_of(m, key);
    while (m->values[slot] != NULL &&
           memcmp(key_at(m, slot), key, m->key_len) != 0)
        slot = (slot + 1) & (m->cap - 1);
    return slot;
}

static pn_err grow(pn_map *m)
{
    pn_map next = *m;
    next.cap = m->cap == 0 ? CAP_FIRST : m->cap * 2;
    next.keys = pn_alloc(next.cap, m->key_len);
    next.values = pn_alloc(next.cap, sizeof *next.values);
    if (next.keys == NULL || next.values == NULL) {
        pn_free(next.keys);
        pn_free(next.values);
        return PN_E_NOMEM;
    }
    for (size_t i = 0; i < m->cap; i++) {
        size_t slot;
        if (m->values[i] == NULL)
            continue;
        slot = find(&next, key_at(m, i));
        memcpy(key_at(&next, slot), key_at(m, i), m->key_len);
        next.values[slot] = m->values[i];
    }
    pn_free_wiped(m->keys, m->cap * m->key_len);
    pn_free(m->values);
    m->keys = next.keys;
    m->values = next.values;
    m->cap = next.cap;
    return PN_OK;
}

pn_err pn_map_put(pn_map *m, const uint8_t *key, void *value)
{
    size_t slot;
    if (value == NULL)
        return PN_E_ARG;
    if (m->cap > 0 && m->values[find(m, key)] != NULL)
        return PN_E_EXISTS;
    if (m->count >= m->max)
        return PN_E_FULL;
    if (m->count + 1 > m->cap / 4 * 3)
        PN_TRY(grow(m));
    slot = find(m, key);
    memcpy(key_at(m, slot), key, m->key_len);
    m->values[slot] = value;
    m->count++;
    return PN_OK;
}

void *pn_map_get(const pn_map *m, const uint8_t *key)
{
    return m->cap == 0 ? NULL : m->values[find(m, key)];
}

/* Close the gap at `hole`: move back every later entry of the run that may
 * stand there, so that no search meets a false end. */
static void shift_back(pn_map *m, size_t hole)
{
    size_t slot = hole;
    for (;;) {
        size_t home;
        slot = (slot + 1) & (m->cap - 1);
        if (m->values[slot] == NULL)
            break;
        home = home_of(m, key_at(m, slot));
        if (((slot - home) & (m->cap - 1)) < ((slot - hole) & (m->cap - 1)))
            continue; /* its home lies after the hole: it may not move */
        memcpy(key_at(m, hole), key_at(m, slot), m->key_len);
        m->values[hole] = m->values[slot];
        hole = slot;
    }
    pn_wipe(key_at(m, hole), m->key_len);
    m->values[hole] = NULL;
}

void *pn_map_take(pn_map *m, const uint8_t *key)
{
    size_t slot;
    void *value;
    if (m->cap == 0)
        return NULL;
    slot = find(m, key);
    value = m->values[slot];
    if (value == NULL)
        return NULL;
    shift_back(m, slot);
    m->count--;
    return value;
}

void *pn_map_next(const pn_map *m, size_t *at)
{
    while (*at < m->cap) {
        void *value = m->values[(*at)++];
        if (value != NULL)
            return value;
    }
    return NULL;
}
