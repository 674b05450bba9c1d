#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/crypto/mlkem768_poly.h"
#include "tests/support/simenv.h"

enum { Q = PN_MLKEM_Q, N = PN_MLKEM_N };

static int mod_q(long v)
{
    return (int)((v % Q + Q) % Q);
}

static void random_poly(pn_poly *p, simenv *s)
{
    for (unsigned i = 0; i < N; i++)
        p->c[i] = (int16_t)(simenv_next(s) % Q);
}

/* Every 16-bit value becomes its canonical remainder. */
static void canonical_is_exact(void **state)
{
    pn_poly p;
    (void)state;
    for (int base = -32768; base < 32768; base += N) {
        for (int i = 0; i < N; i++)
            p.c[i] = (int16_t)(base + i);
        pn_poly_canonical(&p);
        for (int i = 0; i < N; i++)
            assert_int_equal(p.c[i], mod_q(base + i));
    }
}

/* Montgomery: r * 2^16 = a, and |r| < q, to the ends of its range. */
static void montgomery_is_exact(void **state)
{
    const int32_t end = Q * 32768 - 1;
    simenv s;
    (void)state;
    simenv_init(&s, 1);
    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t span = simenv_next(&s) % (2 * (uint64_t)end);
        const int32_t a = i == 0   ? end
                          : i == 1 ? -end
                                   : (int32_t)((int64_t)span - end);
        const int16_t r = pn_mlkem_montgomery(a);
        assert_true(r > -Q && r < Q);
        assert_int_equal(mod_q((long)r * 65536), mod_q(a));
    }
}

/* The transform, a product and the way back are multiplication modulo
 * X^256 + 1. */
static void dot_is_the_ring_product(void **state)
{
    simenv s;
    pn_polyvec a, b, a_plain, b_plain;
    pn_polycache cache;
    pn_poly out;
    (void)state;
    simenv_init(&s, 2);
    for (unsigned round = 0; round < 20; round++) {
        long want[N] = { 0 };
        for (unsigned k = 0; k < PN_MLKEM_K; k++) {
            random_poly(&a.v[k], &s);
            random_poly(&b.v[k], &s);
            if (round == 0)
                for (unsigned i = 0; i < N; i++)
                    a.v[k].c[i] = b.v[k].c[i] = Q - 1;
        }
        a_plain = a;
        b_plain = b;
        for (unsigned k = 0; k < PN_MLKEM_K; k++)
            for (unsigned i = 0; i < N; i++)
                for (unsigned j = 0; j < N; j++) {
                    const long v = (long)a_plain.v[k].c[i] * b_plain.v[k].c[j];
                    want[(i + j) % N] += i + j < N ? v : -v;
                }
        for (unsigned k = 0; k < PN_MLKEM_K; k++) {
            pn_poly_ntt(&a.v[k]);
            pn_poly_canonical(&a.v[k]);
            pn_poly_ntt(&b.v[k]);
        }
        pn_polyvec_cache(&cache, &b);
        pn_polyvec_dot(&out, &a, &b, &cache);
        pn_poly_inverse_ntt(&out);
        pn_poly_canonical(&out);
        for (unsigned i = 0; i < N; i++)
            assert_int_equal(out.c[i], mod_q(want[i]));
    }
}

/* The unreduced 12-bit values a damaged stored key may hold do not overflow:
 * the product is still right. */
static void dot_takes_twelve_bits(void **state)
{
    pn_polyvec a, b;
    pn_polycache cache;
    pn_poly x, y;
    (void)state;
    for (unsigned k = 0; k < PN_MLKEM_K; k++)
        for (unsigned i = 0; i < N; i++) {
            a.v[k].c[i] = 4095;
            b.v[k].c[i] = Q - 1;
        }
    pn_polyvec_cache(&cache, &b);
    pn_polyvec_dot(&x, &a, &b, &cache);
    for (unsigned k = 0; k < PN_MLKEM_K; k++)
        pn_poly_canonical(&a.v[k]);
    pn_polyvec_dot(&y, &a, &b, &cache);
    pn_poly_canonical(&x);
    pn_poly_canonical(&y);
    assert_memory_equal(&x, &y, sizeof x);
}

/* round(2^bits / q * x) mod 2^bits, by the book. */
static unsigned compress_exact(unsigned x, unsigned bits)
{
    return (((x << bits) * 2 + Q) / (2 * Q)) & ((1U << bits) - 1);
}

/* Compression is exact for every coefficient, and packing keeps its place. */
static void compression_is_exact(void **state)
{
    (void)state;
    for (unsigned base = 0; base < Q; base += N) {
        uint8_t ten[PN_MLKEM_POLY_10_BYTES], four[PN_MLKEM_POLY_4_BYTES];
        uint8_t one[32];
        pn_poly p, from_ten, from_four;
        for (unsigned i = 0; i < N; i++)
            p.c[i] = (int16_t)((base + i) % Q);
        pn_poly_pack10(ten, &p);
        pn_poly_pack4(four, &p);
        pn_poly_to_message(one, &p);
        pn_poly_unpack10(&from_ten, ten);
        pn_poly_unpack4(&from_four, four);
        for (unsigned i = 0; i < N; i++) {
            const unsigned x = (unsigned)p.c[i];
            const unsigned y10 = compress_exact(x, 10);
            const unsigned y4 = compress_exact(x, 4);
            assert_int_equal(from_ten.c[i], (y10 * 2 * Q + 1024) / 2048);
            assert_int_equal(from_four.c[i], (y4 * 2 * Q + 16) / 32);
            assert_int_equal(one[i / 8] >> i % 8 & 1, compress_exact(x, 1));
        }
    }
}

static void encoding_round_trips(void **state)
{
    simenv s;
    pn_poly p, back;
    uint8_t bytes[PN_MLKEM_POLY_BYTES], message[32], again[32];
    (void)state;
    simenv_init(&s, 3);
    for (unsigned i = 0; i < 100; i++) {
        random_poly(&p, &s);
        pn_poly_encode(bytes, &p);
        pn_poly_decode(&back, bytes);
        assert_memory_equal(&p, &back, sizeof p);
        for (unsigned j = 0; j < 32; j++)
            message[j] = (uint8_t)simenv_next(&s);
        pn_poly_from_message(&p, message);
        pn_poly_to_message(again, &p);
        assert_memory_equal(message, again, sizeof message);
    }
}

/* Samples stay in their range, and noise is balanced as eta = 2 says. */
static void samples_are_in_range(void **state)
{
    unsigned seen[5] = { 0 };
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        const uint8_t seed[32] = { (uint8_t)i };
        pn_poly p;
        pn_poly_sample_uniform(&p, seed, 1, 2);
        for (unsigned j = 0; j < N; j++)
            assert_true(p.c[j] >= 0 && p.c[j] < Q);
        pn_poly_sample_noise(&p, seed, 7);
        for (unsigned j = 0; j < N; j++) {
            assert_true(p.c[j] >= -2 && p.c[j] <= 2);
            seen[p.c[j] + 2]++;
        }
    }
    /* 16384 samples, of which 1, 4, 6, 4, 1 sixteenths are expected. */
    assert_true(seen[0] > 900 && seen[0] < 1150);
    assert_true(seen[1] > 3900 && seen[1] < 4300);
    assert_true(seen[2] > 5900 && seen[2] < 6400);
    assert_true(seen[3] > 3900 && seen[3] < 4300);
    assert_true(seen[4] > 900 && seen[4] < 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_is_exact),
        cmocka_unit_test(montgomery_is_exact),
        cmocka_unit_test(dot_is_the_ring_product),
        cmocka_unit_test(dot_takes_twelve_bits),
        cmocka_unit_test(compression_is_exact),
        cmocka_unit_test(encoding_round_trips),
        cmocka_unit_test(samples_are_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
