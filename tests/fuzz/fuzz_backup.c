/* What a backup holds, any bytes, sealed under a passphrase that is known: the
 * reader takes exactly what a second, plain reading of the format takes. And
 * any bytes as the file itself: never more than an error. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "client/disk/backup.h"
#include "tests/fuzz/fuzz.h"

enum { RECORD_HEAD = 8 };

static const pn_bytes passphrase = { (const uint8_t *)"secret", 6 };

/* How many records, or -1: kind u16, key length u16, value length u32, both;
 * a head of zeros ends them, and zeros follow. */
static long count_records(pn_bytes in, size_t padded)
{
    uint8_t *all = calloc(1, padded);
    pn_bytes rest = { all, padded };
    long count = 0;
    FUZZ_CHECK(all != NULL);
    if (in.len > 0)
        memcpy(all, in.p, in.len);
    for (;; count++) {
        uint16_t kind, key_len;
        uint32_t value_len;
        pn_bytes skipped;
        if (pn_take_u16(&rest, &kind) != PN_OK ||
            pn_take_u16(&rest, &key_len) != PN_OK ||
            pn_take_u32(&rest, &value_len) != PN_OK)
            break;
        if (kind == 0) {
            if (key_len != 0 || value_len != 0 || pn_take_zeros(&rest) != PN_OK)
                break;
            free(all);
            return count;
        }
        if (key_len == 0 || key_len > CL_VAULT_KEY_MAX ||
            value_len > CL_VAULT_VALUE_MAX ||
            pn_take(&rest, (size_t)key_len + value_len, &skipped) != PN_OK)
            break;
    }
    free(all);
    return -1;
}

static int scratch(char path[64])
{
    const char *room = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int fd;
    (void)snprintf(path, 64, "%s/fuzz-backup-XXXXXX", room);
    fd = mkstemp(path);
    FUZZ_CHECK(fd >= 0);
    return fd;
}

static void try_content(const char *path, int fd, pn_bytes in)
{
    /* The last chunk is never empty but when there is nothing at all. */
    const size_t padded = (in.len / CL_BACKUP_CHUNK + 1) * CL_BACKUP_CHUNK;
    const long want = count_records(in, padded);
    cl_vault_report report;
    cl_backup *b = NULL;
    pn_err err;
    FUZZ_CHECK(cl_backup_begin(&b, fd, passphrase, CL_VAULT_KDF_TEST, NULL) ==
               PN_OK);
    FUZZ_CHECK(cl_backup_write(b, in, NULL) == PN_OK);
    FUZZ_CHECK(cl_backup_end(b, NULL) == PN_OK);
    cl_backup_free(&b);
    err = cl_vault_backup_verify(path, passphrase, &report, NULL);
    FUZZ_CHECK(err == (want < 0 ? PN_E_CORRUPT : PN_OK));
    FUZZ_CHECK(want < 0 || report.records == (uint64_t)want);
}

static void try_file(const char *path, int fd, pn_bytes in)
{
    cl_vault_report report;
    FUZZ_CHECK(in.len == 0 || write(fd, in.p, in.len) == (ssize_t)in.len);
    (void)close(fd);
    FUZZ_CHECK(cl_vault_backup_verify(path, passphrase, &report, NULL) !=
               PN_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    const int fd = scratch(path);
    FUZZ_CHECK(sodium_init() >= 0);
    if (size > 0 && data[0] == 0)
        try_file(path, fd, (pn_bytes){ data + 1, size - 1 });
    else if (size > 0)
        try_content(path, fd, (pn_bytes){ data + 1, size - 1 });
    else
        (void)close(fd);
    (void)unlink(path);
    return 0;
}
