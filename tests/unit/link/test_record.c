/* Ciphers and records: nonces, Rekey(), and what is inside a record. */
#include "proto/link/record.h"

#include <sodium.h>
#include <string.h>

#include "proto/link/link.h"
#include "tests/support/cmocka.h"

static const uint8_t key[32] = { 7 };
static const pn_bytes none = { NULL, 0 };

/* The last nonce belongs to Rekey(): no message is sealed or opened with it. */
static void nonces_run_out(void **state)
{
    uint8_t out[32];
    pn_cipher a, b;
    (void)state;
    pn_cipher_init(&a, key);
    b = a;
    a.nonce = b.nonce = PN_CIPHER_NONCE_END - 1;
    assert_int_equal(pn_cipher_seal(&a, out, none, PN_BYTES_LIT("x")), PN_OK);
    assert_int_equal(pn_cipher_open(&b, out, none, (pn_bytes){ out, 17 }),
                     PN_OK);
    assert_int_equal(pn_cipher_seal(&a, out, none, PN_BYTES_LIT("x")),
                     PN_E_STATE);
    assert_int_equal(pn_cipher_open(&b, out, none, (pn_bytes){ out, 17 }),
                     PN_E_STATE);
}

/* What does not authenticate does not move the nonce; 15 bytes are short. */
static void refuses_forgeries(void **state)
{
    uint8_t sealed[17], out[17];
    pn_cipher a, b;
    (void)state;
    pn_cipher_init(&a, key);
    b = a;
    assert_int_equal(pn_cipher_seal(&a, sealed, none, PN_BYTES_LIT("x")),
                     PN_OK);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            pn_cipher_open(&b, out, none, (pn_bytes){ sealed, 17 }),
            PN_E_CRYPTO);
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(b.nonce, 0);
    assert_int_equal(pn_cipher_open(&b, out, none, (pn_bytes){ sealed, 15 }),
                     PN_E_SHORT);
    assert_int_equal(pn_cipher_open(&b, out, none, (pn_bytes){ sealed, 17 }),
                     PN_OK);
}

/* Whole blocks are sealed to the same bytes as the library's AEAD seals them,
 * whatever lies where the tag goes, and each opens the other's. */
static void blocks_are_the_same_aead(void **state)
{
    static const size_t sizes[] = { 64, 128, 512, 1024, 4096, 16384 };
    static const uint64_t nonces[] = { 0, 1, 0x0102030405060708U,
                                       PN_CIPHER_NONCE_END - 1 };
    static uint8_t plain[16384], blocks[16384], other[16384], opened[16384];
    (void)state;
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * i >> 3 ^ i);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t n = 0; n < sizeof nonces / sizeof nonces[0]; n++) {
            const size_t size = sizes[i], len = size - PN_CIPHER_TAG_BYTES;
            pn_cipher a, b, c, d;
            pn_cipher_init(&a, key);
            a.nonce = nonces[n];
            b = c = d = a;
            memcpy(blocks, plain, size); /* the tag's place is not clean */
            assert_int_equal(pn_cipher_seal_blocks(&a, blocks, size), PN_OK);
            assert_int_equal(
                pn_cipher_seal(&b, other, none, (pn_bytes){ plain, len }),
                PN_OK);
            assert_memory_equal(blocks, other, size);
            memset(opened, 0xee, size);
            assert_int_equal(
                pn_cipher_open_blocks(&c, opened, (pn_bytes){ other, size }),
                PN_OK);
            assert_memory_equal(opened, plain, len);
            for (size_t j = len; j < size; j++)
                assert_int_equal(opened[j], 0);
            assert_int_equal(
                pn_cipher_open(&d, opened, none, (pn_bytes){ blocks, size }),
                PN_OK);
            assert_memory_equal(opened, plain, len);
            assert_true(a.nonce == nonces[n] + 1 && c.nonce == a.nonce);
        }
    }
}

/* One wrong bit anywhere is refused, moves no nonce and writes nothing. */
static void blocks_refuse_forgeries(void **state)
{
    uint8_t sealed[128] = { 1, 2, 3 }, out[128], before[128];
    pn_cipher a, b;
    (void)state;
    pn_cipher_init(&a, key);
    b = a;
    assert_int_equal(pn_cipher_seal_blocks(&a, sealed, sizeof sealed), PN_OK);
    memset(before, 0xee, sizeof before);
    memcpy(out, before, sizeof out);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            pn_cipher_open_blocks(&b, out, (pn_bytes){ sealed, 128 }),
            PN_E_CRYPTO);
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(b.nonce, 0);
    assert_memory_equal(out, before, sizeof out);
    assert_int_equal(
        pn_cipher_open_blocks(&b, sealed, (pn_bytes){ sealed, 128 }), PN_OK);
    assert_int_equal(sealed[2], 3);
}

/* What is not whole blocks is not theirs; nonces run out for them too. */
static void blocks_know_their_bounds(void **state)
{
    uint8_t buf[128] = { 0 };
    pn_cipher c;
    (void)state;
    pn_cipher_init(&c, key);
    for (size_t size = 0; size < sizeof buf; size++) {
        if (size == 64)
            continue;
        assert_int_equal(pn_cipher_seal_blocks(&c, buf, size), PN_E_ARG);
        assert_int_equal(
            pn_cipher_open_blocks(&c, buf, (pn_bytes){ buf, size }), PN_E_ARG);
    }
    c.nonce = PN_CIPHER_NONCE_END;
    assert_int_equal(pn_cipher_seal_blocks(&c, buf, 64), PN_E_STATE);
    assert_int_equal(pn_cipher_open_blocks(&c, buf, (pn_bytes){ buf, 64 }),
                     PN_E_STATE);
}

/* Both ends rekey at the same record, and no record opens out of order. */
static void rekeys_in_step(void **state)
{
    uint8_t record[1024], first[1024];
    pn_cipher a, b;
    pn_bytes data;
    (void)state;
    pn_cipher_init(&a, key);
    b = a;
    for (unsigned i = 0; i < 2 * PN_LINK_REKEY_RECORDS + 1; i++) {
        memset(record + 2, (int)(i & 0xff), 5);
        assert_int_equal(pn_record_seal(&a, record, sizeof record, 5), PN_OK);
        if (i == 0)
            memcpy(first, record, sizeof first);
        assert_int_equal(memcmp(a.key, key, 32) == 0,
                         i + 1 < PN_LINK_REKEY_RECORDS);
        assert_int_equal(
            pn_record_open(&b, record, (pn_bytes){ record, 1024 }, &data),
            PN_OK);
        assert_int_equal(data.len, 5);
        assert_int_equal(data.p[4], i & 0xff);
    }
    assert_int_equal(
        pn_record_open(&b, record, (pn_bytes){ first, 1024 }, &data),
        PN_E_CRYPTO);
}

/* A record sealed by a peer that lies about its inside. */
static void judges_the_inside(void **state)
{
    static const struct {
        uint16_t used;
        size_t dirt; /* index of a nonzero byte */
        pn_err err;
    } cases[] = {
        { 0, 0, PN_OK },         { 1006, 0, PN_OK },
        { 1007, 0, PN_E_PROTO }, { 0xffff, 0, PN_E_PROTO },
        { 0, 2, PN_E_PROTO },    { 5, 7, PN_E_PROTO },
        { 5, 6, PN_OK },         { 5, 1007, PN_E_PROTO },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t record[1024] = { 0 };
        pn_bytes data;
        pn_cipher a, b;
        pn_cipher_init(&a, key);
        b = a;
        if (cases[i].dirt > 0)
            record[cases[i].dirt] = 1;
        record[0] = (uint8_t)(cases[i].used >> 8);
        record[1] = (uint8_t)cases[i].used;
        assert_int_equal(
            pn_cipher_seal(&a, record, none, (pn_bytes){ record, 1008 }),
            PN_OK);
        assert_int_equal(
            pn_record_open(&b, record, (pn_bytes){ record, 1024 }, &data),
            cases[i].err);
    }
}

static void knows_its_sizes(void **state)
{
    uint8_t record[1024];
    pn_cipher a;
    (void)state;
    for (size_t size = 0; size < 70000; size++)
        assert_int_equal(pn_record_is_size(size),
                         size == 1024 || size == 4096 || size == 16384);
    assert_int_equal(pn_record_room(4096), 4078);
    pn_cipher_init(&a, key);
    assert_int_equal(pn_record_seal(&a, record, 1024, 1007), PN_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nonces_run_out),
        cmocka_unit_test(refuses_forgeries),
        cmocka_unit_test(blocks_are_the_same_aead),
        cmocka_unit_test(blocks_refuse_forgeries),
        cmocka_unit_test(blocks_know_their_bounds),
        cmocka_unit_test(rekeys_in_step),
        cmocka_unit_test(judges_the_inside),
        cmocka_unit_test(knows_its_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
