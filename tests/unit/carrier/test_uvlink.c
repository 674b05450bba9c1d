#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "proto/carrier/uv_internal.h"
#include "tests/unit/carrier/pair.h"

/* A link, its handle included, stays small: 20 000 of them are to be idle in
 * 2 KiB each with all the daemon adds. */
static void a_link_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(pn_uvlink) <= 576);
}

static void open_both(pair *p, const pn_uvhub_options *options)
{
    assert_int_equal(pair_up(p, options), PN_OK);
    assert_int_equal(pair_connect(p), PN_OK);
    pair_run_until(p, &p->client.opened, 1);
    pair_run_until(p, &p->relay.opened, 1);
}

/* Both ends open, agree on terms and binding, and count as open. */
static void both_ends_open(void **state)
{
    pair p;
    const pn_link *a, *b;
    (void)state;
    open_both(&p, NULL);
    a = pn_uvlink_link(p.client.link);
    b = pn_uvlink_link(p.relay.link);
    assert_memory_equal(pn_link_binding(a), pn_link_binding(b), 32);
    assert_int_equal(pn_link_get_terms(a)->record_size, 4096);
    assert_int_equal(pn_uvhub_read_stats(p.hub)->open, 2);
    assert_ptr_equal(pn_uvlink_ctx(p.client.link), &p.client);
    assert_ptr_equal(pn_uvlink_hub(p.client.link), p.hub);
    pair_down(&p);
    assert_int_equal(p.client.closed + p.relay.closed, 2);
    assert_int_equal(p.client.why, PN_CLOSE_SHUTDOWN);
}

/* Frames of all sizes come back from an echo, in order and unchanged. */
static void frames_come_back(void **state)
{
    static const size_t sizes[] = {
        1, 2, 100, 4000, 4096, 5000, 65535, 131072
    };
    uint8_t *frame = malloc(PN_LINK_FRAME_MAX);
    pair p;
    (void)state;
    assert_non_null(frame);
    open_both(&p, NULL);
    p.relay.echo = true;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            frame[k] = (uint8_t)(k * 7 + i);
        assert_int_equal(
            pn_uvlink_send(p.client.link, (pn_bytes){ frame, sizes[i] }),
            PN_OK);
        pair_run_until(&p, &p.client.frames, (unsigned)i + 1);
    }
    assert_int_equal(p.client.sum, p.relay.sum);
    assert_int_equal(p.client.bytes, p.relay.bytes);
    free(frame);
    pair_down(&p);
}

/* Frames sent in one turn of the loop share a record. */
static void a_burst_shares_records(void **state)
{
    uint64_t before;
    pair p;
    (void)state;
    open_both(&p, NULL);
    pair_run_for(&p, 20);
    before = pn_uvhub_read_stats(p.hub)->bytes_out;
    for (int i = 0; i < 20; i++)
        assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("ping")),
                         PN_OK);
    pair_run_until(&p, &p.relay.frames, 20);
    assert_int_equal(pn_uvhub_read_stats(p.hub)->bytes_out - before, 4096);
    pair_down(&p);
}

/* A message goes out encoded; one that breaks its rules does not go. */
static void messages_are_sent(void **state)
{
    const pn_msg ping = { .id = 1, .kind = PN_MSG_PING };
    const pn_msg bad = { .id = 0, .kind = PN_MSG_PING };
    pair p;
    (void)state;
    open_both(&p, NULL);
    assert_int_equal(pn_uvlink_send_msg(p.client.link, &bad), PN_E_ARG);
    assert_int_equal(pn_uvlink_send_msg(p.client.link, &ping), PN_OK);
    assert_int_equal(pn_uvlink_send(p.client.link, (pn_bytes){ NULL, 0 }),
                     PN_E_ARG);
    pair_run_until(&p, &p.relay.frames, 1);
    pair_down(&p);
}

/* A full sender is told so, and later that there is room; nothing is lost. */
static void full_then_writable(void **state)
{
    enum { FRAME = 100000 };
    uint8_t *frame = calloc(1, FRAME);
    unsigned sent = 0;
    pair p;
    (void)state;
    assert_non_null(frame);
    open_both(&p, NULL);
    pn_uvlink_set_busy(p.relay.link, true);
    do { /* until the kernel's buffers are full too */
        p.client.writable = 0;
        while (pn_uvlink_send(p.client.link, (pn_bytes){ frame, FRAME }) ==
               PN_OK)
            sent++;
        pair_run_for(&p, 50);
    } while (p.client.writable > 0);
    assert_int_equal(p.relay.frames, 0);
    pn_uvlink_set_busy(p.relay.link, false);
    pair_run_until(&p, &p.client.writable, 1);
    assert_int_equal(pn_uvlink_send(p.client.link, (pn_bytes){ frame, FRAME }),
                     PN_OK);
    sent++;
    pair_run_until(&p, &p.relay.frames, sent);
    assert_int_equal(p.relay.bytes, (size_t)sent * FRAME);
    free(frame);
    pair_down(&p);
}

/* An application that says busy inside on_frame gets one frame at a time. */
static void busy_holds_frames_back(void **state)
{
    pair p;
    (void)state;
    open_both(&p, NULL);
    p.relay.busy_at_frame = true;
    for (int i = 0; i < 50; i++)
        assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("x")),
                         PN_OK);
    for (unsigned i = 1; i <= 50; i++) {
        pair_run_until(&p, &p.relay.frames, i);
        pair_run_for(&p, 2);
        assert_int_equal(p.relay.frames, i);
        pn_uvlink_set_busy(p.relay.link, false);
    }
    pair_down(&p);
}

/* Bye arrives with what was queued before it; both ends close in order. */
static void bye_drains(void **state)
{
    enum { FRAME = 120000 };
    uint8_t *frame = calloc(1, FRAME);
    pair p;
    (void)state;
    assert_non_null(frame);
    open_both(&p, NULL);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            pn_uvlink_send(p.client.link, (pn_bytes){ frame, FRAME }), PN_OK);
    pn_uvlink_bye(p.client.link, PN_BYE_DONE);
    pn_uvlink_bye(p.client.link, PN_BYE_DONE);
    assert_false(pn_uvlink_is_open(p.client.link));
    assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("late")),
                     PN_E_STATE);
    pair_run_until(&p, &p.relay.closed, 1);
    pair_run_until(&p, &p.client.closed, 1);
    assert_int_equal(p.relay.frames, 3);
    assert_int_equal(p.relay.why, PN_CLOSE_PEER);
    assert_int_equal(p.client.why, PN_CLOSE_SHUTDOWN);
    assert_int_equal(pn_uvhub_read_stats(p.hub)->open, 0);
    assert_int_equal(pn_uvhub_read_stats(p.hub)->links, 0);
    free(frame);
    pair_down(&p);
}

/* A peer that takes nothing does not hold up the end for longer than the
 * drain. */
static void drain_is_cut(void **state)
{
    enum { FRAME = 120000 };
    uint8_t *frame = calloc(1, FRAME);
    pn_uvhub_options o = pair_options();
    pair p;
    (void)state;
    assert_non_null(frame);
    o.drain_ms = 60;
    open_both(&p, &o);
    pn_uvlink_set_busy(p.relay.link, true);
    while (pn_uvlink_send(p.client.link, (pn_bytes){ frame, FRAME }) == PN_OK)
        pair_run_for(&p, 1);
    pn_uvlink_bye(p.client.link, PN_BYE_DONE);
    pair_run_until(&p, &p.client.closed, 1);
    assert_int_equal(p.client.why, PN_CLOSE_SHUTDOWN);
    free(frame);
    pair_down(&p);
}

/* Stopping the hub in order says Bye on every link, then ends the loop. */
static void hub_stop_says_bye(void **state)
{
    pair p;
    pn_uvlink *late;
    (void)state;
    open_both(&p, NULL);
    pn_uvlink_set_busy(p.client.link, false);
    pn_uvhub_stop(p.hub, PN_BYE_SHUTDOWN, NULL, NULL);
    assert_int_equal(pn_uvlink_dial_fd(&late, p.hub, 0, p.id.relay_key,
                                       &p.offer, NULL, &pair_events, NULL),
                     PN_E_STATE);
    assert_int_equal(uv_run(&p.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(p.client.closed + p.relay.closed, 2);
    p.hub = NULL; /* it has freed itself */
    pair_down(&p);
}

/* Close is idempotent, keeps its first reason, and may come from any event. */
static void close_from_anywhere(void **state)
{
    (void)state;
    for (int where = 0; where < 3; where++) {
        pair p;
        assert_int_equal(pair_up(&p, NULL), PN_OK);
        assert_int_equal(pair_connect(&p), PN_OK);
        p.client.close_at_open = where == 0;
        p.client.close_at_frame = where == 1;
        p.relay.echo = true;
        if (where != 0) {
            pair_run_until(&p, &p.client.opened, 1);
            assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("a")),
                             PN_OK);
            assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("b")),
                             PN_OK);
        }
        if (where == 2) {
            pn_uvlink_close(p.client.link, PN_CLOSE_SHUTDOWN);
            pn_uvlink_close(p.client.link, PN_CLOSE_IO);
            assert_int_equal(p.client.closed, 0); /* never from inside */
        }
        pair_run_until(&p, &p.client.closed, 1);
        pair_run_until(&p, &p.relay.closed, 1);
        assert_int_equal(p.client.closed, 1);
        assert_int_equal(p.client.why, PN_CLOSE_SHUTDOWN);
        pair_down(&p);
    }
}

/* What on_frame returns closes the link with the fitting reason. */
static void frame_faults_close(void **state)
{
    static const struct {
        pn_err answer;
        pn_close_reason why;
    } v[] = {
        { PN_E_PROTO, PN_CLOSE_PROTO },
        { PN_E_NOMEM, PN_CLOSE_NOMEM },
        { PN_E_STATE, PN_CLOSE_PROTO },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        pair p;
        open_both(&p, NULL);
        p.relay.answer = v[i].answer;
        assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("x")),
                         PN_OK);
        pair_run_until(&p, &p.relay.closed, 1);
        assert_int_equal(p.relay.why, v[i].why);
        assert_int_equal(p.relay.fault, v[i].answer);
        assert_int_equal(pn_uvhub_read_stats(p.hub)->closed[v[i].why], 1);
        pair_down(&p);
    }
}

/* A dial to the wrong key never opens: the relay stays silent. */
static void wrong_key_never_opens(void **state)
{
    pair p;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    assert_int_equal(pair_connect(&p), PN_OK);
    pair_down(&p);
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    {
        static const uint8_t seed[32] = { 9 };
        pn_link_identity other;
        assert_int_equal(pn_link_identity_from_seed(&other, seed), PN_OK);
        memcpy(p.id.relay_key, other.relay_key, sizeof other.relay_key);
        assert_int_equal(pair_connect(&p), PN_OK);
    }
    pair_run_for(&p, 200);
    assert_int_equal(p.client.opened + p.relay.opened, 0);
    assert_int_equal(p.client.closed + p.relay.closed, 0);
    assert_int_equal(pn_link_get_state(pn_uvlink_link(p.relay.link)),
                     PN_LINK_SILENT);
    pair_down(&p);
}

/* A client that solves a puzzle opens without waiting for ticks. */
static void puzzles_are_solved(void **state)
{
    pn_uvhub_options o = pair_options();
    pair p;
    (void)state;
    o.tick_ms = 5000;
    assert_int_equal(pair_up(&p, &o), PN_OK);
    pn_gate_set_difficulty(p.gate, 14);
    assert_int_equal(pair_connect(&p), PN_OK);
    pair_run_until(&p, &p.relay.opened, 1);
    assert_int_equal(pn_gate_read_stats(p.gate).retries, 1);
    pair_down(&p);
}

/* Zero options are a mistake of the caller. */
static void zero_options_are_refused(void **state)
{
    pn_uvhub_options o = PN_UVHUB_OPTIONS_INIT;
    pn_env env = { 0 };
    uv_loop_t loop;
    pn_uvhub *hub;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    o.tick_ms = 0;
    assert_int_equal(pn_uvhub_new(&hub, &loop, &env, &o), PN_E_ARG);
    assert_null(hub);
    assert_int_equal(uv_loop_close(&loop), 0);
    for (unsigned r = 0; r < PN_CLOSE_REASONS; r++)
        assert_string_not_equal(pn_close_reason_name((pn_close_reason)r),
                                "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_small),
        cmocka_unit_test(both_ends_open),
        cmocka_unit_test(frames_come_back),
        cmocka_unit_test(a_burst_shares_records),
        cmocka_unit_test(messages_are_sent),
        cmocka_unit_test(full_then_writable),
        cmocka_unit_test(busy_holds_frames_back),
        cmocka_unit_test(bye_drains),
        cmocka_unit_test(drain_is_cut),
        cmocka_unit_test(hub_stop_says_bye),
        cmocka_unit_test(close_from_anywhere),
        cmocka_unit_test(frame_faults_close),
        cmocka_unit_test(wrong_key_never_opens),
        cmocka_unit_test(puzzles_are_solved),
        cmocka_unit_test(zero_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
