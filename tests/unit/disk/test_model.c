#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/unit/disk/diskkit.h"

/* The vault beside a plain table in memory, over random operations. */
enum { KINDS = 3, KEYS = 12, SCHEDULES = 12, STEPS = 400, LONGEST = 700 };

typedef struct cell {
    bool there;
    uint64_t order;
    size_t len;
    uint8_t value[LONGEST];
} cell;

typedef struct model {
    cell cells[KINDS][KEYS];
    uint64_t next;
} model;

typedef struct dice {
    uint8_t seed[randombytes_SEEDBYTES];
    uint32_t n;
} dice;

static uint32_t roll(dice *d, uint32_t bound)
{
    uint32_t out;
    memcpy(d->seed, &d->n, sizeof d->n);
    d->n++;
    randombytes_buf_deterministic(&out, sizeof out, d->seed);
    return out % bound;
}

static pn_bytes key_of(uint32_t i, char text[16])
{
    (void)snprintf(text, 16, "key %u", i);
    return kit_text(text);
}

static void step(cl_vault *v, model *m, dice *d)
{
    const uint32_t kind = roll(d, KINDS), i = roll(d, KEYS);
    cell *c = &m->cells[kind][i];
    char text[16];
    const pn_bytes key = key_of(i, text);
    if (roll(d, 4) == 0) {
        assert_int_equal(cl_vault_delete(v, (uint16_t)(kind + 1), key),
                         c->there ? PN_OK : PN_E_NOT_FOUND);
        c->there = false;
        return;
    }
    c->len = roll(d, LONGEST);
    memset(c->value, (int)roll(d, 256), c->len);
    assert_int_equal(cl_vault_put(v, (uint16_t)(kind + 1), key,
                                  (pn_bytes){ c->value, c->len }),
                     PN_OK);
    if (!c->there)
        c->order = m->next++;
    c->there = true;
}

static void compare_lookup(cl_vault *v, const model *m)
{
    uint64_t count = 0;
    pn_buf got;
    pn_buf_init(&got, CL_VAULT_VALUE_MAX);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            const cell *c = &m->cells[kind][i];
            char text[16];
            assert_int_equal(
                cl_vault_get(v, (uint16_t)(kind + 1), key_of(i, text), &got),
                c->there ? PN_OK : PN_E_NOT_FOUND);
            if (!c->there)
                continue;
            count++;
            assert_true(pn_bytes_equal(pn_buf_view(&got),
                                       (pn_bytes){ c->value, c->len }));
        }
    }
    assert_int_equal(cl_vault_count(v), count);
    pn_buf_clear(&got);
}

/* Iteration gives each record once, in the model's order. */
static void compare_order(cl_vault *v, const model *m)
{
    pn_buf key;
    pn_buf_init(&key, CL_VAULT_KEY_MAX);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        uint64_t cursor = 0, last = 0;
        size_t want = 0, seen = 0;
        for (uint32_t i = 0; i < KEYS; i++)
            want += m->cells[kind][i].there;
        while (cl_vault_next(v, (uint16_t)(kind + 1), &cursor, &key, NULL) ==
               PN_OK) {
            char text[16];
            uint32_t i = 0;
            while (i < KEYS &&
                   !pn_bytes_equal(pn_buf_view(&key), key_of(i, text)))
                i++;
            assert_in_range(i, 0, KEYS - 1);
            assert_true(m->cells[kind][i].there);
            assert_true(m->cells[kind][i].order > last);
            last = m->cells[kind][i].order;
            seen++;
        }
        assert_int_equal(seen, want);
    }
    pn_buf_clear(&key);
}

static void compare(cl_vault *v, const model *m)
{
    cl_vault_report report;
    compare_lookup(v, m);
    compare_order(v, m);
    assert_int_equal(cl_vault_verify(v, &report), PN_OK);
    assert_int_equal(report.damaged, 0);
    assert_int_equal(report.records, cl_vault_count(v));
}

static void one_schedule(const kit *k, uint32_t seed)
{
    model *now = pn_alloc(1, sizeof *now),
          *committed = pn_alloc(1, sizeof *now);
    dice d = { .n = seed * 100000 };
    cl_vault *v = kit_create(k);
    assert_true(now != NULL && committed != NULL);
    now->next = 1;
    *committed = *now;
    for (int i = 0; i < STEPS / 8; i++) {
        assert_int_equal(cl_vault_begin(v), PN_OK);
        for (uint32_t n = roll(&d, 8); n > 0; n--)
            step(v, now, &d);
        if (roll(&d, 5) == 0) {
            cl_vault_rollback(v);
            *now = *committed;
        } else {
            assert_int_equal(cl_vault_commit(v), PN_OK);
            *committed = *now;
        }
        if (roll(&d, 6) == 0) {
            cl_vault_close(&v);
            v = kit_open(k);
            assert_false(cl_vault_was_rolled_back(v));
        }
        if (roll(&d, 4) == 0)
            compare(v, now);
    }
    compare(v, now);
    cl_vault_close(&v);
    kit_remove(k->home);
    pn_free(now);
    pn_free(committed);
}

/* Whatever the schedule of changes, rollbacks and restarts, the vault is what
 * the table is. */
static void vault_is_the_model(void **state)
{
    assert_true(sodium_init() >= 0);
    for (uint32_t seed = 1; seed <= SCHEDULES; seed++)
        one_schedule(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vault_is_the_model, kit_setup,
                                        kit_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
