/* The vault: commits per second on this disk, look-ups, and what opening costs
 * beside the key derivation. Run it where the vault would be: it works in a
 * directory of its own below the current one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/disk/vault.h"
#include "tests/bench/bench.h"

enum { SESSION = 1, CONTACT = 2, CONTACTS = 10000, STATE_BYTES = 3000 };

typedef struct run {
    char home[64];
    cl_vault *v;
    uint32_t n;
    uint8_t state[STATE_BYTES];
    int fd;
} run;

static const pn_bytes passphrase = { (const uint8_t *)"bench", 5 };

static void must(pn_err err)
{
    if (err == PN_OK)
        return;
    fprintf(stderr, "bench_vault: %s\n", pn_strerror(err));
    exit(1);
}

static pn_bytes numbered(uint32_t *n)
{
    return (pn_bytes){ (const uint8_t *)n, sizeof *n };
}

static void bare_sync(void *ctx)
{
    run *r = ctx;
    if (pwrite(r->fd, r->state, 4096 - 1096, 0) < 0 || fdatasync(r->fd) != 0)
        must(PN_E_IO);
}

static void put_commit(void *ctx)
{
    run *r = ctx;
    uint32_t key = r->n++ % 100;
    must(cl_vault_begin(r->v));
    must(cl_vault_put(r->v, SESSION, numbered(&key),
                      (pn_bytes){ r->state, sizeof r->state }));
    must(cl_vault_commit(r->v));
}

static void get_one(void *ctx)
{
    run *r = ctx;
    uint32_t key = r->n++ % CONTACTS;
    pn_buf got;
    pn_buf_init(&got, CL_VAULT_VALUE_MAX);
    must(cl_vault_get(r->v, CONTACT, numbered(&key), &got));
    pn_buf_clear(&got);
}

static void reopen(void *ctx)
{
    run *r = ctx;
    cl_vault_close(&r->v);
    must(cl_vault_open(&r->v, r->home, passphrase, NULL));
}

static void fill(run *r)
{
    must(cl_vault_begin(r->v));
    for (uint32_t i = 0; i < CONTACTS; i++)
        must(cl_vault_put(r->v, CONTACT, numbered(&i),
                          (pn_bytes){ r->state, 200 }));
    must(cl_vault_commit(r->v));
}

int main(void)
{
    run r = { .home = "bench-vault-XXXXXX" };
    char file[80];
    if (mkdtemp(r.home) == NULL)
        must(PN_E_IO);
    memset(r.state, 'x', sizeof r.state);
    (void)snprintf(file, sizeof file, "%s/plain", r.home);
    r.fd = open(file, O_RDWR | O_CREAT, 0600);
    must(cl_vault_create(&r.v, r.home, passphrase, CL_VAULT_KDF_TEST, NULL));
    bench("one write of 3000 bytes and its sync, bare", bare_sync, &r);
    bench("put 3000 bytes, commit", put_commit, &r);
    bench("close and open, 100 records, no derivation", reopen, &r);
    fill(&r);
    bench("close and open, 10000 records, no derivation", reopen, &r);
    bench("get 200 bytes of 10000", get_one, &r);
    cl_vault_close(&r.v);
    (void)close(r.fd);
    (void)unlink(file);
    must(cl_vault_panic(r.home, NULL));
    (void)snprintf(file, sizeof file, "%s/lock", r.home);
    (void)unlink(file);
    (void)rmdir(r.home);
    return 0;
}
