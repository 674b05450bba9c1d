#include "client/disk/device.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "client/disk/fault.h"
#include "client/disk/file.h"
#include "proto/base/mem.h"

enum {
    VERSION = 1,
    CHECK_BYTES = 32,
    MARKS = 2,
    MARK_PLAIN_BYTES = 16, /* counter, inode */
    MARK_BYTES = CL_SEAL_NONCE_BYTES + MARK_PLAIN_BYTES + CL_SEAL_TAG_BYTES,
};

static const uint8_t magic[8] = { 'p', 'n', 'd', 'e', 'v', 'c', 13, 10 };

static pn_err parse(cl_device *d, pn_bytes in)
{
    uint8_t sum[CHECK_BYTES];
    uint16_t version, slots;
    pn_bytes start;
    if (in.len != CL_DEVICE_HEAD_BYTES)
        return PN_E_CORRUPT;
    in.len -= CHECK_BYTES;
    (void)crypto_generichash(sum, sizeof sum, in.p, in.len, NULL, 0);
    if (memcmp(sum, in.p + in.len, sizeof sum) != 0)
        return PN_E_CORRUPT;
    PN_TRY(pn_take(&in, sizeof magic, &start));
    PN_TRY(pn_take_u16(&in, &version));
    if (memcmp(start.p, magic, sizeof magic) != 0 || version == 0)
        return PN_E_CORRUPT;
    if (version > VERSION)
        return PN_E_VERSION;
    PN_TRY(pn_take_u16(&in, &slots));
    PN_TRY(pn_take_copy(&in, d->vault_id, sizeof d->vault_id));
    PN_TRY(pn_take_copy(&in, d->secret[0], sizeof d->secret));
    PN_TRY(pn_take_zeros(&in));
    return slots == CL_SLOTS ? PN_OK : PN_E_CORRUPT;
}

pn_err cl_device_parse(cl_device *out, pn_bytes head)
{
    cl_device d;
    const pn_err err = parse(&d, head);
    if (err == PN_OK)
        *out = d;
    pn_wipe(&d, sizeof d);
    return err == PN_OK || err == PN_E_VERSION ? err : PN_E_CORRUPT;
}

void cl_device_write(const cl_device *d, uint8_t out[CL_DEVICE_HEAD_BYTES])
{
    const size_t covered = CL_DEVICE_HEAD_BYTES - CHECK_BYTES;
    pn_out to = pn_out_over(out, covered);
    pn_put(&to, (pn_bytes){ magic, sizeof magic });
    pn_put_u16(&to, VERSION);
    pn_put_u16(&to, CL_SLOTS);
    pn_put(&to, (pn_bytes){ d->vault_id, sizeof d->vault_id });
    pn_put(&to, (pn_bytes){ d->secret[0], sizeof d->secret });
    pn_put_zeros(&to, covered - to.len);
    (void)crypto_generichash(out + covered, CHECK_BYTES, out, covered, NULL, 0);
}

pn_err cl_device_load(cl_device *d, int *fd, int at, cl_vault_fault *fault)
{
    uint8_t head[CL_DEVICE_HEAD_BYTES];
    pn_err err;
    PN_TRY(cl_file_open(fd, at, CL_FILE_DEVICE, O_RDWR, fault));
    err = cl_file_read_at(*fd, CL_FILE_DEVICE, head, sizeof head, 0, fault);
    if (err == PN_OK)
        err = cl_device_parse(d, (pn_bytes){ head, sizeof head });
    pn_wipe(head, sizeof head);
    if (err == PN_OK)
        return PN_OK;
    cl_file_close(fd);
    if (err == PN_E_CORRUPT || err == PN_E_SHORT)
        return cl_fault(fault, PN_E_CORRUPT,
                        "%s is damaged; without it the vault cannot be opened: "
                        "restore a backup",
                        CL_FILE_DEVICE);
    if (err == PN_E_VERSION)
        return cl_fault(fault, err,
                        "%s was written by a newer version of Postern",
                        CL_FILE_DEVICE);
    return err;
}

/* The file itself, which a copy is not. */
static pn_err inode_of(int fd, uint64_t *inode, cl_vault_fault *fault)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return cl_fault(fault, PN_E_IO, "cannot look at %s", CL_FILE_DEVICE);
    *inode = (uint64_t)st.st_ino;
    return PN_OK;
}

static const pn_bytes mark_ad = { (const uint8_t *)"postern mark 1", 14 };

pn_err cl_device_read_mark(int fd, const cl_keys *keys, cl_device_mark *mark,
                           cl_vault_fault *fault)
{
    uint64_t inode;
    *mark = (cl_device_mark){ 0 };
    PN_TRY(inode_of(fd, &inode, fault));
    for (unsigned i = 0; i < MARKS; i++) {
        uint8_t sealed[MARK_BYTES], plain[MARK_PLAIN_BYTES];
        pn_bytes in = { plain, sizeof plain };
        uint64_t counter, written_to;
        const pn_err err = cl_file_read_at(
            fd, CL_FILE_DEVICE, sealed, sizeof sealed,
            CL_DEVICE_HEAD_BYTES + (uint64_t)i * CL_DEVICE_MARK_AT, fault);
        if (err == PN_E_SHORT)
            continue;
        PN_TRY(err);
        if (cl_open_from(plain, keys->counter, mark_ad,
                         (pn_bytes){ sealed, sizeof sealed }) != PN_OK)
            continue;
        PN_TRY(pn_take_u64(&in, &counter));
        PN_TRY(pn_take_u64(&in, &written_to));
        if (mark->found && counter <= mark->counter)
            continue;
        *mark = (cl_device_mark){ true, counter, written_to == inode };
    }
    return PN_OK;
}

pn_err cl_device_write_mark(int fd, const cl_keys *keys, uint64_t counter,
                            cl_vault_fault *fault)
{
    uint8_t sealed[MARK_BYTES], plain[MARK_PLAIN_BYTES];
    pn_out to = pn_out_over(plain, sizeof plain);
    uint64_t inode;
    PN_TRY(inode_of(fd, &inode, fault));
    pn_put_u64(&to, counter);
    pn_put_u64(&to, inode);
    cl_seal_to(sealed, keys->counter, mark_ad, pn_out_view(&to));
    return cl_file_write_at(
        fd, CL_FILE_DEVICE, (pn_bytes){ sealed, sizeof sealed },
        CL_DEVICE_HEAD_BYTES + counter % MARKS * CL_DEVICE_MARK_AT, fault);
}

pn_err cl_device_store(const cl_device *d, int *fd, int at, const cl_keys *keys,
                       uint64_t counter, cl_vault_fault *fault)
{
    uint8_t file[CL_DEVICE_BYTES];
    int made;
    pn_err err;
    PN_TRY(cl_file_replace_begin(&made, at, CL_FILE_DEVICE, fault));
    /* Where there is no mark it looks as if there were. */
    randombytes_buf(file, sizeof file);
    cl_device_write(d, file);
    err = cl_file_write_at(made, CL_FILE_DEVICE,
                           (pn_bytes){ file, sizeof file }, 0, fault);
    if (err == PN_OK)
        err = cl_device_write_mark(made, keys, counter, fault);
    if (err == PN_OK)
        err = cl_file_replace_end(made, at, CL_FILE_DEVICE, fault);
    pn_wipe(file, sizeof file);
    if (err != PN_OK) {
        cl_file_close(&made);
        return err;
    }
    cl_file_close(fd);
    *fd = made;
    return PN_OK;
}

bool cl_device_is_gone(int fd)
{
    struct stat st;
    return fstat(fd, &st) != 0 || st.st_nlink == 0;
}
