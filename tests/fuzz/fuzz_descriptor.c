/* A descriptor from anywhere, and one that its own relay signed in bad faith:
 * what reads keeps every rule, and is signed again to the same bytes. */
#include <sodium.h>
#include <string.h>

#include "proto/roster/descriptor.h"
#include "tests/fuzz/fuzz.h"

enum { LABEL = 20, SIGNATURE = 64, KEY_AT = 1 };

static uint8_t public_key[32], secret_key[64];
static uint8_t message[LABEL + PN_DESCRIPTOR_BYTES_MAX] =
    "postern/descriptor/1";
static uint8_t again[PN_DESCRIPTOR_BYTES_MAX];

static void check(const pn_descriptor *d, pn_bytes in)
{
    pn_descriptor copy = *d;
    const pn_descriptor_onion *o;
    size_t len;
    FUZZ_CHECK(pn_descriptor_ok(d));
    FUZZ_CHECK(pn_descriptor_newer(d, d) == PN_E_EXISTS);
    o = pn_descriptor_onion_at(d, d->from_ms);
    FUZZ_CHECK(o == NULL ||
               (o->from_ms <= d->from_ms && d->from_ms < o->until_ms));
    FUZZ_CHECK(pn_descriptor_sign(&copy, secret_key, again, sizeof again,
                                  &len) == PN_OK);
    FUZZ_CHECK(len == in.len && memcmp(again, in.p, len) == 0);
    FUZZ_CHECK(memcmp(copy.hash, d->hash, sizeof copy.hash) == 0);
}

/* The input as the body, under the relay key of a signer we have. */
static void signed_in_bad_faith(const uint8_t *data, size_t size)
{
    uint8_t *const whole = message + LABEL;
    pn_descriptor d;
    if (size < KEY_AT + sizeof public_key ||
        size > PN_DESCRIPTOR_BYTES_MAX - SIGNATURE)
        return;
    memcpy(whole, data, size);
    memcpy(whole + KEY_AT, public_key, sizeof public_key);
    (void)crypto_sign_detached(whole + size, NULL, message, LABEL + size,
                               secret_key);
    if (pn_descriptor_read(&d, (pn_bytes){ whole, size + SIGNATURE }) == PN_OK)
        check(&d, (pn_bytes){ whole, size + SIGNATURE });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[32] = { 3 };
    pn_descriptor d = { 0 };
    pn_err err;
    if (sodium_init() < 0 ||
        crypto_sign_seed_keypair(public_key, secret_key, seed) != 0)
        abort();
    err = pn_descriptor_read(&d, (pn_bytes){ data, size });
    FUZZ_CHECK(err == PN_OK || err == PN_E_PROTO || err == PN_E_CRYPTO);
    FUZZ_CHECK(err != PN_OK || pn_descriptor_ok(&d));
    signed_in_bad_faith(data, size);
    return 0;
}
