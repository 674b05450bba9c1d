#include "tests/unit/disk/diskkit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "tests/support/cmocka.h"

int kit_setup(void **state)
{
    /* Memory where there is some: a sync costs nothing there, and losing
     * power is not what these tests try. */
    const char *base =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
    kit *k = pn_alloc(1, sizeof *k);
    assert_non_null(k);
    (void)snprintf(k->root, sizeof k->root, "%s/vaultXXXXXX",
                   base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(k->root));
    kit_path(k, NULL, "home", k->home);
    *state = k;
    return 0;
}

void kit_remove(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    if (d == NULL) {
        (void)unlink(path);
        return;
    }
    while ((e = readdir(d)) != NULL) {
        char inner[2 * KIT_PATH];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        kit_remove(inner);
    }
    (void)closedir(d);
    (void)rmdir(path);
}

int kit_teardown(void **state)
{
    kit *k = *state;
    kit_remove(k->root);
    pn_free(k);
    return 0;
}

pn_bytes kit_text(const char *text)
{
    return (pn_bytes){ (const uint8_t *)text, strlen(text) };
}

pn_bytes kit_passphrase(void)
{
    return kit_text("correct horse battery staple");
}

cl_vault *kit_create(const kit *k)
{
    cl_vault *v;
    cl_vault_fault fault;
    if (cl_vault_create(&v, k->home, kit_passphrase(), CL_VAULT_KDF_TEST,
                        &fault) != PN_OK)
        fail_msg("create: %s", fault.text);
    return v;
}

cl_vault *kit_open(const kit *k)
{
    cl_vault *v;
    cl_vault_fault fault;
    if (cl_vault_open(&v, k->home, kit_passphrase(), &fault) != PN_OK)
        fail_msg("open: %s", fault.text);
    return v;
}

void kit_put(cl_vault *v, uint16_t kind, const char *key, const char *value)
{
    assert_int_equal(cl_vault_begin(v), PN_OK);
    assert_int_equal(cl_vault_put(v, kind, kit_text(key), kit_text(value)),
                     PN_OK);
    assert_int_equal(cl_vault_commit(v), PN_OK);
}

void kit_expect(cl_vault *v, uint16_t kind, const char *key, const char *value)
{
    pn_buf got;
    const pn_err want = value == NULL ? PN_E_NOT_FOUND : PN_OK;
    pn_buf_init(&got, CL_VAULT_VALUE_MAX);
    assert_int_equal(cl_vault_get(v, kind, kit_text(key), &got), want);
    if (value != NULL)
        assert_true(pn_bytes_equal(pn_buf_view(&got), kit_text(value)));
    pn_buf_clear(&got);
}

void kit_path(const kit *k, const char *dir, const char *name,
              char out[KIT_PATH])
{
    const int n = dir == NULL
                      ? snprintf(out, KIT_PATH, "%s/%s", k->root, name)
                      : snprintf(out, KIT_PATH, "%s/%s/%s", k->root, dir, name);
    assert_in_range(n, 1, KIT_PATH - 1);
}

uint8_t *kit_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *p;
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    *len = (size_t)st.st_size;
    p = pn_alloc(*len + 1, 1);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, *len, f), *len);
    (void)fclose(f);
    return p;
}

void kit_write(const char *path, const uint8_t *p, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, len), len);
    (void)close(fd);
}

void kit_copy(const kit *k, const char *from, const char *to)
{
    char dir[KIT_PATH], target[KIT_PATH];
    DIR *d;
    const struct dirent *e;
    kit_path(k, NULL, from, dir);
    kit_path(k, NULL, to, target);
    assert_int_equal(mkdir(target, 0700), 0);
    d = opendir(dir);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char a[2 * KIT_PATH], b[2 * KIT_PATH];
        uint8_t *p;
        size_t len;
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(a, sizeof a, "%s/%s", dir, e->d_name);
        (void)snprintf(b, sizeof b, "%s/%s", target, e->d_name);
        p = kit_read(a, &len);
        kit_write(b, p, len);
        pn_free(p);
    }
    (void)closedir(d);
}

static bool is_in(const uint8_t *hay, size_t size, const void *p, size_t len)
{
    for (size_t i = 0; i + len <= size; i++) {
        if (memcmp(hay + i, p, len) == 0)
            return true;
    }
    return false;
}

bool kit_contains(const char *dir, const void *p, size_t len)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool found = false;
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char path[2 * KIT_PATH];
        uint8_t *file;
        size_t size;
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        file = kit_read(path, &size);
        if (is_in(file, size, p, len))
            found = true;
        pn_free(file);
    }
    (void)closedir(d);
    return found;
}

void kit_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
