#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/unit/disk/diskkit.h"

enum { CONTACT = 1, SESSION = 2, NOTE = 700 };

/* What was committed is there after closing and opening. */
static void records_survive(void **state)
{
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    kit_put(v, CONTACT, "anna", "first");
    kit_put(v, SESSION, "anna", "state 1");
    kit_put(v, CONTACT, "anna", "second");
    kit_put(v, NOTE, "empty", "");
    assert_int_equal(cl_vault_count(v), 3);
    cl_vault_close(&v);
    assert_null(v);
    v = kit_open(k);
    assert_int_equal(cl_vault_count(v), 3);
    kit_expect(v, CONTACT, "anna", "second");
    kit_expect(v, SESSION, "anna", "state 1");
    kit_expect(v, NOTE, "empty", "");
    kit_expect(v, NOTE, "anna", NULL);
    assert_false(cl_vault_was_rolled_back(v));
    cl_vault_close(&v);
}

/* A transaction happens whole or not at all, and is visible inside. */
static void transactions_are_whole(void **state)
{
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    bool has;
    kit_put(v, CONTACT, "a", "1");
    assert_int_equal(cl_vault_put(v, CONTACT, kit_text("b"), kit_text("2")),
                     PN_E_STATE);
    assert_int_equal(cl_vault_commit(v), PN_E_STATE);
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_begin(v), PN_E_STATE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            cl_vault_put(v, CONTACT, kit_text("a"), kit_text("other")), PN_OK);
    assert_int_equal(cl_vault_put(v, CONTACT, kit_text("b"), kit_text("2")),
                     PN_OK);
    assert_int_equal(cl_vault_delete(v, CONTACT, kit_text("c")),
                     PN_E_NOT_FOUND);
    kit_expect(v, CONTACT, "a", "other");
    cl_vault_rollback(v);
    kit_expect(v, CONTACT, "a", "1");
    assert_int_equal(cl_vault_has(v, CONTACT, kit_text("b"), &has), PN_OK);
    assert_false(has);
    assert_int_equal(cl_vault_count(v), 1);
    /* Closing rolls back too. */
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_delete(v, CONTACT, kit_text("a")), PN_OK);
    kit_expect(v, CONTACT, "a", NULL);
    cl_vault_close(&v);
    v = kit_open(k);
    kit_expect(v, CONTACT, "a", "1");
    cl_vault_close(&v);
}

/* Records of a kind come in the order of their insertion. */
static void iteration_keeps_order(void **state)
{
    cl_vault *v = kit_create(*state);
    uint64_t cursor = 0;
    pn_buf key, value;
    char text[16];
    unsigned seen = 0;
    pn_err err;
    pn_buf_init(&key, CL_VAULT_KEY_MAX);
    pn_buf_init(&value, CL_VAULT_VALUE_MAX);
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(text, sizeof text, "k%02u", (i * 37) % 50);
        kit_put(v, i % 2 == 0 ? NOTE : CONTACT, text, text);
    }
    kit_put(v, NOTE, "k00", "changed"); /* the first keeps its place */
    while ((err = cl_vault_next(v, NOTE, &cursor, &key, &value)) == PN_OK) {
        (void)snprintf(text, sizeof text, "k%02u", (seen * 2 * 37) % 50);
        assert_true(pn_bytes_equal(pn_buf_view(&key), kit_text(text)));
        assert_true(pn_bytes_equal(pn_buf_view(&value),
                                   kit_text(seen == 0 ? "changed" : text)));
        seen++;
    }
    assert_int_equal(err, PN_E_NOT_FOUND);
    assert_int_equal(seen, 25);
    pn_buf_clear(&key);
    pn_buf_clear(&value);
    cl_vault_close(&v);
}

/* Lengths at every bound of the size classes, and the largest. */
static void sizes_at_their_bounds(void **state)
{
    static uint8_t big[CL_VAULT_VALUE_MAX + 1];
    static const size_t sizes[] = {
        0,     1,     245,   246,   247,   248,    504,
        65526, 65527, 65528, 65529, 65536, 131064, CL_VAULT_VALUE_MAX
    };
    cl_vault *v = kit_create(*state);
    uint8_t key[CL_VAULT_KEY_MAX + 1];
    pn_buf got;
    memset(big, 0xa5, sizeof big);
    memset(key, 'k', sizeof key);
    pn_buf_init(&got, CL_VAULT_VALUE_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const pn_bytes value = { big, sizes[i] };
        assert_int_equal(cl_vault_begin(v), PN_OK);
        assert_int_equal(cl_vault_put(v, NOTE, (pn_bytes){ key, i + 1 }, value),
                         PN_OK);
        assert_int_equal(cl_vault_commit(v), PN_OK);
        assert_int_equal(cl_vault_get(v, NOTE, (pn_bytes){ key, i + 1 }, &got),
                         PN_OK);
        assert_true(pn_bytes_equal(pn_buf_view(&got), value));
    }
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(
        cl_vault_put(v, NOTE, kit_text("x"), (pn_bytes){ big, sizeof big }),
        PN_E_ARG);
    assert_int_equal(
        cl_vault_put(v, NOTE, (pn_bytes){ key, sizeof key }, kit_text("")),
        PN_E_ARG);
    assert_int_equal(cl_vault_put(v, NOTE, kit_text(""), kit_text("")),
                     PN_E_ARG);
    assert_int_equal(cl_vault_put(v, 0, kit_text("x"), kit_text("")), PN_E_ARG);
    assert_int_equal(cl_vault_commit(v), PN_OK);
    pn_buf_clear(&got);
    pn_buf_init(&got, 3);
    assert_int_equal(cl_vault_get(v, NOTE, (pn_bytes){ key, 4 }, &got),
                     PN_E_FULL);
    cl_vault_close(&v);
}

/* Opening fails for a reason that is named. */
static void refusals_are_precise(void **state)
{
    const kit *k = *state;
    cl_vault *v, *second;
    cl_vault_fault fault;
    assert_false(cl_vault_exists(k->home));
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), &fault),
                     PN_E_NOT_FOUND);
    v = kit_create(k);
    assert_true(cl_vault_exists(k->home));
    assert_int_equal(cl_vault_open(&second, k->home, kit_passphrase(), &fault),
                     PN_E_EXISTS);
    assert_non_null(strstr(fault.text, "another process"));
    cl_vault_close(&v);
    assert_int_equal(cl_vault_open(&v, k->home, kit_text("wrong"), &fault),
                     PN_E_CRYPTO);
    assert_string_equal(fault.text, "the passphrase is wrong");
    assert_int_equal(cl_vault_open(&v, k->home, kit_text(""), &fault),
                     PN_E_ARG);
    assert_int_equal(cl_vault_create(&v, k->home, kit_passphrase(),
                                     CL_VAULT_KDF_TEST, &fault),
                     PN_E_STATE);
    assert_null(v);
    v = kit_open(k); /* none of that did harm */
    cl_vault_close(&v);
}

/* Another process is refused while the vault is open. */
static void second_process_is_refused(void **state)
{
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        cl_vault *mine;
        _exit(cl_vault_open(&mine, k->home, kit_passphrase(), NULL) ==
                      PN_E_EXISTS
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    kit_put(v, NOTE, "still", "mine");
    cl_vault_close(&v);
}

/* Directory and files are their owner's alone, whatever the umask. */
static void modes_are_enforced(void **state)
{
    static const char *const files[] = { "keyslots", "device", "record.keys",
                                         "vault.db", "lock" };
    const kit *k = *state;
    const mode_t mask = umask(0);
    char path[KIT_PATH];
    struct stat st;
    cl_vault *v = kit_create(k);
    cl_vault_fault fault;
    kit_put(v, NOTE, "a", "b");
    kit_path(k, "home", "vault.db-wal", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    cl_vault_close(&v);
    (void)umask(mask);
    assert_int_equal(stat(k->home, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        kit_path(k, "home", files[i], path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        if (i == 4)
            continue; /* the lock holds nothing */
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), &fault),
                         PN_E_REFUSED);
        assert_non_null(strstr(fault.text, files[i]));
        assert_int_equal(chmod(path, 0600), 0);
    }
    assert_int_equal(chmod(k->home, 0750), 0);
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), &fault),
                     PN_E_REFUSED);
    assert_non_null(strstr(fault.text, "chmod 700"));
}

/* No file holds a key, a value, a passphrase or the text of a kind. */
static void nothing_is_in_clear(void **state)
{
    static const char *const secrets[] = {
        "contact-of-anna",
        "the quick brown fox",
        "a passphrase to change to",
        "a passphrase of duress",
        "correct horse battery staple",
    };
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "contact-of-anna", "the quick brown fox");
    assert_int_equal(cl_vault_set_duress(v, kit_text(secrets[3])), PN_OK);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
            assert_false(kit_contains(k->home, secrets[i], strlen(secrets[i])));
        if (round == 0) {
            assert_int_equal(cl_vault_set_passphrase(v, kit_text(secrets[2])),
                             PN_OK);
            assert_int_equal(cl_vault_begin(v), PN_OK);
            assert_int_equal(
                cl_vault_delete(v, NOTE, kit_text("contact-of-anna")), PN_OK);
            assert_int_equal(cl_vault_commit(v), PN_OK);
        } else {
            cl_vault_close(&v);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
        KIT_TEST(records_survive),       KIT_TEST(transactions_are_whole),
        KIT_TEST(iteration_keeps_order), KIT_TEST(sizes_at_their_bounds),
        KIT_TEST(refusals_are_precise),  KIT_TEST(second_process_is_refused),
        KIT_TEST(modes_are_enforced),    KIT_TEST(nothing_is_in_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
