/* Peers that mean no good, each alone against the accepting end. Every one of
 * them ends, without an event for a stranger, and leaves nothing behind.
 */
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/carrier/uv_internal.h"
#include "tests/support/simenv.h"
#include "tests/unit/carrier/pair.h"

/* Write what the socket takes, without waiting. */
static size_t push(int fd, const void *p, size_t len)
{
    const ssize_t n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n > 0 ? (size_t)n : 0;
}

/* Whether the other end has sent anything, or closed. */
static ssize_t peek(int fd)
{
    uint8_t byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
}

static bool is_silent(const pair *p)
{
    return pn_link_get_state(pn_uvlink_link(p->relay.link)) == PN_LINK_SILENT;
}

/* The first message of a client of this relay. */
static void first_message(pair *p, uint8_t out[PN_LINK_HELLO_BYTES])
{
    pn_link *link;
    pn_bytes hello;
    assert_int_equal(
        pn_link_dial(&link, &p->env, p->id.relay_key, &p->offer, NULL), PN_OK);
    hello = pn_link_output(link);
    assert_int_equal(hello.len, PN_LINK_HELLO_BYTES);
    memcpy(out, hello.p, hello.len);
    pn_link_free(&link);
}

/* Who closes before saying anything is gone at once. */
static void closed_peer(void **state)
{
    pair p;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    (void)close(pair_stranger(&p));
    pair_run_until(&p, &p.relay.closed, 1);
    assert_int_equal(p.relay.why, PN_CLOSE_PEER);
    assert_int_equal(p.relay.opened, 0);
    pair_down(&p);
}

/* Half a close is a whole one: no carrier promises more. */
static void half_closed_peer(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES];
    pair p;
    int fd;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    first_message(&p, hello);
    fd = pair_stranger(&p);
    assert_int_equal(push(fd, hello, sizeof hello), sizeof hello);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    pair_run_until(&p, &p.relay.closed, 1);
    assert_int_equal(p.relay.why, PN_CLOSE_PEER);
    (void)close(fd);
    pair_down(&p);
}

/* Random bytes get no answer and no close: not one byte tells them from a
 * machine that is slow. All they send afterwards is eaten. */
static void random_bytes(void **state)
{
    uint8_t junk[6000];
    simenv s;
    pair p;
    int fd;
    (void)state;
    simenv_init(&s, 1);
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (uint8_t)simenv_next(&s);
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    fd = pair_stranger(&p);
    assert_int_equal(push(fd, junk, sizeof junk), sizeof junk);
    pair_run_for(&p, 100);
    assert_true(is_silent(&p));
    for (int i = 0; i < 50; i++) {
        (void)push(fd, junk, sizeof junk);
        pair_run_for(&p, 2);
    }
    assert_int_equal(p.relay.closed, 0);
    assert_int_equal(peek(fd), -1);
    assert_int_equal(pn_buf_len(&p.relay.link->held), 0);
    assert_int_equal(pn_gate_read_stats(p.gate).handshakes, 0);
    (void)close(fd);
    pair_run_until(&p, &p.relay.closed, 1);
    pair_down(&p);
}

/* Time that tests may push forward. */
static uint64_t skipped_ms;
static uint64_t (*real_mono)(void *ctx);

static uint64_t skipping_mono(void *ctx)
{
    return real_mono(ctx) + skipped_ms;
}

static void up_with_skips(pair *p, const pn_uvhub_options *o)
{
    skipped_ms = 0;
    assert_int_equal(pair_up(p, o), PN_OK);
    real_mono = p->env.mono_ms;
    p->env.mono_ms = skipping_mono;
}

/* Who says nothing is closed when the handshake's time is up, not before. */
static void silent_peer(void **state)
{
    pair p;
    int fd;
    (void)state;
    up_with_skips(&p, NULL);
    fd = pair_stranger(&p);
    skipped_ms = 4500; /* the shortest silence is 5 s */
    pair_run_for(&p, 50);
    assert_int_equal(p.relay.closed, 0);
    skipped_ms = 31000; /* the longest is 30 s */
    pn_uvlink_wake(p.relay.link);
    pair_run_until(&p, &p.relay.closed, 1);
    assert_int_equal(p.relay.why, PN_CLOSE_TIMEOUT);
    assert_int_equal(peek(fd), 0);
    (void)close(fd);
    pair_down(&p);
}

/* An honest client whose bytes come one at a time still gets its answer. */
static void byte_at_a_time(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES];
    pair p;
    int fd;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    first_message(&p, hello);
    fd = pair_stranger(&p);
    for (size_t i = 0; i < sizeof hello; i++) {
        assert_int_equal(push(fd, hello + i, 1), 1);
        (void)uv_run(&p.loop, UV_RUN_NOWAIT);
        assert_true(i + 1 == sizeof hello || peek(fd) < 0);
    }
    pair_run_for(&p, 100);
    assert_int_equal(peek(fd), 1);
    assert_int_equal(pn_gate_read_stats(p.gate).handshakes, 1);
    (void)close(fd);
    pair_down(&p);
}

/* A replayed first message never opens a link: whoever replays it cannot go
 * on, and the relay's end runs out of time. */
static void replayed_first_message(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES];
    pair p;
    (void)state;
    up_with_skips(&p, NULL);
    first_message(&p, hello);
    for (int i = 0; i < 2; i++) {
        const int fd = pair_stranger(&p);
        assert_int_equal(push(fd, hello, sizeof hello), sizeof hello);
        pair_run_for(&p, 50);
        skipped_ms += 31000;
        pn_uvlink_wake(p.relay.link);
        pair_run_until(&p, &p.relay.closed, (unsigned)i + 1);
        assert_int_equal(p.relay.why, PN_CLOSE_TIMEOUT);
        (void)close(fd);
    }
    assert_int_equal(p.relay.opened, 0);
    pair_down(&p);
}

/* A client that asks and never reads is cut by the slow deadline, and until
 * then makes the relay hold no more than its bounds. */
static void never_reading_peer(void **state)
{
    enum { FRAME = 60000 };
    uint8_t *frame = calloc(1, FRAME);
    pn_uvhub_options o = pair_options();
    pair p;
    (void)state;
    assert_non_null(frame);
    o.slow_ms = 200;
    o.output_max = 65536;
    assert_int_equal(pair_up(&p, &o), PN_OK);
    assert_int_equal(pair_connect(&p), PN_OK);
    pair_run_until(&p, &p.relay.opened, 1);
    /* From here on the client's end takes nothing off the socket. */
    pn_uvlink_set_busy(p.client.link, true);
    pair_run_for(&p, 5);
    for (int i = 0; i < 10000 && p.relay.closed == 0; i++) {
        while (p.relay.link != NULL && pn_uvlink_is_open(p.relay.link) &&
               pn_uvlink_send(p.relay.link, (pn_bytes){ frame, FRAME }) ==
                   PN_OK)
            continue;
        if (p.relay.link != NULL && p.relay.link->state == PN_UV_RUNNING)
            assert_true(pn_link_output(p.relay.link->link).len <= 70000);
        pair_run_for(&p, 1);
    }
    assert_int_equal(p.relay.closed, 1);
    assert_int_equal(p.relay.why, PN_CLOSE_SLOW);
    free(frame);
    pair_down(&p);
}

/* An echo whose peer does not take the answers stops reading its questions,
 * so that neither its output nor its input grows, and goes on afterwards. */
static void clogged_echo_stops_reading(void **state)
{
    enum { FRAME = 1000, COUNT = 3000 };
    static const uint8_t frame[FRAME];
    unsigned sent = 0;
    pn_uvhub_options o = pair_options();
    pair p;
    (void)state;
    o.output_max = 131072;
    assert_int_equal(pair_up(&p, &o), PN_OK);
    assert_int_equal(pair_connect(&p), PN_OK);
    pair_run_until(&p, &p.relay.opened, 1);
    p.relay.echo = true;
    pn_uvlink_set_busy(p.client.link, true);
    while (sent < COUNT) {
        const unsigned before = p.relay.frames;
        while (sent < COUNT &&
               pn_uvlink_send(p.client.link, (pn_bytes){ frame, FRAME }) ==
                   PN_OK)
            sent++;
        pair_run_for(&p, 20);
        if (p.relay.link->clogged && p.relay.frames == before)
            break;
    }
    assert_true(p.relay.link->clogged);
    assert_false(p.relay.link->reading);
    assert_true(p.relay.frames < sent);
    pn_uvlink_set_busy(p.client.link, false);
    while (sent < COUNT) {
        if (pn_uvlink_send(p.client.link, (pn_bytes){ frame, FRAME }) == PN_OK)
            sent++;
        else
            pair_run_for(&p, 1);
    }
    pair_run_until(&p, &p.client.frames, COUNT);
    assert_int_equal(p.relay.closed + p.client.closed, 0);
    assert_false(p.relay.link->clogged);
    pair_down(&p);
}

/* An open link without a frame is closed when the idle time is up; a frame
 * puts that off. */
static void idle_peer(void **state)
{
    pn_uvhub_options o = pair_options();
    pair p;
    (void)state;
    o.idle_ms = 300;
    assert_int_equal(pair_up(&p, &o), PN_OK);
    assert_int_equal(pair_connect(&p), PN_OK);
    pair_run_until(&p, &p.relay.opened, 1);
    p.relay.echo = true;
    for (int i = 0; i < 8; i++) {
        pair_run_for(&p, 60);
        assert_int_equal(p.relay.closed + p.client.closed, 0);
        assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("x")),
                         PN_OK);
    }
    pair_run_until(&p, &p.relay.closed, 1);
    pair_run_until(&p, &p.client.closed, 1);
    assert_true(p.relay.why == PN_CLOSE_IDLE || p.client.why == PN_CLOSE_IDLE);
    pair_down(&p);
}

/* Bytes that are no record of an open link end it. */
static void junk_on_an_open_link(void **state)
{
    static const uint8_t junk[8192] = { 1, 2, 3 };
    uv_os_fd_t fd;
    pair p;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    assert_int_equal(pair_connect(&p), PN_OK);
    pair_run_until(&p, &p.relay.opened, 1);
    assert_int_equal(uv_fileno(&p.client.link->io.handle, &fd), 0);
    assert_int_equal(push(fd, junk, sizeof junk), sizeof junk);
    pair_run_until(&p, &p.relay.closed, 1);
    assert_int_equal(p.relay.why, PN_CLOSE_PROTO);
    assert_int_equal(p.relay.fault, PN_E_CRYPTO);
    assert_int_equal(p.relay.frames, 0);
    pair_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_peer),
        cmocka_unit_test(half_closed_peer),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(silent_peer),
        cmocka_unit_test(byte_at_a_time),
        cmocka_unit_test(replayed_first_message),
        cmocka_unit_test(never_reading_peer),
        cmocka_unit_test(clogged_echo_stops_reading),
        cmocka_unit_test(idle_peer),
        cmocka_unit_test(junk_on_an_open_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
