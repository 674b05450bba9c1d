#include "proto/link/hello.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/record.h"

enum {
    OFFER_CLIENT_BYTES = 768,
    OFFER_RELAY_BYTES = 720, /* IKhfs sends a sealed static key too */
    TERMS_BYTES = 896,
    OFFER_FIELDS = 1 + 1 + 1 + 8,
    TERMS_FIELDS = 1 + 1 + 8 + 8 + 32,
    RETRY_PLAIN = PN_LINK_HELLO_BYTES - PN_RETRY_NONCE_BYTES - 16,
};

static const char prologue_label[] = "postern-link/1";

/* BLAKE2b-256 keyed with the relay key: derives what only those know who have
 * the relay's address. The label's final NUL is part of the input. */
static void derive(uint8_t out[32], const uint8_t *relay_key, const char *label,
                   size_t label_len, pn_bytes tail)
{
    crypto_generichash_state st;
    (void)crypto_generichash_init(&st, relay_key, PN_LINK_KEY_BYTES, 32);
    (void)crypto_generichash_update(&st, (const uint8_t *)label, label_len);
    (void)crypto_generichash_update(&st, tail.p, tail.len);
    (void)crypto_generichash_final(&st, out, 32);
    pn_wipe(&st, sizeof st);
}

void pn_hello_keys_derive(pn_hello_keys *out,
                          const uint8_t relay_key[PN_LINK_KEY_BYTES])
{
    static const char mac1_label[] = "postern-link/1/mac1";
    static const char retry_label[] = "postern-link/1/retry";
    for (unsigned role = 0; role < PN_HELLO_ROLES; role++) {
        const uint8_t byte = (uint8_t)role;
        derive(out->mac1[role], relay_key, mac1_label, sizeof mac1_label,
               (pn_bytes){ &byte, 1 });
    }
    derive(out->retry, relay_key, retry_label, sizeof retry_label,
           (pn_bytes){ NULL, 0 });
}

static void compute_mac1(const pn_hello_keys *keys, pn_link_role role,
                         const uint8_t *hello, uint8_t *out)
{
    (void)crypto_generichash(out, PN_HELLO_MAC_BYTES,
                             hello + PN_HELLO_MAC_BYTES,
                             PN_LINK_HELLO_BYTES - PN_HELLO_MAC_BYTES,
                             keys->mac1[role], sizeof keys->mac1[role]);
}

void pn_hello_seal_mac1(const pn_hello_keys *keys, pn_link_role role,
                        uint8_t hello[PN_LINK_HELLO_BYTES])
{
    compute_mac1(keys, role, hello, hello);
}

pn_err pn_hello_check_mac1(const pn_hello_keys *keys,
                           const uint8_t hello[PN_LINK_HELLO_BYTES],
                           pn_link_role *role)
{
    uint8_t mac1[PN_HELLO_MAC_BYTES];
    bool client, relay;
    compute_mac1(keys, PN_LINK_CLIENT, hello, mac1);
    client = pn_secret_equal(mac1, hello, sizeof mac1);
    compute_mac1(keys, PN_LINK_RELAY, hello, mac1);
    relay = pn_secret_equal(mac1, hello, sizeof mac1);
    *role = relay ? PN_LINK_RELAY : PN_LINK_CLIENT;
    return client || relay ? PN_OK : PN_E_CRYPTO;
}

void pn_hello_digest(uint8_t out[PN_PUZZLE_DIGEST_BYTES],
                     const uint8_t hello[PN_LINK_HELLO_BYTES])
{
    (void)crypto_generichash(out, PN_PUZZLE_DIGEST_BYTES,
                             hello + PN_HELLO_NOISE_AT, PN_HELLO_NOISE_BYTES,
                             NULL, 0);
}

pn_bytes pn_hello_prologue(uint8_t out[PN_HELLO_PROLOGUE_MAX],
                           pn_link_role role,
                           const uint8_t relay_key[PN_LINK_KEY_BYTES],
                           const uint8_t *previous_hash)
{
    pn_out w = pn_out_over(out, PN_HELLO_PROLOGUE_MAX);
    pn_put(&w, (pn_bytes){ (const uint8_t *)prologue_label,
                           sizeof prologue_label }); /* with its NUL */
    pn_put_u8(&w, (uint8_t)role);
    pn_put(&w, (pn_bytes){ relay_key, PN_LINK_KEY_BYTES });
    if (previous_hash != NULL)
        pn_put(&w, (pn_bytes){ previous_hash, 32 });
    return pn_out_view(&w);
}

size_t pn_hello_offer_len(pn_link_role role)
{
    return role == PN_LINK_CLIENT ? OFFER_CLIENT_BYTES : OFFER_RELAY_BYTES;
}

size_t pn_hello_terms_len(void)
{
    return TERMS_BYTES;
}

/* A record size travels as its base-2 logarithm. */
static uint8_t size_code(uint16_t size)
{
    uint8_t code = 0;
    while (size >>= 1)
        code++;
    return code;
}

/* The largest known size that is not above 2^code; 0 if none. */
static uint16_t size_from_code(uint8_t code)
{
    if (code >= 14)
        return 16384;
    if (code >= 12)
        return 4096;
    return code >= 10 ? 1024 : 0;
}

pn_err pn_hello_offer_check(const pn_link_offer *offer)
{
    if (offer->version_min == 0 || offer->version_min > offer->version_max ||
        !pn_record_is_size(offer->record_size))
        return PN_E_ARG;
    return PN_OK;
}

void pn_hello_offer_write(uint8_t *out, size_t len, const pn_link_offer *offer)
{
    pn_out w = pn_out_over(out, len);
    pn_put_u16(&w, OFFER_FIELDS);
    pn_put_u8(&w, offer->version_min);
    pn_put_u8(&w, offer->version_max);
    pn_put_u8(&w, size_code(offer->record_size));
    pn_put_u64(&w, offer->features);
    pn_put_zeros(&w, w.cap - w.len);
}

/* Split `u16 used | fields | zeros`; *fields views the fields. */
static pn_err take_fields(pn_bytes *in, pn_bytes *fields)
{
    uint16_t used;
    PN_TRY(pn_take_u16(in, &used));
    PN_TRY(pn_take(in, used, fields));
    return pn_take_zeros(in);
}

pn_err pn_hello_offer_parse(pn_bytes in, pn_link_offer *out)
{
    pn_link_offer o = { 0 };
    pn_bytes fields;
    uint8_t code;
    PN_TRY(take_fields(&in, &fields));
    PN_TRY(pn_take_u8(&fields, &o.version_min));
    PN_TRY(pn_take_u8(&fields, &o.version_max));
    PN_TRY(pn_take_u8(&fields, &code));
    PN_TRY(pn_take_u64(&fields, &o.features));
    o.record_size = size_from_code(code);
    if (pn_hello_offer_check(&o) != PN_OK)
        return PN_E_PROTO;
    *out = o;
    return PN_OK;
}

void pn_hello_terms_write(uint8_t *out, size_t len, const pn_link_terms *terms)
{
    pn_out w = pn_out_over(out, len);
    pn_put_u16(&w, TERMS_FIELDS);
    pn_put_u8(&w, terms->version);
    pn_put_u8(&w, size_code(terms->record_size));
    pn_put_u64(&w, terms->features);
    pn_put_u64(&w, terms->relay_wall_ms);
    pn_put(&w,
           (pn_bytes){ terms->descriptor_hash, sizeof terms->descriptor_hash });
    pn_put_zeros(&w, w.cap - w.len);
}

pn_err pn_hello_terms_parse(pn_bytes in, pn_link_terms *out)
{
    pn_link_terms t = { 0 };
    pn_bytes fields;
    uint8_t code;
    PN_TRY(take_fields(&in, &fields));
    PN_TRY(pn_take_u8(&fields, &t.version));
    PN_TRY(pn_take_u8(&fields, &code));
    PN_TRY(pn_take_u64(&fields, &t.features));
    PN_TRY(pn_take_u64(&fields, &t.relay_wall_ms));
    PN_TRY(pn_take_copy(&fields, t.descriptor_hash, sizeof t.descriptor_hash));
    t.record_size = size_from_code(code);
    if (t.record_size == 0 || size_code(t.record_size) != code)
        return PN_E_PROTO;
    *out = t;
    return PN_OK;
}

pn_err pn_hello_terms_check(const pn_link_terms *terms,
                            const pn_link_offer *offer)
{
    if (terms->version < offer->version_min ||
        terms->version > offer->version_max)
        return PN_E_VERSION;
    if (terms->record_size > offer->record_size ||
        (terms->features & ~offer->features) != 0)
        return PN_E_PROTO;
    return PN_OK;
}

void pn_hello_retry_seal(uint8_t out[PN_LINK_HELLO_BYTES],
                         const pn_hello_keys *keys, const uint8_t *mac1,
                         const uint8_t nonce[PN_RETRY_NONCE_BYTES],
                         const uint8_t challenge[PN_PUZZLE_CHALLENGE_BYTES],
                         unsigned difficulty)
{
    uint8_t plain[RETRY_PLAIN] = { 0 };
    memcpy(out, nonce, PN_RETRY_NONCE_BYTES);
    memcpy(plain, challenge, PN_PUZZLE_CHALLENGE_BYTES);
    plain[PN_PUZZLE_CHALLENGE_BYTES] = (uint8_t)difficulty;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + PN_RETRY_NONCE_BYTES, NULL, plain, sizeof plain, mac1,
        PN_HELLO_MAC_BYTES, NULL, nonce, keys->retry);
}

pn_err pn_hello_retry_open(const uint8_t in[PN_LINK_HELLO_BYTES],
                           const pn_hello_keys *keys, const uint8_t *mac1,
                           pn_puzzle *puzzle)
{
    uint8_t plain[RETRY_PLAIN];
    pn_bytes view = { plain, sizeof plain };
    uint8_t difficulty;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            plain, NULL, NULL, in + PN_RETRY_NONCE_BYTES,
            PN_LINK_HELLO_BYTES - PN_RETRY_NONCE_BYTES, mac1,
            PN_HELLO_MAC_BYTES, in, keys->retry) != 0)
        return PN_E_CRYPTO;
    PN_TRY(pn_take_copy(&view, puzzle->challenge, sizeof puzzle->challenge));
    PN_TRY(pn_take_u8(&view, &difficulty));
    PN_TRY(pn_take_zeros(&view));
    if (difficulty > PN_LINK_DIFFICULTY_MAX)
        return PN_E_PROTO;
    puzzle->difficulty = difficulty;
    return PN_OK;
}
