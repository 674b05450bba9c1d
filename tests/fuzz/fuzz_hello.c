/* Handshake messages. The first byte picks what the rest is made into:
 *   0 message 1 as it is        1 with a valid mac1     2 under load
 *   3 message 2                 4 a retry's inside      5 payload 1
 *   6 payload 2                 7 a genuine message 1 with a fuzzed payload
 * Nobody without the relay key ever gets a byte. */
#include <sodium.h>
#include <string.h>

#include "proto/link/link_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/linkpair.h"

typedef struct input {
    uint8_t bytes[PN_LINK_HELLO_BYTES];
} input;

static void responder(linkpair *p, const input *in, bool knows_key)
{
    pn_bytes wire = { in->bytes, sizeof in->bytes };
    const pn_err err = pn_link_feed(p->accepted, &wire);
    FUZZ_CHECK(err == PN_OK);
    FUZZ_CHECK(pn_link_ok(p->accepted));
    if (!knows_key) {
        FUZZ_CHECK(pn_link_output(p->accepted).len == 0);
        FUZZ_CHECK(pn_link_get_state(p->accepted) == PN_LINK_SILENT);
        FUZZ_CHECK(pn_gate_read_stats(p->gate).handshakes == 0);
    }
    FUZZ_CHECK(pn_link_get_state(p->accepted) != PN_LINK_OPEN);
}

static void initiator(linkpair *p, const input *in)
{
    pn_bytes wire = { in->bytes, sizeof in->bytes };
    const pn_err err = pn_link_feed(p->dialled, &wire);
    FUZZ_CHECK(pn_link_ok(p->dialled));
    FUZZ_CHECK(pn_link_get_state(p->dialled) != PN_LINK_OPEN);
    FUZZ_CHECK((err == PN_OK) == (p->dialled->phase == PN_PHASE_SOLVING));
}

/* Seal the fuzzed bytes as a retry for this initiator. */
static void seal_retry(const linkpair *p, input *in)
{
    uint8_t plain[2008];
    const pn_link_dialled *d = p->dialled->dialled;
    memcpy(plain, in->bytes, sizeof plain);
    memset(in->bytes, 1, PN_RETRY_NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        in->bytes + PN_RETRY_NONCE_BYTES, NULL, plain, sizeof plain, d->hello,
        PN_HELLO_MAC_BYTES, NULL, in->bytes, d->keys.retry);
}

/* Message 1 as a client with these payload bytes would make it. */
static void make_genuine(linkpair *p, input *in)
{
    uint8_t prologue[PN_HELLO_PROLOGUE_MAX], payload[768];
    pn_out out =
        pn_out_over(in->bytes + PN_HELLO_NOISE_AT, PN_HELLO_NOISE_BYTES);
    const pn_noise_setup setup = {
        .pattern = PN_NOISE_NKHFS,
        .remote_static = p->relay.noise_pk,
        .prologue = pn_hello_prologue(prologue, PN_LINK_CLIENT,
                                      p->relay.relay_key, NULL),
    };
    pn_noise noise;
    memcpy(payload, in->bytes, sizeof payload);
    FUZZ_CHECK(pn_noise_init(&noise, &setup) == PN_OK);
    FUZZ_CHECK(pn_noise_write(&noise, &p->env,
                              (pn_bytes){ payload, sizeof payload },
                              &out) == PN_OK);
    pn_hello_seal_mac1(&p->gate->keys, PN_LINK_CLIENT, in->bytes);
}

static void payloads(const uint8_t *data, size_t len, bool first)
{
    uint8_t again[896];
    const pn_bytes in = { data, len };
    pn_link_offer offer, offer2;
    pn_link_terms terms, terms2;
    if (first && pn_hello_offer_parse(in, &offer) == PN_OK) {
        FUZZ_CHECK(pn_hello_offer_check(&offer) == PN_OK);
        pn_hello_offer_write(again, 768, &offer);
        FUZZ_CHECK(pn_hello_offer_parse((pn_bytes){ again, 768 }, &offer2) ==
                   PN_OK);
        FUZZ_CHECK(offer2.features == offer.features &&
                   offer2.record_size == offer.record_size);
    } else if (!first && pn_hello_terms_parse(in, &terms) == PN_OK) {
        pn_hello_terms_write(again, 896, &terms);
        FUZZ_CHECK(pn_hello_terms_parse((pn_bytes){ again, 896 }, &terms2) ==
                   PN_OK);
        FUZZ_CHECK(memcmp(&terms, &terms2, sizeof terms) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const unsigned what = len > 0 ? data[0] % 8 : 0;
    input in = { { 0 } };
    linkpair p;
    if (len > 1)
        memcpy(in.bytes, data + 1,
               len - 1 < sizeof in.bytes ? len - 1 : sizeof in.bytes);
    if (what == 5 || what == 6) {
        payloads(data + 1, len - 1, what == 5);
        return 0;
    }
    FUZZ_CHECK(linkpair_init(&p, 1) == PN_OK);
    if (what == 2)
        pn_gate_set_difficulty(p.gate, 4);
    FUZZ_CHECK(linkpair_connect(&p, PN_LINK_CLIENT, 1024) == PN_OK);
    if (what == 1 || what == 2)
        pn_hello_seal_mac1(&p.gate->keys, (pn_link_role)(in.bytes[0] & 1),
                           in.bytes);
    if (what == 4)
        seal_retry(&p, &in);
    if (what == 7)
        make_genuine(&p, &in);
    if (what == 3 || what == 4)
        initiator(&p, &in);
    else
        responder(&p, &in, what != 0);
    linkpair_free(&p);
    return 0;
}
