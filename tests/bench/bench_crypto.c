/* What a handshake and a parcel cost, primitive by primitive. X25519 of
 * libsodium is the yardstick. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/crypto/hpke.h"
#include "proto/crypto/keccak.h"
#include "tests/bench/bench.h"
#include "tests/support/parcelkit.h"

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

/* A relay's parcels of class S, and a recipient's command of class XS. */
typedef struct parcel_state {
    parcelkit kit;
    pn_parcel_command deposit, fetch;
    uint8_t parcel[2][PN_PARCEL_MAX];
    size_t len[2];
    uint8_t plain[PN_PARCEL_PLAIN_MAX];
    pn_parcel_reply reply;
    pn_parcel_opened opened;
    uint8_t answer[PN_REPLY_STATUS_BYTES];
} parcel_state;

static void run_parcel_seal(void *ctx)
{
    parcel_state *s = ctx;
    s->len[0] = parcelkit_seal(&s->kit, &s->deposit, s->parcel[0], &s->reply);
}

static void open_parcel(parcel_state *s, unsigned which)
{
    must(pn_parcel_open(&s->opened,
                        (pn_bytes){ s->parcel[which], s->len[which] },
                        s->kit.relay_key, &s->kit.onion, s->plain,
                        sizeof s->plain) == PN_OK);
}

static void run_parcel_open(void *ctx)
{
    open_parcel(ctx, 0);
}

static void run_parcel_check(void *ctx)
{
    parcel_state *s = ctx;
    open_parcel(s, 1);
    must(pn_parcel_check(&s->opened, s->kit.queue_pk) == PN_OK);
}

static void run_parcel_reply(void *ctx)
{
    const pn_parcel_answer stored = { .status = PN_PARCEL_OK };
    parcel_state *s = ctx;
    size_t len;
    must(pn_parcel_reply_seal(&s->kit.env, &s->reply, &stored, s->answer,
                              sizeof s->answer, &len) == PN_OK);
}

static void bench_parcels(void)
{
    static parcel_state s;
    pn_parcel_reply unused;
    parcelkit_init(&s.kit, 1);
    s.deposit = parcelkit_command(&s.kit, PN_PARCEL_DEPOSIT, PN_ENVELOPE_S);
    s.fetch = parcelkit_command(&s.kit, PN_PARCEL_FETCH, PN_ENVELOPE_S);
    s.len[1] = parcelkit_seal(&s.kit, &s.fetch, s.parcel[1], &unused);
    bench("parcel seal, deposit S", run_parcel_seal, &s);
    bench("parcel open, deposit S", run_parcel_open, &s);
    bench("parcel open and check, fetch", run_parcel_check, &s);
    bench("parcel answer, status", run_parcel_reply, &s);
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
    bench_parcels();
    return 0;
}
