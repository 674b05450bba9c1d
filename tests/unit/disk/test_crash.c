#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "tests/support/cmocka.h"
#include "tests/unit/disk/diskkit.h"

/* A child commits as fast as it can, telling each commit that returned
 * through a pipe, and is killed. */
enum { NOTE = 9, ROUNDS = 50, RECORDS = 8 };

static void name_of(unsigned i, char out[16])
{
    (void)snprintf(out, 16, "record %u", i);
}

/* Commit n: every record gets the value n, and one comes or goes. */
static pn_err commit_number(cl_vault *v, uint32_t n)
{
    char key[16], value[600];
    PN_TRY(cl_vault_begin(v));
    for (unsigned i = 0; i < RECORDS; i++) {
        name_of(i, key);
        (void)snprintf(value, sizeof value, "%0*u", 10 + (int)(n % 500), n);
        PN_TRY(cl_vault_put(v, NOTE, kit_text(key), kit_text(value)));
    }
    if (n % 2 == 0)
        PN_TRY(cl_vault_put(v, NOTE, kit_text("even"), kit_text("yes")));
    else if (n > 1)
        PN_TRY(cl_vault_delete(v, NOTE, kit_text("even")));
    return cl_vault_commit(v);
}

static void child_commits(const kit *k, uint32_t from, int to)
{
    cl_vault *v;
    if (cl_vault_open(&v, k->home, kit_passphrase(), NULL) != PN_OK)
        _exit(1);
    for (uint32_t n = from;; n++) {
        if (commit_number(v, n) != PN_OK)
            _exit(2);
        if (write(to, &n, sizeof n) != (ssize_t)sizeof n)
            _exit(3);
    }
}

/* All records tell the same commit; returns which. */
static uint32_t read_number(cl_vault *v)
{
    unsigned first = 0;
    pn_buf got;
    bool even;
    pn_buf_init(&got, 1000);
    for (unsigned i = 0; i < RECORDS; i++) {
        char key[16], text[1001] = "";
        unsigned n;
        name_of(i, key);
        assert_int_equal(cl_vault_get(v, NOTE, kit_text(key), &got), PN_OK);
        memcpy(text, pn_buf_view(&got).p, pn_buf_len(&got));
        assert_int_equal(sscanf(text, "%u", &n), 1);
        if (i == 0)
            first = n;
        assert_int_equal(n, first);
    }
    pn_buf_clear(&got);
    assert_int_equal(cl_vault_has(v, NOTE, kit_text("even"), &even), PN_OK);
    assert_int_equal(even, first % 2 == 0);
    return first;
}

/* Killed at any moment: what was told as committed is there, whole, and at
 * most one commit more; no rollback is suspected, no key is left over. */
static void commits_survive_a_kill(void **state)
{
    const kit *k = *state;
    cl_vault *v = kit_create(k);
    uint32_t told = 1;
    assert_int_equal(commit_number(v, 1), PN_OK);
    cl_vault_close(&v);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int ends[2], status;
        uint32_t n;
        pid_t child;
        cl_vault_report report;
        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(ends[0]);
            child_commits(k, told + 1, ends[1]);
        }
        (void)close(ends[1]);
        /* Past its first commit, then anywhere in a few. */
        if (read(ends[0], &n, sizeof n) == (ssize_t)sizeof n)
            told = n;
        (void)usleep((round * 7919) % 9000);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &n, sizeof n) == (ssize_t)sizeof n)
            told = n;
        (void)close(ends[0]);
        v = kit_open(k);
        assert_int_equal(cl_vault_history_of(v), CL_VAULT_CONTINUED);
        n = read_number(v);
        assert_in_range(n, told, told + 1);
        told = n;
        assert_int_equal(cl_vault_verify(v, &report), PN_OK);
        cl_vault_close(&v);
    }
    assert_true(told > ROUNDS);
}

/* As many keys as records are in the key file after a crash and an opening. */
static void keys_are_swept(void **state)
{
    const kit *k = *state;
    char path[KIT_PATH];
    size_t len, held = 0;
    uint8_t *p, zeros[32] = { 0 };
    cl_vault *v = kit_create(k);
    int status;
    pid_t child;
    cl_vault_close(&v);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        v = kit_open(k);
        for (uint32_t n = 1; n < 4; n++) {
            if (commit_number(v, n) != PN_OK)
                _exit(1);
        }
        if (cl_vault_begin(v) != PN_OK ||
            cl_vault_put(v, NOTE, kit_text("lost"), kit_text("x")) != PN_OK)
            _exit(1);
        _exit(0); /* as if killed: nothing is closed */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    v = kit_open(k);
    assert_int_equal(read_number(v), 3);
    kit_path(k, "home", "record.keys", path);
    p = kit_read(path, &len);
    for (size_t at = 32; at + 32 <= len; at += 32)
        held += memcmp(p + at, zeros, 32) != 0;
    assert_int_equal(held, cl_vault_count(v));
    pn_free(p);
    cl_vault_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commits_survive_a_kill, kit_setup,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(keys_are_swept, kit_setup,
                                        kit_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
