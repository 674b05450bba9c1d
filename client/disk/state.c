/* The state row: sealed, written with every commit, and the sum that all
 * entries must add up to. A row taken away, brought back or exchanged by
 * somebody with access to the disk, or lost by the disk, does not go
 * unnoticed. */
#include <sodium.h>
#include <string.h>

#include "client/disk/inside.h"
#include "proto/base/map.h"
#include "proto/base/mem.h"

enum {
    PLAIN_BYTES = 64,
    SEALED_BYTES = CL_SEAL_NONCE_BYTES + PLAIN_BYTES + CL_SEAL_TAG_BYTES,
    AD_BYTES = 48,
};

static pn_bytes bound_to(uint8_t ad[AD_BYTES], const cl_vault *v)
{
    pn_out to = pn_out_over(ad, AD_BYTES);
    pn_put(&to, PN_BYTES_LIT("postern state 1"));
    pn_put(&to, (pn_bytes){ v->slots.vault_id, CL_VAULT_ID_BYTES });
    return pn_out_view(&to);
}

static pn_err parse(cl_state *s, pn_bytes in)
{
    PN_TRY(pn_take_u64(&in, &s->counter));
    PN_TRY(pn_take_u64(&in, &s->count));
    PN_TRY(pn_take_copy(&in, s->digest, sizeof s->digest));
    PN_TRY(pn_take_copy(&in, s->role, sizeof s->role));
    PN_TRY(pn_take_u8(&in, &s->history));
    PN_TRY(pn_take_u8(&in, &s->unclean));
    PN_TRY(pn_take_zeros(&in));
    return s->history <= CL_VAULT_RESTORED ? PN_OK : PN_E_CORRUPT;
}

pn_err cl_state_load(cl_vault *v)
{
    uint8_t plain[PLAIN_BYTES], ad[AD_BYTES];
    cl_state s = { 0 };
    pn_bytes in;
    pn_err err = cl_db_row(&v->db, CL_Q_STATE, &v->fault);
    if (err == PN_E_NOT_FOUND)
        return cl_fault(&v->fault, PN_E_CORRUPT, "%s is damaged (no state)",
                        CL_FILE_DATABASE);
    PN_TRY(err);
    in.p = sqlite3_column_blob(v->db.q[CL_Q_STATE], 0);
    in.len = (size_t)sqlite3_column_bytes(v->db.q[CL_Q_STATE], 0);
    err = in.len == SEALED_BYTES
              ? cl_open_from(plain, v->keys->state, bound_to(ad, v), in)
              : PN_E_CORRUPT;
    cl_db_done(&v->db, CL_Q_STATE);
    if (err == PN_OK)
        err = parse(&s, (pn_bytes){ plain, sizeof plain });
    if (err != PN_OK)
        return cl_fault(&v->fault, PN_E_CORRUPT,
                        "%s is damaged, or not of this vault",
                        CL_FILE_DATABASE);
    v->state = s;
    return PN_OK;
}

pn_err cl_state_store(cl_vault *v)
{
    uint8_t plain[PLAIN_BYTES], sealed[SEALED_BYTES], ad[AD_BYTES];
    pn_out to = pn_out_over(plain, sizeof plain);
    pn_put_u64(&to, v->state.counter);
    pn_put_u64(&to, v->state.count);
    pn_put(&to, (pn_bytes){ v->state.digest, sizeof v->state.digest });
    pn_put(&to, (pn_bytes){ v->state.role, sizeof v->state.role });
    pn_put_u8(&to, v->state.history);
    pn_put_u8(&to, v->state.unclean);
    pn_put_zeros(&to, sizeof plain - to.len);
    cl_seal_to(sealed, v->keys->state, bound_to(ad, v),
               (pn_bytes){ plain, sizeof plain });
    PN_TRY(cl_db_error(&v->db,
                       sqlite3_bind_blob(v->db.q[CL_Q_STATE_SET], 1, sealed,
                                         sizeof sealed, SQLITE_STATIC),
                       &v->fault));
    return cl_db_run(&v->db, CL_Q_STATE_SET, &v->fault);
}

static void toggle(uint8_t digest[CL_DIGEST_BYTES], const cl_vault *v,
                   const cl_entry *e)
{
    uint8_t hash[CL_DIGEST_BYTES], bytes[64];
    pn_out to = pn_out_over(bytes, sizeof bytes);
    pn_put_u64(&to, e->id);
    pn_put(&to, (pn_bytes){ e->name, sizeof e->name });
    pn_put_u64(&to, (uint64_t)e->kind);
    pn_put_u32(&to, e->place);
    pn_put(&to, (pn_bytes){ e->tag, sizeof e->tag });
    (void)crypto_generichash(hash, sizeof hash, to.p, to.len, v->keys->digest,
                             CL_SECRET_BYTES);
    for (size_t i = 0; i < sizeof hash; i++)
        digest[i] ^= hash[i];
}

void cl_state_toggle(cl_vault *v, const cl_entry *e)
{
    toggle(v->state.digest, v, e);
}

/* Kind and id of an entry as a number; summed over all, in any order. */
static uint64_t fold(const uint64_t seed[2], int64_t kind, uint64_t id)
{
    const uint64_t both[2] = { (uint64_t)kind, id };
    return pn_siphash(seed, (const uint8_t *)both, sizeof both);
}

typedef struct sum {
    uint64_t count, folded, last_id;
    uint8_t digest[CL_DIGEST_BYTES];
} sum;

/* By the index of names: it and the table must tell the same. */
static pn_err read_entries(cl_vault *v, sqlite3_stmt *row,
                           const uint64_t seed[2], sum *out)
{
    int rc;
    while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
        cl_entry e;
        PN_TRY(cl_db_entry(row, &e));
        PN_TRY(cl_recordkeys_mark_used(&v->recordkeys, e.place));
        toggle(out->digest, v, &e);
        out->folded += fold(seed, e.kind, e.id);
        out->count++;
        if (e.id > out->last_id)
            out->last_id = e.id;
    }
    return cl_db_error(&v->db, rc, &v->fault);
}

/* By the index of kinds, which iteration relies on. */
static pn_err read_kinds(cl_vault *v, sqlite3_stmt *row, const uint64_t seed[2],
                         uint64_t *folded)
{
    int rc;
    while ((rc = sqlite3_step(row)) == SQLITE_ROW)
        *folded += fold(seed, sqlite3_column_int64(row, 0),
                        (uint64_t)sqlite3_column_int64(row, 1));
    return cl_db_error(&v->db, rc, &v->fault);
}

static pn_err prepare(cl_vault *v, const char *sql, sqlite3_stmt **out)
{
    return cl_db_error(&v->db, sqlite3_prepare_v2(v->db.db, sql, -1, out, NULL),
                       &v->fault);
}

/* The highest id that was ever used. */
static pn_err read_sequence(cl_vault *v, uint64_t *last)
{
    sqlite3_stmt *row = NULL;
    pn_err err = prepare(
        v, "SELECT seq FROM sqlite_sequence WHERE name = 'entry'", &row);
    if (err == PN_OK) {
        const int rc = sqlite3_step(row);
        if (rc == SQLITE_ROW && sqlite3_column_int64(row, 0) > 0)
            *last = (uint64_t)sqlite3_column_int64(row, 0);
        err = cl_db_error(&v->db, rc, &v->fault);
    }
    (void)sqlite3_finalize(row);
    return err;
}

pn_err cl_state_scan(cl_vault *v)
{
    sqlite3_stmt *by_name = NULL, *by_kind = NULL;
    sum s = { 0 };
    uint64_t seed[2], folded = 0, last = 0;
    pn_err err;
    randombytes_buf(seed, sizeof seed);
    cl_recordkeys_unmark_all(&v->recordkeys);
    v->fault.text[0] = 0;
    err = prepare(v,
                  "SELECT id, name, kind, place, tag FROM entry INDEXED BY "
                  "entry_name ORDER BY name",
                  &by_name);
    if (err == PN_OK)
        err = prepare(v,
                      "SELECT kind, id FROM entry INDEXED BY entry_kind "
                      "ORDER BY kind, id",
                      &by_kind);
    if (err == PN_OK)
        err = read_entries(v, by_name, seed, &s);
    if (err == PN_OK)
        err = read_kinds(v, by_kind, seed, &folded);
    if (err == PN_OK)
        err = read_sequence(v, &last);
    (void)sqlite3_finalize(by_name);
    (void)sqlite3_finalize(by_kind);
    if (err == PN_OK &&
        (s.count != v->state.count || s.folded != folded ||
         memcmp(s.digest, v->state.digest, sizeof s.digest) != 0))
        err = PN_E_CORRUPT;
    if (err == PN_E_CORRUPT && v->fault.text[0] == 0)
        return cl_fault(&v->fault, err,
                        "%s is damaged: its records are not those that were "
                        "written last",
                        CL_FILE_DATABASE);
    PN_TRY(err);
    v->next_id = (s.last_id > last ? s.last_id : last) + 1;
    return cl_recordkeys_sweep(&v->recordkeys,
                               v->state.history == CL_VAULT_ROLLED_BACK
                                   ? CL_SWEEP_KEEP
                                   : CL_SWEEP_CLEAR,
                               &v->fault);
}
