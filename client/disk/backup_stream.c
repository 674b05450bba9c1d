#include <string.h>

#include "client/disk/backup.h"
#include "client/disk/fault.h"
#include "client/disk/file.h"
#include "proto/base/mem.h"

enum {
    VERSION = 1,
    CHECK_BYTES = 16, /* of the key: tells a wrong passphrase */
    SUM_BYTES = 32,   /* of the header: tells damage to it */
    STREAM_BYTES = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
};

static const uint8_t magic[8] = { 'p', 'n', 'b', 'a', 'c', 'k', 13, 10 };
static const char name[] = "the backup file";

static pn_err damaged(cl_vault_fault *fault)
{
    return cl_fault(fault, PN_E_CORRUPT,
                    "the backup file is damaged or cut short");
}

/* Key of the stream and its check from the stretched passphrase. */
static void derive(uint8_t key[CL_SECRET_BYTES], uint8_t check[CHECK_BYTES],
                   const uint8_t stretched[CL_SECRET_BYTES])
{
    uint8_t both[CL_SECRET_BYTES + CHECK_BYTES];
    (void)crypto_generichash(both, sizeof both,
                             (const uint8_t *)"postern backup 1", 16, stretched,
                             CL_SECRET_BYTES);
    memcpy(key, both, CL_SECRET_BYTES);
    memcpy(check, both + CL_SECRET_BYTES, CHECK_BYTES);
    pn_wipe(both, sizeof both);
}

static void put_cost(pn_out *to, const cl_kdf *kdf)
{
    pn_put(to, (pn_bytes){ magic, sizeof magic });
    pn_put_u16(to, VERSION);
    pn_put_u16(to, 0);
    pn_put_u32(to, kdf->passes);
    pn_put_u32(to, kdf->kib);
    pn_put(to, (pn_bytes){ kdf->salt, sizeof kdf->salt });
}

static pn_err new_stream(cl_backup **out, int fd)
{
    void *p;
    PN_TRY(cl_guard_new(&p, sizeof **out, NULL));
    *out = p;
    (*out)->fd = fd;
    return PN_OK;
}

static void put_sum(pn_out *to)
{
    uint8_t sum[SUM_BYTES];
    (void)crypto_generichash(sum, sizeof sum, to->p, to->len, NULL, 0);
    pn_put(to, (pn_bytes){ sum, sizeof sum });
}

static pn_err write_head(cl_backup *b, const cl_kdf *kdf,
                         const uint8_t stretched[CL_SECRET_BYTES],
                         cl_vault_fault *fault)
{
    uint8_t head[CL_BACKUP_HEAD], key[CL_SECRET_BYTES], check[CHECK_BYTES];
    uint8_t stream[STREAM_BYTES];
    pn_out to = pn_out_over(head, sizeof head);
    put_cost(&to, kdf);
    derive(key, check, stretched);
    pn_put(&to, (pn_bytes){ check, sizeof check });
    (void)crypto_secretstream_xchacha20poly1305_init_push(&b->stream, stream,
                                                          key);
    pn_wipe(key, sizeof key);
    pn_put(&to, (pn_bytes){ stream, sizeof stream });
    put_sum(&to);
    b->offset = to.len;
    return cl_file_write_at(b->fd, name, pn_out_view(&to), 0, fault);
}

pn_err cl_backup_begin(cl_backup **out, int fd, pn_bytes passphrase,
                       cl_vault_kdf cost, cl_vault_fault *fault)
{
    cl_kdf kdf;
    uint8_t stretched[CL_SECRET_BYTES];
    pn_err err = cl_kdf_choose(&kdf, cost);
    *out = NULL;
    if (err == PN_OK)
        err = cl_kdf_run(&kdf, passphrase, stretched, fault);
    if (err == PN_OK)
        err = new_stream(out, fd);
    if (err == PN_OK)
        err = write_head(*out, &kdf, stretched, fault);
    else
        cl_file_close(&fd);
    pn_wipe(stretched, sizeof stretched);
    return err;
}

static pn_err push(cl_backup *b, uint8_t tag, cl_vault_fault *fault)
{
    (void)crypto_secretstream_xchacha20poly1305_push(
        &b->stream, b->sealed, NULL, b->chunk, sizeof b->chunk, NULL, 0, tag);
    PN_TRY(cl_file_write_at(b->fd, name,
                            (pn_bytes){ b->sealed, sizeof b->sealed },
                            b->offset, fault));
    b->offset += sizeof b->sealed;
    b->at = 0;
    return PN_OK;
}

pn_err cl_backup_write(cl_backup *b, pn_bytes in, cl_vault_fault *fault)
{
    while (in.len > 0) {
        const size_t room = sizeof b->chunk - b->at;
        const size_t n = in.len < room ? in.len : room;
        memcpy(b->chunk + b->at, in.p, n);
        b->at += n;
        in.p += n;
        in.len -= n;
        if (b->at == sizeof b->chunk)
            PN_TRY(push(b, 0, fault));
    }
    return PN_OK;
}

pn_err cl_backup_end(cl_backup *b, cl_vault_fault *fault)
{
    memset(b->chunk + b->at, 0, sizeof b->chunk - b->at);
    PN_TRY(push(b, crypto_secretstream_xchacha20poly1305_TAG_FINAL, fault));
    return cl_file_sync(b->fd, name, fault);
}

typedef struct head {
    cl_kdf kdf;
    uint8_t check[CHECK_BYTES], stream[STREAM_BYTES];
} head;

static pn_err parse(head *h, pn_bytes in)
{
    uint8_t sum[SUM_BYTES];
    uint16_t version, zero;
    pn_bytes start;
    (void)crypto_generichash(sum, sizeof sum, in.p, in.len - SUM_BYTES, NULL,
                             0);
    in.len -= SUM_BYTES;
    if (memcmp(sum, in.p + in.len, sizeof sum) != 0)
        return PN_E_CORRUPT;
    PN_TRY(pn_take(&in, sizeof magic, &start));
    PN_TRY(pn_take_u16(&in, &version));
    PN_TRY(pn_take_u16(&in, &zero));
    if (memcmp(start.p, magic, sizeof magic) != 0 || version == 0)
        return PN_E_CORRUPT;
    if (version > VERSION)
        return PN_E_VERSION;
    PN_TRY(pn_take_u32(&in, &h->kdf.passes));
    PN_TRY(pn_take_u32(&in, &h->kdf.kib));
    PN_TRY(pn_take_copy(&in, h->kdf.salt, sizeof h->kdf.salt));
    PN_TRY(pn_take_copy(&in, h->check, sizeof h->check));
    PN_TRY(pn_take_copy(&in, h->stream, sizeof h->stream));
    PN_TRY(pn_take_end(&in));
    return cl_kdf_ok(&h->kdf) && zero == 0 ? PN_OK : PN_E_CORRUPT;
}

static pn_err start_reading(cl_backup *b, pn_bytes passphrase,
                            cl_vault_fault *fault)
{
    uint8_t bytes[CL_BACKUP_HEAD], stretched[CL_SECRET_BYTES];
    uint8_t key[CL_SECRET_BYTES], check[CHECK_BYTES];
    head h;
    pn_err err = cl_file_read_at(b->fd, name, bytes, sizeof bytes, 0, fault);
    if (err == PN_OK)
        err = parse(&h, (pn_bytes){ bytes, sizeof bytes });
    if (err == PN_E_VERSION)
        return cl_fault(fault, err,
                        "the backup was made by a newer version of Postern");
    if (err == PN_E_IO)
        return err;
    if (err != PN_OK)
        return cl_fault(fault, PN_E_CORRUPT,
                        "this is no backup file, or it is damaged");
    PN_TRY(cl_kdf_run(&h.kdf, passphrase, stretched, fault));
    derive(key, check, stretched);
    if (!pn_secret_equal(check, h.check, sizeof check))
        err = cl_fault(fault, PN_E_CRYPTO, "the passphrase is wrong");
    else if (crypto_secretstream_xchacha20poly1305_init_pull(
                 &b->stream, h.stream, key) != 0)
        err = damaged(fault);
    pn_wipe(stretched, sizeof stretched);
    pn_wipe(key, sizeof key);
    b->offset = sizeof bytes;
    return err;
}

pn_err cl_backup_open(cl_backup **out, int fd, pn_bytes passphrase,
                      cl_vault_fault *fault)
{
    const pn_err err = new_stream(out, fd);
    if (err != PN_OK) {
        cl_file_close(&fd);
        return err;
    }
    return start_reading(*out, passphrase, fault);
}

static pn_err pull(cl_backup *b, cl_vault_fault *fault)
{
    uint8_t tag;
    const pn_err err =
        b->ended ? PN_E_SHORT
                 : cl_file_read_at(b->fd, name, b->sealed, sizeof b->sealed,
                                   b->offset, fault);
    if (err == PN_E_SHORT)
        return damaged(fault);
    PN_TRY(err);
    if (crypto_secretstream_xchacha20poly1305_pull(
            &b->stream, b->chunk, NULL, &tag, b->sealed, sizeof b->sealed, NULL,
            0) != 0)
        return damaged(fault);
    b->offset += sizeof b->sealed;
    b->ended = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    b->at = 0;
    b->end = sizeof b->chunk;
    return PN_OK;
}

pn_err cl_backup_read(cl_backup *b, uint8_t *out, size_t len,
                      cl_vault_fault *fault)
{
    while (len > 0) {
        size_t n;
        if (b->at == b->end)
            PN_TRY(pull(b, fault));
        n = b->end - b->at < len ? b->end - b->at : len;
        memcpy(out, b->chunk + b->at, n);
        b->at += n;
        out += n;
        len -= n;
    }
    return PN_OK;
}

pn_err cl_backup_read_end(cl_backup *b, cl_vault_fault *fault)
{
    uint8_t beyond;
    /* Content that fills its chunk is followed by one of zeros alone. */
    if (!b->ended && b->at == b->end)
        PN_TRY(pull(b, fault));
    for (; b->at < b->end; b->at++) {
        if (b->chunk[b->at] != 0)
            return damaged(fault);
    }
    if (!b->ended || cl_file_read_at(b->fd, name, &beyond, 1, b->offset,
                                     fault) != PN_E_SHORT)
        return damaged(fault);
    return PN_OK;
}

void cl_backup_free(cl_backup **b)
{
    if (*b == NULL)
        return;
    cl_file_close(&(*b)->fd);
    cl_guard_free(*b);
    *b = NULL;
}
