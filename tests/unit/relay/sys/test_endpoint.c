#include "tests/support/cmocka.h"

#include <string.h>

#include "relay/sys/endpoint.h"

/* A numeric endpoint is spelt again the way it was read. */
static void numeric_round_trip(void **state)
{
    static const char *const good[] = { "127.0.0.1:7717",        "0.0.0.0:0",
                                        "255.255.255.255:65535", "[::1]:1",
                                        "[2001:db8::5]:443",     "[::]:80" };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sockaddr_storage addr;
        char text[RL_ENDPOINT_MAX];
        assert_int_equal(rl_endpoint_parse(good[i], &addr), PN_OK);
        rl_endpoint_format(&addr, text);
        assert_string_equal(text, good[i]);
    }
}

static void numeric_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        ":1",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3:4",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4: 1",
        "1.2.3.4:00",
        "1.2.3.4:65536",
        "1.2.3.4:123456",
        "name:1",
        "::1:1",
        "[::1]",
        "[::1]1",
        "[]:1",
        "[1.2.3.4]:1",
        "[::1:1",
        "[::g]:1",
        "1.2.3.4:1x",
        " 1.2.3.4:1",
    };
    char longest[RL_ENDPOINT_MAX + 8];
    struct sockaddr_storage addr;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(rl_endpoint_parse(bad[i], &addr), PN_E_PROTO);
    memset(longest, '1', sizeof longest);
    memcpy(longest + sizeof longest - 3, ":1", 3);
    assert_int_equal(rl_endpoint_parse(longest, &addr), PN_E_PROTO);
}

static void names_may_be_advertised(void **state)
{
    static const char *const good[] = { "relay.example:1", "a:65535", "x-y.z:9",
                                        "1.2.3.4:5", "[::1]:5" };
    static const char *const bad[] = {
        "relay.example:0", "relay.example", "relay_x:1", "-a:1",  "a-:1",
        "a-.b:1",          ".a:1",          "a.:1",      "a b:1", "[relay]:1"
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(rl_endpoint_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(rl_endpoint_ok(bad[i]));
}

static void any_address_is_told_apart(void **state)
{
    struct sockaddr_storage addr;
    (void)state;
    assert_int_equal(rl_endpoint_parse("0.0.0.0:1", &addr), PN_OK);
    assert_true(rl_endpoint_is_any(&addr));
    assert_int_equal(rl_endpoint_parse("[::]:1", &addr), PN_OK);
    assert_true(rl_endpoint_is_any(&addr));
    assert_int_equal(rl_endpoint_parse("127.0.0.1:1", &addr), PN_OK);
    assert_false(rl_endpoint_is_any(&addr));
    assert_int_equal(rl_endpoint_parse("[::1]:1", &addr), PN_OK);
    assert_false(rl_endpoint_is_any(&addr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_round_trip),
        cmocka_unit_test(numeric_refuses),
        cmocka_unit_test(names_may_be_advertised),
        cmocka_unit_test(any_address_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
