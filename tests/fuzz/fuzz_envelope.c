/* An envelope from anywhere, and one whose plaintext the fuzzer chose: what
 * opens has inner bytes that seal to the same class again. */
#include <sodium.h>
#include <string.h>

#include "proto/envelope/envelope.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t key[32], id[32];
static uint8_t sealed[PN_ENVELOPE_MAX], opened[PN_ENVELOPE_MAX];

/* The first byte picks a class, the rest is the start of its plaintext. */
static size_t seal_chosen(const uint8_t *data, size_t size)
{
    static uint8_t plain[PN_ENVELOPE_MAX];
    uint8_t ad[18 + 32] = "postern/envelope/1";
    const size_t whole = pn_envelope_size((pn_envelope_class)(data[0] & 3));
    const size_t room = whole - 40, take = size - 1 < room ? size - 1 : room;
    memset(plain, 0, room);
    memcpy(plain, data + 1, take);
    memcpy(ad + 18, id, sizeof id);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed + 24, NULL, plain, room, ad, sizeof ad, NULL, sealed, key);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pn_envelope_class least;
    pn_bytes inner;
    size_t len;
    if (pn_envelope_open(key, id, (pn_bytes){ data, size }, opened,
                         sizeof opened, &inner) == PN_OK)
        FUZZ_CHECK(inner.len >= 1);
    if (size == 0)
        return 0;
    memset(sealed, 0, 24);
    len = seal_chosen(data, size);
    if (pn_envelope_open(key, id, (pn_bytes){ sealed, len }, opened,
                         sizeof opened, &inner) == PN_OK) {
        FUZZ_CHECK(inner.len >= 1 && inner.len <= PN_ENVELOPE_INNER_MAX);
        FUZZ_CHECK(pn_envelope_class_for(&least, inner.len, PN_ENVELOPE_XS) ==
                   PN_OK);
        FUZZ_CHECK(pn_envelope_size(least) <= len);
    }
    return 0;
}
