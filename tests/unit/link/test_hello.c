/* The 2048-byte messages: payloads, mac1, retries. */
#include "proto/link/hello.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/cmocka.h"

static const pn_link_offer offer = { .version_min = 1,
                                     .version_max = 3,
                                     .record_size = 4096,
                                     .features = 0x8000000000000001U };

/* Where a change of one byte of a payload is refused. Layout: used(2) min max
 * code features(8). */
static void offer_reads_to_its_end(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        pn_err err;
    } cases[] = {
        { 0, 0, PN_OK },       { 1, 12, PN_OK },       { 1, 10, PN_E_PROTO },
        { 1, 0, PN_E_PROTO },  { 0, 3, PN_E_PROTO },   { 2, 0, PN_E_PROTO },
        { 2, 4, PN_E_PROTO },  { 4, 9, PN_E_PROTO },   { 4, 15, PN_OK },
        { 13, 1, PN_E_PROTO }, { 767, 1, PN_E_PROTO }, { 0, 255, PN_E_SHORT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t payload[768];
        pn_link_offer got;
        pn_hello_offer_write(payload, sizeof payload, &offer);
        payload[cases[i].at] = cases[i].value;
        assert_int_equal(
            pn_hello_offer_parse((pn_bytes){ payload, sizeof payload }, &got) ==
                PN_OK,
            cases[i].err == PN_OK);
    }
    for (size_t len = 0; len < 13; len++) {
        uint8_t payload[768];
        pn_link_offer got;
        pn_hello_offer_write(payload, sizeof payload, &offer);
        assert_int_not_equal(
            pn_hello_offer_parse((pn_bytes){ payload, len }, &got), PN_OK);
    }
}

/* Fields that a later version appends are skipped; a record size it adds is
 * read as the largest one known. */
static void offer_has_room_for_later(void **state)
{
    uint8_t payload[768];
    pn_link_offer got;
    (void)state;
    pn_hello_offer_write(payload, sizeof payload, &offer);
    payload[1] = 13;
    payload[13] = payload[14] = 0xff;
    payload[4] = 16;
    assert_int_equal(
        pn_hello_offer_parse((pn_bytes){ payload, sizeof payload }, &got),
        PN_OK);
    assert_int_equal(got.record_size, 16384);
    assert_int_equal(got.version_max, 3);
    assert_true(got.features == offer.features);
}

static void terms_round_trip(void **state)
{
    pn_link_terms terms = { .version = 2,
                            .record_size = 16384,
                            .features = 1,
                            .relay_wall_ms = 0x0123456789abcdefU };
    pn_link_terms got;
    uint8_t payload[896];
    (void)state;
    memset(terms.descriptor_hash, 0x5a, 32);
    pn_hello_terms_write(payload, sizeof payload, &terms);
    assert_int_equal(
        pn_hello_terms_parse((pn_bytes){ payload, sizeof payload }, &got),
        PN_OK);
    assert_memory_equal(&got, &terms, sizeof got);
    payload[3] = 13; /* not a record size */
    assert_int_equal(
        pn_hello_terms_parse((pn_bytes){ payload, sizeof payload }, &got),
        PN_E_PROTO);
}

/* Payloads whose fields end early are refused at every length. */
static void fields_must_all_be_there(void **state)
{
    const pn_link_terms terms = { .version = 1, .record_size = 1024 };
    uint8_t payload[896];
    pn_link_offer o;
    pn_link_terms t;
    (void)state;
    for (uint8_t used = 0; used < 50; used++) {
        pn_hello_terms_write(payload, sizeof payload, &terms);
        payload[1] = used;
        memset(payload + 2 + used, 0, sizeof payload - 2 - used);
        assert_int_equal(
            pn_hello_terms_parse((pn_bytes){ payload, sizeof payload }, &t),
            PN_E_SHORT);
        if (used >= 11)
            continue;
        pn_hello_offer_write(payload, 768, &offer);
        payload[1] = used;
        memset(payload + 2 + used, 0, (size_t)768 - 2 - used);
        assert_int_equal(pn_hello_offer_parse((pn_bytes){ payload, 768 }, &o),
                         PN_E_SHORT);
    }
}

/* A responder may choose only what was offered. */
static void terms_fit_the_offer(void **state)
{
    const pn_link_terms good = { .version = 2,
                                 .record_size = 4096,
                                 .features = 1 };
    pn_link_terms t = good;
    (void)state;
    assert_int_equal(pn_hello_terms_check(&t, &offer), PN_OK);
    t.record_size = 1024;
    assert_int_equal(pn_hello_terms_check(&t, &offer), PN_OK);
    t.record_size = 16384;
    assert_int_equal(pn_hello_terms_check(&t, &offer), PN_E_PROTO);
    t = good;
    t.features = 2;
    assert_int_equal(pn_hello_terms_check(&t, &offer), PN_E_PROTO);
    t = good;
    t.version = 4;
    assert_int_equal(pn_hello_terms_check(&t, &offer), PN_E_VERSION);
    t.version = 0;
    assert_int_equal(pn_hello_terms_check(&t, &offer), PN_E_VERSION);
}

/* mac1 tells the role, covers every byte, and needs the right relay key. */
static void mac1_tells_who_knows(void **state)
{
    static const uint8_t relay[32] = { 1 }, other[32] = { 2 };
    uint8_t hello[PN_LINK_HELLO_BYTES] = { 0 };
    pn_hello_keys keys, wrong;
    pn_link_role role;
    (void)state;
    pn_hello_keys_derive(&keys, relay);
    pn_hello_keys_derive(&wrong, other);
    for (unsigned r = 0; r < 2; r++) {
        pn_hello_seal_mac1(&keys, (pn_link_role)r, hello);
        assert_int_equal(pn_hello_check_mac1(&keys, hello, &role), PN_OK);
        assert_int_equal(role, r);
        assert_int_equal(pn_hello_check_mac1(&wrong, hello, &role),
                         PN_E_CRYPTO);
        for (size_t i = 0; i < sizeof hello; i++) {
            hello[i] ^= 0x10;
            assert_int_equal(pn_hello_check_mac1(&keys, hello, &role),
                             PN_E_CRYPTO);
            hello[i] ^= 0x10;
        }
    }
}

/* A retry opens for the message it answers, and for no other. */
static void retry_is_bound(void **state)
{
    static const uint8_t relay[32] = { 1 }, nonce[24] = { 3 };
    static const uint8_t challenge[32] = { 4 };
    uint8_t mac1[16] = { 5 }, retry[PN_LINK_HELLO_BYTES];
    pn_hello_keys keys;
    pn_puzzle puzzle;
    (void)state;
    pn_hello_keys_derive(&keys, relay);
    pn_hello_retry_seal(retry, &keys, mac1, nonce, challenge, 22);
    assert_int_equal(pn_hello_retry_open(retry, &keys, mac1, &puzzle), PN_OK);
    assert_int_equal(puzzle.difficulty, 22);
    assert_memory_equal(puzzle.challenge, challenge, 32);
    for (size_t i = 0; i < sizeof retry; i += 7) {
        retry[i] ^= 1;
        assert_int_equal(pn_hello_retry_open(retry, &keys, mac1, &puzzle),
                         PN_E_CRYPTO);
        retry[i] ^= 1;
    }
    mac1[0] ^= 1;
    assert_int_equal(pn_hello_retry_open(retry, &keys, mac1, &puzzle),
                     PN_E_CRYPTO);
    pn_hello_retry_seal(retry, &keys, mac1, nonce, challenge, 23);
    assert_int_equal(pn_hello_retry_open(retry, &keys, mac1, &puzzle),
                     PN_E_PROTO);
}

/* Nothing hides after the fields of a retry, though it is sealed well. */
static void retry_ends_in_zeros(void **state)
{
    static const uint8_t relay[32] = { 1 }, nonce[24] = { 3 }, mac1[16] = { 5 };
    pn_hello_keys keys;
    (void)state;
    pn_hello_keys_derive(&keys, relay);
    for (size_t at = 32; at < 2008; at += 247) {
        uint8_t plain[2008] = { 0 }, retry[PN_LINK_HELLO_BYTES];
        pn_puzzle puzzle;
        plain[at] = 1; /* the difficulty first */
        memcpy(retry, nonce, sizeof nonce);
        assert_int_equal(crypto_aead_xchacha20poly1305_ietf_encrypt(
                             retry + 24, NULL, plain, sizeof plain, mac1,
                             sizeof mac1, NULL, nonce, keys.retry),
                         0);
        assert_int_equal(pn_hello_retry_open(retry, &keys, mac1, &puzzle),
                         at == 32 ? PN_OK : PN_E_PROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offer_reads_to_its_end),
        cmocka_unit_test(offer_has_room_for_later),
        cmocka_unit_test(terms_round_trip),
        cmocka_unit_test(fields_must_all_be_there),
        cmocka_unit_test(terms_fit_the_offer),
        cmocka_unit_test(mac1_tells_who_knows),
        cmocka_unit_test(retry_is_bound),
        cmocka_unit_test(retry_ends_in_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
