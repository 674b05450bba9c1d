#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "proto/envelope/envelope.h"
#include "tests/support/simenv.h"

typedef struct fixture {
    simenv sim;
    pn_env env;
    uint8_t key[32];
    uint8_t id[32];
    uint8_t inner[PN_ENVELOPE_MAX];
    uint8_t sealed[PN_ENVELOPE_MAX];
    uint8_t opened[PN_ENVELOPE_MAX];
} fixture;

static fixture fix;

static int setup(void **state)
{
    simenv_init(&fix.sim, 11);
    fix.env = simenv_env(&fix.sim);
    if (pn_random(&fix.env, fix.key, 32) != PN_OK ||
        pn_random(&fix.env, fix.id, 32) != PN_OK ||
        pn_random(&fix.env, fix.inner, sizeof fix.inner) != PN_OK)
        return -1;
    *state = &fix;
    return sodium_init() < 0 ? -1 : 0;
}

static pn_err seal(fixture *f, pn_envelope_class least, size_t len, size_t *out)
{
    return pn_envelope_seal(&f->env, f->key, f->id, least,
                            (pn_bytes){ f->inner, len }, f->sealed,
                            sizeof f->sealed, out);
}

static pn_err open_first(fixture *f, size_t len, pn_bytes *inner)
{
    return pn_envelope_open(f->key, f->id, (pn_bytes){ f->sealed, len },
                            f->opened, sizeof f->opened, inner);
}

/* The smallest class that fits, at every border, and never below `least`. */
static void class_follows_the_length(void **state)
{
    static const size_t size[] = { 896, 3968, 16256, 65088 };
    fixture *f = *state;
    size_t len;
    pn_bytes inner;
    for (unsigned c = 0; c < 4; c++) {
        const size_t room = pn_envelope_room((pn_envelope_class)c);
        const size_t lens[] = { 1, 2, room - 1, room, room + 1 };
        assert_int_equal(pn_envelope_size((pn_envelope_class)c), size[c]);
        assert_int_equal(room, size[c] - 42);
        for (unsigned i = 0; i < 5; i++) {
            const pn_err err = seal(f, (pn_envelope_class)c, lens[i], &len);
            if (lens[i] > pn_envelope_room(PN_ENVELOPE_L)) {
                assert_int_equal(err, PN_E_FULL);
                assert_int_equal(len, 0);
                continue;
            }
            assert_int_equal(err, PN_OK);
            assert_int_equal(len, size[i == 4 ? c + 1 : c]);
            assert_int_equal(open_first(f, len, &inner), PN_OK);
            assert_int_equal(inner.len, lens[i]);
            assert_memory_equal(inner.p, f->inner, lens[i]);
        }
    }
    assert_int_equal(seal(f, PN_ENVELOPE_XS, 0, &len), PN_E_ARG);
}

/* Each deposit draws its own nonce: copies on two relays do not match. */
static void two_seals_share_nothing(void **state)
{
    fixture *f = *state;
    static uint8_t other[896];
    size_t len, other_len, same = 0;
    assert_int_equal(seal(f, PN_ENVELOPE_XS, 10, &len), PN_OK);
    assert_int_equal(pn_envelope_seal(&f->env, f->key, f->id, PN_ENVELOPE_XS,
                                      (pn_bytes){ f->inner, 10 }, other,
                                      sizeof other, &other_len),
                     PN_OK);
    for (size_t i = 0; i < len; i++)
        same += other[i] == f->sealed[i];
    assert_true(same < 20); /* 896/256 expected */
}

static void any_flipped_bit_is_refused(void **state)
{
    fixture *f = *state;
    size_t len;
    pn_bytes inner;
    assert_int_equal(seal(f, PN_ENVELOPE_XS, 100, &len), PN_OK);
    for (size_t bit = 0; bit < len * 8; bit++) {
        f->sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(open_first(f, len, &inner), PN_E_CRYPTO);
        assert_null(inner.p);
        f->sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    f->id[31] ^= 1;
    assert_int_equal(open_first(f, len, &inner), PN_E_CRYPTO);
    f->id[31] ^= 1;
    f->key[0] ^= 1;
    assert_int_equal(open_first(f, len, &inner), PN_E_CRYPTO);
    f->key[0] ^= 1;
    assert_int_equal(open_first(f, len, &inner), PN_OK);
}

static void only_the_four_sizes_are_envelopes(void **state)
{
    fixture *f = *state;
    size_t len;
    pn_bytes inner;
    pn_envelope_class c;
    assert_int_equal(seal(f, PN_ENVELOPE_S, 100, &len), PN_OK);
    for (size_t n = 0; n <= PN_ENVELOPE_MAX; n++) {
        const bool is = n == 896 || n == 3968 || n == 16256 || n == 65088;
        assert_int_equal(pn_envelope_class_of(&c, n), is ? PN_OK : PN_E_PROTO);
        if (!is && n % 97 == 0)
            assert_int_equal(open_first(f, n, &inner), PN_E_PROTO);
    }
    assert_int_equal(pn_envelope_open(f->key, f->id,
                                      (pn_bytes){ f->sealed, len }, f->opened,
                                      len - 41, &inner),
                     PN_E_FULL);
}

/* Seal a padded plaintext of our own making, right or wrong. */
static size_t seal_raw(fixture *f, const uint8_t plain[856])
{
    uint8_t ad[18 + 32];
    memcpy(ad, "postern/envelope/1", 18);
    memcpy(ad + 18, f->id, 32);
    memset(f->sealed, 7, 24);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(f->sealed + 24, NULL,
                                                     plain, 856, ad, sizeof ad,
                                                     NULL, f->sealed, f->key);
    return 896;
}

/* The holder of the key may still be a liar: padding is checked to the byte. */
static void wrong_padding_is_refused(void **state)
{
    fixture *f = *state;
    uint8_t plain[856] = { 0, 3, 'a', 'b', 'c' };
    pn_bytes inner;
    assert_int_equal(open_first(f, seal_raw(f, plain), &inner), PN_OK);
    assert_int_equal(inner.len, 3);
    for (size_t at = 5; at < sizeof plain; at++) {
        plain[at] = 1;
        assert_int_equal(open_first(f, seal_raw(f, plain), &inner), PN_E_PROTO);
        plain[at] = 0;
    }
    for (unsigned n = 0; n < 65536; n += n < 900 ? 1 : 101) {
        plain[0] = (uint8_t)(n >> 8);
        plain[1] = (uint8_t)n;
        assert_int_equal(open_first(f, seal_raw(f, plain), &inner),
                         n >= 3 && n <= 854 ? PN_OK : PN_E_PROTO);
        if (n < 3 || n > 854) /* a refused plaintext does not stay behind */
            assert_int_equal(f->opened[2], 0);
    }
}

static void no_randomness_means_no_envelope(void **state)
{
    fixture *f = *state;
    size_t len = 1;
    f->sim.random_fails = true;
    assert_int_equal(seal(f, PN_ENVELOPE_XS, 10, &len), PN_E_RANDOM);
    assert_int_equal(len, 0);
    f->sim.random_fails = false;
    assert_int_equal(pn_envelope_seal(&f->env, f->key, f->id, PN_ENVELOPE_S,
                                      (pn_bytes){ f->inner, 10 }, f->sealed,
                                      3967, &len),
                     PN_E_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_follows_the_length),
        cmocka_unit_test(two_seals_share_nothing),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(only_the_four_sizes_are_envelopes),
        cmocka_unit_test(wrong_padding_is_refused),
        cmocka_unit_test(no_randomness_means_no_envelope),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
