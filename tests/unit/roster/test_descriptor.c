#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "proto/link/link.h"
#include "proto/link/record.h"
#include "proto/roster/descriptor.h"
#include "proto/wire/forward.h"

#define DAY (UINT64_C(24) * 3600 * 1000)
#define START UINT64_C(1767225600000) /* 2026-01-01 */

static pn_link_identity relay, stranger;
static uint8_t onions[PN_DESCRIPTOR_ONIONS_MAX][PN_XWING_PK_BYTES];
static uint8_t operator_id[PN_OPERATOR_ID_BYTES];
static uint8_t raw[PN_DESCRIPTOR_BYTES_MAX + 1];
static uint8_t raw2[PN_DESCRIPTOR_BYTES_MAX];
static char long_text[PN_DESCRIPTOR_ADDRESSES_MAX][PN_DESCRIPTOR_ADDRESS_MAX];

static int setup(void **state)
{
    static const uint8_t seeds[2][32] = { { 1 }, { 2 } };
    (void)state;
    for (size_t i = 0; i < PN_DESCRIPTOR_ONIONS_MAX; i++)
        memset(onions[i], (int)(i + 1), sizeof onions[i]);
    memset(operator_id, 9, sizeof operator_id);
    for (size_t i = 0; i < PN_DESCRIPTOR_ADDRESSES_MAX; i++)
        memset(long_text[i], (int)('a' + i), sizeof long_text[i]);
    return pn_link_identity_from_seed(&relay, seeds[0]) != PN_OK ||
           pn_link_identity_from_seed(&stranger, seeds[1]) != PN_OK;
}

static pn_descriptor sample(void)
{
    pn_descriptor d = {
        .relay_key = relay.relay_key,
        .sequence = 7,
        .from_ms = START,
        .until_ms = START + 14 * DAY,
        .features = 3,
        .limits = { .largest = 3,
                    .ttl_days = 90,
                    .forward_days = 21,
                    .access = PN_ACCESS_SECRET,
                    .queue_count = 128,
                    .queue_bytes = 4194304 },
        .operator_id = operator_id,
        .label = PN_BYTES_LIT("Caf\xc3\xa9 des libert\xc3\xa9s"),
        .address_count = 2,
        .onion_count = 3,
    };
    d.addresses[0] =
        (pn_descriptor_address){ PN_CARRIER_TCP,
                                 PN_BYTES_LIT("relay.example.org:443") };
    d.addresses[1] =
        (pn_descriptor_address){ PN_CARRIER_WEBSOCKET,
                                 PN_BYTES_LIT("relay.example.org:443") };
    for (size_t i = 0; i < PN_DESCRIPTOR_ONIONS_MAX; i++)
        d.onions[i] = (pn_descriptor_onion){
            .pk = onions[i],
            .from_ms = START + i * 7 * DAY,
            .until_ms = START + i * 7 * DAY + 42 * DAY,
        };
    return d;
}

static size_t sign(pn_descriptor *d)
{
    size_t len;
    assert_int_equal(
        pn_descriptor_sign(d, relay.sign_sk, raw, sizeof raw, &len), PN_OK);
    return len;
}

/* Put a good signature under whatever raw[0..len) now says. */
static void sign_again(size_t len)
{
    static uint8_t message[20 + sizeof raw];
    memcpy(message, "postern/descriptor/1", 20);
    memcpy(message + 20, raw, len - 64);
    (void)crypto_sign_detached(raw + len - 64, NULL, message, 20 + len - 64,
                               relay.sign_sk);
}

static pn_err read_raw(pn_descriptor *out, size_t len)
{
    return pn_descriptor_read(out, (pn_bytes){ raw, len });
}

/* It comes back as it was signed, and is signed again to the same bytes. */
static void it_round_trips(void **state)
{
    pn_descriptor d = sample(), got;
    const size_t len = sign(&d);
    uint8_t hash[32];
    size_t again;
    (void)state;
    assert_int_equal(read_raw(&got, len), PN_OK);
    assert_int_equal(got.sequence, 7);
    assert_int_equal(got.until_ms, START + 14 * DAY);
    assert_memory_equal(&got.limits, &d.limits, sizeof got.limits);
    assert_true(pn_bytes_equal(got.label, d.label));
    assert_int_equal(got.address_count, 2);
    assert_int_equal(got.addresses[1].carrier, PN_CARRIER_WEBSOCKET);
    assert_true(pn_bytes_equal(got.addresses[1].text, d.addresses[1].text));
    assert_int_equal(got.onion_count, 3);
    for (size_t i = 0; i < 3; i++) {
        uint8_t id[PN_ONION_ID_BYTES];
        pn_onion_id(id, onions[i]);
        assert_memory_equal(got.onions[i].id, id, sizeof id);
        assert_memory_equal(got.onions[i].pk, onions[i], sizeof onions[i]);
        assert_int_equal(got.onions[i].from_ms, START + i * 7 * DAY);
    }
    (void)crypto_generichash(hash, sizeof hash, raw, len, NULL, 0);
    assert_memory_equal(got.hash, hash, sizeof hash);
    assert_memory_equal(d.hash, hash, sizeof hash);
    assert_int_equal(
        pn_descriptor_sign(&got, relay.sign_sk, raw2, sizeof raw2, &again),
        PN_OK);
    assert_int_equal(again, len);
    assert_memory_equal(raw2, raw, len);
}

/* The largest there is fits its bound, the bound a record, and the wire and
 * this room mean the same bound; seven keys leave half of the record. */
static void the_largest_fits(void **state)
{
    pn_descriptor d = sample(), got;
    size_t len;
    (void)state;
    d.onion_count = 7;
    assert_true(sign(&d) < 9216);
    d.onion_count = PN_DESCRIPTOR_ONIONS_MAX;
    d.address_count = PN_DESCRIPTOR_ADDRESSES_MAX;
    for (size_t i = 0; i < PN_DESCRIPTOR_ADDRESSES_MAX; i++)
        d.addresses[i] = (pn_descriptor_address){
            255, { (const uint8_t *)long_text[i], sizeof long_text[i] }
        };
    d.label = (pn_bytes){ (const uint8_t *)long_text[0], 64 };
    len = sign(&d);
    assert_int_equal(read_raw(&got, len), PN_OK);
    assert_true(len <= PN_DESCRIPTOR_BYTES_MAX);
    assert_int_equal(PN_DESCRIPTOR_BYTES_MAX, PN_DESCRIPTOR_MAX);
    assert_int_equal(PN_DESCRIPTOR_KEY_BYTES, PN_RELAY_KEY_BYTES);
    assert_true(PN_DESCRIPTOR_BYTES_MAX + 32 <= pn_record_room(16384));
}

/* Every bit counts; nothing may be missing or follow. */
static void no_bit_changes(void **state)
{
    pn_descriptor d = sample(), got;
    const size_t len = sign(&d);
    (void)state;
    for (size_t at = 0; at < len; at += at < 200 || at > len - 70 ? 1 : 41) {
        pn_err err;
        raw[at] ^= 1;
        err = read_raw(&got, len);
        assert_true(err == PN_E_CRYPTO || err == PN_E_PROTO);
        raw[at] ^= 1;
    }
    for (size_t n = 0; n < len; n += n < 300 ? 1 : 59) {
        const pn_err err = read_raw(&got, n);
        assert_true(err == PN_E_CRYPTO || err == PN_E_PROTO);
    }
    raw[len] = 0;
    assert_true(read_raw(&got, len + 1) != PN_OK);
    /* Even under a good signature. */
    sign_again(len + 1);
    assert_int_equal(read_raw(&got, len + 1), PN_E_PROTO);
    assert_int_equal(read_raw(&got, sizeof raw), PN_E_PROTO);
}

/* What no rule allows is not read, though its signature be good. */
static void rules_hold_for_the_signer_too(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } v[] = {
        { 0, 0 },      { 0, 2 },      /* version */
        { 40, 0 },                    /* sequence 0 */
        { 65, 4 },                    /* largest class */
        { 66, 1 },     { 66, 91 },    /* ttl_days */
        { 67, 43 },                   /* forward_days */
        { 68, 0 },     { 68, 4 },     /* access */
        { 72, 0 },                    /* queue_count 0 */
        { 75, 0 },                    /* queue_bytes 0 */
        { 109, 65 },                  /* label too long */
        { 109, 8 },                   /* or its length wrong */
        { 110, '\n' }, { 113, 0xff }, /* label no line of text */
        { 129, 9 },                   /* nine addresses */
        { 130, 0 },                   /* carrier 0 */
        { 131, 0 },                   /* empty address */
        { 132, ' ' },  { 132, 0x7f }, /* not graphic */
        { 153, 1 },                   /* twice the same address */
        { 176, 9 },    { 176, 2 },    /* keys: nine, or bytes left */
    };
    pn_descriptor d = sample(), got;
    const size_t len = sign(&d);
    (void)state;
    d.limits.queue_count = 1; /* so that one byte is all of it */
    d.limits.queue_bytes = 256;
    assert_int_equal(sign(&d), len);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        const uint8_t was = raw[v[i].at];
        raw[v[i].at] = v[i].value;
        sign_again(len);
        assert_int_equal(read_raw(&got, len), PN_E_PROTO);
        raw[v[i].at] = was;
        sign_again(len);
        assert_int_equal(read_raw(&got, len), PN_OK);
    }
}

/* What breaks a rule is not signed either. */
static void bad_ones_are_not_signed(void **state)
{
    pn_descriptor good = sample(), d;
    size_t len;
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        d = good;
        switch (i) {
        case 0:
            d.sequence = 0;
            break;
        case 1:
            d.until_ms = d.from_ms;
            break;
        case 2:
            d.until_ms = d.from_ms + 60 * DAY + 1;
            break;
        case 3:
            d.onions[1].until_ms = d.onions[1].from_ms + 42 * DAY + 1;
            break;
        case 4:
            d.onions[1].from_ms = d.onions[0].from_ms - 1; /* out of order */
            break;
        case 5:
            d.onions[1].pk = onions[0]; /* twice */
            break;
        case 6:
            d.onion_count = PN_DESCRIPTOR_ONIONS_MAX + 1;
            break;
        case 7:
            d.address_count = PN_DESCRIPTOR_ADDRESSES_MAX + 1;
            break;
        case 8:
            d.addresses[1].carrier = PN_CARRIER_TCP; /* twice */
            break;
        case 9:
            d.relay_key = stranger.relay_key;
            break;
        case 10:
            d.until_ms = 0; /* before it begins */
            break;
        default:
            d.label.len = 65;
            break;
        }
        len = 1;
        assert_int_equal(
            pn_descriptor_sign(&d, relay.sign_sk, raw, sizeof raw, &len),
            PN_E_ARG);
        assert_int_equal(len, 0);
    }
    len = sign(&good);
    for (size_t cap = 0; cap < len; cap += cap + 70 < len ? 17 : 1) {
        size_t none = 1;
        assert_int_equal(
            pn_descriptor_sign(&good, relay.sign_sk, raw, cap, &none),
            PN_E_FULL);
        assert_int_equal(none, 0);
    }
}

/* Verifying wants the right relay and the right time, a skew apart. */
static void verifying_asks_whose_and_when(void **state)
{
    pn_descriptor d = sample(), got;
    const size_t len = sign(&d);
    const pn_bytes in = { raw, len };
    const uint64_t skew = PN_DESCRIPTOR_SKEW_MS;
    const struct {
        uint64_t now;
        pn_err want;
    } v[] = {
        { 0, PN_E_TIMEOUT },
        { START - skew - 1, PN_E_TIMEOUT },
        { START - skew, PN_OK },
        { START, PN_OK },
        { START + 14 * DAY, PN_OK },
        { START + 14 * DAY + skew - 1, PN_OK },
        { START + 14 * DAY + skew, PN_E_TIMEOUT },
        { UINT64_MAX, PN_E_TIMEOUT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        assert_int_equal(
            pn_descriptor_verify(&got, in, relay.relay_key, v[i].now),
            v[i].want);
    }
    assert_int_equal(pn_descriptor_verify(&got, in, stranger.relay_key, START),
                     PN_E_REFUSED);
    raw[len - 1] ^= 1;
    assert_int_equal(pn_descriptor_verify(&got, in, relay.relay_key, START),
                     PN_E_CRYPTO);
}

/* The times of a descriptor at the ends of the clock do not wrap around. */
static void times_do_not_wrap(void **state)
{
    pn_descriptor d = sample(), got;
    size_t len;
    (void)state;
    d.onion_count = 0;
    d.from_ms = UINT64_MAX - DAY;
    d.until_ms = UINT64_MAX;
    len = sign(&d);
    assert_int_equal(
        pn_descriptor_verify(&got, (pn_bytes){ raw, len }, relay.relay_key, 5),
        PN_E_TIMEOUT);
    assert_int_equal(pn_descriptor_verify(&got, (pn_bytes){ raw, len },
                                          relay.relay_key, UINT64_MAX),
                     PN_OK);
    d.from_ms = 0;
    d.until_ms = 1;
    len = sign(&d);
    assert_int_equal(
        pn_descriptor_verify(&got, (pn_bytes){ raw, len }, relay.relay_key, 0),
        PN_OK);
}

/* A later one replaces an earlier, never the other way; the same is the same;
 * two contents under one number are a lie; relays are not mixed up. */
static void order_allows_no_rollback(void **state)
{
    pn_descriptor d = sample(), old, next;
    uint8_t first[PN_DESCRIPTOR_BYTES_MAX];
    size_t len = sign(&d);
    (void)state;
    memcpy(first, raw, len);
    assert_int_equal(pn_descriptor_read(&old, (pn_bytes){ first, len }), PN_OK);
    assert_int_equal(pn_descriptor_newer(&old, &old), PN_E_EXISTS);
    d.sequence = 8;
    len = sign(&d);
    assert_int_equal(read_raw(&next, len), PN_OK);
    assert_int_equal(pn_descriptor_newer(&old, &next), PN_OK);
    assert_int_equal(pn_descriptor_newer(&next, &old), PN_E_REFUSED);
    d.sequence = 7;
    d.features = 1;
    len = sign(&d);
    assert_int_equal(read_raw(&next, len), PN_OK);
    assert_int_equal(pn_descriptor_newer(&old, &next), PN_E_PROTO);
    d.relay_key = stranger.relay_key;
    d.sequence = 9;
    assert_int_equal(
        pn_descriptor_sign(&d, stranger.sign_sk, raw, sizeof raw, &len), PN_OK);
    assert_int_equal(read_raw(&next, len), PN_OK);
    assert_int_equal(pn_descriptor_newer(&old, &next), PN_E_ARG);
}

/* Of the keys that hold now the youngest is taken; none outside its time. */
static void youngest_key_is_taken(void **state)
{
    pn_descriptor d = sample();
    (void)state;
    assert_null(pn_descriptor_onion_at(&d, START - 1));
    assert_ptr_equal(pn_descriptor_onion_at(&d, START), &d.onions[0]);
    assert_ptr_equal(pn_descriptor_onion_at(&d, START + 7 * DAY - 1),
                     &d.onions[0]);
    assert_ptr_equal(pn_descriptor_onion_at(&d, START + 7 * DAY), &d.onions[1]);
    assert_ptr_equal(pn_descriptor_onion_at(&d, START + 55 * DAY),
                     &d.onions[2]);
    assert_null(pn_descriptor_onion_at(&d, START + 56 * DAY));
    d.onion_count = 0;
    assert_null(pn_descriptor_onion_at(&d, START));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_round_trips),
        cmocka_unit_test(the_largest_fits),
        cmocka_unit_test(no_bit_changes),
        cmocka_unit_test(rules_hold_for_the_signer_too),
        cmocka_unit_test(bad_ones_are_not_signed),
        cmocka_unit_test(verifying_asks_whose_and_when),
        cmocka_unit_test(times_do_not_wrap),
        cmocka_unit_test(order_allows_no_rollback),
        cmocka_unit_test(youngest_key_is_taken),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
