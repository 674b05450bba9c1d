#include "tests/support/cmocka.h"

#include <string.h>

#include "relay/net/control.h"

static pn_err parse(const char *line, rl_control_request *out)
{
    return rl_control_parse(out,
                            (pn_bytes){ (const uint8_t *)line, strlen(line) });
}

static void commands_are_known(void **state)
{
    rl_control_request r;
    (void)state;
    assert_int_equal(parse("{\"v\":1,\"command\":\"status\"}", &r), PN_OK);
    assert_int_equal(r.command, RL_CONTROL_STATUS);
    assert_int_equal(parse("{\"command\":\"reload\",\"v\":1}\r", &r), PN_OK);
    assert_int_equal(r.command, RL_CONTROL_RELOAD);
}

static void anything_else_is_refused(void **state)
{
    static const struct {
        const char *line;
        pn_err err;
    } bad[] = {
        { "", PN_E_PROTO },
        { "status", PN_E_PROTO },
        { "{}", PN_E_PROTO },
        { "{\"v\":1}", PN_E_PROTO },
        { "{\"command\":\"status\"}", PN_E_PROTO },
        { "{\"v\":2,\"command\":\"status\"}", PN_E_VERSION },
        { "{\"v\":\"1\",\"command\":\"status\"}", PN_E_PROTO },
        { "{\"v\":1,\"command\":1}", PN_E_PROTO },
        { "{\"v\":1,\"v\":1,\"command\":\"status\"}", PN_E_PROTO },
        { "{\"v\":1,\"command\":\"status\",\"command\":\"status\"}",
          PN_E_PROTO },
        { "{\"v\":1,\"command\":\"status\",\"more\":1}", PN_E_PROTO },
        { "{\"v\":1,\"command\":\"statu\"}", PN_E_NOT_FOUND },
        { "{\"v\":1,\"command\":\"\"}", PN_E_NOT_FOUND },
        { "{\"v\":1,\"command\":\"statusstatusstatusstatusstatusstatus\"}",
          PN_E_NOT_FOUND },
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rl_control_request r;
        assert_int_equal(parse(bad[i].line, &r), bad[i].err);
    }
}

static void long_lines_are_refused(void **state)
{
    char line[RL_CONTROL_REQUEST_MAX + 2];
    rl_control_request r;
    (void)state;
    memset(line, ' ', sizeof line);
    memcpy(line, "{\"v\":1,\"command\":\"status\"}", 26);
    line[sizeof line - 1] = 0;
    assert_int_equal(parse(line, &r), PN_E_PROTO);
    line[RL_CONTROL_REQUEST_MAX] = 0;
    assert_int_equal(parse(line, &r), PN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_known),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(long_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
