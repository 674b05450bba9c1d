#include "tests/support/cmocka.h"

#include <string.h>

#include "relay/sys/config_keys.h"

static pn_err parse(const char *text, rl_config *out, rl_config_fault *fault)
{
    return rl_config_parse(
        out, (pn_bytes){ (const uint8_t *)text, strlen(text) }, fault);
}

static void assert_same(const rl_config *a, const rl_config *b)
{
    char left[16384], right[16384];
    assert_int_equal(rl_config_write(a, left, sizeof left), PN_OK);
    assert_int_equal(rl_config_write(b, right, sizeof right), PN_OK);
    assert_string_equal(left, right);
}

/* An empty file, and one of comments only, give the defaults. */
static void empty_gives_defaults(void **state)
{
    rl_config defaults, config;
    rl_config_fault fault;
    (void)state;
    rl_config_defaults(&defaults);
    assert_int_equal(parse("", &config, &fault), PN_OK);
    assert_same(&config, &defaults);
    assert_int_equal(parse("# a = b\n\n   # x\n\t\r\n", &config, &fault),
                     PN_OK);
    assert_same(&config, &defaults);
    assert_string_equal(config.listen[0], "127.0.0.1:7717");
    assert_int_equal(config.listen_count, 1);
    assert_int_equal(config.commands_per_second, 200);
    assert_int_equal(config.command_burst, 400);
    assert_int_equal(config.idle_timeout, 360000);
    assert_int_equal(config.log_level, PN_LOG_INFO);
    assert_string_equal(rl_config_endpoint(&config), "127.0.0.1:7717");
}

static void every_key_is_read(void **state)
{
    static const char text[] = "listen = 0.0.0.0:1\r\n"
                               "listen=[::]:2\n"
                               "  advertise =  relay.example:443  \n"
                               "operator = Caf\xc3\xa9 = good\n"
                               "log_level = warning\n"
                               "max_links = 100\n"
                               "max_links_per_address = 7\n"
                               "max_half_open = 9\n"
                               "puzzle_bits_max = 22\n"
                               "commands_per_second = 50\n"
                               "command_burst = 60\n"
                               "idle_timeout = 2m\n"
                               "slow_timeout = 1500ms\n"
                               "drain_timeout = 0";
    rl_config c;
    rl_config_fault fault;
    (void)state;
    assert_int_equal(parse(text, &c, &fault), PN_OK);
    assert_int_equal(c.listen_count, 2);
    assert_string_equal(c.listen[1], "[::]:2");
    assert_string_equal(rl_config_endpoint(&c), "relay.example:443");
    assert_string_equal(c.operator_name, "Caf\xc3\xa9 = good");
    assert_int_equal(c.log_level, PN_LOG_WARN);
    assert_int_equal(c.max_links, 100);
    assert_int_equal(c.max_per_address, 7);
    assert_int_equal(c.max_half_open, 9);
    assert_int_equal(c.puzzle_bits_max, 22);
    assert_int_equal(c.commands_per_second, 50);
    assert_int_equal(c.command_burst, 60);
    assert_int_equal(c.idle_timeout, 120000);
    assert_int_equal(c.slow_timeout, 1500);
    assert_int_equal(c.drain_timeout, 0);
}

/* Each mistake names its line and leaves the output untouched. */
static void mistakes_name_their_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *says;
    } bad[] = {
        { "\n\nlissten = 127.0.0.1:1", 3, "unknown key `lissten`" },
        { "listen", 1, "key = value" },
        { "= 5", 1, "unknown key" },
        { "listen =", 1, "numeric address" },
        { "listen = localhost:7717", 1, "numeric address" },
        { "listen = 127.0.0.1", 1, "numeric address" },
        { "listen = 127.0.0.1:0", 1, "numeric address" },
        { "listen = 127.0.0.1:65536", 1, "numeric address" },
        { "listen = 127.0.0.1:01", 1, "numeric address" },
        { "listen = ::1:7717", 1, "numeric address" },
        { "listen = [::1]:1\nlisten = [::1]:1", 2, "twice" },
        { "listen=127.0.0.1:1\nlisten=127.0.0.1:2\nlisten=127.0.0.1:3\n"
          "listen=127.0.0.1:4\nlisten=127.0.0.1:5",
          5, "at most four" },
        { "listen = 0.0.0.0:5", 0, "advertise" },
        { "operator = \xff", 0, "UTF-8" },
        { "advertise = relay", 1, "HOST:PORT" },
        { "advertise = -x.example:1", 1, "HOST:PORT" },
        { "advertise = a..b:1", 1, "HOST:PORT" },
        { "max_links = 5\n#\nmax_links = 5", 3, "twice" },
        { "max_links = -1", 1, "whole number" },
        { "max_links = 1000001", 1, "from 0 to 1000000" },
        { "max_links = 99999999999999999999", 1, "whole number" },
        { "max_half_open = 1", 1, "from 2" },
        { "max_links = 5 # five", 1, "whole number" },
        { "puzzle_bits_max = 23", 1, "from 0 to 22" },
        { "commands_per_second = 0", 1, "from 1" },
        { "commands_per_second = 1000\ncommand_burst = 99", 0,
          "command_burst" },
        { "idle_timeout = 5", 1, "duration" },
        { "idle_timeout = 10x", 1, "duration" },
        { "idle_timeout = 10 s", 1, "duration" },
        { "idle_timeout = 999ms", 1, "from 1s" },
        { "idle_timeout = 8d", 1, "from 1s" },
        { "log_level = verbose", 1, "debug, info" },
        { "operator = a\tb", 1, "control character" },
        { "operator = 0123456789012345678901234567890123456789012345678901234"
          "5678901234",
          1, "64 bytes" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rl_config config = { .max_links = 4711 };
        rl_config_fault fault = { 0 };
        assert_int_equal(parse(bad[i].text, &config, &fault), PN_E_PROTO);
        assert_int_equal(fault.line, bad[i].line);
        if (strstr(fault.text, bad[i].says) == NULL)
            fail_msg("%s: says %s", bad[i].text, fault.text);
        assert_int_equal(config.max_links, 4711);
    }
}

/* NUL bytes, very long lines and very long files are refused. */
static void bounds_of_the_text(void **state)
{
    static uint8_t big[RL_CONFIG_BYTES_MAX + 1];
    rl_config config;
    rl_config_fault fault;
    (void)state;
    memset(big, '\n', sizeof big);
    assert_int_equal(
        rl_config_parse(&config, (pn_bytes){ big, sizeof big }, &fault),
        PN_E_PROTO);
    assert_int_equal(
        rl_config_parse(&config, (pn_bytes){ big, sizeof big - 1 }, &fault),
        PN_OK);
    memset(big + 1, '#', RL_CONFIG_LINE_MAX);
    assert_int_equal(rl_config_parse(&config, (pn_bytes){ big, 3000 }, &fault),
                     PN_E_PROTO);
    assert_int_equal(fault.line, 2);
    big[1 + RL_CONFIG_LINE_MAX - 1] = '\n';
    big[1 + RL_CONFIG_LINE_MAX] = '\n';
    assert_int_equal(rl_config_parse(&config, (pn_bytes){ big, 3000 }, &fault),
                     PN_OK);
    assert_int_equal(rl_config_parse(&config, PN_BYTES_LIT("# \0 \n"), &fault),
                     PN_E_PROTO);
}

/* What is written reads back as the same configuration. */
static void writing_and_reading_agree(void **state)
{
    char text[16384];
    rl_config config, again;
    rl_config_fault fault;
    (void)state;
    rl_config_defaults(&config);
    memcpy(config.operator_name, "Example", 8);
    memcpy(config.listen[0], "[::1]:9", 8);
    config.max_links = 12345;
    config.slow_timeout = 2500;
    config.log_level = PN_LOG_DEBUG;
    assert_int_equal(rl_config_write(&config, text, sizeof text), PN_OK);
    assert_int_equal(parse(text, &again, &fault), PN_OK);
    assert_same(&config, &again);
    assert_string_equal(again.operator_name, "Example");
    assert_int_equal(again.slow_timeout, 2500);
    for (size_t cap = 1; cap < strlen(text); cap += 97)
        assert_int_equal(rl_config_write(&config, text, cap), PN_E_FULL);
}

/* Every default in the table is a value the key itself would take. */
static void initial_values_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < rl_key_count; i++) {
        char line[256];
        rl_config config;
        rl_config_fault fault;
        if (rl_keys[i].initial[0] == 0)
            continue;
        snprintf(line, sizeof line, "%s = %s\n", rl_keys[i].name,
                 rl_keys[i].initial);
        assert_int_equal(parse(line, &config, &fault), PN_OK);
    }
}

/* The example in deploy/ is what this program would write. */
static void the_example_is_current(void **state)
{
    char want[16384], have[16384];
    rl_config config;
    FILE *f = fopen(EXAMPLE, "r");
    size_t n;
    (void)state;
    assert_non_null(f);
    n = fread(have, 1, sizeof have - 1, f);
    fclose(f);
    have[n] = 0;
    rl_config_defaults(&config);
    assert_int_equal(rl_config_write(&config, want, sizeof want), PN_OK);
    assert_string_equal(have, want);
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = { { "0", 0 },         { "0s", 0 },      { "500ms", 500 },
                 { "10s", 10000 },   { "2m", 120000 }, { "1h", 3600000 },
                 { "7d", 604800000 } };
    static const char *const bad[] = { "",
                                       "s",
                                       "-1s",
                                       "1",
                                       "1.5s",
                                       "1 s",
                                       "1S",
                                       "1sec",
                                       "99999999999d",
                                       "1234567890123ms" };
    uint64_t ms;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(rl_duration_parse(good[i].text, &ms), PN_OK);
        assert_true(ms == good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(rl_duration_parse(bad[i], &ms), PN_E_PROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_gives_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(bounds_of_the_text),
        cmocka_unit_test(writing_and_reading_agree),
        cmocka_unit_test(initial_values_are_valid),
        cmocka_unit_test(the_example_is_current),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
