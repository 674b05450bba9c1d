/* The output queue against a plain model: nothing lost, nothing doubled, and
 * memory bounded by what waits. */
#include "proto/link/outq.h"

#include <string.h>

#include "proto/link/record.h"
#include "tests/support/cmocka.h"
#include "tests/support/faults.h"
#include "tests/support/simenv.h"

static const uint8_t key[32] = { 3 };

/* Random frames and flushes, drained in random pieces: the records open to
 * the same stream, and the block stays within twice what must be held. */
static void keeps_the_stream(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        static uint8_t wire[1 << 20], data[6000], opened[1024];
        uint32_t sent = 0, got = 0;
        size_t have = 0, at = 0;
        pn_framer framer = { 0 };
        pn_cipher c, peer;
        simenv dice;
        pn_outq q;
        simenv_init(&dice, seed);
        pn_outq_init(&q, 64 * 1024);
        q.size = 1024;
        pn_cipher_init(&c, key);
        peer = c;
        for (unsigned step = 0; step < 400; step++) {
            const size_t len = 4 + simenv_next(&dice) % 5000;
            pn_bytes out = pn_outq_view(&q);
            if (simenv_next(&dice) % 2 == 0 && pn_outq_has_room(&q, len)) {
                pn_out w = pn_out_over(data, 4);
                pn_put_u32(&w, sent++);
                assert_int_equal(pn_outq_put_frame(&q, &c, PN_FRAME_DATA,
                                                   (pn_bytes){ data, len }),
                                 PN_OK);
            } else if (simenv_next(&dice) % 3 == 0) {
                assert_int_equal(pn_outq_flush(&q, &c), PN_OK);
            } else if (out.len > 0) {
                const size_t n = 1 + simenv_next(&dice) % out.len;
                assert_true(have + n <= sizeof wire);
                memcpy(wire + have, out.p, n);
                have += n;
                pn_outq_sent(&q, n);
            }
            assert_true(pn_outq_ok(&q));
            assert_true(q.ready - q.start <= q.max);
            assert_true(q.cap <= 2 * (q.max + 6 * 1024));
        }
        assert_int_equal(pn_outq_flush(&q, &c), PN_OK);
        memcpy(wire + have, pn_outq_view(&q).p, pn_outq_view(&q).len);
        have += pn_outq_view(&q).len;
        pn_outq_sent(&q, SIZE_MAX);
        assert_null(q.p);
        for (; at < have; at += 1024) {
            pn_bytes plain, frame;
            pn_frame_kind kind;
            assert_int_equal(pn_record_open(&peer, opened,
                                            (pn_bytes){ wire + at, 1024 },
                                            &plain),
                             PN_OK);
            while (pn_framer_next(&framer, &plain, &kind, &frame) == PN_OK) {
                uint32_t number;
                assert_int_equal(pn_take_u32(&frame, &number), PN_OK);
                assert_int_equal(number, got++);
            }
        }
        assert_int_equal(got, sent);
        assert_true(sent > 50);
        pn_framer_clear(&framer);
    }
}

/* When there is no memory nothing is taken, and raw bytes wait for an end of
 * the open record. */
static void takes_all_or_nothing(void **state)
{
    pn_cipher c;
    pn_outq q;
    (void)state;
    pn_outq_init(&q, 64 * 1024);
    q.size = 1024;
    pn_cipher_init(&c, key);
    faults_arm(1);
    assert_int_equal(
        pn_outq_put_frame(&q, &c, PN_FRAME_DATA, PN_BYTES_LIT("x")),
        PN_E_NOMEM);
    assert_true(faults_hit());
    assert_null(q.p);
    assert_int_equal(
        pn_outq_put_frame(&q, &c, PN_FRAME_DATA, PN_BYTES_LIT("x")), PN_OK);
    assert_int_equal(pn_outq_put_raw(&q, PN_BYTES_LIT("raw")), PN_E_STATE);
    assert_int_equal(pn_outq_view(&q).len, 0);
    assert_int_equal(pn_outq_put_empty(&q, &c), PN_OK);
    assert_int_equal(pn_outq_view(&q).len, 1024);
    pn_outq_clear(&q);
    assert_true(pn_outq_ok(&q));
}

/* What moves down leaves no plaintext where it lay. */
static void moves_leave_nothing_behind(void **state)
{
    static const uint8_t mark[8] = "plaintxt";
    uint8_t frame[1000];
    unsigned moves = 0;
    pn_cipher c;
    pn_outq q;
    (void)state;
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = mark[i % sizeof mark];
    pn_outq_init(&q, 64 * 1024);
    q.size = 1024;
    pn_cipher_init(&c, key);
    for (unsigned step = 0; step < 40; step++) {
        const size_t start = q.start;
        assert_int_equal(pn_outq_put_frame(&q, &c, PN_FRAME_DATA,
                                           (pn_bytes){ frame, sizeof frame }),
                         PN_OK);
        moves += q.start < start;
        assert_true(q.has_open);
        for (size_t at = q.ready + PN_RECORD_DATA_AT + q.used;
             at + sizeof mark <= q.cap; at++)
            assert_memory_not_equal(q.p + at, mark, sizeof mark);
        pn_outq_sent(&q, SIZE_MAX);
    }
    assert_true(moves > 1);
    pn_outq_clear(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_leave_nothing_behind),
        cmocka_unit_test(keeps_the_stream),
        cmocka_unit_test(takes_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
