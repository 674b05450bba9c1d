#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/envelope/envelope.h"
#include "proto/link/record.h"
#include "proto/schema/link.pb-c.h"
#include "proto/wire/msg.h"
#include "tests/unit/wire/samples.h"

static uint8_t raw[PN_MSG_MAX], raw2[PN_MSG_MAX];

static pn_bytes encode(uint8_t *to, const pn_msg *msg)
{
    pn_out out = pn_out_over(to, PN_MSG_MAX);
    assert_int_equal(pn_msg_encode(&out, msg), PN_OK);
    return pn_out_view(&out);
}

static pn_err decode(pn_msg *out, pn_bytes frame)
{
    static pn_msg_scratch s;
    static bool ready;
    if (!ready)
        pn_msg_scratch_init(&s);
    ready = true;
    return pn_msg_decode(out, &s, frame);
}

/* Every kind survives the way there and back; one byte less room is refused
 * whole. */
static void every_kind_round_trips(void **state)
{
    pn_msg m[SAMPLES];
    const size_t n = samples(m);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        const pn_bytes frame = encode(raw, &m[i]);
        pn_out tight = pn_out_over(raw2, frame.len - 1);
        pn_msg got;
        assert_int_equal(decode(&got, frame), PN_OK);
        assert_true(pn_msg_equal(&got, &m[i]));
        assert_int_equal(pn_msg_encode(&tight, &m[i]), PN_E_FULL);
        assert_int_equal(tight.len, 0);
    }
}

/* The tables write what the generated code of the schema writes: parse with
 * it, pack again, same bytes. */
static void tables_agree_with_the_schema(void **state)
{
    pn_msg m[SAMPLES];
    const size_t n = samples(m);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        const pn_bytes frame = encode(raw, &m[i]);
        Pn__Link__Frame *f = pn__link__frame__unpack(NULL, frame.len, frame.p);
        assert_non_null(f);
        assert_int_equal(f->base.n_unknown_fields, 0);
        assert_int_equal((int)f->body_case, (int)m[i].kind);
        assert_int_equal(pn__link__frame__pack(f, raw2), frame.len);
        assert_memory_equal(raw2, frame.p, frame.len);
        pn__link__frame__free_unpacked(f, NULL);
    }
}

/* A frame that is not the encoder's, in whatever one byte, is either refused
 * or is exactly the encoding of what was read; no cut is accepted. */
static void only_the_canonical_spelling_passes(void **state)
{
    pn_msg m[SAMPLES];
    const size_t n = samples(m);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        const pn_bytes frame = encode(raw, &m[i]);
        pn_msg got;
        for (size_t len = 0; len < frame.len; len++)
            assert_int_equal(decode(&got, (pn_bytes){ raw, len }), PN_E_PROTO);
        for (size_t at = 0; at < frame.len && at < 300; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                raw[at] ^= (uint8_t)(1U << bit);
                if (decode(&got, frame) == PN_OK) {
                    const pn_bytes again = encode(raw2, &got);
                    assert_int_equal(again.len, frame.len);
                    assert_memory_equal(again.p, frame.p, frame.len);
                }
                raw[at] ^= (uint8_t)(1U << bit);
            }
        }
        raw[frame.len] = 0;
        assert_int_equal(decode(&got, (pn_bytes){ raw, frame.len + 1 }),
                         PN_E_PROTO);
    }
}

static void set_u32(pn_msg *m, size_t at, uint32_t v)
{
    memcpy((uint8_t *)&m->u + at, &v, sizeof v);
}

/* A value just outside its bound is neither sent nor taken. */
static void bounds_are_kept(void **state)
{
    static const struct {
        pn_msg_kind kind;
        size_t at;
        uint32_t bad;
    } v[] = {
#define U(member) offsetof(pn_msg, u.member) - offsetof(pn_msg, u)
        { PN_MSG_DEPOSIT, U(deposit.priority), 0 },
        { PN_MSG_DEPOSIT, U(deposit.priority), 4 },
        { PN_MSG_DEPOSIT, U(deposit.ttl_days), 1 },
        { PN_MSG_DEPOSIT, U(deposit.ttl_days), 91 },
        { PN_MSG_DEPOSIT_RESULT, U(deposit_result.status), 0 },
        { PN_MSG_DEPOSIT_RESULT, U(deposit_result.status), 1 },
        { PN_MSG_DEPOSIT_RESULT, U(deposit_result.status), 7 },
        { PN_MSG_DEPOSIT_RESULT, U(deposit_result.retry_after_ms),
          PN_RETRY_AFTER_MAX + 1 },
        { PN_MSG_FETCH, U(fetch.handle), 0 },
        { PN_MSG_FETCH, U(fetch.handle), PN_HANDLE_MAX + 1 },
        { PN_MSG_FETCH, U(fetch.max), 0 },
        { PN_MSG_FETCH, U(fetch.max), PN_FETCH_MAX + 1 },
        { PN_MSG_DELIVER, U(deliver.handle), 0 },
        { PN_MSG_DELIVER, U(deliver.priority), 4 },
        { PN_MSG_FETCH_END, U(fetch_end.refused), 8 },
        { PN_MSG_ACK, U(ack.handle), 0 },
        { PN_MSG_ACKED, U(acked.forgotten), PN_ACK_MAX + 1 },
        { PN_MSG_QUEUE_CREATE, U(queue_create.ttl_days), 0 },
        { PN_MSG_QUEUE_CREATE, U(queue_create.ttl_days), 91 },
        { PN_MSG_QUEUE_CREATE, U(queue_create.window), PN_WINDOW_MAX + 1 },
        { PN_MSG_QUEUE_CREATED, U(queue_created.max_count), 0 },
        { PN_MSG_QUEUE_CREATED, U(queue_created.max_bytes), 0 },
        { PN_MSG_QUEUE_OPEN, U(queue_open.window), PN_WINDOW_MAX + 1 },
        { PN_MSG_QUEUE_DONE, U(queue_done.status), 5 },
        { PN_MSG_QUEUE_DONE, U(queue_done.retry_after_ms), 1 },
        { PN_MSG_QUEUE_CLOSED, U(queue_closed.reason), 3 },
        { PN_MSG_QUEUE_SUSPEND, U(queue_handle.handle), 0 },
        { PN_MSG_QUEUE_ROTATE, U(queue_rotate.handle), UINT32_MAX },
    };
    pn_msg m[SAMPLES];
    const size_t n = samples(m);
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        size_t k = 0;
        pn_msg bad;
        pn_out out = pn_out_over(raw, sizeof raw);
        while (k < n && m[k].kind != v[i].kind)
            k++;
        assert_true(k < n);
        bad = m[k];
        set_u32(&bad, v[i].at, v[i].bad);
        assert_false(pn_msg_ok(&bad));
        assert_int_equal(pn_msg_encode(&out, &bad), PN_E_ARG);
        assert_false(pn_msg_equal(&bad, &m[k]));
    }
}

/* Ids, keys and envelopes have their length and no other. */
static void lengths_are_exact(void **state)
{
    static const size_t wrong[] = { 0,    1,     895,   897,  1024,
                                    3967, 16255, 65407, 65536 };
    pn_msg m[SAMPLES], x;
    (void)state;
    (void)samples(m);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        x = m[0];
        x.u.deposit.envelope.len = wrong[i];
        assert_false(pn_msg_ok(&x));
        x = m[3];
        x.u.deliver.envelope.len = wrong[i];
        assert_int_equal(pn_msg_ok(&x), wrong[i] == 0);
    }
    x = m[0];
    for (size_t c = PN_ENVELOPE_XS; c <= PN_ENVELOPE_L; c++) {
        x.u.deposit.envelope.len = pn_envelope_size((pn_envelope_class)c);
        assert_true(pn_msg_ok(&x));
    }
    x = m[0];
    x.u.deposit.send_id.len = 31;
    assert_false(pn_msg_ok(&x));
    x = m[5];
    x.u.ack.message_ids.len = 0;
    assert_true(pn_msg_ok(&x));
    x.u.ack.message_ids.len = 15;
    assert_false(pn_msg_ok(&x));
    x.u.ack.message_ids.len = (PN_ACK_MAX + 1) * PN_MESSAGE_ID_BYTES;
    assert_false(pn_msg_ok(&x));
    x = m[9];
    x.u.queue_open.proofs.len = 0;
    assert_false(pn_msg_ok(&x));
    x.u.queue_open.proofs.len = (PN_OPEN_MAX + 1) * PN_QUEUE_PROOF_BYTES;
    assert_false(pn_msg_ok(&x));
}

/* Id 0 stands in what nobody asked for, and only there. */
static void ids_follow_the_kind(void **state)
{
    pn_msg m[SAMPLES];
    const size_t n = samples(m);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        pn_msg x = m[i];
        x.id = 0;
        assert_int_equal(pn_msg_ok(&x), x.kind == PN_MSG_DELIVER ||
                                            x.kind == PN_MSG_QUEUE_CLOSED);
        x.id = UINT64_MAX;
        assert_int_equal(pn_msg_ok(&x), x.kind != PN_MSG_QUEUE_CLOSED);
    }
}

/* An unknown queue's line says nothing but that. */
static void unknown_queue_has_no_details(void **state)
{
    pn_opened_queue q[PN_OPEN_MAX] = { { .known = true, .handle = 1 } };
    pn_msg x = { .id = 1,
                 .kind = PN_MSG_QUEUE_OPENED,
                 .u.queue_opened = { q, 1 } };
    (void)state;
    assert_true(pn_msg_ok(&x));
    q[0].handle = 0;
    assert_false(pn_msg_ok(&x));
    q[0] = (pn_opened_queue){ .waiting = 1 };
    assert_false(pn_msg_ok(&x));
    memset(q, 0, sizeof q);
    x.u.queue_opened.count = PN_OPEN_MAX;
    assert_true(pn_msg_ok(&x));
    x.u.queue_opened.count = 0;
    assert_false(pn_msg_ok(&x));
}

/* A deposit of class XS, S or M, alone, takes exactly one record of the size
 * it is made for, with the widest id below 2^21 and the widest ttl; so does a
 * delivery. One of class L fits 16 records of 4096 and 4 of 16384. */
static void deposits_fill_their_records(void **state)
{
    static const size_t record[] = { 1024, 4096, 16384 };
    pn_msg m[SAMPLES], x;
    (void)state;
    (void)samples(m);
    x = m[0];
    x.id = (1U << 21) - 1;
    x.u.deposit.ttl_days = PN_TTL_DAYS_MAX;
    for (size_t c = PN_ENVELOPE_XS; c <= PN_ENVELOPE_L; c++) {
        const size_t size = pn_envelope_size((pn_envelope_class)c);
        size_t len;
        x.u.deposit.envelope = sample_bytes(0, size);
        len = 4 + encode(raw, &x).len;
        assert_true(len - size <= PN_DEPOSIT_OVERHEAD_MAX);
        if (c < PN_ENVELOPE_L) {
            assert_true(len <= pn_record_room(record[c]));
            assert_int_equal(pn_record_room(record[c]) - size,
                             PN_DEPOSIT_OVERHEAD_MAX);
        } else {
            assert_true(len <= 16 * pn_record_room(4096));
            assert_true(len <= 4 * pn_record_room(16384));
        }
        m[3].u.deliver.envelope = x.u.deposit.envelope;
        m[3].id = x.id;
        m[3].u.deliver.handle = PN_HANDLE_MAX;
        assert_true(4 + encode(raw, &m[3]).len - size <=
                    PN_DEPOSIT_OVERHEAD_MAX);
    }
}

/* Only the list of QueueOpened asks for memory, and a failure is told. */
static void list_needs_memory_and_says_so(void **state)
{
    pn_opened_queue q[PN_OPEN_MAX] = { { .known = false } };
    pn_msg x = { .id = 1,
                 .kind = PN_MSG_QUEUE_OPENED,
                 .u.queue_opened = { q, PN_OPEN_MAX } },
           got;
    pn_msg_scratch s;
    pn_bytes frame;
    (void)state;
    pn_msg_scratch_init(&s);
    frame = encode(raw, &x);
    assert_int_equal(pn_msg_decode(&got, &s, frame), PN_OK);
    assert_int_equal(got.u.queue_opened.count, PN_OPEN_MAX);
    assert_true(s.arena.used <= frame.len + PN_MSG_SLACK);
    pn_msg_scratch_release(&s);
}

/* What PROTOCOL.md shows, byte for byte. */
static void documented_examples_hold(void **state)
{
    static const struct {
        pn_msg msg;
        const char *hex;
    } v[] = {
        { { .id = 7,
            .kind = PN_MSG_DEPOSIT_RESULT,
            .u.deposit_result = { PN_DEPOSIT_STORED, 0 } },
          "08071a0408011000" },
        { { .id = 8,
            .kind = PN_MSG_DEPOSIT_RESULT,
            .u.deposit_result = { PN_DEPOSIT_BUSY, 1500 } },
          "08081a05080610dc0b" },
        { { .id = 9, .kind = PN_MSG_FETCH, .u.fetch = { 1, 32 } },
          "0809220408011020" },
        { { .id = 9, .kind = PN_MSG_FETCH_END, .u.fetch_end = { false, 4 } },
          "0809320408001004" },
        { { .id = 10, .kind = PN_MSG_ACKED, .u.acked = { 2 } },
          "080a42020802" },
        { { .id = 11,
            .kind = PN_MSG_QUEUE_OPENED,
            .u.queue_opened = { sample_queues, 2 } },
          "080b9a0219"
          "0a0b0801100318ac0220042801"
          "0a0a08001000180020002800" },
        { { .id = 12, .kind = PN_MSG_QUEUE_SUSPEND, .u.queue_handle = { 3 } },
          "080caa02020803" },
        { { .id = 12,
            .kind = PN_MSG_QUEUE_DONE,
            .u.queue_done = { PN_QUEUE_OK, 0 } },
          "080cc2020408011000" },
        { { .id = 0,
            .kind = PN_MSG_QUEUE_CLOSED,
            .u.queue_closed = { 3, PN_CLOSED_TAKEN } },
          "0800ca020408031001" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        uint8_t want[64];
        const size_t len = strlen(v[i].hex) / 2;
        const pn_bytes frame = encode(raw, &v[i].msg);
        assert_int_equal(pn_unhex(want, len, v[i].hex), PN_OK);
        assert_int_equal(frame.len, len);
        assert_memory_equal(frame.p, want, len);
    }
}

/* What is signed, byte for byte. */
static void transcripts_are_as_documented(void **state)
{
    static const char head[] = "706f737465726e2f71756575652f3100";
    uint8_t out[PN_QUEUE_TRANSCRIPT_MAX], h[32], label[16];
    pn_msg m[SAMPLES];
    (void)state;
    (void)samples(m);
    memset(h, 0xaa, sizeof h);
    assert_int_equal(pn_unhex(label, sizeof label, head), PN_OK);
    assert_int_equal(pn_queue_open_transcript(out, h, sample_block),
                     16 + 32 + 1 + 32);
    assert_memory_equal(out, label, 16);
    assert_memory_equal(out + 16, h, 32);
    assert_int_equal(out[48], 2);
    assert_memory_equal(out + 49, sample_block, 32);
    assert_int_equal(pn_queue_create_transcript(out, h, &m[7].u.queue_create),
                     16 + 32 + 1 + 32 + 32 + 1);
    assert_int_equal(out[48], 1);
    assert_memory_equal(out + 49, sample_block, 64);
    assert_int_equal(out[113], 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_round_trips),
        cmocka_unit_test(tables_agree_with_the_schema),
        cmocka_unit_test(only_the_canonical_spelling_passes),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(lengths_are_exact),
        cmocka_unit_test(ids_follow_the_kind),
        cmocka_unit_test(unknown_queue_has_no_details),
        cmocka_unit_test(deposits_fill_their_records),
        cmocka_unit_test(list_needs_memory_and_says_so),
        cmocka_unit_test(documented_examples_hold),
        cmocka_unit_test(transcripts_are_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
