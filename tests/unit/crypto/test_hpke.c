#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/crypto/hpke.h"
#include "tests/support/simenv.h"

typedef struct pair {
    pn_xwing_key key;
    pn_hpke sender, receiver;
    uint8_t enc[PN_HPKE_ENC_BYTES];
} pair;

static const uint8_t zeros[sizeof(pn_hpke)];

static void make(pair *p)
{
    static const uint8_t sk[PN_XWING_SK_BYTES] = { 7 };
    simenv s;
    simenv_init(&s, 5);
    const pn_env env = simenv_env(&s);
    assert_int_equal(pn_xwing_expand(&p->key, sk), PN_OK);
    assert_int_equal(pn_hpke_setup_sender(&p->sender, p->enc, p->key.pk,
                                          PN_BYTES_LIT("info"), &env),
                     PN_OK);
    assert_int_equal(pn_hpke_setup_receiver(&p->receiver, p->enc, &p->key,
                                            PN_BYTES_LIT("info")),
                     PN_OK);
}

/* Messages open in order, each only once, in place too. */
static void messages_open_in_order(void **state)
{
    pair p;
    uint8_t first[5 + PN_HPKE_TAG_BYTES], second[3 + PN_HPKE_TAG_BYTES];
    const pn_bytes aad = PN_BYTES_LIT("aad");
    const pn_bytes one = { first, sizeof first };
    const pn_bytes two = { second, sizeof second };
    uint8_t out[16];
    (void)state;
    make(&p);
    assert_int_equal(pn_hpke_seal(&p.sender, first, aad, PN_BYTES_LIT("hello")),
                     PN_OK);
    assert_int_equal(pn_hpke_seal(&p.sender, second, aad, PN_BYTES_LIT("you")),
                     PN_OK);
    assert_int_equal(pn_hpke_open(&p.receiver, out, aad, two), PN_E_CRYPTO);
    assert_int_equal(pn_hpke_open(&p.receiver, out, aad, one), PN_OK);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(pn_hpke_open(&p.receiver, out, aad, one), PN_E_CRYPTO);
    assert_int_equal(pn_hpke_open(&p.receiver, second, aad, two), PN_OK);
    assert_memory_equal(second, "you", 3);
}

/* One changed bit anywhere, in the message, its tag or the aad, is refused,
 * and the true message still opens after it. */
static void tampering_is_refused(void **state)
{
    pair p;
    uint8_t ct[8 + PN_HPKE_TAG_BYTES], out[8];
    const pn_bytes aad = PN_BYTES_LIT("aad");
    const pn_bytes in = { ct, sizeof ct };
    (void)state;
    make(&p);
    assert_int_equal(pn_hpke_seal(&p.sender, ct, aad, PN_BYTES_LIT("8 bytes!")),
                     PN_OK);
    for (size_t i = 0; i < 8 * sizeof ct; i++) {
        ct[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_int_equal(pn_hpke_open(&p.receiver, out, aad, in), PN_E_CRYPTO);
        ct[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_int_equal(pn_hpke_open(&p.receiver, out, PN_BYTES_LIT("aae"), in),
                     PN_E_CRYPTO);
    for (size_t len = 0; len < sizeof ct; len++)
        assert_int_equal(
            pn_hpke_open(&p.receiver, out, aad, (pn_bytes){ ct, len }),
            len < PN_HPKE_TAG_BYTES ? PN_E_SHORT : PN_E_CRYPTO);
    assert_int_equal(p.receiver.sequence, 0);
    assert_int_equal(pn_hpke_open(&p.receiver, out, aad, in), PN_OK);
}

/* Another info or another enc is another context. */
static void context_is_bound(void **state)
{
    pair p;
    pn_hpke other;
    uint8_t ct[PN_HPKE_TAG_BYTES], out[1];
    const pn_bytes none = { NULL, 0 };
    (void)state;
    make(&p);
    assert_int_equal(pn_hpke_seal(&p.sender, ct, none, none), PN_OK);
    assert_int_equal(
        pn_hpke_setup_receiver(&other, p.enc, &p.key, PN_BYTES_LIT("inf")),
        PN_OK);
    assert_int_equal(
        pn_hpke_open(&other, out, none, (pn_bytes){ ct, sizeof ct }),
        PN_E_CRYPTO);
    p.enc[3] ^= 1;
    assert_int_equal(
        pn_hpke_setup_receiver(&other, p.enc, &p.key, PN_BYTES_LIT("info")),
        PN_OK);
    assert_int_equal(
        pn_hpke_open(&other, out, none, (pn_bytes){ ct, sizeof ct }),
        PN_E_CRYPTO);
}

/* The last sequence number is never used, on either side. */
static void sequence_ends(void **state)
{
    pair p;
    uint8_t ct[PN_HPKE_TAG_BYTES], out[1];
    const pn_bytes none = { NULL, 0 }, in = { ct, sizeof ct };
    (void)state;
    make(&p);
    p.sender.sequence = p.receiver.sequence = UINT64_MAX - 1;
    assert_int_equal(pn_hpke_seal(&p.sender, ct, none, none), PN_OK);
    assert_int_equal(pn_hpke_seal(&p.sender, ct, none, none), PN_E_FULL);
    assert_int_equal(pn_hpke_open(&p.receiver, out, none, in), PN_OK);
    assert_int_equal(pn_hpke_open(&p.receiver, out, none, in), PN_E_FULL);
}

/* Both sides export the same; another length or context gives other bytes;
 * too long is refused. */
static void exports(void **state)
{
    static uint8_t a[PN_HPKE_EXPORT_MAX + 1], b[PN_HPKE_EXPORT_MAX + 1];
    const pn_bytes context = PN_BYTES_LIT("reply");
    pair p;
    (void)state;
    make(&p);
    assert_int_equal(pn_hpke_export(&p.sender, a, PN_HPKE_EXPORT_MAX, context),
                     PN_OK);
    assert_int_equal(
        pn_hpke_export(&p.receiver, b, PN_HPKE_EXPORT_MAX, context), PN_OK);
    assert_memory_equal(a, b, PN_HPKE_EXPORT_MAX);
    assert_int_equal(pn_hpke_export(&p.sender, b, 32, context), PN_OK);
    assert_memory_not_equal(a, b, 32); /* the length is part of the label */
    assert_int_equal(pn_hpke_export(&p.sender, a, 32, PN_BYTES_LIT("reply ")),
                     PN_OK);
    assert_memory_not_equal(a, b, 32);
    assert_int_equal(
        pn_hpke_export(&p.sender, a, PN_HPKE_EXPORT_MAX + 1, context),
        PN_E_ARG);
    assert_int_equal(pn_hpke_export(&p.sender, a, 65536 + 32, context),
                     PN_E_ARG);
    assert_int_equal(pn_hpke_export(&p.sender, a, 0, context), PN_OK);
}

/* A set-up that fails leaves no key behind. */
static void failure_leaves_nothing(void **state)
{
    pair p;
    simenv s;
    (void)state;
    simenv_init(&s, 1);
    const pn_env env = simenv_env(&s);
    make(&p);
    memset(p.enc + PN_MLKEM768_CT_BYTES, 0, 32);
    assert_int_equal(pn_hpke_setup_receiver(&p.receiver, p.enc, &p.key,
                                            PN_BYTES_LIT("info")),
                     PN_E_CRYPTO);
    assert_memory_equal(&p.receiver, zeros, sizeof p.receiver);
    memset(p.key.pk + PN_MLKEM768_PK_BYTES, 0, 32);
    assert_int_equal(pn_hpke_setup_sender(&p.sender, p.enc, p.key.pk,
                                          PN_BYTES_LIT("info"), &env),
                     PN_E_CRYPTO);
    assert_memory_equal(&p.sender, zeros, sizeof p.sender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_open_in_order),
        cmocka_unit_test(tampering_is_refused),
        cmocka_unit_test(context_is_bound),
        cmocka_unit_test(sequence_ends),
        cmocka_unit_test(exports),
        cmocka_unit_test(failure_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
