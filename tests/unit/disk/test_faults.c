#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/support/faults.h"
#include "tests/unit/disk/diskkit.h"

enum { NOTE = 4 };

/* SQLite's memory fails as ours does: it asks the same seam first. */
static sqlite3_mem_methods usual;

static bool may_have(void)
{
    void *p = pn_alloc(1, 1);
    const bool yes = p != NULL;
    pn_free(p);
    return yes;
}

static void *failing_malloc(int n)
{
    return may_have() ? usual.xMalloc(n) : NULL;
}

static void *failing_realloc(void *p, int n)
{
    return may_have() ? usual.xRealloc(p, n) : NULL;
}

static int memory_of_sqlite(void **state)
{
    sqlite3_mem_methods ours;
    (void)state;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual),
                     SQLITE_OK);
    ours = usual;
    ours.xMalloc = failing_malloc;
    ours.xRealloc = failing_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}

/* Change what is there; PN_OK or the first failure. */
static pn_err work(const kit *k, bool *committed)
{
    cl_vault *v;
    cl_vault_report report;
    pn_buf got;
    pn_err err;
    pn_buf_init(&got, 4096);
    *committed = false;
    PN_TRY(cl_vault_open(&v, k->home, kit_passphrase(), NULL));
    err = cl_vault_begin(v);
    if (err == PN_OK)
        err = cl_vault_put(v, NOTE, kit_text("a"), kit_text("new"));
    if (err == PN_OK)
        err = cl_vault_put(v, NOTE, kit_text("b"), kit_text("more"));
    if (err == PN_OK)
        err = cl_vault_delete(v, NOTE, kit_text("c"));
    if (err != PN_OK && cl_vault_commit(v) == PN_OK)
        fail_msg("a doomed transaction was committed");
    if (err == PN_OK) {
        err = cl_vault_commit(v);
        *committed = err == PN_OK;
    }
    if (err == PN_OK)
        err = cl_vault_get(v, NOTE, kit_text("a"), &got);
    if (err == PN_OK)
        err = cl_vault_set_duress(v, kit_text("duress"));
    if (err == PN_OK)
        err = cl_vault_set_passphrase(v, kit_text("other"));
    if (err == PN_OK)
        err = cl_vault_verify(v, &report);
    pn_buf_clear(&got);
    cl_vault_close(&v);
    return err;
}

/* What must be so whatever failed. */
static void whole(const kit *k, bool committed)
{
    cl_vault *v;
    cl_vault_report report;
    pn_buf got;
    bool isnew;
    if (cl_vault_open(&v, k->home, kit_passphrase(), NULL) != PN_OK)
        assert_int_equal(cl_vault_open(&v, k->home, kit_text("other"), NULL),
                         PN_OK);
    pn_buf_init(&got, 4096);
    assert_int_equal(cl_vault_history_of(v), CL_VAULT_CONTINUED);
    assert_int_equal(cl_vault_get(v, NOTE, kit_text("a"), &got), PN_OK);
    isnew = pn_bytes_equal(pn_buf_view(&got), kit_text("new"));
    assert_true(isnew || pn_bytes_equal(pn_buf_view(&got), kit_text("old")));
    if (committed)
        assert_true(isnew);
    kit_expect(v, NOTE, "b", isnew ? "more" : NULL);
    kit_expect(v, NOTE, "c", isnew ? NULL : "old");
    assert_int_equal(cl_vault_verify(v, &report), PN_OK);
    pn_buf_clear(&got);
    cl_vault_close(&v);
}

static void begin_with_old(const kit *k)
{
    cl_vault *v;
    kit_remove(k->home);
    v = kit_create(k);
    kit_put(v, NOTE, "a", "old");
    kit_put(v, NOTE, "c", "old");
    cl_vault_close(&v);
}

/* Each allocation fails once, ours or SQLite's: an error, nothing lost. */
static void any_allocation_may_fail(void **state)
{
    const kit *k = *state;
    unsigned n = 1;
    for (;; n += n < 60 ? 1 : 5) {
        bool committed;
        pn_err err;
        begin_with_old(k);
        (void)faults_arm(n);
        err = work(k, &committed);
        if (!faults_hit()) {
            assert_int_equal(err, PN_OK);
            break;
        }
        assert_true(err == PN_OK || err == PN_E_NOMEM);
        whole(k, committed);
    }
    assert_true(n > 100);
}

/* Making a vault with failing memory leaves no vault. */
static void making_may_fail(void **state)
{
    const kit *k = *state;
    for (unsigned n = 1;; n += 3) {
        cl_vault *v;
        pn_err err;
        (void)faults_arm(n);
        err = cl_vault_create(&v, k->home, kit_passphrase(), CL_VAULT_KDF_TEST,
                              NULL);
        if (!faults_hit()) {
            assert_int_equal(err, PN_OK);
            cl_vault_close(&v);
            return;
        }
        if (err == PN_OK) {
            cl_vault_close(&v);
        } else {
            assert_int_equal(err, PN_E_NOMEM);
            assert_null(v);
            assert_false(cl_vault_exists(k->home));
        }
        kit_remove(k->home);
    }
}

/* The same with memory failing while a backup is made and restored. */
static void backup_may_fail(void **state)
{
    const kit *k = *state;
    kit other = *k;
    char path[KIT_PATH];
    cl_vault *v;
    kit_path(k, NULL, "backup", path);
    kit_path(k, NULL, "other", other.home);
    begin_with_old(k);
    v = kit_open(k);
    for (unsigned n = 1;; n += 5) {
        cl_vault *w = NULL;
        pn_err err;
        bool failed;
        (void)faults_arm(n);
        err = cl_vault_backup(v, path, kit_passphrase(), CL_VAULT_KDF_TEST);
        if (err == PN_OK)
            err = cl_vault_restore(&w, other.home, path, kit_passphrase(),
                                   CL_VAULT_KDF_TEST, NULL);
        failed = faults_hit();
        if (err != PN_OK) {
            assert_int_equal(err, PN_E_NOMEM);
            assert_false(cl_vault_exists(other.home));
        } else {
            kit_expect(w, NOTE, "c", "old");
        }
        cl_vault_close(&w);
        kit_remove(other.home);
        kit_remove(path);
        if (!failed)
            break;
    }
    cl_vault_close(&v);
}

/* No room to write: an error that says so, the records as they were, and the
 * next commit works when there is room again. */
static void disk_may_be_full(void **state)
{
    const kit *k = *state;
    static uint8_t big[3000000];
    struct rlimit usual_limit, tight;
    cl_vault *v;
    pn_buf got;
    begin_with_old(k);
    memset(big, 'x', sizeof big);
    pn_buf_init(&got, sizeof big);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual_limit), 0);
    v = kit_open(k);
    for (rlim_t limit = 1; limit < 600000; limit = limit * 3 / 2 + 3000) {
        pn_err err;
        tight = usual_limit;
        tight.rlim_cur = limit;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
        assert_int_equal(cl_vault_begin(v), PN_OK);
        err =
            cl_vault_put(v, NOTE, kit_text("a"), (pn_bytes){ big, sizeof big });
        if (err == PN_OK)
            err = cl_vault_commit(v);
        else
            assert_int_equal(cl_vault_commit(v), err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual_limit), 0);
        assert_int_equal(err, PN_E_FULL);
        assert_non_null(strstr(cl_vault_text(v), "no room"));
        kit_expect(v, NOTE, "a", "old");
        kit_put(v, NOTE, "b", "there is room");
        kit_expect(v, NOTE, "b", "there is room");
    }
    cl_vault_close(&v);
    v = kit_open(k);
    assert_int_equal(cl_vault_history_of(v), CL_VAULT_CONTINUED);
    kit_expect(v, NOTE, "a", "old");
    kit_expect(v, NOTE, "b", "there is room");
    cl_vault_close(&v);
    /* Nor is a vault half made. */
    tight.rlim_cur = 5000;
    kit_remove(k->home);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    assert_int_equal(
        cl_vault_create(&v, k->home, kit_passphrase(), CL_VAULT_KDF_TEST, NULL),
        PN_E_FULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual_limit), 0);
    assert_false(cl_vault_exists(k->home));
    v = kit_create(k);
    cl_vault_close(&v);
}

/* Memory that cannot be kept out of swap is a warning, not a failure. */
static void memory_may_stay_unlocked(void **state)
{
    const kit *k = *state;
    struct rlimit none = { 0, 0 };
    cl_vault *v;
    begin_with_old(k);
    v = kit_open(k);
    assert_true(cl_vault_memory_is_locked(v) || geteuid() != 0);
    cl_vault_close(&v);
    if (geteuid() == 0)
        return; /* root is not held to the limit */
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    v = kit_open(k);
    assert_false(cl_vault_memory_is_locked(v));
    kit_expect(v, NOTE, "a", "old");
    cl_vault_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
        KIT_TEST(any_allocation_may_fail),  KIT_TEST(making_may_fail),
        KIT_TEST(backup_may_fail),          KIT_TEST(disk_may_be_full),
        KIT_TEST(memory_may_stay_unlocked),
    };
    return cmocka_run_group_tests(tests, memory_of_sqlite, NULL);
}
