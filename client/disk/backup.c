/* Backup and restore: records out of a vault into a stream, and back. */
#include "client/disk/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/disk/inside.h"
#include "proto/base/mem.h"

enum {
    RECORD_HEAD = 8,       /* kind, key length, value length; kind 0 ends */
    BATCH_BYTES = 1 << 20, /* restored per transaction */
};

/* Where `path` is: its directory, opened, and its last part. */
static pn_err locate(const char *path, int *at, const char **last,
                     cl_vault_fault *fault)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    char *dir;
    size_t len;
    if (path == NULL || path[0] == 0 || (slash != NULL && slash[1] == 0))
        return cl_fault(fault, PN_E_ARG, "no file is named");
    *last = slash == NULL ? path : slash + 1;
    len = slash == NULL ? 1 : (size_t)(slash - path) + 1;
    dir = pn_alloc(len + 1, 1);
    if (dir == NULL)
        return cl_fault(fault, PN_E_NOMEM, "out of memory");
    memcpy(dir, slash == NULL ? "." : path, len);
    *at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pn_free(dir);
    if (*at < 0)
        return cl_fault_system(fault, errno, "open the directory of", path);
    return PN_OK;
}

static pn_err write_record(cl_backup *b, const cl_record *r,
                           cl_vault_fault *fault)
{
    uint8_t head[RECORD_HEAD];
    pn_out to = pn_out_over(head, sizeof head);
    pn_put_u16(&to, r->kind);
    pn_put_u16(&to, (uint16_t)r->key.len);
    pn_put_u32(&to, (uint32_t)r->value.len);
    PN_TRY(cl_backup_write(b, pn_out_view(&to), fault));
    PN_TRY(cl_backup_write(b, r->key, fault));
    return cl_backup_write(b, r->value, fault);
}

static pn_err write_all(cl_vault *v, cl_backup *b)
{
    static const cl_record last = { 0 };
    uint64_t after = 0;
    pn_err err;
    for (;;) {
        cl_entry e;
        cl_record r;
        err = cl_record_walk(v, after, &e);
        if (err == PN_E_NOT_FOUND)
            break;
        PN_TRY(err);
        after = e.id;
        PN_TRY(cl_record_open(v, &e, &r));
        err = write_record(b, &r, &v->fault);
        cl_record_clear(&r);
        PN_TRY(err);
    }
    PN_TRY(write_record(b, &last, &v->fault));
    return cl_backup_end(b, &v->fault);
}

pn_err cl_vault_backup(cl_vault *v, const char *path, pn_bytes passphrase,
                       cl_vault_kdf kdf)
{
    cl_backup *b = NULL;
    const char *last = NULL;
    int at, fd;
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    if (v->in_transaction)
        return cl_fault(&v->fault, PN_E_STATE, "a transaction is open");
    PN_TRY(locate(path, &at, &last, &v->fault));
    err = cl_file_make(&fd, at, last, &v->fault);
    if (err != PN_OK) {
        cl_file_close(&at);
        return err;
    }
    err = cl_backup_begin(&b, fd, passphrase, kdf, &v->fault);
    if (err == PN_OK)
        err = write_all(v, b);
    if (err == PN_OK && fsync(at) != 0)
        err = cl_fault_system(&v->fault, errno, "sync the directory of", path);
    cl_backup_free(&b);
    if (err != PN_OK)
        (void)unlinkat(at, last, 0);
    cl_file_close(&at);
    return err;
}

/* A record as it comes out of the stream: one block, key then value. */
typedef struct incoming {
    uint16_t kind;
    uint8_t *p; /* owned */
    size_t key_len, value_len;
} incoming;

static pn_err read_record(cl_backup *b, incoming *r, cl_vault_fault *fault)
{
    uint8_t head[RECORD_HEAD];
    pn_bytes in = { head, sizeof head };
    uint16_t key_len;
    uint32_t value_len;
    pn_err err;
    PN_TRY(cl_backup_read(b, head, sizeof head, fault));
    PN_TRY(pn_take_u16(&in, &r->kind));
    PN_TRY(pn_take_u16(&in, &key_len));
    PN_TRY(pn_take_u32(&in, &value_len));
    if (key_len > CL_VAULT_KEY_MAX || value_len > CL_VAULT_VALUE_MAX ||
        (key_len == 0) != (r->kind == 0) || (r->kind == 0 && value_len != 0))
        return cl_fault(fault, PN_E_CORRUPT, "the backup makes no sense");
    r->key_len = key_len;
    r->value_len = value_len;
    r->p = pn_alloc(r->key_len + r->value_len + 1, 1);
    if (r->p == NULL)
        return cl_fault(fault, PN_E_NOMEM, "out of memory");
    err = cl_backup_read(b, r->p, r->key_len + r->value_len, fault);
    if (err != PN_OK) {
        pn_free_wiped(r->p, r->key_len + r->value_len);
        r->p = NULL;
    }
    return err;
}

/* Keep a record; a new transaction every BATCH_BYTES. */
static pn_err keep(cl_vault *v, const incoming *r, size_t *batch)
{
    const pn_bytes key = { r->p, r->key_len };
    const pn_bytes value = { r->p + r->key_len, r->value_len };
    if (*batch > BATCH_BYTES) {
        PN_TRY(cl_vault_commit(v));
        *batch = 0;
    }
    if (!v->in_transaction)
        PN_TRY(cl_vault_begin(v));
    *batch += key.len + value.len + RECORD_HEAD;
    return cl_vault_put(v, r->kind, key, value);
}

/* Read to the end; into `v` unless it is NULL. */
static pn_err read_all(cl_backup *b, cl_vault *v, uint64_t *count,
                       cl_vault_fault *fault)
{
    size_t batch = 0;
    *count = 0;
    for (;;) {
        incoming r = { 0 };
        pn_err err;
        PN_TRY(read_record(b, &r, fault));
        if (r.kind == 0) {
            pn_free(r.p);
            break;
        }
        err = v != NULL ? keep(v, &r, &batch) : PN_OK;
        pn_free_wiped(r.p, r.key_len + r.value_len);
        PN_TRY(err);
        ++*count;
    }
    PN_TRY(cl_backup_read_end(b, fault));
    return v != NULL && v->in_transaction ? cl_vault_commit(v) : PN_OK;
}

static pn_err open_stream(cl_backup **b, const char *path, pn_bytes passphrase,
                          cl_vault_fault *fault)
{
    int fd;
    *b = NULL;
    if (sodium_init() < 0)
        return cl_fault(fault, PN_E_RANDOM, "the system gives no random bytes");
    if (path == NULL)
        return cl_fault(fault, PN_E_ARG, "no file is named");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return cl_fault(fault, PN_E_NOT_FOUND, "there is no file %s", path);
    if (fd < 0)
        return cl_fault_system(fault, errno, "open", path);
    return cl_backup_open(b, fd, passphrase, fault);
}

pn_err cl_vault_backup_verify(const char *path, pn_bytes passphrase,
                              cl_vault_report *report, cl_vault_fault *fault)
{
    cl_backup *b;
    pn_err err = open_stream(&b, path, passphrase, fault);
    *report = (cl_vault_report){ 0 };
    if (err == PN_OK)
        err = read_all(b, NULL, &report->records, fault);
    cl_backup_free(&b);
    return err;
}

pn_err cl_vault_restore(cl_vault **out, const char *home, const char *path,
                        pn_bytes passphrase, cl_vault_kdf kdf,
                        cl_vault_fault *fault)
{
    cl_vault *v = NULL;
    cl_backup *b;
    uint64_t count;
    pn_err err = open_stream(&b, path, passphrase, fault);
    *out = NULL;
    if (err == PN_OK)
        err =
            cl_vault_start(&v, home, passphrase, kdf, CL_VAULT_RESTORED, fault);
    if (err == PN_OK) {
        err = read_all(b, v, &count, &v->fault);
        if (err == PN_OK)
            err = cl_vault_finish(v);
        if (err != PN_OK) {
            if (fault != NULL)
                *fault = v->fault;
            if (cl_vault_destroy(v->at, NULL) != PN_OK)
                v->gone = true; /* it stays marked as unfinished */
            cl_vault_close(&v);
        }
    }
    cl_backup_free(&b);
    *out = v;
    return err;
}
