/* What a handshake costs, primitive by primitive. X25519 of libsodium is the
 * yardstick. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/crypto/hpke.h"
#include "proto/crypto/keccak.h"
#include "tests/bench/bench.h"

typedef struct bench_state {
    uint64_t lane[25];
    uint8_t seed[PN_MLKEM768_SEED_BYTES];
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
    uint8_t point[32], scalar[32];
    pn_xwing_key key;
    pn_hpke ctx;
    uint8_t enc[PN_HPKE_ENC_BYTES];
} bench_state;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void run_keccak(void *ctx)
{
    bench_state *s = ctx;
    pn_keccak_f1600(s->lane);
}

static void run_sha3(void *ctx)
{
    bench_state *s = ctx;
    pn_sha3_256(s->ss, (pn_bytes){ s->pk, sizeof s->pk });
}

static void run_keygen(void *ctx)
{
    bench_state *s = ctx;
    pn_mlkem768_seed_keypair(s->pk, s->sk, s->seed);
}

static void run_enc(void *ctx)
{
    bench_state *s = ctx;
    must(pn_mlkem768_enc_deterministic(s->ct, s->ss, s->pk, s->seed) == PN_OK);
}

static void run_dec(void *ctx)
{
    bench_state *s = ctx;
    pn_mlkem768_dec(s->ss, s->ct, s->sk);
}

static void run_x25519_base(void *ctx)
{
    bench_state *s = ctx;
    must(crypto_scalarmult_base(s->point, s->scalar) == 0);
}

static void run_x25519(void *ctx)
{
    bench_state *s = ctx;
    must(crypto_scalarmult(s->ss, s->scalar, s->point) == 0);
}

static void run_xwing_expand(void *ctx)
{
    bench_state *s = ctx;
    must(pn_xwing_expand(&s->key, s->scalar) == PN_OK);
}

static void run_xwing_enc(void *ctx)
{
    bench_state *s = ctx;
    must(pn_xwing_enc_deterministic(s->enc, s->ss, s->key.pk, s->seed) ==
         PN_OK);
}

static void run_xwing_dec(void *ctx)
{
    bench_state *s = ctx;
    must(pn_xwing_dec(s->ss, s->enc, &s->key) == PN_OK);
}

static void run_hpke_receiver(void *ctx)
{
    bench_state *s = ctx;
    must(pn_hpke_setup_receiver(&s->ctx, s->enc, &s->key,
                                PN_BYTES_LIT("info")) == PN_OK);
}

int main(void)
{
    static bench_state s;
    must(sodium_init() >= 0);
    randombytes_buf(s.seed, sizeof s.seed);
    randombytes_buf(s.scalar, sizeof s.scalar);
    bench("keccak-f[1600]", run_keccak, &s);
    bench("sha3-256 of 1184 bytes", run_sha3, &s);
    bench("mlkem768 keygen", run_keygen, &s);
    bench("mlkem768 enc", run_enc, &s);
    bench("mlkem768 dec", run_dec, &s);
    bench("x25519 base", run_x25519_base, &s);
    bench("x25519", run_x25519, &s);
    bench("xwing expand (keygen)", run_xwing_expand, &s);
    bench("xwing enc", run_xwing_enc, &s);
    bench("xwing dec", run_xwing_dec, &s);
    bench("hpke receiver set-up", run_hpke_receiver, &s);
    return 0;
}
