/* Messages of whole blocks and the keystream, whoever ciphers them. */
#include "proto/crypto/aead.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/cmocka.h"

enum { MOST = 16384, TAG = PN_AEAD_TAG_BYTES };

static const uint8_t key[32] = { 7 };
static const uint8_t nonce[12] = { 0, 0, 0, 0, 9 };

/* An engine that counts, and answers as it is told. */
static struct {
    pn_err answer;
    unsigned calls;
} fake;

static pn_err fake_aead(uint8_t *out, pn_bytes in, pn_bytes ad,
                        const uint8_t n[12], const uint8_t k[32])
{
    (void)out;
    assert_ptr_equal(k, key);
    assert_ptr_equal(n, nonce);
    assert_int_equal(ad.len, 0);
    assert_true(in.len >= PN_AEAD_LONG - TAG);
    fake.calls++;
    return fake.answer;
}

static pn_err fake_stream(uint8_t *out, pn_bytes in, uint32_t block,
                          const uint8_t n[12], const uint8_t k[32])
{
    assert_int_equal(block, 5);
    return fake_aead(out, in, (pn_bytes){ NULL, 0 }, n, k);
}

static const pn_aead_engine engine = { .seal = fake_aead,
                                       .open = fake_aead,
                                       .stream = fake_stream };

static int forget(void **state)
{
    (void)state;
    pn_aead_use(NULL);
    fake.calls = 0;
    return 0;
}

static uint8_t buf[MOST], plain[MOST], want[MOST + TAG];

static void fill(size_t len)
{
    for (size_t i = 0; i < len; i++)
        plain[i] = (uint8_t)(i * i >> 3 ^ i);
    memcpy(buf, plain, len);
    assert_int_equal(
        crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, plain, len - TAG,
                                                  NULL, 0, NULL, nonce, key),
        0);
}

static void seals_and_opens(size_t len)
{
    fill(len);
    assert_int_equal(pn_aead_seal_blocks(buf, len, nonce, key), PN_OK);
    assert_memory_equal(buf, want, len);
    assert_int_equal(
        pn_aead_open_blocks(buf, (pn_bytes){ want, len }, nonce, key), PN_OK);
    assert_memory_equal(buf, plain, len - TAG);
    assert_true(sodium_is_zero(buf + len - TAG, TAG));
}

/* RFC 8439 for every number of blocks, on whichever side of PN_AEAD_LONG. */
static void is_the_aead_of_the_rfc(void **state)
{
    (void)state;
    for (size_t len = 64; len <= MOST; len += len < 5000 ? 64 : 1024)
        seals_and_opens(len);
}

/* What an engine has no memory for libsodium does, and to the same bytes. */
static void an_engine_without_memory_is_replaced(void **state)
{
    (void)state;
    fake.answer = PN_E_NOMEM;
    pn_aead_use(&engine);
    seals_and_opens(4096);
    assert_int_equal(fake.calls, 2);
    fill(4096);
    assert_int_equal(
        crypto_stream_chacha20_ietf_xor_ic(want, plain, 4096, nonce, 5, key),
        0);
    assert_int_equal(pn_chacha20_xor(buf, plain, 4096, 5, nonce, key), PN_OK);
    assert_memory_equal(buf, want, 4096);
    assert_int_equal(fake.calls, 3);
}

/* Any other failure is told: nobody takes half a cipher for a whole one. */
static void an_engine_that_fails_is_believed(void **state)
{
    (void)state;
    fake.answer = PN_E_CRYPTO;
    pn_aead_use(&engine);
    fill(4096);
    assert_int_equal(pn_aead_seal_blocks(buf, 4096, nonce, key), PN_E_CRYPTO);
    assert_int_equal(
        pn_aead_open_blocks(buf, (pn_bytes){ want, 4096 }, nonce, key),
        PN_E_CRYPTO);
    assert_int_equal(pn_chacha20_xor(buf, plain, 4096, 5, nonce, key),
                     PN_E_CRYPTO);
    assert_int_equal(fake.calls, 3);
}

/* Short messages cost more to begin than they gain. */
static void short_ones_do_not_ask(void **state)
{
    (void)state;
    fake.answer = PN_E_CRYPTO;
    pn_aead_use(&engine);
    seals_and_opens(PN_AEAD_LONG - 64);
    assert_int_equal(
        pn_chacha20_xor(buf, plain, PN_AEAD_LONG - 1, 5, nonce, key), PN_OK);
    assert_int_equal(fake.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(is_the_aead_of_the_rfc, forget),
        cmocka_unit_test_teardown(an_engine_without_memory_is_replaced, forget),
        cmocka_unit_test_teardown(an_engine_that_fails_is_believed, forget),
        cmocka_unit_test_teardown(short_ones_do_not_ask, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
