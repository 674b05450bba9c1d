/* What a parcel costs the relay that opens it, beside the same deposit on a
 * link of the client's own:
 *   bench_forward [COUNT]
 * The relay's core with its store in memory: no disk, no network, but frames
 * are decoded and answers encoded as they would be. Processor time of this
 * thread, the median of several rounds.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/bench.h"
#include "tests/support/onionkit.h"

enum { ROUNDS = 9 };

static coresim w;
static onionkit kit;
static uint8_t (*parcels)[PN_PARCEL_MIN + 3968 - 896];
static uint64_t message;

static void must(bool fine, const char *what)
{
    if (fine)
        return;
    (void)fprintf(stderr, "bench_forward: %s\n", what);
    exit(1);
}

static double cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof v[0], compare);
    return v[ROUNDS / 2];
}

static void begin(void)
{
    onionkit_init(&kit, &w, 1);
    w.on_msg = NULL;
    w.config.queue_count = 1 << 20;
    w.config.queue_bytes = UINT32_MAX;
    rl_core_configure(w.core, &w.config, &w.relay);
    coresim_open(&w, 0);
    (void)coresim_make(&w, 0, 0, 0);
    coresim_list(&w, 1, true, false);
    coresim_settle(&w);
    must(coresim_open_relay(&w, 1, 0, true) == PN_OK, "relay");
}

/* One deposit of class S over a link, answered. */
static double direct(size_t count)
{
    double start;
    begin();
    start = cpu_us();
    for (size_t i = 0; i < count; i++) {
        pn_msg m = coresim_deposit(&w, 0, i + 1, PN_PRIORITY_NORMAL, message++);
        m.u.deposit.envelope = (pn_bytes){ kit.body, 3968 };
        must(coresim_take(&w, 0, &m) == PN_OK, "deposit");
        coresim_commit(&w, SIZE_MAX);
        while (coresim_result(&w))
            ;
    }
    start = cpu_us() - start;
    onionkit_free(&kit);
    return start / (double)count;
}

static double by_parcel(size_t count)
{
    double start;
    rl_core_stats stats;
    begin();
    for (size_t i = 0; i < count; i++) {
        const pn_parcel_command cmd =
            onionkit_deposit(&kit, 0, message++, PN_ENVELOPE_S);
        pn_parcel_reply reply;
        onionkit_seal(&kit, &cmd, 0, &reply);
        memcpy(parcels[i], kit.parcel, kit.parcel_len);
    }
    start = cpu_us();
    for (size_t i = 0; i < count; i++) {
        const pn_msg m = { .id = i + 1,
                           .kind = PN_MSG_PARCEL,
                           .u.parcel = { PN_PRIORITY_NORMAL,
                                         { parcels[i], sizeof parcels[i] } } };
        must(coresim_take(&w, 1, &m) == PN_OK, "parcel");
        coresim_commit(&w, SIZE_MAX);
        while (coresim_result(&w))
            ;
    }
    start = cpu_us() - start;
    rl_core_stats_get(w.core, &stats);
    must(stats.deposits[PN_DEPOSIT_STORED] == count, "not stored");
    onionkit_free(&kit);
    return start / (double)count;
}

static double decapsulation(size_t count)
{
    uint8_t ct[PN_XWING_CT_BYTES], ss[PN_XWING_SS_BYTES];
    double start;
    begin();
    must(pn_xwing_enc(ct, ss, kit.onions.at[0].key.pk, &w.env) == PN_OK, "enc");
    start = cpu_us();
    for (size_t i = 0; i < count; i++)
        must(pn_xwing_dec(ss, ct, &kit.onions.at[0].key) == PN_OK, "dec");
    start = cpu_us() - start;
    onionkit_free(&kit);
    return start / (double)count;
}

/* What is inside a parcel of class S, by the cipher alone. */
static double cipher(size_t count)
{
    static uint8_t plain[PN_PARCEL_HEADER_BYTES + 3968];
    static uint8_t sealed[sizeof plain + PN_HPKE_TAG_BYTES];
    static const uint8_t key[32], nonce[12];
    unsigned long long len;
    double start;
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(
        sealed, &len, plain, sizeof plain, NULL, 0, NULL, nonce, key);
    start = cpu_us();
    for (size_t i = 0; i < count; i++)
        must(crypto_aead_chacha20poly1305_ietf_decrypt(
                 plain, &len, NULL, sealed, sizeof sealed, NULL, 0, nonce,
                 key) == 0,
             "cipher");
    return (cpu_us() - start) / (double)count;
}

int main(int argc, char **argv)
{
    const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    double dec[ROUNDS], link[ROUNDS], parcel[ROUNDS], aead[ROUNDS];
    double d, l, p;
    must(count > 0, "COUNT");
    parcels = calloc(count, sizeof *parcels);
    must(parcels != NULL, "memory");
    for (size_t i = 0; i < ROUNDS; i++) {
        dec[i] = decapsulation(count);
        aead[i] = cipher(count);
        link[i] = direct(count);
        parcel[i] = by_parcel(count);
    }
    d = median(dec);
    l = median(link);
    p = median(parcel);
    (void)printf("X-Wing decapsulation        %8.1f us\n"
                 "the cipher over a parcel S  %8.1f us\n"
                 "deposit S on a link         %8.1f us\n"
                 "deposit S by parcel         %8.1f us\n"
                 "parcel / (the two together) %8.2f\n",
                 d, median(aead), l, p, p / (d + l));
    free(parcels);
    return 0;
}
