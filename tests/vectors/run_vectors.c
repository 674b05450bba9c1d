/* Run official test vectors:
 *
 *     run_vectors KIND FILE...
 *
 * The last line is `N passed, N failed, N skipped`. Skipped are cases of
 * algorithms we do not have; every other case must pass. Exit status 0 if all
 * did, 1 if one failed or a file was not usable, 2 for wrong usage.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/vectors/vectors.h"

enum { FILE_MAX = 1 << 30 };

typedef struct kind {
    const char *name;
    vec_run_fn *run; /* NULL: known, not implemented */
    bool json;
} kind;

static const kind kinds[] = {
    { "acvp", kind_acvp, true },
    { "age", NULL, false },
    { "cctv", kind_cctv, false },
    { "hpke", kind_hpke, true },
    { "noise", kind_noise, true },
    { "sha3", kind_sha3, true },
    { "wycheproof", kind_wycheproof, true },
    { "xwing", kind_xwing, true },
};

static const kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* The whole file, inflated if it is gzip (zlib passes other files through);
 * false with errno set if it cannot be read. */
static bool slurp(vec_file *f)
{
    gzFile gz = gzopen(f->path, "rb");
    size_t cap = 1 << 16;
    bool ok = false;
    int n = 0;
    if (gz == NULL)
        return false;
    f->text = malloc(cap);
    while (f->text != NULL) {
        n = gzread(gz, f->text + f->len, (unsigned)(cap - f->len - 1));
        if (n <= 0)
            break;
        f->len += (size_t)n;
        if (f->len > FILE_MAX) {
            errno = EFBIG;
            n = -1;
            break;
        }
        if (cap - f->len < cap / 2) {
            char *bigger = realloc(f->text, cap * 2);
            if (bigger == NULL)
                break;
            f->text = bigger;
            cap *= 2;
        }
    }
    ok = gzclose(gz) == Z_OK && f->text != NULL && n == 0;
    if (f->text != NULL)
        f->text[f->len] = '\0';
    return ok;
}

static bool load(vec_tally *t, vec_file *f, bool json)
{
    json_error_t err;
    errno = 0;
    if (!slurp(f)) {
        vec_broken(t, f, errno != 0 ? strerror(errno) : "broken gzip data");
        return false;
    }
    if (!json)
        return true;
    f->json = json_loadb(f->text, f->len, 0, &err);
    if (f->json == NULL) {
        fprintf(stderr, "%s:%d:%d: ", f->path, err.line, err.column);
        vec_broken(t, f, err.text);
        return false;
    }
    return true;
}

static void unload(vec_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(files[i].json);
        free(files[i].text);
    }
    free(files);
}

static int usage(void)
{
    fprintf(stderr, "usage: run_vectors KIND FILE...\nkinds:");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        fprintf(stderr, " %s", kinds[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    const kind *k = argc > 2 ? find_kind(argv[1]) : NULL;
    vec_tally t = { 0 };
    vec_file *files;
    size_t count = 0;
    if (k == NULL)
        return usage();
    if (k->run == NULL) {
        fprintf(stderr, "run_vectors: kind %s is not built yet\n", k->name);
        return 2;
    }
    files = calloc((size_t)argc, sizeof *files);
    if (files == NULL || sodium_init() < 0) {
        fprintf(stderr, "run_vectors: no memory or no randomness\n");
        free(files);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        files[count].path = argv[i];
        if (load(&t, &files[count], k->json)) {
            count++;
        } else {
            json_decref(files[count].json);
            free(files[count].text);
            files[count] = (vec_file){ 0 };
        }
    }
    k->run(&t, files, count);
    unload(files, count);
    printf("%zu passed, %zu failed, %zu skipped\n", t.passed, t.failed,
           t.skipped);
    return t.failed == 0 && !t.broken ? 0 : 1;
}
