#include "tests/store/simfs.h"

#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };

void simfs_init(simfs *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    simenv_init(&f->rng, seed);
    f->space = (uint64_t)1 << 40;
}

void simfs_free(simfs *f)
{
    for (int i = 0; i < SIMFS_FILES; i++) {
        free(f->nodes[i].data);
        free(f->nodes[i].disk);
        free(f->nodes[i].dirty);
    }
    memset(f, 0, sizeof *f);
}

void simfs_copy(simfs *f, const simfs *from)
{
    simfs_free(f);
    *f = *from;
    memset(f->handles, 0, sizeof f->handles);
    for (int i = 0; i < SIMFS_FILES; i++) {
        simfs_node *n = &f->nodes[i];
        const simfs_node *m = &from->nodes[i];
        if (n->cap == 0)
            continue;
        n->data = malloc(n->cap);
        n->disk = malloc(n->cap);
        n->dirty = malloc(n->cap / SECTOR);
        if (n->data == NULL || n->disk == NULL || n->dirty == NULL)
            abort();
        memcpy(n->data, m->data, n->cap);
        memcpy(n->disk, m->disk, n->cap);
        memcpy(n->dirty, m->dirty, n->cap / SECTOR);
    }
}

static bool coin(simfs *f)
{
    return (simenv_next(&f->rng) >> 33 & 1) != 0;
}

/* Count a call; true if it must fail, with *err. */
static bool fails(simfs *f, simfs_call call, pn_err *err)
{
    *err = PN_E_IO;
    if (f->dead)
        return true;
    f->calls[SIMFS_ANY]++;
    f->calls[call]++;
    if (f->die_at != 0 && f->calls[SIMFS_ANY] >= f->die_at) {
        f->dead = true;
        return true;
    }
    if (f->fault_at == 0 || f->fault != call)
        return false;
    if (f->fault_at > 1) {
        f->fault_at--;
        return false;
    }
    if (!f->fault_stays)
        f->fault_at = 0;
    f->fault_hit = true;
    *err = f->fault_err;
    return true;
}

void simfs_arm(simfs *f, simfs_call call, uint64_t n, bool stays, pn_err err)
{
    f->fault = call;
    f->fault_at = n;
    f->fault_stays = stays;
    f->fault_err = err;
    f->fault_hit = false;
}

static int find(const simfs *f, const char *name)
{
    for (int i = 0; i < SIMFS_FILES; i++)
        if (strcmp(f->names[i].name, name) == 0)
            return i;
    return -1;
}

static simfs_node *node_of(simfs *f, int file)
{
    return &f->nodes[f->handles[file] - 1];
}

static void grow(simfs_node *n, size_t size)
{
    size_t cap = n->cap == 0 ? 4096 : n->cap;
    if (size > n->cap) {
        while (cap < size)
            cap *= 2;
        n->data = realloc(n->data, cap);
        n->disk = realloc(n->disk, cap);
        n->dirty = realloc(n->dirty, cap / SECTOR);
        if (n->data == NULL || n->disk == NULL || n->dirty == NULL)
            abort();
        memset(n->data + n->cap, 0, cap - n->cap);
        memset(n->disk + n->cap, 0, cap - n->cap);
        memset(n->dirty + n->cap / SECTOR, 0, (cap - n->cap) / SECTOR);
        n->cap = cap;
    }
    if (size > n->size)
        n->size = size;
}

/* The directory has changed: keep what it was after each change. */
static void dir_changed(simfs *f)
{
    if (f->dir_ops == SIMFS_DIR_OPS) {
        memmove(f->durable[0], f->durable[1],
                SIMFS_DIR_OPS * sizeof f->durable[0]);
        f->dir_ops--;
    }
    f->dir_ops++;
    memcpy(f->durable[f->dir_ops], f->names, sizeof f->names);
}

static pn_err fs_open(void *ctx, const char *name, rl_fs_mode mode, int *out)
{
    simfs *f = ctx;
    pn_err err;
    int at = find(f, name);
    if (fails(f, SIMFS_OPEN, &err))
        return err;
    if (at < 0 && mode != RL_FS_CREATE)
        return PN_E_NOT_FOUND;
    if (mode == RL_FS_CREATE) {
        int node = 0;
        while (node < SIMFS_FILES && f->nodes[node].used)
            node++;
        if (at < 0)
            at = find(f, "");
        if (node == SIMFS_FILES || at < 0)
            abort();
        f->nodes[node].used = true;
        (void)strncpy(f->names[at].name, name, RL_FS_NAME_MAX - 1);
        f->names[at].node = node;
        dir_changed(f);
    }
    for (*out = 0; *out < SIMFS_HANDLES && f->handles[*out] != 0;)
        (*out)++;
    if (*out == SIMFS_HANDLES)
        abort();
    f->handles[*out] = f->names[at].node + 1;
    return PN_OK;
}

static void fs_close(void *ctx, int file)
{
    simfs *f = ctx;
    f->handles[file] = 0;
}

static pn_err fs_read(void *ctx, int file, void *p, size_t len, uint64_t at,
                      size_t *got)
{
    simfs *f = ctx;
    const simfs_node *n = node_of(f, file);
    pn_err err;
    *got = 0;
    if (fails(f, SIMFS_READ, &err))
        return err;
    if (at < n->size)
        *got = n->size - at < len ? n->size - (size_t)at : len;
    if (*got > 0)
        memcpy(p, n->data + at, *got);
    return PN_OK;
}

static pn_err fs_write(void *ctx, int file, const void *p, size_t len,
                       uint64_t at)
{
    simfs *f = ctx;
    simfs_node *n = node_of(f, file);
    pn_err err;
    const bool fail = fails(f, SIMFS_WRITE, &err);
    if (fail && !coin(f))
        return err; /* else it failed after a part was written */
    if (at + len > n->size) {
        if (f->used + (at + len - n->size) > f->space)
            return PN_E_FULL;
        f->used += at + len - n->size;
    }
    grow(n, (size_t)at + len);
    for (size_t i = 0; i < len;) {
        const size_t sector = ((size_t)at + i) / SECTOR;
        size_t part = (sector + 1) * SECTOR - ((size_t)at + i);
        if (part > len - i)
            part = len - i;
        if (!fail || coin(f)) {
            memcpy(n->data + at + i, (const uint8_t *)p + i, part);
            n->dirty[sector] = 1;
        }
        i += part;
    }
    return fail ? err : PN_OK;
}

static pn_err fs_sync(void *ctx, int file)
{
    simfs *f = ctx;
    simfs_node *n = node_of(f, file);
    pn_err err;
    const bool fail = fails(f, SIMFS_SYNC, &err);
    for (size_t i = 0; i < n->cap / SECTOR; i++) {
        if (!n->dirty[i])
            continue;
        if (f->dead) /* power went: leave it to the lot */
            continue;
        n->dirty[i] = 0; /* also what a failed sync dropped */
        if (!fail || coin(f))
            memcpy(n->disk + i * SECTOR, n->data + i * SECTOR, SECTOR);
    }
    if (!fail)
        n->disk_size = n->size;
    return fail ? err : PN_OK;
}

static pn_err fs_reserve(void *ctx, int file, uint64_t len)
{
    simfs *f = ctx;
    simfs_node *n = node_of(f, file);
    pn_err err;
    if (fails(f, SIMFS_RESERVE, &err))
        return err;
    if (len > n->size) {
        if (f->used + (len - n->size) > f->space)
            return PN_E_FULL;
        f->used += len - n->size;
    }
    grow(n, (size_t)len);
    return PN_OK;
}

static pn_err fs_size(void *ctx, int file, uint64_t *out)
{
    simfs *f = ctx;
    *out = node_of(f, file)->size;
    return f->dead ? PN_E_IO : PN_OK;
}

static pn_err fs_rename(void *ctx, const char *from, const char *to)
{
    simfs *f = ctx;
    const int a = find(f, from), b = find(f, to);
    pn_err err;
    if (fails(f, SIMFS_RENAME, &err))
        return err;
    if (a < 0)
        return PN_E_NOT_FOUND;
    if (b >= 0)
        memset(&f->names[b], 0, sizeof f->names[b]);
    memset(f->names[a].name, 0, RL_FS_NAME_MAX);
    (void)strncpy(f->names[a].name, to, RL_FS_NAME_MAX - 1);
    dir_changed(f);
    return PN_OK;
}

static pn_err fs_remove(void *ctx, const char *name)
{
    simfs *f = ctx;
    const int at = find(f, name);
    if (f->dead)
        return PN_E_IO;
    if (at < 0)
        return PN_E_NOT_FOUND;
    f->used -= f->nodes[f->names[at].node].size;
    memset(&f->names[at], 0, sizeof f->names[at]);
    dir_changed(f);
    return PN_OK;
}

/* Nodes that no name, durable or not, and no handle knows are free again. */
static void collect(simfs *f)
{
    for (int i = 0; i < SIMFS_FILES; i++) {
        bool held = false;
        for (int j = 0; j < SIMFS_FILES; j++)
            held =
                held || (f->names[j].name[0] != '\0' && f->names[j].node == i);
        for (int h = 0; h < SIMFS_HANDLES; h++)
            held = held || f->handles[h] == i + 1;
        if (held || !f->nodes[i].used)
            continue;
        free(f->nodes[i].data);
        free(f->nodes[i].disk);
        free(f->nodes[i].dirty);
        memset(&f->nodes[i], 0, sizeof f->nodes[i]);
    }
}

static pn_err fs_sync_dir(void *ctx)
{
    simfs *f = ctx;
    pn_err err;
    if (fails(f, SIMFS_SYNC_DIR, &err))
        return err;
    memcpy(f->durable[0], f->names, sizeof f->names);
    f->dir_ops = 0;
    collect(f);
    return PN_OK;
}

static pn_err fs_list(void *ctx, void (*each)(void *arg, const char *name),
                      void *arg)
{
    const simfs *f = ctx;
    if (f->dead)
        return PN_E_IO;
    for (int i = 0; i < SIMFS_FILES; i++)
        if (f->names[i].name[0] != '\0')
            each(arg, f->names[i].name);
    return PN_OK;
}

static pn_err fs_space(void *ctx, uint64_t *out)
{
    const simfs *f = ctx;
    *out = f->space - f->used;
    return f->dead ? PN_E_IO : PN_OK;
}

static pn_err fs_lock(void *ctx, int file)
{
    simfs *f = ctx;
    for (int h = 0; h < SIMFS_HANDLES; h++)
        if (h != file && f->handles[h] == f->handles[file])
            return PN_E_STATE;
    return PN_OK;
}

rl_fs simfs_fs(simfs *f)
{
    return (rl_fs){ .ctx = f,
                    .open = fs_open,
                    .close = fs_close,
                    .read = fs_read,
                    .write = fs_write,
                    .sync = fs_sync,
                    .reserve = fs_reserve,
                    .size = fs_size,
                    .rename = fs_rename,
                    .remove = fs_remove,
                    .sync_dir = fs_sync_dir,
                    .list = fs_list,
                    .space = fs_space,
                    .lock = fs_lock };
}

void simfs_crash(simfs *f)
{
    const size_t kept = (size_t)(simenv_next(&f->rng) % (f->dir_ops + 1));
    const uint64_t mood = simenv_next(&f->rng) % 4; /* none, all, some */
    memcpy(f->names, f->durable[kept], sizeof f->names);
    memcpy(f->durable[0], f->names, sizeof f->names);
    f->dir_ops = 0;
    memset(f->handles, 0, sizeof f->handles);
    f->used = 0;
    for (int i = 0; i < SIMFS_FILES; i++) {
        simfs_node *n = &f->nodes[i];
        const bool grown = mood == 1 || (mood > 1 && coin(f));
        if (!n->used || n->cap == 0)
            continue;
        for (size_t s = 0; s < n->cap / SECTOR; s++) {
            if (n->dirty[s] && (mood == 1 || (mood > 1 && coin(f))))
                memcpy(n->disk + s * SECTOR, n->data + s * SECTOR, SECTOR);
            n->dirty[s] = 0;
        }
        if (grown)
            n->disk_size = n->size;
        else if (n->disk_size < n->cap)
            memset(n->disk + n->disk_size, 0, n->cap - n->disk_size);
        n->size = n->disk_size;
        memcpy(n->data, n->disk, n->cap);
    }
    collect(f);
    for (int i = 0; i < SIMFS_FILES; i++)
        if (f->names[i].name[0] != '\0')
            f->used += f->nodes[f->names[i].node].size;
    f->dead = false;
    f->die_at = 0;
    f->fault_at = 0;
}

void simfs_kill(simfs *f)
{
    memset(f->handles, 0, sizeof f->handles);
    f->dead = false;
    f->die_at = 0;
    f->fault_at = 0;
}

uint8_t *simfs_bytes(simfs *f, const char *name, size_t *len)
{
    const int at = find(f, name);
    if (at < 0)
        return NULL;
    *len = f->nodes[f->names[at].node].size;
    return f->nodes[f->names[at].node].data;
}

void simfs_cut(simfs *f, const char *name, size_t len)
{
    const int at = find(f, name);
    simfs_node *n = at < 0 ? NULL : &f->nodes[f->names[at].node];
    if (n != NULL && len < n->size) {
        memset(n->data + len, 0, n->cap - len);
        memset(n->disk + len, 0, n->cap - len);
        n->size = n->disk_size = len;
    }
}

void simfs_lose(simfs *f, const char *name)
{
    (void)fs_remove(f, name);
    (void)fs_sync_dir(f);
}
