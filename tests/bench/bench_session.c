/* What a session costs: seal and open beside the primitives in them, both
 * profiles, with and without a step; the first contact; the state's size and
 * the bytes of one text on the wire. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/core/content.h"
#include "client/core/ratchet_state.h"
#include "client/core/session_state.h"
#include "proto/envelope/envelope.h"
#include "tests/bench/bench.h"
#include "tests/support/couple.h"

typedef struct bench_state {
    couple two;
    uint8_t content[500];
    uint8_t sealed[COUPLE_ROOM], opened[COUPLE_ROOM];
    uint8_t envelope[PN_ENVELOPE_MAX], inner[PN_ENVELOPE_MAX];
    uint8_t key[32], id[32], mk[32], ck[32], ad[4096];
    pn_envelope_class least;
    size_t header; /* bytes of the header of this case */
} bench_state;

static bench_state st;

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* One text, from content to envelope and back. */
static void pass(bench_state *s, person *from, person *to)
{
    size_t len, envelope_len;
    pn_bytes inner;
    cl_opened opened;
    must(cl_session_seal(from->session, &s->two.env, CL_VIEW(s->content),
                         s->sealed, sizeof s->sealed, &len) == PN_OK);
    must(pn_envelope_seal(&s->two.env, s->key, s->id, s->least,
                          (pn_bytes){ s->sealed, len }, s->envelope,
                          sizeof s->envelope, &envelope_len) == PN_OK);
    must(pn_envelope_open(s->key, s->id,
                          (pn_bytes){ s->envelope, envelope_len }, s->inner,
                          sizeof s->inner, &inner) == PN_OK);
    must(cl_session_open(to->session, &s->two.env, &to->id, NULL, inner,
                         s->opened, sizeof s->opened, &opened) == PN_OK);
}

static void run_pass(void *ctx)
{
    bench_state *s = ctx;
    pass(s, &s->two.a, &s->two.b);
}

static void run_turns(void *ctx)
{
    bench_state *s = ctx;
    pass(s, &s->two.a, &s->two.b);
    pass(s, &s->two.b, &s->two.a);
}

static void aead_pair(bench_state *s, size_t len, size_t ad)
{
    unsigned long long n;
    must(crypto_aead_xchacha20poly1305_ietf_encrypt(s->envelope, &n, s->inner,
                                                    len, s->ad, ad, NULL, s->id,
                                                    s->key) == 0);
    must(crypto_aead_xchacha20poly1305_ietf_decrypt(s->inner, &n, NULL,
                                                    s->envelope, n, s->ad, ad,
                                                    s->id, s->key) == 0);
}

/* The same bytes through libsodium alone: header, content and envelope sealed
 * and opened, two chain steps, three draws. */
static void run_primitives(void *ctx)
{
    bench_state *s = ctx;
    const size_t room = pn_envelope_size(s->least) - 40;
    uint8_t nonces[48];
    must(pn_random(&s->two.env, nonces, sizeof nonces) == PN_OK);
    aead_pair(s, s->header, CL_RATCHET_AD_BYTES);
    aead_pair(s, sizeof s->content, CL_RATCHET_AD_BYTES + s->header + 16);
    aead_pair(s, room, 50);
    for (int i = 0; i < 2; i++) {
        (void)crypto_auth_hmacsha256(s->mk, s->ad, 1, s->ck);
        (void)crypto_auth_hmacsha256(s->ck, s->ad + 1, 1, s->ck);
    }
}

/* Two steps of a round trip, each once on both sides: what they must cost. */
static void run_step_primitives(void *ctx)
{
    bench_state *s = ctx;
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES], seed[64] = { 1 }, ss[32];
    for (int turn = 0; turn < 2; turn++) {
        (void)crypto_scalarmult_base(s->mk, s->key);
        must(crypto_scalarmult(ss, s->key, s->mk) == 0); /* sender */
        must(crypto_scalarmult(ss, s->key, s->mk) == 0); /* receiver */
        if (s->header > CL_HEADER_SHORT_BYTES) {
            pn_mlkem768_seed_keypair(pk, sk, seed); /* the sender's next */
            must(pn_mlkem768_enc_deterministic(ct, ss, pk, seed) == PN_OK);
            pn_mlkem768_seed_keypair(pk, sk, seed); /* the receiver's */
            pn_mlkem768_dec(ss, ct, sk);
            must(pn_mlkem768_check_ek(pk) == PN_OK);
        }
        run_primitives(s);
    }
}

static void run_first_contact(void *ctx)
{
    bench_state *s = ctx;
    static couple fresh;
    static uint64_t seed = 1;
    (void)s;
    couple_init(&fresh, seed++, CL_PROFILE_NORMAL);
    couple_meet(&fresh);
    couple_free(&fresh);
}

/* Time `batch` runs. */
static double batch_ns(bench_fn *run, unsigned batch)
{
    const uint64_t start = bench_now_ns();
    for (unsigned i = 0; i < batch; i++)
        run(&st);
    return (double)(bench_now_ns() - start) / batch;
}

/* Turn about, the best of each: a busy neighbour slows both or is left out. */
static void compare(const char *what, bench_fn *ours, bench_fn *theirs,
                    unsigned batch)
{
    double mine = batch_ns(ours, batch), base = batch_ns(theirs, batch);
    for (int round = 0; round < 400; round++) {
        const double m = batch_ns(ours, batch), t = batch_ns(theirs, batch);
        mine = m < mine ? m : mine;
        base = t < base ? t : base;
    }
    printf("%-34s %8.1f us  %9.0f /s   primitives %8.1f us   x %.2f\n", what,
           mine / 1e3, 1e9 / mine, base / 1e3, mine / base);
}

static void run_profile(cl_profile profile, const char *name)
{
    char what[64];
    cl_message_type type;
    couple_init(&st.two, 1, profile);
    couple_meet(&st.two);
    st.least = profile == CL_PROFILE_THIN ? PN_ENVELOPE_XS : PN_ENVELOPE_S;
    run_pass(&st);
    type = st.two.a.session->current->core.send_type;
    st.header = cl_header_size(type);
    (void)snprintf(what, sizeof what, "%s: seal + open, same chain", name);
    compare(what, run_pass, run_primitives, 20);
    run_turns(&st); /* from here on every message of a turn is a step */
    (void)snprintf(what, sizeof what, "%s: there and back, two steps", name);
    compare(what, run_turns, run_step_primitives, 1);
    printf("%-34s %8zu bytes at rest, %zu in memory\n", name,
           cl_session_size(st.two.a.session),
           sizeof *st.two.a.session + sizeof *st.two.a.session->current);
    couple_free(&st.two);
}

static void say_sizes(cl_message_type type, const char *name)
{
    const size_t inner = 2 + cl_ratchet_overhead(type) + 500 + 3 + 18 + 9;
    pn_envelope_class c = PN_ENVELOPE_L;
    must(pn_envelope_class_for(&c, inner, PN_ENVELOPE_XS) == PN_OK);
    printf("%-34s %8zu bytes inside an envelope of %zu\n", name, inner,
           pn_envelope_size(c));
}

int main(void)
{
    must(sodium_init() >= 0);
    memset(st.content, 'x', sizeof st.content);
    run_profile(CL_PROFILE_NORMAL, "normal");
    run_profile(CL_PROFILE_THIN, "thin");
    bench("two people meet (all of it)", run_first_contact, &st);
    say_sizes(CL_MESSAGE_FULL, "text of 500, normal");
    say_sizes(CL_MESSAGE_SHORT, "text of 500, thin");
    return 0;
}
