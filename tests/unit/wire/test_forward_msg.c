#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/envelope/envelope.h"
#include "proto/link/record.h"
#include "tests/unit/wire/samples.h"

static uint8_t raw[PN_MSG_MAX];
static uint8_t filler[PN_PARCEL_MAX + 1];

static pn_bytes fill(size_t len)
{
    return (pn_bytes){ filler, len };
}

static size_t encoded_len(const pn_msg *msg)
{
    pn_out out = pn_out_over(raw, sizeof raw);
    assert_int_equal(pn_msg_encode(&out, msg), PN_OK);
    return out.len;
}

static pn_msg sample_of(pn_msg_kind kind)
{
    pn_msg m[SAMPLES];
    const size_t n = samples(m);
    for (size_t i = 0; i < n; i++) {
        if (m[i].kind == kind)
            return m[i];
    }
    fail();
    return m[0];
}

static void set_u32(pn_msg *m, size_t at, uint32_t v)
{
    memcpy((uint8_t *)&m->u + at, &v, sizeof v);
}

/* A number just outside its bound is neither sent nor taken; on it, both. */
static void numbers_keep_their_bounds(void **state)
{
    static const struct {
        pn_msg_kind kind;
        size_t at;
        uint32_t value;
        bool good;
    } v[] = {
#define U(member) offsetof(pn_msg, u.member) - offsetof(pn_msg, u)
        { PN_MSG_FORWARD, U(forward.expires_days), 0, true },
        { PN_MSG_FORWARD, U(forward.expires_days), 1, false },
        { PN_MSG_FORWARD, U(forward.expires_days), 2, true },
        { PN_MSG_FORWARD, U(forward.expires_days), 42, true },
        { PN_MSG_FORWARD, U(forward.expires_days), 43, false },
        { PN_MSG_FORWARD, U(forward.priority), 0, false },
        { PN_MSG_FORWARD, U(forward.priority), 4, false },
        { PN_MSG_FORWARD_RESULT, U(forward_result.status), 0, false },
        { PN_MSG_FORWARD_RESULT, U(forward_result.status), 5, true },
        { PN_MSG_FORWARD_RESULT, U(forward_result.status), 7, false },
        /* Only quota and busy say when to come back. */
        { PN_MSG_FORWARD_RESULT, U(forward_result.status), 1, false },
        { PN_MSG_FORWARD_RESULT, U(forward_result.status), 6, false },
        { PN_MSG_FORWARD_RESULT, U(forward_result.retry_after_ms),
          PN_RETRY_AFTER_MAX, true },
        { PN_MSG_FORWARD_RESULT, U(forward_result.retry_after_ms),
          PN_RETRY_AFTER_MAX + 1U, false },
        { PN_MSG_FORWARD_REPLY, U(forward_reply.outcome), 0, false },
        { PN_MSG_FORWARD_REPLY, U(forward_reply.outcome), PN_PARCEL_BUSY,
          false },
        { PN_MSG_FORWARD_REPLY, U(forward_reply.outcome), 4, false },
        { PN_MSG_PARCEL, U(parcel.priority), 0, false },
        { PN_MSG_PARCEL, U(parcel.priority), 4, false },
        { PN_MSG_PARCEL_RESULT, U(parcel_result.outcome), 0, false },
        { PN_MSG_PARCEL_RESULT, U(parcel_result.outcome), 4, false },
        { PN_MSG_PARCEL_RESULT, U(parcel_result.retry_after_ms), 1, false },
#undef U
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        pn_msg m = sample_of(v[i].kind);
        pn_out out = pn_out_over(raw, sizeof raw);
        set_u32(&m, v[i].at, v[i].value);
        assert_int_equal(pn_msg_ok(&m), v[i].good);
        assert_int_equal(pn_msg_encode(&out, &m), v[i].good ? PN_OK : PN_E_ARG);
    }
}

/* A parcel has one of four sizes and a reply one of five, whatever is tried. */
static void sizes_are_exact(void **state)
{
    size_t parcels = 0, replies = 0;
    pn_msg f = sample_of(PN_MSG_FORWARD);
    (void)state;
    for (size_t len = 0; len <= PN_PARCEL_MAX + 1; len++) {
        pn_msg m = { .id = 1,
                     .kind = PN_MSG_PARCEL,
                     .u.parcel = { PN_PRIORITY_BULK, fill(len) } };
        pn_msg r = { .id = 1,
                     .kind = PN_MSG_PARCEL_RESULT,
                     .u.parcel_result = { .outcome = PN_PARCEL_DONE,
                                          .reply = fill(len) } };
        f.u.forward.parcel = fill(len);
        assert_int_equal(pn_msg_ok(&m), pn_msg_ok(&f));
        parcels += pn_msg_ok(&m);
        replies += pn_msg_ok(&r);
    }
    assert_int_equal(parcels, 4);
    assert_int_equal(replies, 5);
    for (size_t c = PN_ENVELOPE_XS; c <= PN_ENVELOPE_L; c++) {
        const size_t size = pn_envelope_size((pn_envelope_class)c);
        assert_true(pn_parcel_len_ok(size + PN_PARCEL_OVERHEAD));
        assert_true(pn_reply_len_ok(size + PN_REPLY_OVERHEAD));
    }
    assert_true(pn_reply_len_ok(PN_REPLY_STATUS_BYTES));
}

/* Keys are whole or, where that means something, absent. */
static void keys_are_whole(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 65; len++) {
        pn_msg f = sample_of(PN_MSG_FORWARD);
        pn_msg d = sample_of(PN_MSG_DESCRIPTOR_REQUEST);
        pn_msg r = sample_of(PN_MSG_PARCEL_RESULT);
        f.u.forward.destination = fill(len);
        d.u.descriptor_request.relay_key = fill(len);
        r.u.parcel_result.key_id = fill(len);
        assert_int_equal(pn_msg_ok(&f), len == 32);
        assert_int_equal(pn_msg_ok(&d), len == 0 || len == 32);
        assert_int_equal(pn_msg_ok(&r), len == 0 || len == 4);
    }
}

/* Done has a reply, nothing else has; only a refusal may name a key. */
static void outcomes_go_with_their_fields(void **state)
{
    (void)state;
    for (unsigned outcome = 1; outcome <= 3; outcome++) {
        for (unsigned with = 0; with < 4; with++) {
            const pn_bytes key_id = fill(with & 1 ? 4 : 0);
            const pn_bytes reply = fill(with & 2 ? 512 : 0);
            const bool done = outcome == PN_PARCEL_DONE;
            const bool good = done == (reply.len > 0) &&
                              (outcome == PN_PARCEL_REFUSED || key_id.len == 0);
            const pn_parcel_outcome o = (pn_parcel_outcome)outcome;
            const pn_msg p = { .id = 1,
                               .kind = PN_MSG_PARCEL_RESULT,
                               .u.parcel_result = { o, 0, key_id, reply } };
            const pn_msg f = { .id = 1,
                               .kind = PN_MSG_FORWARD_REPLY,
                               .u.forward_reply = { o, key_id, reply } };
            assert_int_equal(pn_msg_ok(&p), good);
            assert_int_equal(pn_msg_ok(&f), good && o != PN_PARCEL_BUSY);
        }
    }
}

/* A descriptor has its bound, and may be missing. */
static void descriptors_are_bounded(void **state)
{
    pn_msg m = sample_of(PN_MSG_DESCRIPTOR);
    (void)state;
    m.u.descriptor.descriptor = fill(0);
    assert_true(pn_msg_ok(&m));
    m.u.descriptor.descriptor = fill(PN_DESCRIPTOR_MAX);
    assert_true(pn_msg_ok(&m));
    assert_true(4 + encoded_len(&m) <= pn_record_room(16384));
    m.u.descriptor.descriptor = fill(PN_DESCRIPTOR_MAX + 1);
    assert_false(pn_msg_ok(&m));
}

/* The framing is as small as it is said to be, with the widest id below 2^21:
 * a reply that holds an envelope fits exactly the records that the envelope's
 * class is made for. */
static void framing_is_as_promised(void **state)
{
    static const size_t record[] = { 1024, 4096, 16384, 4096 };
    static const size_t fits[] = { 1, 1, 1, 16 };
    (void)state;
    for (size_t c = PN_ENVELOPE_XS; c <= PN_ENVELOPE_L; c++) {
        const size_t size = pn_envelope_size((pn_envelope_class)c);
        const size_t parcel = size + PN_PARCEL_OVERHEAD;
        const size_t reply = size + PN_REPLY_OVERHEAD;
        pn_msg f = sample_of(PN_MSG_FORWARD), r, p;
        r = (pn_msg){ .id = (1U << 21) - 1,
                      .kind = PN_MSG_FORWARD_REPLY,
                      .u.forward_reply = { PN_PARCEL_DONE, fill(0),
                                           fill(reply) } };
        p = (pn_msg){ .id = (1U << 21) - 1,
                      .kind = PN_MSG_PARCEL_RESULT,
                      .u.parcel_result = { PN_PARCEL_DONE, 0, fill(0),
                                           fill(reply) } };
        f.id = (1U << 21) - 1;
        f.u.forward.parcel = fill(parcel);
        assert_true(4 + encoded_len(&f) <= parcel + PN_FORWARD_OVERHEAD_MAX);
        assert_true(4 + encoded_len(&r) <= reply + PN_REPLY_FRAME_MAX);
        assert_true(4 + encoded_len(&p) <= reply + PN_REPLY_FRAME_MAX);
        assert_true(4 + encoded_len(&r) <= fits[c] * pn_record_room(record[c]));
        assert_true(4 + encoded_len(&p) <= fits[c] * pn_record_room(record[c]));
    }
}

/* What PROTOCOL.md shows, byte for byte. */
static void documented_examples_hold(void **state)
{
    static const struct {
        pn_msg msg;
        const char *hex;
    } v[] = {
        { { .id = 14,
            .kind = PN_MSG_FORWARD_RESULT,
            .u.forward_result = { PN_FORWARD_ACCEPTED, 0 } },
          "080e8a040408011000" },
        { { .id = 15,
            .kind = PN_MSG_FORWARD_RESULT,
            .u.forward_result = { PN_FORWARD_BUSY, 1500 } },
          "080f8a0405080510dc0b" },
        { { .id = 15,
            .kind = PN_MSG_FORWARD_REPLY,
            .u.forward_reply = { .outcome = PN_PARCEL_REFUSED } },
          "080f92040608031200"
          "1a00" },
        { { .id = 16,
            .kind = PN_MSG_PARCEL_RESULT,
            .u.parcel_result = { PN_PARCEL_REFUSED,
                                 0,
                                 { (const uint8_t *)"\x01\x02\x03\x04", 4 },
                                 { NULL, 0 } } },
          "0810a2040c080310001a04010203042200" },
        { { .id = 17, .kind = PN_MSG_DESCRIPTOR_REQUEST },
          "0811820802"
          "0a00" },
        { { .id = 17, .kind = PN_MSG_DESCRIPTOR }, "08118a08020a00" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        uint8_t want[64];
        const size_t len = strlen(v[i].hex) / 2;
        assert_int_equal(pn_unhex(want, len, v[i].hex), PN_OK);
        assert_int_equal(encoded_len(&v[i].msg), len);
        assert_memory_equal(raw, want, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_their_bounds),
        cmocka_unit_test(sizes_are_exact),
        cmocka_unit_test(keys_are_whole),
        cmocka_unit_test(outcomes_go_with_their_fields),
        cmocka_unit_test(descriptors_are_bounded),
        cmocka_unit_test(framing_is_as_promised),
        cmocka_unit_test(documented_examples_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
