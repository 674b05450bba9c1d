#include "tests/support/cmocka.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"

static const cli_args quiet = { .json = true };
static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/postern-save-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static size_t count_files(bool remove)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    size_t count = 0;
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        count++;
        if (remove)
            assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
    }
    (void)closedir(d);
    return count;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)count_files(true);
    return rmdir(dir);
}

static void save(const char *name, const char *text, bool is_again,
                 char path[CLI_PATH_SIZE])
{
    assert_int_equal(cli_save(&quiet, dir, name, (const uint8_t *)text,
                              strlen(text), is_again, path),
                     CLI_OK);
}

static void holds(const char *path, const char *text)
{
    char got[64] = "";
    struct stat st;
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(read(fd, got, sizeof got - 1), (ssize_t)strlen(text));
    assert_string_equal(got, text);
    (void)close(fd);
}

/* Names no honest side sends: each becomes one visible file in the directory,
 * with nothing in its name that a terminal or a shell would act on. */
static void no_name_leaves_the_directory(void **state)
{
    static const char *const names[] = {
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        ".bashrc",
        "-rf",
        "a/b",
        "a\\b",
        "",
        "a\n",
        "a\033[2J",
        "a\x7f",
        ("\xe2\x80\xae"
         "exe.txt"), /* right-to-left override */
        "\xff\xfe",
    };
    char path[CLI_PATH_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *base;
        save(names[i], "x", false, path);
        assert_memory_equal(path, dir, strlen(dir));
        base = path + strlen(dir) + 1;
        assert_null(strchr(base, '/'));
        assert_true(base[0] != '.' && base[0] != '-' && base[0] != 0);
        for (const char *p = base; *p != 0; p++)
            assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
        assert_null(strstr(base, "\xe2\x80\xae"));
        holds(path, "x");
        assert_int_equal(count_files(false), i + 1);
    }
}

/* What is there stays: also a link, which is not followed. */
static void nothing_is_overwritten(void **state)
{
    char path[CLI_PATH_SIZE], link[96], nowhere[96];
    (void)state;
    (void)snprintf(link, sizeof link, "%s/n.txt", dir);
    (void)snprintf(nowhere, sizeof nowhere, "%s/nowhere", dir);
    assert_int_equal(symlink(nowhere, link), 0);
    save("n.txt", "one", false, path);
    assert_string_equal(path + strlen(dir), "/n (2).txt");
    save("n.txt", "two", false, path);
    assert_string_equal(path + strlen(dir), "/n (3).txt");
    assert_int_equal(access(nowhere, F_OK), -1);
}

/* The same file given again after a crash is one file; another of its name is
 * another. */
static void again_is_the_same_file(void **state)
{
    char path[CLI_PATH_SIZE];
    (void)state;
    save("n.txt", "one", false, path);
    save("n.txt", "one", true, path);
    assert_string_equal(path + strlen(dir), "/n.txt");
    save("n.txt", "two", true, path);
    assert_string_equal(path + strlen(dir), "/n (2).txt");
    assert_int_equal(count_files(false), 2);
}

static void no_directory_is_an_error(void **state)
{
    char path[CLI_PATH_SIZE];
    (void)state;
    assert_int_equal(cli_save(&quiet, "/proc/none", "n", (const uint8_t *)"x",
                              1, false, path),
                     CLI_IO);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_DIR(no_name_leaves_the_directory),
        IN_DIR(nothing_is_overwritten),
        IN_DIR(again_is_the_same_file),
        cmocka_unit_test(no_directory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
