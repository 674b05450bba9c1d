#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/sys/dir.h"
#include "relay/sys/file.h"
#include "relay/sys/identity.h"

static uint8_t seed[RL_SEED_BYTES];
static char dir[] = P_tmpdir "/postern-identity-XXXXXX";
static char path[RL_PATH_MAX];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)(i * 7 + 1);
    if (mkdtemp(dir) == NULL)
        return -1;
    return rl_dir_path(dir, RL_FILE_IDENTITY, path, sizeof path) == PN_OK ? 0
                                                                          : -1;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static void put(const uint8_t *content, size_t len)
{
    assert_int_equal(
        rl_file_write(dir, RL_FILE_IDENTITY, (pn_bytes){ content, len }),
        PN_OK);
}

static void created_is_loaded_again(void **state)
{
    uint8_t got[RL_SEED_BYTES];
    struct stat st;
    (void)state;
    (void)unlink(path);
    assert_int_equal(rl_identity_load(dir, got), PN_E_NOT_FOUND);
    assert_int_equal(rl_identity_create(dir, seed), PN_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, RL_IDENTITY_BYTES);
    assert_int_equal(rl_identity_load(dir, got), PN_OK);
    assert_memory_equal(got, seed, sizeof seed);
}

/* A second create leaves the first untouched, even if it is a broken link. */
static void never_overwritten(void **state)
{
    uint8_t other[RL_SEED_BYTES] = { 9 }, got[RL_SEED_BYTES];
    (void)state;
    (void)unlink(path);
    assert_int_equal(rl_identity_create(dir, seed), PN_OK);
    assert_int_equal(rl_identity_create(dir, other), PN_E_EXISTS);
    assert_int_equal(rl_identity_load(dir, got), PN_OK);
    assert_memory_equal(got, seed, sizeof seed);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/nonexistent", path), 0);
    assert_int_equal(rl_identity_create(dir, other), PN_E_EXISTS);
    assert_int_equal(unlink(path), 0);
}

/* Any permission for others is refused. */
static void refused_when_others_may_read(void **state)
{
    static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0660, 0644, 0610 };
    uint8_t got[RL_SEED_BYTES];
    (void)state;
    (void)unlink(path);
    assert_int_equal(rl_identity_create(dir, seed), PN_OK);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(rl_identity_load(dir, got), PN_E_REFUSED);
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(rl_identity_load(dir, got), PN_OK);
}

/* Any flipped bit, any missing or extra byte is noticed. */
static void damage_is_noticed(void **state)
{
    uint8_t content[RL_IDENTITY_BYTES + 1] = { 0 }, got[RL_SEED_BYTES];
    (void)state;
    rl_identity_encode(content, seed);
    for (size_t bit = 0; bit < 8 * (size_t)RL_IDENTITY_BYTES; bit++) {
        content[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            rl_identity_decode(got, (pn_bytes){ content, RL_IDENTITY_BYTES }),
            PN_E_CORRUPT);
        content[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t len = 0; len <= sizeof content; len++)
        assert_int_equal(rl_identity_decode(got, (pn_bytes){ content, len }),
                         len == RL_IDENTITY_BYTES ? PN_OK : PN_E_CORRUPT);
    put(content, sizeof content);
    assert_int_equal(rl_identity_load(dir, got), PN_E_CORRUPT);
    put(content, 3);
    assert_int_equal(rl_identity_load(dir, got), PN_E_CORRUPT);
}

/* Neither a link, nor a FIFO, nor a directory is read. */
static void only_a_regular_file(void **state)
{
    uint8_t got[RL_SEED_BYTES];
    (void)state;
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(rl_identity_load(dir, got), PN_E_REFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(rl_identity_load(dir, got), PN_E_REFUSED);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(rl_identity_load(dir, got), PN_E_IO);
    assert_int_equal(unlink(path), 0);
}

/* A leftover of an interrupted write is no obstacle, and leaves none. */
static void interrupted_write_is_repaired(void **state)
{
    char temp[RL_PATH_MAX];
    uint8_t got[RL_SEED_BYTES];
    int fd;
    (void)state;
    (void)unlink(path);
    assert_int_equal(
        rl_dir_path(dir, "." RL_FILE_IDENTITY ".new", temp, sizeof temp),
        PN_OK);
    fd = open(temp, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    assert_int_equal(rl_identity_create(dir, seed), PN_OK);
    assert_int_equal(rl_identity_load(dir, got), PN_OK);
    assert_int_equal(access(temp, F_OK), -1);
}

/* The lock is held once at a time, and free again after close. */
static void the_lock_is_exclusive(void **state)
{
    char lock[RL_PATH_MAX];
    int first, second;
    (void)state;
    assert_int_equal(rl_dir_lock(dir, &first), PN_OK);
    assert_int_equal(rl_dir_lock(dir, &second), PN_E_EXISTS);
    close(first);
    assert_int_equal(rl_dir_lock(dir, &second), PN_OK);
    close(second);
    assert_int_equal(rl_dir_path(dir, RL_FILE_LOCK, lock, sizeof lock), PN_OK);
    assert_int_equal(unlink(lock), 0);
}

static void the_directory_is_found(void **state)
{
    char out[RL_PATH_MAX];
    (void)state;
    assert_int_equal(rl_dir_find("/x", out), PN_OK);
    assert_string_equal(out, "/x");
    assert_int_equal(rl_dir_find("", out), PN_E_ARG);
    setenv("STATE_DIRECTORY", "/a/b:/c", 1);
    assert_int_equal(rl_dir_find(NULL, out), PN_OK);
    assert_string_equal(out, "/a/b");
    unsetenv("STATE_DIRECTORY");
    assert_int_equal(rl_dir_find(NULL, out), PN_OK);
    assert_string_equal(out, "/var/lib/postern");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(created_is_loaded_again),
        cmocka_unit_test(never_overwritten),
        cmocka_unit_test(refused_when_others_may_read),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(only_a_regular_file),
        cmocka_unit_test(interrupted_write_is_repaired),
        cmocka_unit_test(the_lock_is_exclusive),
        cmocka_unit_test(the_directory_is_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
