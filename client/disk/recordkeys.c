#include "client/disk/recordkeys.h"

#include <assert.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "client/disk/fault.h"
#include "client/disk/file.h"
#include "proto/base/mem.h"

enum {
    VERSION = 1,
    PLACE = CL_SECRET_BYTES,
    STRETCH = 128,
    GROW = 1024,           /* places the file grows by: 32 KiB */
    PLACES_MAX = 64 << 20, /* 2 GiB */
};

static const uint8_t magic[8] = { 'p', 'n', 'r', 'e', 'c', 'k', 13, 10 };
static const uint8_t cleared[PLACE];

static void header(uint8_t out[PLACE], const uint8_t id[CL_SALT_BYTES])
{
    pn_out to = pn_out_over(out, PLACE);
    pn_put(&to, (pn_bytes){ magic, sizeof magic });
    pn_put_u16(&to, VERSION);
    pn_put(&to, (pn_bytes){ id, CL_SALT_BYTES });
    pn_put_zeros(&to, PLACE - to.len);
}

pn_err cl_recordkeys_make(int at, const uint8_t id[CL_SALT_BYTES],
                          cl_vault_fault *fault)
{
    uint8_t first[PLACE];
    int fd;
    pn_err err;
    PN_TRY(cl_file_make(&fd, at, CL_FILE_RECORD_KEYS, fault));
    header(first, id);
    err = cl_file_write_at(fd, CL_FILE_RECORD_KEYS,
                           (pn_bytes){ first, sizeof first }, 0, fault);
    if (err == PN_OK)
        err = cl_file_sync(fd, CL_FILE_RECORD_KEYS, fault);
    cl_file_close(&fd);
    return err;
}

static bool is_used(const cl_recordkeys *k, uint32_t place)
{
    return (k->used[place / 8] >> (place % 8) & 1) != 0;
}

static void set_used(cl_recordkeys *k, uint32_t place, bool used)
{
    const uint8_t bit = (uint8_t)(1u << (place % 8));
    if (is_used(k, place) == used)
        return;
    k->used[place / 8] ^= bit;
    if (used)
        k->free--;
    else
        k->free++;
}

/* The bitmap for `places` places; new ones are free. A multiple of 8. */
static pn_err widen(cl_recordkeys *k, uint32_t places)
{
    uint8_t *used = pn_realloc(k->used, places / 8, 1);
    if (used == NULL)
        return PN_E_NOMEM;
    k->used = used;
    memset(used + k->places / 8, 0, (places - k->places) / 8);
    k->free += places - k->places;
    k->places = places;
    return PN_OK;
}

pn_err cl_recordkeys_open(cl_recordkeys *k, int at,
                          const uint8_t id[CL_SALT_BYTES],
                          cl_vault_fault *fault)
{
    uint8_t want[PLACE], have[PLACE];
    struct stat st;
    pn_err err;
    PN_TRY(cl_file_open(&k->fd, at, CL_FILE_RECORD_KEYS, O_RDWR, fault));
    header(want, id);
    err = cl_file_read_at(k->fd, CL_FILE_RECORD_KEYS, have, sizeof have, 0,
                          fault);
    if (err == PN_E_SHORT ||
        (err == PN_OK && memcmp(want, have, sizeof want) != 0))
        return cl_fault(fault, PN_E_CORRUPT,
                        "%s is damaged, or not of this vault",
                        CL_FILE_RECORD_KEYS);
    PN_TRY(err);
    if (fstat(k->fd, &st) != 0 || st.st_size / PLACE > PLACES_MAX)
        return cl_fault(fault, PN_E_CORRUPT, "%s has an impossible size",
                        CL_FILE_RECORD_KEYS);
    PN_TRY(widen(k, ((uint32_t)(st.st_size / PLACE) + 7) / 8 * 8));
    set_used(k, 0, true);
    return PN_OK;
}

void cl_recordkeys_close(cl_recordkeys *k)
{
    cl_file_close(&k->fd);
    pn_free(k->used);
    pn_free(k->fresh.p);
    pn_free(k->stale.p);
    pn_free(k->doomed.p);
    *k = (cl_recordkeys){ .fd = -1 };
}

pn_err cl_recordkeys_mark_used(cl_recordkeys *k, uint32_t place)
{
    if (place == 0 || place >= k->places || is_used(k, place))
        return PN_E_CORRUPT;
    set_used(k, place, true);
    return PN_OK;
}

void cl_recordkeys_unmark_all(cl_recordkeys *k)
{
    memset(k->used, 0, k->places / 8);
    k->free = k->places;
    k->hint = 0;
    set_used(k, 0, true);
}

static pn_err clear(cl_recordkeys *k, uint32_t place, cl_vault_fault *fault)
{
    k->unsynced = true;
    return cl_file_write_at(k->fd, CL_FILE_RECORD_KEYS,
                            (pn_bytes){ cleared, sizeof cleared },
                            (uint64_t)place * PLACE, fault);
}

/* Look at the unused places of one stretch of the file. */
static pn_err sweep_stretch(cl_recordkeys *k, const uint8_t *have,
                            uint32_t from, uint32_t count, cl_sweep how,
                            cl_vault_fault *fault)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_used(k, from + i) ||
            memcmp(have + (size_t)i * PLACE, cleared, PLACE) == 0)
            continue;
        if (how == CL_SWEEP_KEEP)
            set_used(k, from + i, true);
        else
            PN_TRY(clear(k, from + i, fault));
    }
    return PN_OK;
}

pn_err cl_recordkeys_sweep(cl_recordkeys *k, cl_sweep how,
                           cl_vault_fault *fault)
{
    uint8_t have[STRETCH * PLACE];
    pn_err err = PN_OK;
    for (uint32_t at = 0; err == PN_OK && at < k->places; at += STRETCH) {
        const uint32_t count =
            k->places - at < STRETCH ? k->places - at : STRETCH;
        /* The bitmap is rounded up: beyond the file's end nothing is held. */
        memset(have, 0, sizeof have);
        err =
            cl_file_read_at(k->fd, CL_FILE_RECORD_KEYS, have,
                            (size_t)count * PLACE, (uint64_t)at * PLACE, fault);
        if (err == PN_OK || err == PN_E_SHORT)
            err = sweep_stretch(k, have, at, count, how, fault);
    }
    pn_wipe(have, sizeof have);
    return err == PN_OK ? cl_recordkeys_sync(k, fault) : err;
}

static pn_err reserve(cl_places *list, size_t more)
{
    size_t cap = list->cap == 0 ? 16 : list->cap;
    uint32_t *p;
    if (list->cap - list->count >= more)
        return PN_OK;
    while (cap - list->count < more)
        cap *= 2;
    p = pn_realloc(list->p, cap, sizeof *p);
    if (p == NULL)
        return PN_E_NOMEM;
    list->p = p;
    list->cap = cap;
    return PN_OK;
}

static pn_err append(cl_places *list, uint32_t place)
{
    PN_TRY(reserve(list, 1));
    list->p[list->count++] = place;
    return PN_OK;
}

static pn_err grow(cl_recordkeys *k, cl_vault_fault *fault)
{
    /* The header, alone at first, shares the first stretch. */
    const uint32_t to = (k->places / GROW + 1) * GROW;
    static const uint8_t zeros[GROW * PLACE] = { 0 };
    const size_t len = (size_t)(to - k->places) * PLACE;
    if (to > PLACES_MAX)
        return cl_fault(fault, PN_E_FULL, "the vault holds no more records");
    /* Real blocks, so that a later write cannot find the disk full, and so
     * that a sync has no size to write down. */
    PN_TRY(cl_file_write_at(k->fd, CL_FILE_RECORD_KEYS,
                            (pn_bytes){ zeros, len },
                            (uint64_t)k->places * PLACE, fault));
    return widen(k, to);
}

pn_err cl_recordkeys_take(cl_recordkeys *k, uint32_t *place,
                          uint8_t secret[CL_SECRET_BYTES],
                          cl_vault_fault *fault)
{
    uint32_t i = k->hint;
    if (k->free == 0) {
        i = k->places;
        PN_TRY(grow(k, fault));
    }
    while (i >= k->places || is_used(k, i))
        i = i >= k->places ? 1 : i + 1;
    PN_TRY(append(&k->fresh, i));
    set_used(k, i, true);
    k->hint = i + 1;
    k->unsynced = true;
    randombytes_buf(secret, CL_SECRET_BYTES);
    *place = i;
    return cl_file_write_at(k->fd, CL_FILE_RECORD_KEYS,
                            (pn_bytes){ secret, CL_SECRET_BYTES },
                            (uint64_t)i * PLACE, fault);
}

pn_err cl_recordkeys_give_up(cl_recordkeys *k, uint32_t place)
{
    return append(&k->stale, place);
}

pn_err cl_recordkeys_get(const cl_recordkeys *k, uint32_t place,
                         uint8_t secret[CL_SECRET_BYTES], cl_vault_fault *fault)
{
    pn_err err;
    if (place == 0 || place >= k->places)
        return PN_E_CORRUPT;
    err = cl_file_read_at(k->fd, CL_FILE_RECORD_KEYS, secret, CL_SECRET_BYTES,
                          (uint64_t)place * PLACE, fault);
    if (err == PN_E_SHORT ||
        (err == PN_OK && sodium_is_zero(secret, CL_SECRET_BYTES)))
        return PN_E_CORRUPT;
    return err;
}

static pn_err sync_written(cl_recordkeys *k, cl_vault_fault *fault)
{
    if (!k->unsynced)
        return PN_OK;
    PN_TRY(cl_file_sync(k->fd, CL_FILE_RECORD_KEYS, fault));
    k->unsynced = false;
    return PN_OK;
}

pn_err cl_recordkeys_prepare(cl_recordkeys *k, cl_vault_fault *fault)
{
    const size_t most =
        k->stale.count > k->fresh.count ? k->stale.count : k->fresh.count;
    PN_TRY(reserve(&k->doomed, most));
    return sync_written(k, fault);
}

/* Move a list to the doomed, for which prepare() or the caller made room. */
static void doom(cl_recordkeys *k, cl_places *list)
{
    assert(k->doomed.cap - k->doomed.count >= list->count);
    for (size_t i = 0; i < list->count; i++)
        k->doomed.p[k->doomed.count++] = list->p[i];
    list->count = 0;
}

static pn_err clear_doomed(cl_recordkeys *k, cl_vault_fault *fault)
{
    while (k->doomed.count > 0) {
        const uint32_t place = k->doomed.p[k->doomed.count - 1];
        PN_TRY(clear(k, place, fault));
        set_used(k, place, false);
        k->doomed.count--;
    }
    return PN_OK;
}

pn_err cl_recordkeys_committed(cl_recordkeys *k, cl_vault_fault *fault)
{
    k->fresh.count = 0;
    k->hold = false;
    doom(k, &k->stale);
    return clear_doomed(k, fault);
}

void cl_recordkeys_rolled_back(cl_recordkeys *k)
{
    for (size_t i = 0; i < k->fresh.count; i++) {
        /* Not cleared, it stays out of use until the next open sweeps. */
        if (clear(k, k->fresh.p[i], NULL) == PN_OK)
            set_used(k, k->fresh.p[i], false);
    }
    k->fresh.count = 0;
    k->stale.count = 0;
}

void cl_recordkeys_commit_failed(cl_recordkeys *k)
{
    k->hold = true;
    k->stale.count = 0;
    doom(k, &k->fresh);
}

pn_err cl_recordkeys_sync(cl_recordkeys *k, cl_vault_fault *fault)
{
    if (!k->hold)
        PN_TRY(clear_doomed(k, fault));
    return sync_written(k, fault);
}
