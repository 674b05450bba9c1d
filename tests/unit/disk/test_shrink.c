#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/unit/disk/diskkit.h"

enum { NOTE = 3, FILES = 160, FILE_BYTES = 50000, IDLE_MOMENTS = 20 };

static off_t database_size(const kit *k)
{
    char path[KIT_PATH];
    struct stat st;
    kit_path(k, "home", "vault.db", path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static pn_bytes numbered(int *n)
{
    return (pn_bytes){ (const uint8_t *)n, sizeof *n };
}

static void keep_files(cl_vault *v)
{
    static uint8_t file[FILE_BYTES];
    for (int i = 0; i < FILES; i++) {
        assert_int_equal(cl_vault_begin(v), PN_OK);
        assert_int_equal(
            cl_vault_put(v, NOTE, numbered(&i), (pn_bytes){ file, FILE_BYTES }),
            PN_OK);
        assert_int_equal(cl_vault_commit(v), PN_OK);
    }
}

static void forget_files(cl_vault *v, int from, int to)
{
    for (int i = from; i < to; i++) {
        assert_int_equal(cl_vault_begin(v), PN_OK);
        assert_int_equal(cl_vault_delete(v, NOTE, numbered(&i)), PN_OK);
        assert_int_equal(cl_vault_commit(v), PN_OK);
    }
}

static void idle(cl_vault *v)
{
    for (int i = 0; i < IDLE_MOMENTS; i++)
        assert_int_equal(cl_vault_sync(v), PN_OK);
}

/* What was deleted gives its room back to the file system, and what was not is
 * as it was. */
static void deleting_gives_room_back(void **state)
{
    const kit *k = *state;
    cl_vault_report report;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "before", "1");
    keep_files(v);
    kit_put(v, NOTE, "after", "2");
    cl_vault_close(&v);
    assert_true(database_size(k) > FILES * FILE_BYTES);
    v = kit_open(k);
    forget_files(v, 0, FILES);
    idle(v);
    kit_put(v, NOTE, "later", "3");
    cl_vault_close(&v);
    assert_true(database_size(k) < FILES * FILE_BYTES / 8);
    v = kit_open(k);
    kit_expect(v, NOTE, "before", "1");
    kit_expect(v, NOTE, "after", "2");
    kit_expect(v, NOTE, "later", "3");
    assert_int_equal(cl_vault_verify(v, &report), PN_OK);
    assert_int_equal(report.records, 3);
    assert_false(cl_vault_was_rolled_back(v));
    cl_vault_close(&v);
}

/* A little room is kept, for it is wanted again at once. */
static void a_little_is_kept(void **state)
{
    const kit *k = *state;
    off_t size;
    cl_vault *v = kit_create(k);
    keep_files(v);
    cl_vault_close(&v);
    size = database_size(k);
    v = kit_open(k);
    forget_files(v, 0, FILES / 4);
    idle(v);
    cl_vault_close(&v);
    assert_int_equal(database_size(k), size);
}

/* In a transaction nothing moves: it can be rolled back whole. */
static void not_in_a_transaction(void **state)
{
    const kit *k = *state;
    int last = FILES - 1;
    cl_vault_report report;
    cl_vault *v = kit_create(k);
    keep_files(v);
    forget_files(v, 0, FILES - 1);
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_delete(v, NOTE, numbered(&last)), PN_OK);
    idle(v);
    cl_vault_rollback(v);
    assert_int_equal(cl_vault_verify(v, &report), PN_OK);
    assert_int_equal(report.records, 1);
    cl_vault_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deleting_gives_room_back, kit_setup,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(a_little_is_kept, kit_setup,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(not_in_a_transaction, kit_setup,
                                        kit_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
