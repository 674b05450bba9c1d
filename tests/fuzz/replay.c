/* Runs a fuzz target over its corpus without a fuzzer, so that every compiler
 * and every plain test run repeats what fuzzing has found.
 *
 *     replay_NAME DIRECTORY|FILE...
 *
 * Each file is given whole, and then cut short at a few places: a parser must
 * stand the end of its input anywhere. An input lies in a block of exactly its
 * size, so that AddressSanitizer and valgrind see one byte read too far.
 * Exit status: 0 all was replayed, 1 a path is missing, unreadable, or holds
 * no input at all; a target's own check aborts.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum {
    INPUT_MAX = 64 * 1024 * 1024,
};

static bool complain(const char *path, const char *what)
{
    fprintf(stderr, "replay: %s: %s\n", path, what);
    return false;
}

/* Give the first `len` bytes, in a block of their own. */
static bool run_prefix(const uint8_t *data, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);

    if (exact == NULL)
        return complain("input", "out of memory");
    if (len > 0)
        memcpy(exact, data, len);
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return true;
}

static bool run_with_cuts(const uint8_t *data, size_t len)
{
    const size_t cuts[] = { 0, 1, 2, len / 4, len / 2, len - len / 4, len - 1 };
    size_t last = SIZE_MAX; /* no length has run yet */

    if (!run_prefix(data, len))
        return false;
    if (len == 0)
        return true;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        if (cuts[i] >= len || cuts[i] == last)
            continue;
        if (!run_prefix(data, cuts[i]))
            return false;
        last = cuts[i];
    }
    return true;
}

/* Read the whole file; the caller frees *out. */
static bool read_file(const char *path, size_t size, uint8_t **out)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? size : 1);
    bool ok = file != NULL && data != NULL;

    *out = NULL;
    if (ok && fread(data, 1, size, file) != size)
        ok = false;
    if (!ok)
        (void)complain(path, "cannot be read whole");
    if (file != NULL && fclose(file) != 0)
        ok = false;
    if (ok)
        *out = data;
    else
        free(data);
    return ok;
}

static bool replay_file(const char *path, size_t size)
{
    uint8_t *data = NULL;
    bool ok = false;

    if (size > INPUT_MAX)
        return complain(path, "larger than any input should be");
    if (!read_file(path, size, &data))
        return false;
    ok = run_with_cuts(data, size);
    free(data);
    return ok;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "README.md") != 0;
}

/* Replay the files directly in `path`, by name; sub-directories are skipped. */
static bool replay_directory(const char *path, size_t *count)
{
    struct dirent **entries = NULL;
    const size_t before = *count;
    const int n = scandir(path, &entries, is_input, alphasort);
    bool ok = n >= 0;

    if (!ok)
        return complain(path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char name[PATH_MAX];
        struct stat st;
        const int len =
            snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);

        free(entries[i]);
        if (len < 0 || (size_t)len >= sizeof name || stat(name, &st) != 0) {
            ok = complain(path, "an entry cannot be examined");
        } else if (S_ISREG(st.st_mode)) {
            ok = replay_file(name, (size_t)st.st_size) && ok;
            *count += 1;
        }
    }
    free(entries);
    if (*count == before)
        return complain(path, "the corpus is empty");
    return ok;
}

static bool replay_path(const char *path, size_t *count)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return complain(path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return replay_directory(path, count);
    *count += 1;
    return replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
    bool ok = argc > 1;
    size_t count = 0;

    if (!ok)
        fprintf(stderr, "usage: %s DIRECTORY|FILE...\n", argv[0]);
    for (int i = 1; i < argc; i++)
        ok = replay_path(argv[i], &count) && ok;
    printf("replayed %zu inputs, each whole and cut short\n", count);
    return ok ? 0 : 1;
}
