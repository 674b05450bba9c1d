#include "tests/support/cmocka.h"

#include "relay/core/session.h"

static const rl_relay relay = {
    .software = { (const uint8_t *)"posternd", 8 },
    .version = { (const uint8_t *)"9.9.9", 5 },
    .features = 5,
    .frame_max = 131072,
    .commands = { 10, 3 },
};

static const pn_msg_kind kinds[] = { PN_MSG_PING,         PN_MSG_PONG,
                                     PN_MSG_INFO_REQUEST, PN_MSG_INFO,
                                     PN_MSG_BYE,          PN_MSG_ERROR };
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static pn_msg message(pn_msg_kind kind)
{
    pn_msg msg = { .id = 77, .kind = kind };
    if (kind == PN_MSG_PING || kind == PN_MSG_PONG)
        msg.u.ping.data = PN_BYTES_LIT("hello");
    return msg;
}

static pn_err take(rl_session *s, pn_msg_kind kind, rl_effects *out)
{
    const pn_msg msg = message(kind);
    return rl_session_take(s, &relay, &msg, 1000, 2000, out);
}

/* Every state with every message does what the table promises; what has no
 * cell is a fault without effect. */
static void every_cell_of_the_table(void **state)
{
    /* The one effect expected: a reply's kind, 0 for a close, -1 for none. */
    static const int expect[RL_SESSION_STATES][KINDS] = {
        { PN_MSG_PONG, PN_MSG_ERROR, PN_MSG_INFO, PN_MSG_ERROR, 0, -1 },
        { -1, -1, -1, -1, -1, -1 },
    };
    (void)state;
    for (unsigned st = 0; st < RL_SESSION_STATES; st++) {
        for (unsigned k = 0; k < KINDS; k++) {
            rl_session s;
            rl_effects fx = { .count = 99 };
            rl_session_init(&s);
            s.state = (uint8_t)st;
            if (expect[st][k] < 0) {
                assert_int_equal(take(&s, kinds[k], &fx), PN_E_PROTO);
                assert_int_equal(fx.count, 0);
                assert_int_equal(s.state, st);
                continue;
            }
            assert_int_equal(take(&s, kinds[k], &fx), PN_OK);
            assert_int_equal(fx.count, 1);
            if (expect[st][k] == 0) {
                assert_int_equal(fx.at[0].kind, RL_EFFECT_CLOSE);
                assert_int_equal(s.state, RL_SESSION_CLOSED);
                continue;
            }
            assert_int_equal(fx.at[0].kind, RL_EFFECT_REPLY);
            assert_int_equal(fx.at[0].u.reply.kind, expect[st][k]);
            assert_int_equal(fx.at[0].u.reply.id, 77);
            assert_true(pn_msg_ok(&fx.at[0].u.reply));
        }
    }
}

/* A kind outside the table, below or above, is a fault. */
static void unknown_kinds_are_faults(void **state)
{
    static const int odd[] = { 0, PN_MSG_PING - 1, PN_MSG_ERROR + 1, 9999 };
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        pn_msg msg = { .id = 1 };
        rl_session s;
        rl_effects fx;
        *(int *)(void *)&msg.kind = odd[i];
        rl_session_init(&s);
        assert_int_equal(rl_session_take(&s, &relay, &msg, 1, 1, &fx),
                         PN_E_PROTO);
        assert_int_equal(fx.count, 0);
    }
}

static void pong_returns_the_bytes_of_ping(void **state)
{
    rl_session s;
    rl_effects fx;
    (void)state;
    rl_session_init(&s);
    assert_int_equal(take(&s, PN_MSG_PING, &fx), PN_OK);
    assert_true(
        pn_bytes_equal(fx.at[0].u.reply.u.ping.data, PN_BYTES_LIT("hello")));
}

static void info_tells_the_relay(void **state)
{
    rl_session s;
    rl_effects fx;
    const pn_msg_info *info = &fx.at[0].u.reply.u.info;
    (void)state;
    rl_session_init(&s);
    assert_int_equal(take(&s, PN_MSG_INFO_REQUEST, &fx), PN_OK);
    assert_true(pn_bytes_equal(info->software, PN_BYTES_LIT("posternd")));
    assert_true(pn_bytes_equal(info->version, PN_BYTES_LIT("9.9.9")));
    assert_int_equal(info->protocol, 1);
    assert_int_equal(info->wall_ms, 2000);
    assert_int_equal(info->frame_max, 131072);
    assert_int_equal(info->features, 5);
}

/* A sender over its rate is answered and paused; each pause lasts until the
 * token it borrowed is earned. */
static void too_fast_is_answered_and_paused(void **state)
{
    const pn_msg ping = message(PN_MSG_PING);
    rl_session s;
    rl_effects fx;
    uint64_t now = 1000;
    (void)state;
    rl_session_init(&s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rl_session_take(&s, &relay, &ping, now, 1, &fx),
                         PN_OK);
        assert_int_equal(fx.count, 1);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rl_session_take(&s, &relay, &ping, now, 1, &fx),
                         PN_OK);
        assert_int_equal(fx.count, 2);
        assert_int_equal(fx.at[0].kind, RL_EFFECT_REPLY);
        assert_int_equal(fx.at[1].kind, RL_EFFECT_PAUSE);
        assert_int_equal(fx.at[1].u.resume_ms, now + 100);
        now = fx.at[1].u.resume_ms;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_of_the_table),
        cmocka_unit_test(unknown_kinds_are_faults),
        cmocka_unit_test(pong_returns_the_bytes_of_ping),
        cmocka_unit_test(info_tells_the_relay),
        cmocka_unit_test(too_fast_is_answered_and_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
