/* The handshake machine's own rules; what it computes is proved by vectors. */
#include "proto/link/noise.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/simenv.h"

static const pn_bytes none = { NULL, 0 };
static const uint8_t secret[32] = { 8 };

typedef struct pair {
    simenv sim;
    pn_env env;
    uint8_t pk[32];
    pn_noise i, r;
    uint8_t wire[4096], got[4096];
} pair;

static void set_up(pair *p, pn_noise_pattern pattern)
{
    pn_noise_setup s = { .pattern = pattern };
    simenv_init(&p->sim, 1);
    p->env = simenv_env(&p->sim);
    assert_int_equal(crypto_scalarmult_base(p->pk, secret), 0);
    s.static_pk = s.remote_static = p->pk;
    s.static_sk = secret;
    s.side = PN_NOISE_INITIATOR;
    assert_int_equal(pn_noise_init(&p->i, &s), PN_OK);
    s.side = PN_NOISE_RESPONDER;
    assert_int_equal(pn_noise_init(&p->r, &s), PN_OK);
}

static pn_err write_to(pair *p, pn_noise *n, size_t cap, size_t *len)
{
    pn_out out = pn_out_over(p->wire, cap);
    const pn_err err = pn_noise_write(n, &p->env, none, &out);
    *len = out.len;
    return err;
}

/* Each side speaks in its turn only; nobody splits early or goes on after. */
static void keeps_turns(void **state)
{
    pair p;
    pn_cipher a, b;
    size_t len, got;
    (void)state;
    for (unsigned k = 0; k < PN_NOISE_PATTERN_COUNT; k++) {
        pn_noise *from, *to;
        unsigned messages = 0;
        set_up(&p, (pn_noise_pattern)k);
        while (!pn_noise_is_done(&p.i)) {
            from = messages % 2 == 0 ? &p.i : &p.r;
            to = from == &p.i ? &p.r : &p.i;
            assert_int_equal(pn_noise_split(from, &a, &b), PN_E_STATE);
            assert_int_equal(write_to(&p, to, sizeof p.wire, &len), PN_E_STATE);
            assert_int_equal(pn_noise_read(from, none, p.got, &got),
                             PN_E_STATE);
            assert_int_equal(write_to(&p, from, sizeof p.wire, &len), PN_OK);
            assert_int_equal(
                pn_noise_read(to, (pn_bytes){ p.wire, len }, p.got, &got),
                PN_OK);
            messages++;
        }
        assert_int_equal(messages, k == PN_NOISE_N    ? 1
                                   : k == PN_NOISE_XX ? 3
                                                      : 2);
        assert_true(pn_noise_is_done(&p.r));
        assert_int_equal(write_to(&p, &p.i, sizeof p.wire, &len), PN_E_STATE);
        assert_int_equal(write_to(&p, &p.r, sizeof p.wire, &len), PN_E_STATE);
        assert_int_equal(pn_noise_split(&p.i, &a, &b), PN_OK);
    }
}

/* Too little room, or a message cut anywhere: a fault, and a final one. */
static void short_is_final(void **state)
{
    pair p;
    size_t len, got;
    (void)state;
    set_up(&p, PN_NOISE_IKHFS);
    assert_int_equal(write_to(&p, &p.i, sizeof p.wire, &len), PN_OK);
    for (size_t cut = 0; cut < len; cut += 13) {
        pair q;
        set_up(&q, PN_NOISE_IKHFS);
        assert_int_not_equal(
            pn_noise_read(&q.r, (pn_bytes){ p.wire, cut }, q.got, &got), PN_OK);
        assert_int_equal(
            pn_noise_read(&q.r, (pn_bytes){ p.wire, len }, q.got, &got),
            PN_E_STATE);
        set_up(&q, PN_NOISE_IKHFS);
        assert_int_equal(write_to(&q, &q.i, cut, &got), PN_E_FULL);
        assert_int_equal(write_to(&q, &q.i, sizeof q.wire, &got), PN_E_STATE);
    }
}

/* A public key of small order gives no shared secret. */
static void refuses_small_order(void **state)
{
    pair p;
    size_t len, got;
    (void)state;
    set_up(&p, PN_NOISE_NK);
    assert_int_equal(write_to(&p, &p.i, sizeof p.wire, &len), PN_OK);
    memset(p.wire, 0, 32);
    assert_int_equal(
        pn_noise_read(&p.r, (pn_bytes){ p.wire, len }, p.got, &got),
        PN_E_CRYPTO);
}

/* Not because the tag would not fit: one who sends such a key knows what the
 * shared secret would be, all zeros, and makes the rest of the message fit. */
static void refuses_a_known_secret(void **state)
{
    static const uint8_t zeros[32] = { 0 };
    static const uint8_t order_8[32] = {
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
        0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
        0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    };
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const pn_bytes e = { i == 0 ? zeros : order_8, 32 };
        char name[PN_NOISE_NAME_MAX];
        pn_symmetric s;
        size_t got;
        pair p;
        set_up(&p, PN_NOISE_N);
        pn_noise_name(name, PN_NOISE_N, PN_NOISE_SHA256);
        pn_symmetric_init(&s, PN_NOISE_SHA256,
                          (pn_bytes){ (const uint8_t *)name, strlen(name) });
        pn_symmetric_mix_hash(&s, none); /* prologue */
        pn_symmetric_mix_hash(&s, (pn_bytes){ p.pk, 32 });
        memcpy(p.wire, e.p, 32);
        pn_symmetric_mix_hash(&s, e);
        pn_symmetric_mix_key(&s, zeros);
        assert_int_equal(pn_symmetric_seal(&s, p.wire + 32, none), PN_OK);
        assert_int_equal(
            pn_noise_read(&p.r, (pn_bytes){ p.wire, 48 }, p.got, &got),
            PN_E_CRYPTO);
        /* Before it was mixed in: the transcript is as it was. */
        assert_false(p.r.symmetric.has_key);
    }
}

/* An ML-KEM key whose coefficients are not reduced is refused, though its
 * sender sealed it well. */
static void refuses_bad_kem_key(void **state)
{
    uint8_t ek[PN_MLKEM768_PK_BYTES];
    pair p;
    size_t len, got;
    (void)state;
    set_up(&p, PN_NOISE_NKHFS);
    assert_int_equal(write_to(&p, &p.i, sizeof p.wire, &len), PN_OK);
    assert_int_equal(
        pn_noise_read(&p.r, (pn_bytes){ p.wire, len }, p.got, &got), PN_OK);
    memset(ek, 0xff, sizeof ek);
    memcpy(p.r.e1.peer_pk, ek, sizeof ek);
    assert_int_equal(write_to(&p, &p.r, sizeof p.wire, &len), PN_E_CRYPTO);
}

static void needs_its_keys(void **state)
{
    pn_noise n;
    (void)state;
    for (unsigned k = 0; k < PN_NOISE_PATTERN_COUNT; k++)
        for (unsigned side = 0; side < 2; side++) {
            const pn_noise_setup s = { .pattern = (pn_noise_pattern)k,
                                       .side = (pn_noise_side)side };
            assert_int_equal(pn_noise_init(&n, &s), PN_E_ARG);
        }
}

static void wipes(void **state)
{
    static const pn_noise nothing = { .pattern = PN_NOISE_N };
    pair p;
    (void)state;
    set_up(&p, PN_NOISE_NKHFS);
    assert_memory_not_equal(&p.r, &nothing, sizeof nothing);
    pn_noise_wipe(&p.r);
    assert_memory_equal(&p.r, &nothing, sizeof nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_turns),
        cmocka_unit_test(short_is_final),
        cmocka_unit_test(refuses_small_order),
        cmocka_unit_test(refuses_a_known_secret),
        cmocka_unit_test(refuses_bad_kem_key),
        cmocka_unit_test(needs_its_keys),
        cmocka_unit_test(wipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
