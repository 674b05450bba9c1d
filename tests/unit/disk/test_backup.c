#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/disk/backup.h"
#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/unit/disk/diskkit.h"

enum { NOTE = 3, OTHER = 4, RECORDS = 300 };

static pn_bytes secret(void)
{
    return kit_text("backup passphrase");
}

static void fill(cl_vault *v)
{
    static uint8_t big[200000];
    assert_int_equal(cl_vault_begin(v), PN_OK);
    for (unsigned i = 0; i < RECORDS; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "key %u", i);
        assert_int_equal(cl_vault_put(v, i % 2 ? NOTE : OTHER, kit_text(text),
                                      kit_text(text)),
                         PN_OK);
    }
    memset(big, 'b', sizeof big);
    assert_int_equal(
        cl_vault_put(v, NOTE, kit_text("big"), (pn_bytes){ big, sizeof big }),
        PN_OK);
    assert_int_equal(cl_vault_commit(v), PN_OK);
}

/* Everything comes back, in order, marked as restored until settled. */
static void backup_comes_back(void **state)
{
    const kit *k = *state;
    kit other = *k;
    char path[KIT_PATH];
    struct stat st;
    cl_vault_report report;
    cl_vault_fault fault;
    uint64_t a = 0, b = 0;
    pn_buf one, two;
    cl_vault *v = kit_create(k), *w;
    fill(v);
    kit_path(k, NULL, "backup", path);
    kit_path(k, NULL, "restored", other.home);
    assert_int_equal(cl_vault_backup(v, path, secret(), CL_VAULT_KDF_TEST),
                     PN_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal((st.st_size - CL_BACKUP_HEAD) % CL_BACKUP_SEALED, 0);
    assert_int_equal(cl_vault_backup(v, path, secret(), CL_VAULT_KDF_TEST),
                     PN_E_EXISTS);
    assert_int_equal(cl_vault_backup_verify(path, secret(), &report, &fault),
                     PN_OK);
    assert_int_equal(report.records, RECORDS + 1);
    assert_int_equal(
        cl_vault_backup_verify(path, kit_passphrase(), &report, &fault),
        PN_E_CRYPTO);
    assert_int_equal(cl_vault_restore(&w, k->home, path, secret(),
                                      CL_VAULT_KDF_TEST, &fault),
                     PN_E_EXISTS); /* that one is open */
    assert_int_equal(cl_vault_restore(&w, other.home, path, secret(),
                                      CL_VAULT_KDF_TEST, &fault),
                     PN_OK);
    cl_vault_close(&w);
    assert_int_equal(cl_vault_open(&w, other.home, secret(), &fault), PN_OK);
    assert_int_equal(cl_vault_history_of(w), CL_VAULT_RESTORED);
    assert_true(cl_vault_was_rolled_back(w));
    assert_int_equal(cl_vault_count(w), RECORDS + 1);
    pn_buf_init(&one, CL_VAULT_VALUE_MAX);
    pn_buf_init(&two, CL_VAULT_VALUE_MAX);
    while (cl_vault_next(v, NOTE, &a, NULL, &one) == PN_OK) {
        assert_int_equal(cl_vault_next(w, NOTE, &b, NULL, &two), PN_OK);
        assert_true(pn_bytes_equal(pn_buf_view(&one), pn_buf_view(&two)));
    }
    assert_int_equal(cl_vault_next(w, NOTE, &b, NULL, &two), PN_E_NOT_FOUND);
    pn_buf_clear(&one);
    pn_buf_clear(&two);
    assert_int_equal(cl_vault_begin(w), PN_OK);
    assert_int_equal(cl_vault_settle(w, NULL), PN_OK);
    assert_int_equal(cl_vault_commit(w), PN_OK);
    assert_false(cl_vault_was_rolled_back(w));
    cl_vault_close(&w);
    cl_vault_close(&v);
}

/* A backup that is flipped, cut or lengthened anywhere restores nothing. */
static void damage_is_found(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH], bad[KIT_PATH], home[KIT_PATH];
    size_t len;
    uint8_t *p;
    cl_vault *v = kit_create(k), *w;
    cl_vault_report report;
    fill(v);
    kit_path(k, NULL, "backup", path);
    kit_path(k, NULL, "bad", bad);
    kit_path(k, NULL, "restored", home);
    assert_int_equal(cl_vault_backup(v, path, secret(), CL_VAULT_KDF_TEST),
                     PN_OK);
    cl_vault_close(&v);
    p = kit_read(path, &len);
    for (size_t at = 0; at < len; at += at < CL_BACKUP_HEAD ? 1 : 20011) {
        pn_err err;
        p[at] ^= 4;
        kit_write(bad, p, len);
        p[at] ^= 4;
        err =
            cl_vault_restore(&w, home, bad, secret(), CL_VAULT_KDF_TEST, NULL);
        assert_int_equal(err, PN_E_CORRUPT);
        assert_null(w);
        assert_false(cl_vault_exists(home));
    }
    for (size_t cut = 0; cut < len; cut += len / 9) {
        kit_write(bad, p, cut);
        assert_int_equal(cl_vault_backup_verify(bad, secret(), &report, NULL),
                         PN_E_CORRUPT);
    }
    p[len] = 0; /* kit_read() leaves room for one */
    kit_write(bad, p, len + 1);
    assert_int_equal(cl_vault_backup_verify(bad, secret(), &report, NULL),
                     PN_E_CORRUPT);
    /* Whole chunks missing at the end. */
    kit_write(bad, p, len - CL_BACKUP_SEALED);
    assert_int_equal(
        cl_vault_restore(&w, home, bad, secret(), CL_VAULT_KDF_TEST, NULL),
        PN_E_CORRUPT);
    assert_false(cl_vault_exists(home));
    pn_free(p);
}

/* No content, key or passphrase shows in the file. */
static void nothing_is_in_clear(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    cl_vault *v = kit_create(k);
    fill(v);
    kit_path(k, "home", "backup", path);
    assert_int_equal(cl_vault_backup(v, path, secret(), CL_VAULT_KDF_TEST),
                     PN_OK);
    assert_false(kit_contains(k->home, "key 1", 5));
    assert_false(kit_contains(k->home, "bbbbbbbb", 8));
    assert_false(kit_contains(k->home, "backup pass", 11));
    cl_vault_close(&v);
}

/* Making or restoring that was interrupted is no vault, and can be done
 * again. */
static void unfinished_is_no_vault(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "a", "1");
    cl_vault_close(&v);
    kit_path(k, "home", "unfinished", path);
    kit_write(path, NULL, 0);
    assert_false(cl_vault_exists(k->home));
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                     PN_E_NOT_FOUND);
    v = kit_create(k);
    kit_expect(v, NOTE, "a", NULL);
    cl_vault_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
        KIT_TEST(backup_comes_back),
        KIT_TEST(damage_is_found),
        KIT_TEST(nothing_is_in_clear),
        KIT_TEST(unfinished_is_no_vault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
