#include "tests/support/cmocka.h"

#include "relay/net/limits.h"
#include "tests/support/faults.h"
#include "tests/support/simenv.h"

static const rl_limits_config small = {
    .links = 10, .per_address = 3, .half_open = 8, .puzzle_bits_max = 16
};

static rl_limits make(const rl_limits_config *config)
{
    static simenv sim;
    static pn_env env;
    rl_limits l;
    simenv_init(&sim, 5);
    env = simenv_env(&sim);
    assert_int_equal(rl_limits_init(&l, &env, config), PN_OK);
    return l;
}

/* Admit one and finish its handshake. */
static void join(rl_limits *l, uint64_t origin)
{
    assert_int_equal(rl_limits_admit(l, origin), RL_ADMITTED);
    rl_limits_opened(l, origin);
}

static void whole_relay_is_capped(void **state)
{
    rl_limits l = make(&small);
    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        join(&l, i);
    assert_int_equal(rl_limits_admit(&l, 99), RL_REFUSED_LINKS);
    rl_limits_release(&l, 4);
    rl_limits_closed(&l, 4);
    assert_int_equal(rl_limits_admit(&l, 99), RL_ADMITTED);
    assert_int_equal(l.counts[RL_REFUSED_LINKS], 1);
    assert_int_equal(l.counts[RL_ADMITTED], 11);
    rl_limits_free(&l);
}

static void one_address_is_capped_alone(void **state)
{
    rl_limits l = make(&small);
    (void)state;
    for (int i = 0; i < 3; i++)
        join(&l, 1);
    assert_int_equal(rl_limits_admit(&l, 1), RL_REFUSED_ADDRESS);
    assert_int_equal(rl_limits_admit(&l, 2), RL_ADMITTED);
    rl_limits_closed(&l, 1);
    rl_limits_release(&l, 1);
    assert_int_equal(rl_limits_admit(&l, 1), RL_ADMITTED);
    rl_limits_free(&l);
}

/* Handshakes are capped in all, and one origin holds at most half of them. */
static void half_open_is_capped_and_shared(void **state)
{
    rl_limits_config config = small;
    rl_limits l;
    (void)state;
    config.links = 100;
    config.per_address = 100;
    l = make(&config);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rl_limits_admit(&l, 1), RL_ADMITTED);
    assert_int_equal(rl_limits_ask(&l, 1), RL_REFUSED_SHARE);
    assert_int_equal(rl_limits_admit(&l, 1), RL_REFUSED_SHARE);
    assert_int_equal(rl_limits_ask(&l, 2), RL_ADMITTED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rl_limits_admit(&l, 2), RL_ADMITTED);
    assert_int_equal(rl_limits_half_open(&l), 8);
    assert_int_equal(rl_limits_admit(&l, 3), RL_REFUSED_HALF_OPEN);
    rl_limits_opened(&l, 1);
    assert_int_equal(rl_limits_admit(&l, 3), RL_ADMITTED);
    rl_limits_free(&l);
}

/* When nobody of an origin is left, nothing of it is left. */
static void nothing_outlives_a_peer(void **state)
{
    rl_limits l = make(&small);
    (void)state;
    join(&l, 1);
    assert_int_equal(rl_limits_admit(&l, 2), RL_ADMITTED);
    assert_int_equal(l.origins.count, 2);
    rl_limits_release(&l, 2); /* never opened */
    assert_int_equal(l.origins.count, 1);
    rl_limits_release(&l, 1); /* the two come in either order */
    rl_limits_closed(&l, 1);
    assert_int_equal(l.origins.count, 0);
    join(&l, 3);
    rl_limits_closed(&l, 3);
    rl_limits_release(&l, 3);
    assert_int_equal(l.origins.count, 0);
    assert_int_equal(l.links, 0);
    assert_int_equal(l.open, 0);
    /* Events about nobody change nothing. */
    rl_limits_release(&l, 3);
    rl_limits_closed(&l, 3);
    rl_limits_opened(&l, 3);
    assert_int_equal(l.links + l.open, 0);
    rl_limits_free(&l);
}

/* Puzzles begin at half of the bound and are hardest at it. */
static void difficulty_rises_with_load(void **state)
{
    rl_limits_config config = small;
    rl_limits l;
    unsigned before = 0;
    (void)state;
    config.links = 100;
    l = make(&config);
    for (uint64_t i = 0; i < 8; i++) {
        const unsigned bits = rl_limits_difficulty(&l);
        assert_true(bits >= before);
        assert_int_equal(bits == 0, i < 4);
        before = bits;
        assert_int_equal(rl_limits_admit(&l, i), RL_ADMITTED);
    }
    assert_int_equal(rl_limits_difficulty(&l), 16);
    config.puzzle_bits_max = 5;
    rl_limits_set(&l, &config);
    assert_int_equal(rl_limits_difficulty(&l), 5);
    config.puzzle_bits_max = 0;
    rl_limits_set(&l, &config);
    assert_int_equal(rl_limits_difficulty(&l), 0);
    rl_limits_free(&l);
}

/* IPv4 addresses and IPv6 networks never share a tag. */
static void origins_do_not_mix(void **state)
{
    static const uint8_t v4[8] = { 192, 0, 2, 1 };
    static const uint8_t v6[8] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1 };
    static const uint8_t zero[8] = { 0 };
    (void)state;
    assert_true(rl_limits_origin(v4, 4) == UINT64_C(0xffffc0000201));
    assert_true(rl_limits_origin(v6, 8) == UINT64_C(0x20010db800000001));
    assert_true(rl_limits_origin(zero, 4) != rl_limits_origin(zero, 8));
}

/* Without memory a newcomer is refused and nothing else changes. */
static void no_memory_refuses_one(void **state)
{
    (void)state;
    for (unsigned n = 1; faults_arm(n); n++) {
        rl_limits l = make(&small);
        const rl_admission answer = rl_limits_admit(&l, 1);
        const bool hit = faults_hit();
        assert_int_equal(answer, hit ? RL_REFUSED_NOMEM : RL_ADMITTED);
        assert_int_equal(l.links, hit ? 0 : 1);
        assert_int_equal(l.origins.count, hit ? 0 : 1);
        rl_limits_free(&l);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_relay_is_capped),
        cmocka_unit_test(one_address_is_capped_alone),
        cmocka_unit_test(half_open_is_capped_and_shared),
        cmocka_unit_test(nothing_outlives_a_peer),
        cmocka_unit_test(difficulty_rises_with_load),
        cmocka_unit_test(origins_do_not_mix),
        cmocka_unit_test(no_memory_refuses_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
