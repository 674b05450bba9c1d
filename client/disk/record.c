/* Records: sealed under a key of their own, found by a keyed hash. */
#include <sodium.h>
#include <string.h>

#include "client/disk/inside.h"
#include "proto/base/mem.h"

enum {
    HEAD_BYTES = 8, /* kind, key length, value length */
    BUCKET_MIN = 256,
    BUCKET_STEP = 65536,
    AD_BYTES = 80,
};

/* All lengths up to the result look the same on disk. */
static size_t bucket(size_t len)
{
    size_t size = BUCKET_MIN;
    while (size < len && size < BUCKET_STEP)
        size *= 2;
    return size >= len ? size
                       : (len + BUCKET_STEP - 1) / BUCKET_STEP * BUCKET_STEP;
}

static void name_of(const cl_vault *v, uint16_t kind, pn_bytes key,
                    uint8_t out[CL_NAME_BYTES])
{
    const uint8_t head[2] = { (uint8_t)(kind >> 8), (uint8_t)kind };
    crypto_generichash_state hash;
    (void)crypto_generichash_init(&hash, v->keys->name, CL_SECRET_BYTES,
                                  CL_NAME_BYTES);
    (void)crypto_generichash_update(&hash, head, sizeof head);
    (void)crypto_generichash_update(&hash, key.p, key.len);
    (void)crypto_generichash_final(&hash, out, CL_NAME_BYTES);
    pn_wipe(&hash, sizeof hash);
}

static int64_t kind_of(const cl_vault *v, uint16_t kind)
{
    const uint8_t in[2] = { (uint8_t)(kind >> 8), (uint8_t)kind };
    uint8_t out[16];
    uint64_t number = 0;
    (void)crypto_generichash(out, sizeof out, in, sizeof in, v->keys->kind,
                             CL_SECRET_BYTES);
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | out[i];
    return (int64_t)number;
}

/* What a body is bound to: this vault, row, name, kind and place. */
static pn_bytes bound_to(uint8_t ad[AD_BYTES], const cl_vault *v,
                         const cl_entry *e)
{
    pn_out to = pn_out_over(ad, AD_BYTES);
    pn_put(&to, PN_BYTES_LIT("postern record 1"));
    pn_put(&to, (pn_bytes){ v->slots.vault_id, CL_VAULT_ID_BYTES });
    pn_put_u64(&to, e->id);
    pn_put(&to, (pn_bytes){ e->name, sizeof e->name });
    pn_put_u64(&to, (uint64_t)e->kind);
    pn_put_u32(&to, e->place);
    return pn_out_view(&to);
}

static void body_key(uint8_t out[CL_SECRET_BYTES], const cl_vault *v,
                     const uint8_t secret[CL_SECRET_BYTES])
{
    (void)crypto_generichash(out, CL_SECRET_BYTES, secret, CL_SECRET_BYTES,
                             v->keys->record, CL_SECRET_BYTES);
}

static pn_err bind_blob(cl_vault *v, cl_query q, int at, const void *p,
                        size_t len)
{
    return cl_db_error(
        &v->db, sqlite3_bind_blob(v->db.q[q], at, p, (int)len, SQLITE_STATIC),
        &v->fault);
}

static pn_err bind_number(cl_vault *v, cl_query q, int at, int64_t n)
{
    return cl_db_error(&v->db, sqlite3_bind_int64(v->db.q[q], at, n),
                       &v->fault);
}

static pn_err damaged(cl_vault *v, const char *how)
{
    return cl_fault(&v->fault, PN_E_CORRUPT, "a record is damaged: %s", how);
}

/* Run a prepared search for one entry. */
static pn_err entry_row(cl_vault *v, cl_query q, cl_entry *out)
{
    pn_err err;
    PN_TRY(cl_db_row(&v->db, q, &v->fault));
    err = cl_db_entry(v->db.q[q], out);
    cl_db_done(&v->db, q);
    return err == PN_OK ? PN_OK : damaged(v, "its entry makes no sense");
}

static pn_err find(cl_vault *v, uint16_t kind, pn_bytes key, cl_entry *out)
{
    uint8_t name[CL_NAME_BYTES];
    if (kind == 0 || key.len == 0 || key.len > CL_VAULT_KEY_MAX)
        return cl_fault(&v->fault, PN_E_ARG, "not a record's kind and key");
    name_of(v, kind, key, name);
    PN_TRY(bind_blob(v, CL_Q_FIND, 1, name, sizeof name));
    PN_TRY(entry_row(v, CL_Q_FIND, out));
    return out->kind == kind_of(v, kind) ? PN_OK
                                         : damaged(v, "it changed its kind");
}

pn_err cl_record_walk(cl_vault *v, uint64_t after, cl_entry *out)
{
    if (after > INT64_MAX)
        return PN_E_ARG;
    PN_TRY(bind_number(v, CL_Q_WALK, 1, (int64_t)after));
    return entry_row(v, CL_Q_WALK, out);
}

void cl_record_clear(cl_record *r)
{
    pn_free_wiped(r->plain, r->len);
    *r = (cl_record){ 0 };
}

/* Split the plaintext, and see that it is the record the entry names. */
static pn_err split(const cl_vault *v, const cl_entry *e, cl_record *r)
{
    pn_bytes in = { r->plain, r->len };
    uint8_t name[CL_NAME_BYTES];
    uint16_t key_len;
    uint32_t value_len;
    PN_TRY(pn_take_u16(&in, &r->kind));
    PN_TRY(pn_take_u16(&in, &key_len));
    PN_TRY(pn_take_u32(&in, &value_len));
    PN_TRY(pn_take(&in, key_len, &r->key));
    PN_TRY(pn_take(&in, value_len, &r->value));
    PN_TRY(pn_take_zeros(&in));
    name_of(v, r->kind, r->key, name);
    if (memcmp(name, e->name, sizeof name) != 0 ||
        kind_of(v, r->kind) != e->kind)
        return PN_E_CORRUPT;
    return PN_OK;
}

static pn_err open_body(cl_vault *v, const cl_entry *e, cl_record *r)
{
    uint8_t secret[CL_SECRET_BYTES], key[CL_SECRET_BYTES], ad[AD_BYTES];
    const uint8_t *body = sqlite3_column_blob(v->db.q[CL_Q_BODY], 0);
    const size_t len = (size_t)sqlite3_column_bytes(v->db.q[CL_Q_BODY], 0);
    const pn_bytes bound = bound_to(ad, v, e);
    pn_err err;
    if (body == NULL || len < CL_SEAL_NONCE_BYTES + BUCKET_MIN)
        return damaged(v, "its body is missing or cut short");
    r->len = len - CL_SEAL_NONCE_BYTES;
    r->plain = pn_alloc(r->len, 1);
    if (r->plain == NULL)
        return cl_fault(&v->fault, PN_E_NOMEM, "out of memory");
    err = cl_recordkeys_get(&v->recordkeys, e->place, secret, &v->fault);
    if (err == PN_E_CORRUPT)
        return damaged(v, "its key has been destroyed");
    PN_TRY(err);
    body_key(key, v, secret);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            r->plain, NULL, body + CL_SEAL_NONCE_BYTES, r->len, e->tag, bound.p,
            bound.len, body, key) != 0)
        err = damaged(v, "it does not open with its key");
    pn_wipe(secret, sizeof secret);
    pn_wipe(key, sizeof key);
    if (err == PN_OK && split(v, e, r) != PN_OK)
        err = damaged(v, "it is not what its entry says");
    return err;
}

pn_err cl_record_open(cl_vault *v, const cl_entry *e, cl_record *out)
{
    pn_err err;
    *out = (cl_record){ 0 };
    PN_TRY(bind_number(v, CL_Q_BODY, 1, (int64_t)e->id));
    err = cl_db_row(&v->db, CL_Q_BODY, &v->fault);
    if (err == PN_E_NOT_FOUND)
        return damaged(v, "its body is missing");
    PN_TRY(err);
    err = open_body(v, e, out);
    cl_db_done(&v->db, CL_Q_BODY);
    if (err != PN_OK)
        cl_record_clear(out);
    return err;
}

/* Seal into a new block: nonce, ciphertext. Fills e->place and e->tag. */
static pn_err seal_body(cl_vault *v, uint16_t kind, pn_bytes key,
                        pn_bytes value, cl_entry *e, uint8_t **out, size_t *len)
{
    uint8_t secret[CL_SECRET_BYTES], sealing[CL_SECRET_BYTES], ad[AD_BYTES];
    const size_t size = bucket(HEAD_BYTES + key.len + value.len);
    uint8_t *body = pn_alloc(CL_SEAL_NONCE_BYTES + size, 1);
    uint8_t *plain;
    pn_bytes bound;
    pn_out to;
    pn_err err;
    if (body == NULL)
        return cl_fault(&v->fault, PN_E_NOMEM, "out of memory");
    err = cl_recordkeys_take(&v->recordkeys, &e->place, secret, &v->fault);
    if (err != PN_OK) {
        pn_wipe(secret, sizeof secret);
        pn_free(body);
        return err;
    }
    plain = body + CL_SEAL_NONCE_BYTES;
    to = pn_out_over(plain, size);
    pn_put_u16(&to, kind);
    pn_put_u16(&to, (uint16_t)key.len);
    pn_put_u32(&to, (uint32_t)value.len);
    pn_put(&to, key);
    pn_put(&to, value);
    bound = bound_to(ad, v, e);
    body_key(sealing, v, secret);
    randombytes_buf(body, CL_SEAL_NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
        plain, e->tag, NULL, plain, size, bound.p, bound.len, NULL, body,
        sealing);
    pn_wipe(secret, sizeof secret);
    pn_wipe(sealing, sizeof sealing);
    *out = body;
    *len = CL_SEAL_NONCE_BYTES + size;
    return PN_OK;
}

static pn_err write_row(cl_vault *v, cl_query entry, cl_query body,
                        const cl_entry *e, pn_bytes sealed)
{
    PN_TRY(bind_number(v, entry, 1, (int64_t)e->id));
    if (entry == CL_Q_INSERT) {
        PN_TRY(bind_blob(v, entry, 2, e->name, sizeof e->name));
        PN_TRY(bind_number(v, entry, 3, e->kind));
    }
    PN_TRY(bind_number(v, entry, 4, e->place));
    PN_TRY(bind_blob(v, entry, 5, e->tag, sizeof e->tag));
    PN_TRY(cl_db_run(&v->db, entry, &v->fault));
    PN_TRY(bind_number(v, body, 1, (int64_t)e->id));
    PN_TRY(bind_blob(v, body, 2, sealed.p, sealed.len));
    return cl_db_run(&v->db, body, &v->fault);
}

static pn_err put(cl_vault *v, uint16_t kind, pn_bytes key, pn_bytes value)
{
    cl_entry old, e = { 0 };
    uint8_t *sealed;
    size_t len;
    pn_err err = find(v, kind, key, &old);
    const bool is_new = err == PN_E_NOT_FOUND;
    if (is_new) {
        e.id = v->next_id;
        e.kind = kind_of(v, kind);
        name_of(v, kind, key, e.name);
    } else {
        PN_TRY(err);
        e = old;
    }
    PN_TRY(seal_body(v, kind, key, value, &e, &sealed, &len));
    err = write_row(v, is_new ? CL_Q_INSERT : CL_Q_UPDATE,
                    is_new ? CL_Q_BODY_INSERT : CL_Q_BODY_UPDATE, &e,
                    (pn_bytes){ sealed, len });
    pn_free(sealed);
    if (err == PN_OK && !is_new)
        err = cl_recordkeys_give_up(&v->recordkeys, old.place);
    PN_TRY(err);
    if (is_new) {
        v->next_id++;
        v->state.count++;
    } else {
        cl_state_toggle(v, &old);
    }
    cl_state_toggle(v, &e);
    v->changed = true;
    return PN_OK;
}

pn_err cl_vault_put(cl_vault *v, uint16_t kind, pn_bytes key, pn_bytes value)
{
    pn_err err;
    PN_TRY(cl_vault_writable(v));
    if (value.len > CL_VAULT_VALUE_MAX)
        return cl_fault(&v->fault, PN_E_ARG, "a record has at most %d bytes",
                        CL_VAULT_VALUE_MAX);
    err = put(v, kind, key, value);
    if (err != PN_OK && err != PN_E_ARG)
        v->doomed = err;
    return err;
}

pn_err cl_record_remove(cl_vault *v, const cl_entry *e)
{
    PN_TRY(cl_recordkeys_give_up(&v->recordkeys, e->place));
    PN_TRY(bind_number(v, CL_Q_DELETE, 1, (int64_t)e->id));
    PN_TRY(cl_db_run(&v->db, CL_Q_DELETE, &v->fault));
    PN_TRY(bind_number(v, CL_Q_BODY_DELETE, 1, (int64_t)e->id));
    PN_TRY(cl_db_run(&v->db, CL_Q_BODY_DELETE, &v->fault));
    cl_state_toggle(v, e);
    v->state.count--;
    v->changed = true;
    v->deleted = true;
    return PN_OK;
}

pn_err cl_vault_delete(cl_vault *v, uint16_t kind, pn_bytes key)
{
    cl_entry e;
    pn_err err;
    PN_TRY(cl_vault_writable(v));
    err = find(v, kind, key, &e);
    if (err == PN_OK)
        err = cl_record_remove(v, &e);
    if (err != PN_OK && err != PN_E_ARG && err != PN_E_NOT_FOUND)
        v->doomed = err;
    return err;
}

static pn_err give(pn_buf *out, pn_bytes content)
{
    if (out == NULL)
        return PN_OK;
    pn_buf_clear(out);
    return pn_buf_append(out, content);
}

pn_err cl_vault_get(cl_vault *v, uint16_t kind, pn_bytes key, pn_buf *value)
{
    cl_entry e;
    cl_record r;
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    PN_TRY(find(v, kind, key, &e));
    PN_TRY(cl_record_open(v, &e, &r));
    err = give(value, r.value);
    cl_record_clear(&r);
    return err;
}

pn_err cl_vault_has(cl_vault *v, uint16_t kind, pn_bytes key, bool *out)
{
    cl_entry e;
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    err = find(v, kind, key, &e);
    *out = err == PN_OK;
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

pn_err cl_vault_next(cl_vault *v, uint16_t kind, uint64_t *cursor, pn_buf *key,
                     pn_buf *value)
{
    cl_entry e;
    cl_record r;
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    if (kind == 0 || *cursor > INT64_MAX)
        return cl_fault(&v->fault, PN_E_ARG, "no such kind or cursor");
    PN_TRY(bind_number(v, CL_Q_NEXT, 1, kind_of(v, kind)));
    PN_TRY(bind_number(v, CL_Q_NEXT, 2, (int64_t)*cursor));
    PN_TRY(entry_row(v, CL_Q_NEXT, &e));
    err = cl_record_open(v, &e, &r);
    if (err == PN_OK)
        err = give(key, r.key);
    if (err == PN_OK)
        err = give(value, r.value);
    cl_record_clear(&r);
    if (err == PN_OK || err == PN_E_CORRUPT)
        *cursor = e.id;
    return err;
}

uint64_t cl_vault_count(const cl_vault *v)
{
    return v->state.count;
}
