/* What the vault's tests share: a directory that is removed again, cheap
 * vaults, and the files as bytes. Failures end the test.
 */
#ifndef POSTERN_TESTS_UNIT_DISK_DISKKIT_H
#define POSTERN_TESTS_UNIT_DISK_DISKKIT_H

#include "client/disk/vault.h"

enum { KIT_PATH = 256 };

typedef struct kit {
    char root[KIT_PATH]; /* a new directory; `home` is in it */
    char home[KIT_PATH];
} kit;

/* cmocka's setup and teardown: *state is a kit. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* A view of a NUL-terminated text. */
pn_bytes kit_text(const char *text);
/* The passphrase that kit_create() and kit_open() use. */
pn_bytes kit_passphrase(void);
cl_vault *kit_create(const kit *k);
cl_vault *kit_open(const kit *k);
/* One put in a transaction of its own. */
void kit_put(cl_vault *v, uint16_t kind, const char *key, const char *value);
/* (kind, key) has this value; NULL: there is none. */
void kit_expect(cl_vault *v, uint16_t kind, const char *key, const char *value);

/* root/dir/name or, without dir, root/name. */
void kit_path(const kit *k, const char *dir, const char *name,
              char out[KIT_PATH]);
/* The whole file; released with pn_free(). */
uint8_t *kit_read(const char *path, size_t *len);
void kit_write(const char *path, const uint8_t *p, size_t len);
/* Copy all files of root/from to the new directory root/to. */
void kit_copy(const kit *k, const char *from, const char *to);
/* Remove a directory of files. */
void kit_remove(const char *path);
/* Run statements on a closed vault's database, as a tamperer would. */
void kit_sql(const char *path, const char *sql);
/* Whether any file of the directory contains these bytes. */
bool kit_contains(const char *dir, const void *p, size_t len);

#endif
