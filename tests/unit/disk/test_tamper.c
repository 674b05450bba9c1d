#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/unit/disk/diskkit.h"

enum { NOTE = 5, RECORDS = 12, FLIPS = 1500 };

static void fill(cl_vault *v)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "record %u", i);
        kit_put(v, NOTE, text, text);
    }
}

/* Every record is right, or said to be damaged. Returns how many are right. */
static unsigned read_back(cl_vault *v)
{
    unsigned right = 0;
    pn_buf got;
    pn_buf_init(&got, CL_VAULT_VALUE_MAX);
    for (unsigned i = 0; i < RECORDS; i++) {
        char text[16];
        pn_err err;
        (void)snprintf(text, sizeof text, "record %u", i);
        err = cl_vault_get(v, NOTE, kit_text(text), &got);
        assert_true(err == PN_OK || err == PN_E_CORRUPT);
        if (err != PN_OK)
            continue;
        assert_true(pn_bytes_equal(pn_buf_view(&got), kit_text(text)));
        right++;
    }
    pn_buf_clear(&got);
    return right;
}

/* Iteration gives every record, right or as damaged: none is passed over. */
static void walk_all(cl_vault *v)
{
    uint64_t cursor = 0;
    unsigned seen = 0;
    pn_err err;
    while ((err = cl_vault_next(v, NOTE, &cursor, NULL, NULL)) == PN_OK ||
           (err == PN_E_CORRUPT && seen < RECORDS))
        seen++;
    assert_true(err == PN_E_NOT_FOUND || err == PN_E_CORRUPT);
    assert_int_equal(seen, RECORDS);
}

/* A flipped bit anywhere in the keyslots is damage, never a wrong
 * passphrase, and mended it opens again. */
static void keyslots_flipped(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    size_t len;
    uint8_t *p;
    cl_vault *v = kit_create(k);
    cl_vault_close(&v);
    kit_path(k, "home", "keyslots", path);
    p = kit_read(path, &len);
    for (size_t bit = 0; bit < 8 * len; bit += 3) {
        cl_vault_fault fault;
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        kit_write(path, p, len);
        assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), &fault),
                         PN_E_CORRUPT);
        assert_non_null(strstr(fault.text, "keyslots is damaged"));
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut += 13) {
        kit_write(path, p, cut);
        assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                         PN_E_CORRUPT);
    }
    kit_write(path, p, len);
    v = kit_open(k);
    cl_vault_close(&v);
    pn_free(p);
}

/* In the device file: its secrets are checked; its marks, if damaged, count
 * as unknown history. */
static void device_flipped(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    size_t len;
    uint8_t *p;
    cl_vault *v = kit_create(k);
    fill(v);
    cl_vault_close(&v);
    kit_path(k, "home", "device", path);
    p = kit_read(path, &len);
    for (size_t at = 0; at < 512; at += 7) {
        p[at] ^= 0x10;
        kit_write(path, p, len);
        assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                         PN_E_CORRUPT);
        p[at] ^= 0x10;
    }
    p[520] ^= 1;
    p[1030] ^= 1;
    kit_write(path, p, len);
    v = kit_open(k);
    assert_int_equal(cl_vault_history_of(v), CL_VAULT_ROLLED_BACK);
    assert_int_equal(read_back(v), RECORDS);
    cl_vault_close(&v);
    pn_free(p);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                     PN_E_CORRUPT);
}

/* Somebody else's device file, and so no way to try the passphrase. */
static void device_of_another_vault(void **state)
{
    const kit *k = *state;
    kit other = *k;
    char mine[KIT_PATH], theirs[KIT_PATH];
    size_t len;
    uint8_t *p;
    cl_vault *v = kit_create(k);
    cl_vault_fault fault;
    cl_vault_close(&v);
    kit_path(k, NULL, "other", other.home);
    v = kit_create(&other);
    cl_vault_close(&v);
    kit_path(k, "home", "device", mine);
    kit_path(k, "other", "device", theirs);
    p = kit_read(theirs, &len);
    kit_write(mine, p, len);
    pn_free(p);
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), &fault),
                     PN_E_CORRUPT);
    assert_non_null(strstr(fault.text, "device"));
}

/* Flip bytes all over one file: each time either the vault says what is wrong
 * or every record is right. Damage that hits something is always found. */
static unsigned flip_all_over(const kit *k, const char *name, size_t step,
                              size_t from)
{
    char path[KIT_PATH];
    size_t len;
    unsigned found = 0;
    uint8_t *p;
    kit_path(k, "home", name, path);
    p = kit_read(path, &len);
    for (size_t at = from; at < len; at += step) {
        const uint8_t bit = (uint8_t)(1u << at % 8);
        kit now = *k;
        char file[KIT_PATH];
        cl_vault *v;
        cl_vault_report report;
        pn_err err;
        kit_copy(k, "home", "flipped");
        kit_path(k, NULL, "flipped", now.home);
        kit_path(k, "flipped", name, file);
        p[at] ^= bit;
        kit_write(file, p, len);
        p[at] ^= bit;
        err = cl_vault_open(&v, now.home, kit_passphrase(), NULL);
        assert_true(err == PN_OK || err == PN_E_CORRUPT || err == PN_E_VERSION);
        if (err == PN_OK) {
            const unsigned right = read_back(v);
            walk_all(v);
            err = cl_vault_verify(v, &report);
            assert_true(err == PN_OK || err == PN_E_CORRUPT);
            if (right < RECORDS)
                assert_int_equal(err, PN_E_CORRUPT);
            assert_true(cl_vault_count(v) == RECORDS);
            cl_vault_close(&v);
        }
        found += err != PN_OK;
        kit_remove(now.home);
    }
    pn_free(p);
    return found;
}

static void database_flipped(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    struct stat st;
    cl_vault *v = kit_create(k);
    fill(v);
    cl_vault_close(&v);
    kit_path(k, "home", "vault.db", path);
    assert_int_equal(stat(path, &st), 0);
    /* Most of what is there is records or what leads to them. */
    assert_true(flip_all_over(k, "vault.db", (size_t)st.st_size / FLIPS, 1) >
                FLIPS / 8);
}

static void record_keys_flipped(void **state)
{
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    fill(v);
    cl_vault_close(&v);
    /* The header and the first places, which are in use. */
    assert_in_range(flip_all_over(k, "record.keys", 1009, 5), 1, 40);
}

/* Records of one vault cannot be put in the place of others. */
static void rows_cannot_be_swapped(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH], sql[512];
    cl_vault *v = kit_create(k);
    cl_vault_report report;
    fill(v);
    cl_vault_close(&v);
    kit_path(k, "home", "vault.db", path);
    /* Exchange the bodies of two records, entries untouched. */
    (void)snprintf(sql, sizeof sql,
                   "UPDATE body SET id = -1 WHERE id = 1;"
                   "UPDATE body SET id = 1 WHERE id = 2;"
                   "UPDATE body SET id = 2 WHERE id = -1");
    kit_sql(path, sql);
    v = kit_open(k);
    assert_int_equal(read_back(v), RECORDS - 2);
    assert_int_equal(cl_vault_verify(v, &report), PN_E_CORRUPT);
    assert_int_equal(report.damaged, 2);
    assert_int_equal(report.records, RECORDS - 2);
    cl_vault_close(&v);
    /* Take one away altogether. */
    kit_sql(path, "DELETE FROM entry WHERE id = 3");
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                     PN_E_CORRUPT);
}

/* A planted trigger never runs, and the vault does not open. */
static void planted_schema_is_refused(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    cl_vault *v = kit_create(k);
    cl_vault_close(&v);
    kit_path(k, "home", "vault.db", path);
    kit_sql(path, "CREATE TRIGGER t AFTER INSERT ON entry BEGIN "
                  "DELETE FROM body; END");
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                     PN_E_CORRUPT);
}

/* An older database under newer keys is noticed; what still has a key can be
 * read, the rest is dropped when the history is settled. */
static void rollback_of_the_database(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH], keys[KIT_PATH];
    size_t len, keys_len, after_len;
    uint8_t *old, *newer_keys, *after;
    uint64_t dropped;
    cl_vault_report report;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "stays", "as it was");
    kit_put(v, NOTE, "ratchet", "state 1");
    cl_vault_close(&v);
    kit_path(k, "home", "vault.db", path);
    kit_path(k, "home", "record.keys", keys);
    old = kit_read(path, &len);
    v = kit_open(k);
    kit_put(v, NOTE, "ratchet", "state 2");
    kit_put(v, NOTE, "new", "message");
    cl_vault_close(&v);
    newer_keys = kit_read(keys, &keys_len);
    kit_write(path, old, len);
    for (int i = 0; i < 2; i++) { /* it is not forgotten by a restart */
        v = kit_open(k);
        assert_true(cl_vault_was_rolled_back(v));
        assert_int_equal(cl_vault_history_of(v), CL_VAULT_ROLLED_BACK);
        cl_vault_close(&v);
    }
    /* Nothing newer was destroyed yet: it may be the copy that is wrong. */
    after = kit_read(keys, &after_len);
    assert_int_equal(after_len, keys_len);
    assert_memory_equal(after, newer_keys, keys_len);
    v = kit_open(k);
    kit_expect(v, NOTE, "stays", "as it was");
    assert_int_equal(cl_vault_verify(v, &report), PN_E_CORRUPT);
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_settle(v, &dropped), PN_OK);
    assert_int_equal(dropped, 1);
    assert_int_equal(cl_vault_commit(v), PN_OK);
    assert_false(cl_vault_was_rolled_back(v));
    kit_expect(v, NOTE, "ratchet", NULL);
    kit_put(v, NOTE, "ratchet", "state 3");
    assert_int_equal(cl_vault_verify(v, &report), PN_OK);
    cl_vault_close(&v);
    v = kit_open(k);
    assert_false(cl_vault_was_rolled_back(v));
    kit_expect(v, NOTE, "ratchet", "state 3");
    cl_vault_close(&v);
    pn_free(old);
    pn_free(newer_keys);
    pn_free(after);
}

/* A copy of the whole directory has another device file. */
static void copied_directory(void **state)
{
    const kit *k = *state;
    kit copy = *k;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "a", "1");
    cl_vault_close(&v);
    kit_copy(k, "home", "copy");
    kit_path(k, NULL, "copy", copy.home);
    v = kit_open(&copy);
    assert_int_equal(cl_vault_history_of(v), CL_VAULT_MOVED);
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_settle(v, NULL), PN_OK);
    assert_int_equal(cl_vault_commit(v), PN_OK);
    cl_vault_close(&v);
    v = kit_open(&copy);
    assert_int_equal(cl_vault_history_of(v), CL_VAULT_CONTINUED);
    kit_expect(v, NOTE, "a", "1");
    cl_vault_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
        KIT_TEST(keyslots_flipped),          KIT_TEST(device_flipped),
        KIT_TEST(device_of_another_vault),   KIT_TEST(database_flipped),
        KIT_TEST(record_keys_flipped),       KIT_TEST(rows_cannot_be_swapped),
        KIT_TEST(planted_schema_is_refused), KIT_TEST(rollback_of_the_database),
        KIT_TEST(copied_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
