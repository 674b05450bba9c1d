/* What a link costs beside the primitives it cannot do without.
 *
 * Handshake: the responder's side only (accept, message 1 in, message 2 out,
 * free), beside the sum of exactly these, measured in the same run:
 *   1 x X25519 with the base point (e), 2 x X25519 (es, ee),
 *   1 x ML-KEM-768 encapsulation with its key check,
 *   2 x BLAKE2b-128 over 2032 bytes (mac1, one per role),
 *   SHA-256 over 4064 bytes (what the transcript hash takes in).
 * Not in the sum: the AEAD over the fields, HKDF, allocation, the state.
 *
 * Records: frames that fill four records, sealed at one end and opened at the
 * other, beside libsodium's ChaCha20-Poly1305 alone, sealing and opening the
 * same records. Bytes are those on the wire. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/mlkem768.h"
#include "proto/link/link_internal.h"
#include "proto/link/record.h"
#include "tests/bench/bench.h"
#include "tests/support/linkpair.h"

enum { RECORDS_PER_FRAME = 4 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* The least of three medians for each of `count` functions, taken in turn, so
 * that a busy neighbour does not weigh on one of them alone. */
static void measure(bench_fn *const *run, double *ns, size_t count, void *ctx)
{
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < count; i++) {
            const double once = bench_median_ns(run[i], ctx);
            if (round == 0 || once < ns[i])
                ns[i] = once;
        }
}

/* --- handshake ------------------------------------------------------------ */

typedef struct hand {
    linkpair p;
    uint8_t hello[PN_LINK_HELLO_BYTES];
    uint8_t buf[4096];
    uint8_t kem_pk[PN_MLKEM768_PK_BYTES], kem_sk[PN_MLKEM768_SK_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES], key[64], point[32];
} hand;

static void run_handshake(void *ctx)
{
    hand *h = ctx;
    pn_link *link;
    pn_bytes in = { h->hello, sizeof h->hello };
    must(pn_link_accept(&link, h->p.gate, PN_BYTES_LIT("192.0.2/24")) == PN_OK);
    must(pn_link_feed(link, &in) == PN_OK);
    must(pn_link_output(link).len == PN_LINK_HELLO_BYTES);
    pn_link_free(&link);
}

static void run_base(void *ctx)
{
    hand *h = ctx;
    must(crypto_scalarmult_base(h->key + 32, h->key) == 0);
}

static void run_dh(void *ctx)
{
    hand *h = ctx;
    must(crypto_scalarmult(h->key + 32, h->key, h->point) == 0);
}

static void run_enc(void *ctx)
{
    hand *h = ctx;
    must(pn_mlkem768_enc_deterministic(h->ct, h->key + 32, h->kem_pk, h->key) ==
         PN_OK);
}

static void run_mac1(void *ctx)
{
    hand *h = ctx;
    must(crypto_generichash(h->key + 32, 16, h->hello, 2032, h->key, 32) == 0);
}

static void run_sha256(void *ctx)
{
    hand *h = ctx;
    must(crypto_hash_sha256(h->key + 32, h->buf, 4064) == 0);
}

static void handshakes(void)
{
    static hand h;
    static const uint8_t seed[PN_MLKEM768_SEED_BYTES] = { 1 };
    static bench_fn *const runs[] = { run_handshake, run_base, run_dh,
                                      run_enc,       run_mac1, run_sha256 };
    double ns[6], sum;
    must(linkpair_init(&h.p, 1) == PN_OK);
    must(linkpair_connect(&h.p, PN_LINK_CLIENT, 4096) == PN_OK);
    memcpy(h.hello, pn_link_output(h.p.dialled).p, sizeof h.hello);
    pn_mlkem768_seed_keypair(h.kem_pk, h.kem_sk, seed);
    memset(h.key, 7, sizeof h.key);
    must(crypto_scalarmult_base(h.point, h.key) == 0);
    measure(runs, ns, 6, &h);
    sum = ns[1] + 2 * ns[2] + ns[3] + 2 * ns[4] + ns[5];
    printf("handshake, responder %8.1f us  %8.0f per second\n", ns[0] / 1e3,
           1e9 / ns[0]);
    printf("sum of primitives    %8.1f us  (X25519 base %.1f, X25519 2 x %.1f, "
           "ML-KEM enc %.1f, mac1 2 x %.1f, SHA-256 %.1f)\n",
           sum / 1e3, ns[1] / 1e3, ns[2] / 1e3, ns[3] / 1e3, ns[4] / 1e3,
           ns[5] / 1e3);
    printf("ratio                %8.3f     (goal: at most 1.15)\n",
           ns[0] / sum);
    linkpair_free(&h.p);
}

/* --- records -------------------------------------------------------------- */

typedef struct stream {
    linkpair p;
    size_t size;
    size_t len; /* of the frame */
    uint8_t frame[PN_LINK_FRAME_MAX];
    uint8_t wire[RECORDS_PER_FRAME * PN_RECORD_MAX];
    uint8_t key[32], nonce[12];
} stream;

static void run_link(void *ctx)
{
    stream *s = ctx;
    pn_bytes out, in, frame;
    bool got = false;
    must(pn_link_send(s->p.dialled, (pn_bytes){ s->frame, s->len }) == PN_OK);
    must(pn_link_flush(s->p.dialled) == PN_OK);
    out = in = pn_link_output(s->p.dialled);
    must(out.len == RECORDS_PER_FRAME * s->size);
    while (in.len > 0) {
        must(pn_link_feed(s->p.accepted, &in) == PN_OK);
        while (pn_link_next(s->p.accepted, &frame) == PN_OK)
            got = true;
    }
    must(got);
    pn_link_sent(s->p.dialled, out.len);
    /* Stay clear of the rollover, which is not measured here. */
    s->p.dialled->send.nonce &= 0xffff;
    s->p.accepted->recv.nonce &= 0xffff;
}

/* Four frames, each whole in one record: nothing is assembled. */
static void run_link_whole(void *ctx)
{
    stream *s = ctx;
    pn_bytes out, in, frame;
    unsigned got = 0;
    for (unsigned i = 0; i < RECORDS_PER_FRAME; i++)
        must(pn_link_send(s->p.dialled,
                          (pn_bytes){ s->frame, pn_record_room(s->size) -
                                                    PN_FRAME_HEADER }) ==
             PN_OK);
    out = in = pn_link_output(s->p.dialled);
    must(out.len == RECORDS_PER_FRAME * s->size);
    while (in.len > 0) {
        must(pn_link_feed(s->p.accepted, &in) == PN_OK);
        while (pn_link_next(s->p.accepted, &frame) == PN_OK)
            got++;
    }
    must(got == RECORDS_PER_FRAME);
    pn_link_sent(s->p.dialled, out.len);
    s->p.dialled->send.nonce &= 0xffff;
    s->p.accepted->recv.nonce &= 0xffff;
}

static void run_raw(void *ctx)
{
    stream *s = ctx;
    for (unsigned i = 0; i < RECORDS_PER_FRAME; i++) {
        uint8_t *at = s->wire + i * s->size;
        must(crypto_aead_chacha20poly1305_ietf_encrypt(
                 at, NULL, at, s->size - 16, NULL, 0, NULL, s->nonce, s->key) ==
             0);
        must(crypto_aead_chacha20poly1305_ietf_decrypt(
                 at, NULL, NULL, at, s->size, NULL, 0, s->nonce, s->key) == 0);
    }
}

static void records(uint16_t size)
{
    static stream s;
    static bench_fn *const runs[] = { run_raw, run_link_whole, run_link };
    const double bytes = RECORDS_PER_FRAME * (double)size;
    double ns[3];
    memset(&s, 0, sizeof s);
    s.size = size;
    s.len = RECORDS_PER_FRAME * pn_record_room(size) - PN_FRAME_HEADER;
    must(linkpair_open(&s.p, 2, PN_LINK_CLIENT, size) == PN_OK);
    measure(runs, ns, 3, &s);
    printf("records of %5u      %8.0f MB/s  raw %.0f MB/s, ratio %.3f; frames "
           "over four records %.0f MB/s, ratio %.3f\n",
           size, bytes * 1e3 / ns[1], bytes * 1e3 / ns[0], ns[0] / ns[1],
           bytes * 1e3 / ns[2], ns[0] / ns[2]);
    linkpair_free(&s.p);
}

/* Of both ends, counted by looking: no pointer of an idle link owns memory. */
static void idle(void)
{
    linkpair p;
    const pn_link *link;
    must(linkpair_open(&p, 3, PN_LINK_CLIENT, 4096) == PN_OK);
    link = p.accepted;
    must(link->unit == NULL && link->out.p == NULL && link->roll == NULL &&
         link->framer.body == NULL && link->accepted == NULL &&
         link->dialled == NULL);
    printf("idle open link       %8zu bytes in one allocation\n",
           sizeof(pn_link));
    linkpair_free(&p);
}

int main(void)
{
    handshakes();
    records(1024);
    records(4096);
    records(16384);
    idle();
    return 0;
}
