/* A parcel from anywhere, one that a hostile sender sealed as it should be, and
 * an answer by a hostile relay. What opens is, to the byte, what the encoder
 * writes for its meaning; what does not leaves nothing behind. */
#include <sodium.h>
#include <string.h>

#include "proto/parcel/inside.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/parcelkit.h"

static parcelkit kit; /* made once: always the same */
static uint8_t parcel[PN_PARCEL_MAX], plain[PN_PARCEL_PLAIN_MAX];
static uint8_t content[PN_PARCEL_PLAIN_MAX], again[PN_PARCEL_PLAIN_MAX];

/* The input, then zeros. */
static void fill(size_t whole, const uint8_t *data, size_t size)
{
    const size_t take = size < whole ? size : whole;
    memset(content, 0, whole);
    if (take > 0)
        memcpy(content, data, take);
}

static void raw(const uint8_t *data, size_t size)
{
    const pn_bytes in = { data, size };
    pn_parcel_opened got;
    pn_parcel_face face;
    const pn_err looked = pn_parcel_look(&face, in);
    const pn_err err = pn_parcel_open(&got, in, kit.relay_key, &kit.onion,
                                      plain, sizeof plain);
    FUZZ_CHECK(err == PN_E_PROTO || err == PN_E_NOT_FOUND ||
               err == PN_E_CRYPTO);
    FUZZ_CHECK((looked == PN_OK) == (err != PN_E_PROTO));
    FUZZ_CHECK(sodium_is_zero((const uint8_t *)&got, sizeof got) == 1);
}

/* The first byte picks the class, the rest is the start of the content. Sealing
 * is slow, so that only what reads is sealed and opened, too. */
static void hostile(const uint8_t *data, size_t size)
{
    const pn_envelope_class c = (pn_envelope_class)(data[0] & 3);
    const size_t whole = PN_PARCEL_HEADER_BYTES + pn_envelope_size(c);
    pn_parcel_command cmd;
    pn_parcel_opened got;
    size_t len;
    fill(whole, data + 1, size - 1);
    if (pn_parcel_command_read(&cmd, (pn_bytes){ content, whole }) != PN_OK)
        return;
    len = parcelkit_seal_content(&kit, content, c, parcel);
    FUZZ_CHECK(pn_parcel_open(&got, (pn_bytes){ parcel, len }, kit.relay_key,
                              &kit.onion, plain, sizeof plain) == PN_OK);
    FUZZ_CHECK(parcelkit_command_equal(&got.command, &cmd));
    FUZZ_CHECK(pn_parcel_command_ok(&got.command));
    FUZZ_CHECK(pn_parcel_class_for(&got.command) == c);
    FUZZ_CHECK(got.content.len == whole);
    pn_parcel_command_write(&got.command, again);
    if (got.command.kind != PN_PARCEL_DEPOSIT) {
        memcpy(again + PN_PARCEL_SIGNATURE_AT, plain + PN_PARCEL_SIGNATURE_AT,
               PN_SIGNATURE_BYTES);
        FUZZ_CHECK(pn_parcel_check(&got, kit.queue_pk) == PN_E_CRYPTO);
    }
    FUZZ_CHECK(memcmp(again, content, whole) == 0);
}

/* The first two bytes are the command that is answered, the rest the start of
 * what the answer says. */
static void answer(const uint8_t *data, size_t size)
{
    const pn_parcel_reply reply = { .kind = data[0], .room = data[1] & 3 };
    const size_t whole =
        pn_parcel_reply_size(&reply) - PN_REPLY_NONCE_BYTES - 16;
    pn_parcel_answer got;
    fill(whole, data + 2, size - 2);
    if (pn_parcel_answer_read(&got, &reply, (pn_bytes){ content, whole }) !=
        PN_OK)
        return;
    FUZZ_CHECK(pn_parcel_answer_ok(&reply, &got));
    pn_parcel_answer_write(&reply, &got, again, whole);
    FUZZ_CHECK(memcmp(again, content, whole) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (kit.to.relay_key == NULL)
        parcelkit_init(&kit, 77);
    kit.sim.state = 1;
    raw(data, size);
    if (size >= 1)
        hostile(data, size);
    if (size >= 2)
        answer(data, size);
    return 0;
}
