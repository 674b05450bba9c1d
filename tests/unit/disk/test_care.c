#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/disk/keyslots.h"
#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/unit/disk/diskkit.h"

enum { NOTE = 3 };

static pn_err try_open(const kit *k, const char *passphrase)
{
    cl_vault *v;
    const pn_err err = cl_vault_open(&v, k->home, kit_text(passphrase), NULL);
    cl_vault_close(&v);
    return err;
}

/* After a change only the new passphrase opens, and the old one does not even
 * with the key files as they were put together from both times. */
static void passphrase_changes(void **state)
{
    const kit *k = *state;
    char slots[KIT_PATH];
    size_t len;
    uint8_t *old;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "a", "1");
    kit_path(k, "home", "keyslots", slots);
    old = kit_read(slots, &len);
    assert_int_equal(cl_vault_set_passphrase(v, kit_passphrase()), PN_E_EXISTS);
    assert_int_equal(cl_vault_set_passphrase(v, kit_text("")), PN_E_ARG);
    for (int i = 0; i < 5; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "new %d", i);
        assert_int_equal(cl_vault_set_passphrase(v, kit_text(text)), PN_OK);
    }
    kit_put(v, NOTE, "b", "2"); /* the vault stays usable */
    cl_vault_close(&v);
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                     PN_E_CRYPTO);
    assert_int_equal(try_open(k, "new 3"), PN_E_CRYPTO);
    assert_int_equal(cl_vault_open(&v, k->home, kit_text("new 4"), NULL),
                     PN_OK);
    kit_expect(v, NOTE, "a", "1");
    kit_expect(v, NOTE, "b", "2");
    assert_false(cl_vault_was_rolled_back(v));
    cl_vault_close(&v);
    kit_write(slots, old, len);
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                     PN_E_CRYPTO);
    pn_free(old);
}

/* The duress passphrase opens an empty vault; the real one is gone, even with
 * the keyslots and the database as they were before. */
static void duress_destroys(void **state)
{
    static const char *const saved[] = { "keyslots", "vault.db",
                                         "record.keys" };
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    uint8_t *p[3];
    size_t len[3];
    char path[KIT_PATH];
    kit_put(v, NOTE, "a", "1");
    assert_int_equal(cl_vault_set_duress(v, kit_passphrase()), PN_E_EXISTS);
    assert_int_equal(cl_vault_set_duress(v, kit_text("first")), PN_OK);
    assert_int_equal(cl_vault_set_duress(v, kit_text("second")), PN_OK);
    assert_int_equal(cl_vault_set_passphrase(v, kit_text("second")),
                     PN_E_EXISTS);
    cl_vault_close(&v);
    assert_int_equal(try_open(k, "first"), PN_E_CRYPTO);
    for (int i = 0; i < 3; i++) {
        kit_path(k, "home", saved[i], path);
        p[i] = kit_read(path, &len[i]);
    }
    for (int i = 0; i < 3; i++) { /* and stays the way to open it */
        assert_int_equal(cl_vault_open(&v, k->home, kit_text("second"), NULL),
                         PN_OK);
        assert_int_equal(cl_vault_history_of(v), CL_VAULT_CONTINUED);
        assert_int_equal(cl_vault_count(v), i);
        kit_expect(v, NOTE, "a", NULL);
        kit_put(v, NOTE, i == 0 ? "x" : i == 1 ? "y" : "z", "decoy");
        cl_vault_close(&v);
        assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                         PN_E_CRYPTO);
    }
    for (int i = 0; i < 3; i++) {
        kit_path(k, "home", saved[i], path);
        kit_write(path, p[i], len[i]);
        pn_free(p[i]);
    }
    assert_int_equal(cl_vault_open(&v, k->home, kit_passphrase(), NULL),
                     PN_E_CRYPTO);
}

/* A duress passphrase that is taken back opens nothing. */
static void duress_can_be_removed(void **state)
{
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    assert_int_equal(cl_vault_set_duress(v, kit_text("duress")), PN_OK);
    assert_int_equal(cl_vault_set_duress(v, kit_text("")), PN_OK);
    kit_put(v, NOTE, "a", "1");
    cl_vault_close(&v);
    assert_int_equal(try_open(k, "duress"), PN_E_CRYPTO);
    v = kit_open(k);
    kit_expect(v, NOTE, "a", "1");
    cl_vault_close(&v);
}

/* Nobody sees from the files whether there is a duress passphrase. */
static void duress_does_not_show(void **state)
{
    const kit *k = *state;
    struct stat without, with;
    char path[KIT_PATH];
    cl_vault *v = kit_create(k);
    kit_path(k, "home", "keyslots", path);
    assert_int_equal(stat(path, &without), 0);
    assert_int_equal(cl_vault_set_duress(v, kit_text("duress")), PN_OK);
    assert_int_equal(stat(path, &with), 0);
    assert_int_equal(without.st_size, with.st_size);
    cl_vault_close(&v);
}

enum { KILLS = 60 };

static useconds_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (useconds_t)(t.tv_sec % 1000 * 1000000 + t.tv_nsec / 1000);
}

/* In a child: open, and change the passphrase; killed `after` microseconds
 * into that unless 0. How long it took goes to *took. */
static void change_in_child(const kit *k, const char *from, const char *to,
                            useconds_t after, useconds_t *took)
{
    int ends[2], status;
    pid_t child;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        cl_vault *v;
        useconds_t start, spent;
        if (cl_vault_open(&v, k->home, kit_text(from), NULL) != PN_OK)
            _exit(1);
        start = now_us();
        (void)ualarm(after, 0);
        if (cl_vault_set_passphrase(v, kit_text(to)) != PN_OK)
            _exit(2);
        spent = now_us() - start;
        if (write(ends[1], &spent, sizeof spent) != (ssize_t)sizeof spent)
            _exit(3);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    if (after == 0)
        assert_int_equal(read(ends[0], took, sizeof *took), sizeof *took);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Nothing of an earlier keyslot file is in the directory: what was valid and
 * what was free has been overwritten. */
static void expect_no_slot_of(const kit *k, const uint8_t *file, size_t len)
{
    const size_t head = 20 + CL_SALT_BYTES + CL_VAULT_ID_BYTES;
    assert_int_equal(len, CL_KEYSLOTS_BYTES);
    for (size_t i = 0; i < CL_SLOTS; i++)
        assert_false(kit_contains(k->home, file + head + i * CL_SLOT_BYTES,
                                  CL_SLOT_BYTES));
}

/* After a change the old key files are overwritten, not only replaced:
 * another name for them shows it. */
static void change_overwrites(void **state)
{
    static const char *const names[] = { "keyslots", "device" };
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    kit_copy(k, "home", "before");
    for (int i = 0; i < 2; i++) {
        char path[KIT_PATH], other[KIT_PATH];
        kit_path(k, "home", names[i], path);
        kit_path(k, NULL, names[i], other);
        assert_int_equal(link(path, other), 0);
    }
    assert_int_equal(cl_vault_set_passphrase(v, kit_text("other")), PN_OK);
    cl_vault_close(&v);
    for (int i = 0; i < 2; i++) {
        char was[KIT_PATH];
        size_t len;
        uint8_t *old;
        kit_path(k, "before", names[i], was);
        old = kit_read(was, &len);
        for (size_t at = 64; at + 24 <= 400; at += 24) {
            char other[KIT_PATH];
            size_t n, same = 0;
            uint8_t *now;
            kit_path(k, NULL, names[i], other);
            now = kit_read(other, &n);
            assert_int_equal(n, len);
            for (size_t b = 0; b < 24; b++)
                same += now[at + b] == old[at + b];
            assert_true(same < 12);
            pn_free(now);
        }
        pn_free(old);
    }
}

/* A change that is killed at any moment leaves one passphrase that opens. */
static void change_survives_a_kill(void **state)
{
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    char now[32] = "first", next[32], path[KIT_PATH];
    unsigned changed = 0;
    useconds_t took = 0;
    kit_path(k, "home", "keyslots", path);
    kit_put(v, NOTE, "a", "1");
    cl_vault_close(&v);
    change_in_child(k, "correct horse battery staple", now, 0, &took);
    for (unsigned round = 0; round < KILLS; round++) {
        uint8_t *slots;
        size_t len;
        pn_err err;
        (void)snprintf(next, sizeof next, "passphrase %u", round);
        slots = kit_read(path, &len);
        change_in_child(k, now, next, took * (round + 1) / KILLS + 1, NULL);
        /* The one of the two that is tried first may be either. */
        err = cl_vault_open(&v, k->home, kit_text(next), NULL);
        if (err == PN_OK) {
            cl_vault_close(&v);
            assert_int_equal(try_open(k, now), PN_E_CRYPTO);
            memcpy(now, next, sizeof now);
            changed++;
            expect_no_slot_of(k, slots, len);
        } else {
            assert_int_equal(err, PN_E_CRYPTO);
        }
        assert_int_equal(cl_vault_open(&v, k->home, kit_text(now), NULL),
                         PN_OK);
        assert_false(cl_vault_was_rolled_back(v));
        kit_expect(v, NOTE, "a", "1");
        cl_vault_close(&v);
        pn_free(slots);
        if (err != PN_OK) /* and the other does not, from now on */
            assert_int_equal(try_open(k, next), PN_E_CRYPTO);
    }
    assert_in_range(changed, 1, KILLS - 1);
}

/* Panic needs nothing, and stops a process that has the vault open. */
static void panic_destroys(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    cl_vault_fault fault;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "a", "1");
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_put(v, NOTE, kit_text("b"), kit_text("2")),
                     PN_OK);
    assert_int_equal(chmod(k->home, 0755), 0); /* not a moment for manners */
    assert_int_equal(cl_vault_panic(k->home, &fault), PN_OK);
    assert_int_equal(cl_vault_commit(v), PN_E_CLOSED);
    assert_int_equal(cl_vault_begin(v), PN_E_CLOSED);
    assert_int_equal(cl_vault_set_passphrase(v, kit_text("x")), PN_E_CLOSED);
    assert_false(cl_vault_memory_is_locked(v));
    cl_vault_close(&v);
    assert_false(cl_vault_exists(k->home));
    kit_path(k, "home", "keyslots", path);
    assert_int_not_equal(access(path, F_OK), 0);
    kit_path(k, "home", "device", path);
    assert_int_not_equal(access(path, F_OK), 0);
    kit_path(k, "home", "vault.db", path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(cl_vault_panic(k->home, &fault), PN_E_NOT_FOUND);
    v = kit_create(k); /* and one can begin anew */
    cl_vault_close(&v);
}

/* The key files are overwritten, not just unlinked: another name for the same
 * file shows it. */
static void panic_overwrites(void **state)
{
    static const char *const names[] = { "keyslots", "device", "record.keys" };
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "a", "1");
    cl_vault_close(&v);
    for (int i = 0; i < 3; i++) {
        char path[KIT_PATH], other[KIT_PATH];
        kit_path(k, "home", names[i], path);
        kit_path(k, NULL, names[i], other);
        assert_int_equal(link(path, other), 0);
    }
    kit_copy(k, "home", "before");
    assert_int_equal(cl_vault_panic(k->home, NULL), PN_OK);
    for (int i = 0; i < 3; i++) {
        char was[KIT_PATH], is[KIT_PATH];
        size_t a, b, same = 0;
        uint8_t *old, *now;
        kit_path(k, "before", names[i], was);
        kit_path(k, NULL, names[i], is);
        old = kit_read(was, &a);
        now = kit_read(is, &b);
        assert_int_equal(a, b);
        for (size_t n = 0; n < a; n++)
            same += old[n] == now[n];
        assert_true(same < a / 8);
        pn_free(old);
        pn_free(now);
    }
}

/* The bytes of a deleted record's key are nowhere in the files after its
 * commit, nor those of a replaced one after a sync: the sealed bytes that a
 * log or a copy keeps open with nothing. */
static void deleted_is_destroyed(void **state)
{
    const kit *k = *state;
    char keys[KIT_PATH];
    size_t len;
    uint8_t *before, *after;
    cl_vault *v = kit_create(k);
    kit_path(k, "home", "record.keys", keys);
    kit_put(v, NOTE, "session", "state 1"); /* place 1: bytes 32 to 63 */
    before = kit_read(keys, &len);
    assert_true(kit_contains(k->home, before + 32, 32));
    kit_put(v, NOTE, "session", "state 2"); /* place 2 */
    assert_int_equal(cl_vault_sync(v), PN_OK);
    assert_false(kit_contains(k->home, before + 32, 32));
    after = kit_read(keys, &len);
    assert_true(kit_contains(k->home, after + 64, 32));
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_delete(v, NOTE, kit_text("session")), PN_OK);
    assert_int_equal(cl_vault_commit(v), PN_OK);
    assert_false(kit_contains(k->home, after + 64, 32));
    cl_vault_close(&v);
    pn_free(before);
    pn_free(after);
}

/* A copy of the database from before a deletion, beside today's keys and the
 * passphrase, does not give the record back. */
static void old_copy_does_not_help(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    size_t len;
    uint8_t *old;
    pn_buf got;
    cl_vault *v = kit_create(k);
    kit_put(v, NOTE, "session", "what was said");
    cl_vault_close(&v);
    kit_path(k, "home", "vault.db", path);
    old = kit_read(path, &len);
    v = kit_open(k);
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_delete(v, NOTE, kit_text("session")), PN_OK);
    assert_int_equal(cl_vault_commit(v), PN_OK);
    cl_vault_close(&v);
    kit_write(path, old, len);
    v = kit_open(k);
    assert_true(cl_vault_was_rolled_back(v));
    pn_buf_init(&got, 100);
    assert_int_equal(cl_vault_get(v, NOTE, kit_text("session"), &got),
                     PN_E_CORRUPT);
    assert_non_null(strstr(cl_vault_text(v), "destroyed"));
    cl_vault_close(&v);
    pn_free(old);
}

/* Pages that SQLite frees are zeroed: after deletion and a checkpoint no
 * sealed body is left in the database file. */
static void freed_pages_are_zeroed(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    uint8_t value[3000], *file;
    size_t len, zeros = 0;
    cl_vault *v = kit_create(k);
    memset(value, 7, sizeof value);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(cl_vault_begin(v), PN_OK);
        for (unsigned i = 0; i < 64; i++) {
            char key[16];
            (void)snprintf(key, sizeof key, "%u", i);
            if (round == 0)
                assert_int_equal(
                    cl_vault_put(v, NOTE, kit_text(key),
                                 (pn_bytes){ value, sizeof value }),
                    PN_OK);
            else
                assert_int_equal(cl_vault_delete(v, NOTE, kit_text(key)),
                                 PN_OK);
        }
        assert_int_equal(cl_vault_commit(v), PN_OK);
    }
    cl_vault_close(&v);
    kit_path(k, "home", "vault.db", path);
    file = kit_read(path, &len);
    assert_true(len > 64 * sizeof value);
    for (size_t i = 0; i < len; i++)
        zeros += file[i] == 0;
    assert_true(zeros > len - len / 32);
    pn_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
        KIT_TEST(passphrase_changes),     KIT_TEST(duress_destroys),
        KIT_TEST(duress_can_be_removed),  KIT_TEST(duress_does_not_show),
        KIT_TEST(change_survives_a_kill), KIT_TEST(change_overwrites),
        KIT_TEST(panic_destroys),         KIT_TEST(panic_overwrites),
        KIT_TEST(deleted_is_destroyed),   KIT_TEST(old_copy_does_not_help),
        KIT_TEST(freed_pages_are_zeroed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
