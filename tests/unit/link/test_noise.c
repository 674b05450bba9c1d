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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_turns),
        cmocka_unit_test(short_is_final),
        cmocka_unit_test(refuses_small_order),
        cmocka_unit_test(refuses_bad_kem_key),
        cmocka_unit_test(needs_its_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
