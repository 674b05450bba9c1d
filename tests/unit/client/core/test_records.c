/* The engine's records, as they were left by real exchanges, then damaged: cut
 * at every byte, longer, every byte another. The engine opens on what still is
 * a record and keeps its invariants there, or says that the store is damaged;
 * and it opens wholly or not at all when memory, the store or chance fail. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/records.h"
#include "tests/support/faults.h"
#include "tests/support/lonely.h"

enum { CUT_MAX = 3000, RECORDS_MAX = 500 };

static int remember(void **state)
{
    (void)state;
    lonely_remember();
    return 0;
}

static int forget(void **state)
{
    (void)state;
    lonely_forget();
    return 0;
}

static bool is_read_at_once(cl_table table)
{
    switch (table) {
    case CL_TABLE_SESSION:
    case CL_TABLE_MESSAGE:
    case CL_TABLE_BODY:
    case CL_TABLE_SEEN:
        return false;
    case CL_TABLE_SELF:
    case CL_TABLE_RELAY:
    case CL_TABLE_CONTACT:
    case CL_TABLE_INVITE:
    case CL_TABLE_ACCEPT:
    case CL_TABLE_ITEM:
    case CL_TABLE_EVENT:
    case CL_TABLE_QUEUE:
    case CL_TABLE_DESCRIPTOR:
        break;
    }
    return true;
}

/* The engine on a store of which one record is this. */
static pn_err open_with(lonely_moment moment, size_t record, pn_bytes value,
                        bool *fine)
{
    lonely l;
    memstore_record *r;
    pn_err err;
    lonely_begin(&l, moment);
    r = &l.store.records[record];
    free(r->value);
    r->value = malloc(value.len + 1);
    assert_non_null(r->value);
    if (value.len > 0)
        memcpy(r->value, value.p, value.len);
    r->len = value.len;
    err = lonely_open(&l);
    *fine = err != PN_OK || cl_engine_ok(l.engine);
    lonely_end(&l);
    return err;
}

typedef void damage_fn(lonely_moment moment, size_t at,
                       const memstore_record *r);

/* One of a table and a length stands for all that are like it. */
static bool is_new(const memstore_record *r, size_t *seen, size_t *count)
{
    const size_t what = (size_t)r->table << 32 | r->len;
    for (size_t i = 0; i < *count; i++) {
        if (seen[i] == what)
            return false;
    }
    assert_true(*count < RECORDS_MAX);
    seen[(*count)++] = what;
    return true;
}

static void for_each_record(damage_fn *damage)
{
    size_t seen[RECORDS_MAX], count = 0;
    for (size_t m = 0; m < LONELY_MOMENTS; m++) {
        const memstore *store = lonely_store_of((lonely_moment)m);
        for (size_t i = 0; i < store->count; i++) {
            if (store->records[i].live &&
                is_read_at_once(store->records[i].table) &&
                store->records[i].len <= CUT_MAX &&
                is_new(&store->records[i], seen, &count))
                damage((lonely_moment)m, i, &store->records[i]);
        }
    }
}

/* How many shorter forms of a record are records, too: those that earlier
 * versions wrote. */
static size_t earlier_forms(cl_table table)
{
    switch (table) {
    case CL_TABLE_SELF:
        return 3;
    case CL_TABLE_CONTACT:
    case CL_TABLE_RELAY:
        return 2;
    case CL_TABLE_ITEM:
    case CL_TABLE_INVITE:
    case CL_TABLE_ACCEPT:
        return 1;
    case CL_TABLE_SESSION:
    case CL_TABLE_EVENT:
    case CL_TABLE_MESSAGE:
    case CL_TABLE_BODY:
    case CL_TABLE_SEEN:
    case CL_TABLE_QUEUE:
    case CL_TABLE_DESCRIPTOR:
        break;
    }
    return 0;
}

static void cut(lonely_moment moment, size_t at, const memstore_record *r)
{
    size_t whole = 0;
    for (size_t len = 0; len < r->len; len++) {
        bool fine;
        const pn_err err =
            open_with(moment, at, (pn_bytes){ r->value, len }, &fine);
        assert_true(fine);
        if (err == PN_OK)
            whole++;
        else if (err != PN_E_CORRUPT)
            fail_msg("table %d cut at %zu of %zu: %s", r->table, len, r->len,
                     pn_strerror(err));
    }
    if (whole > earlier_forms(r->table))
        fail_msg("%zu short records of table %d are read", whole, r->table);
}

static void a_short_record_is_damage(void **state)
{
    (void)state;
    for_each_record(cut);
}

static void lengthen(lonely_moment moment, size_t at, const memstore_record *r)
{
    uint8_t *room = malloc(r->len + 1);
    bool fine;
    assert_non_null(room);
    memcpy(room, r->value, r->len);
    room[r->len] = 0;
    if (open_with(moment, at, (pn_bytes){ room, r->len + 1 }, &fine) !=
        PN_E_CORRUPT)
        fail_msg("a long record of table %d is read", r->table);
    free(room);
}

static void a_long_record_is_damage(void **state)
{
    (void)state;
    for_each_record(lengthen);
}

/* An invitation's keys have a version of their own. */
static bool may_be_a_version(cl_table table, size_t at)
{
    return at == 0 || table == CL_TABLE_INVITE;
}

static void alter(lonely_moment moment, size_t at, const memstore_record *r)
{
    uint8_t *room = malloc(r->len);
    assert_non_null(room);
    for (size_t i = 0; i < r->len; i += 1 + i / 200) { /* keys lie behind */
        static const uint8_t values[] = { 0, 2, 0xff };
        for (size_t k = 0; k < sizeof values; k++) {
            bool fine;
            pn_err err;
            memcpy(room, r->value, r->len);
            room[i] = values[k];
            err = open_with(moment, at, (pn_bytes){ room, r->len }, &fine);
            assert_true(fine);
            if (err != PN_OK && err != PN_E_CORRUPT &&
                (err != PN_E_VERSION || !may_be_a_version(r->table, i)))
                fail_msg("table %d, %u at %zu: %s", r->table, values[k], i,
                         pn_strerror(err));
        }
    }
    free(room);
}

static void an_altered_record_is_read_or_damage(void **state)
{
    (void)state;
    for_each_record(alter);
}

/* --- messages ------------------------------------------------------------- */

static void messages_are_damaged_one_by_one(void **state)
{
    const memstore *store = lonely_store_of(LONELY_WAITING);
    size_t seen = 0;
    (void)state;
    for (size_t i = 0; i < store->count; i++) {
        const memstore_record *r = &store->records[i];
        cl_message m;
        uint8_t room[640];
        if (!r->live || r->table != CL_TABLE_MESSAGE)
            continue;
        seen++;
        assert_int_equal(cl_read_message(&m, (pn_bytes){ r->value, r->len }),
                         PN_OK);
        for (size_t len = 0; len < r->len; len++)
            assert_int_equal(cl_read_message(&m, (pn_bytes){ r->value, len }),
                             PN_E_CORRUPT);
        assert_true(r->len < sizeof room);
        memcpy(room, r->value, r->len);
        room[r->len] = 0;
        assert_int_equal(cl_read_message(&m, (pn_bytes){ room, r->len + 1 }),
                         PN_E_CORRUPT);
        /* State, failure, priority and the two truths. */
        for (size_t at = 49; at < 54; at++) {
            memcpy(room, r->value, r->len);
            room[at] = 9;
            assert_int_equal(cl_read_message(&m, (pn_bytes){ room, r->len }),
                             PN_E_CORRUPT);
        }
        memcpy(room, r->value, r->len);
        room[51] = 0;
        assert_int_equal(cl_read_message(&m, (pn_bytes){ room, r->len }),
                         PN_E_CORRUPT);
    }
    assert_int_equal(seen, 4);
}

/* --- opening -------------------------------------------------------------- */

static void memory_for_all_or_nothing(void **state)
{
    (void)state;
    for (size_t m = 0; m < LONELY_MOMENTS; m++) {
        for (unsigned n = 1; n < 10000; n++) {
            lonely l;
            pn_err err;
            lonely_begin(&l, (lonely_moment)m);
            (void)faults_arm(n);
            err = lonely_open(&l);
            if (!faults_hit()) {
                assert_int_equal(err, PN_OK);
                assert_true(n > 10);
                lonely_end(&l);
                break;
            }
            /* Which way mail goes is no part of the store, and looked for
             * again later. */
            assert_true(
                err == PN_E_NOMEM ||
                (err == PN_OK && (m == LONELY_CHANGED || m == LONELY_STRANGE ||
                                  m == LONELY_SENDING)));
            assert_true(err == PN_OK || l.engine == NULL);
            assert_true(
                lonely_same(&l.store, lonely_store_of((lonely_moment)m)));
            lonely_end(&l);
        }
    }
}

static void the_store_gives_all_or_nothing(void **state)
{
    static const pn_err errors[] = { PN_E_IO, PN_E_CLOSED, PN_E_CORRUPT };
    (void)state;
    for (size_t m = 0; m < LONELY_MOMENTS; m++) {
        for (size_t k = 0; k < sizeof errors / sizeof errors[0]; k++) {
            for (unsigned n = 1;; n++) {
                lonely l;
                pn_err err;
                lonely_begin(&l, (lonely_moment)m);
                l.store.fail_op = n;
                l.store.fail_with = errors[k];
                err = lonely_open(&l);
                if (!l.store.hit) {
                    assert_int_equal(err, PN_OK);
                    lonely_end(&l);
                    break;
                }
                assert_int_equal(err, errors[k]);
                assert_null(l.engine);
                lonely_end(&l);
            }
        }
    }
}

static void without_randomness_there_is_no_engine(void **state)
{
    lonely l;
    unsigned n = 1;
    (void)state;
    for (;; n++) {
        pn_err err;
        lonely_begin(&l, LONELY_WAITING);
        l.sim.random_at = n;
        err = lonely_open(&l);
        if (!l.sim.random_hit)
            break;
        assert_int_equal(err, PN_E_RANDOM);
        assert_null(l.engine);
        lonely_end(&l);
    }
    assert_true(n > 5);
    lonely_end(&l);
}

/* Two records that say they are the same thing: damage. */
static void a_thing_is_there_once(void **state)
{
    static const struct {
        lonely_moment moment;
        cl_table table;
    } cases[] = { { LONELY_WAITING, CL_TABLE_CONTACT },
                  { LONELY_WAITING, CL_TABLE_ITEM },
                  { LONELY_HOLDING, CL_TABLE_EVENT } };
    static const uint8_t key[] = { 1, 2, 3 };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        lonely l;
        cl_store store;
        size_t i = 0;
        lonely_begin(&l, cases[k].moment);
        store = memstore_port(&l.store);
        while (l.store.records[i].table != cases[k].table)
            i++;
        {
            const memstore_record r = l.store.records[i];
            assert_int_equal(store.put(store.ctx, r.table, CL_VIEW(key),
                                       (pn_bytes){ r.value, r.len }),
                             PN_OK);
            assert_int_equal(store.commit(store.ctx), PN_OK);
        }
        assert_int_equal(lonely_open(&l), PN_E_CORRUPT);
        lonely_end(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_record_is_damage),
        cmocka_unit_test(a_long_record_is_damage),
        cmocka_unit_test(an_altered_record_is_read_or_damage),
        cmocka_unit_test(messages_are_damaged_one_by_one),
        cmocka_unit_test(memory_for_all_or_nothing),
        cmocka_unit_test(the_store_gives_all_or_nothing),
        cmocka_unit_test(without_randomness_there_is_no_engine),
        cmocka_unit_test(a_thing_is_there_once),
    };
    return cmocka_run_group_tests(tests, remember, forget);
}
