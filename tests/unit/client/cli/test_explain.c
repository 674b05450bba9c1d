#include "tests/support/cmocka.h"

#include "client/cli/cli.h"

/* Scripts live by these: every error of the library and its exit code. */
static void every_error_has_its_exit_code(void **state)
{
    static const struct {
        int error;
        cli_exit code;
    } table[] = {
        { POSTERN_E_NOMEM, CLI_INTERNAL },
        { POSTERN_E_ARG, CLI_USAGE },
        { POSTERN_E_ADDRESS, CLI_MALFORMED },
        { POSTERN_E_RESOLVE, CLI_UNREACHABLE },
        { POSTERN_E_CONNECT, CLI_UNREACHABLE },
        { POSTERN_E_TIMEOUT, CLI_UNREACHABLE },
        { POSTERN_E_CLOSED, CLI_UNREACHABLE },
        { POSTERN_E_PROTOCOL, CLI_PROTOCOL },
        { POSTERN_E_VERSION, CLI_PROTOCOL },
        { POSTERN_E_AUTH, CLI_PROTOCOL },
        { POSTERN_E_SYSTEM, CLI_IO },
        { POSTERN_E_INTERNAL, CLI_INTERNAL },
        { POSTERN_E_STATE, CLI_OTHER },
        { POSTERN_E_NOT_FOUND, CLI_OTHER },
        { POSTERN_E_EXISTS, CLI_OTHER },
        { POSTERN_E_LOCKED, CLI_LOCKED },
        { POSTERN_E_PASSPHRASE, CLI_REFUSED },
        { POSTERN_E_CORRUPT, CLI_IO },
        { POSTERN_E_IO, CLI_IO },
        { POSTERN_E_FULL, CLI_REFUSED },
        { POSTERN_E_MALFORMED, CLI_MALFORMED },
        { POSTERN_E_EXPIRED, CLI_REFUSED },
        { POSTERN_E_USED, CLI_REFUSED },
        { POSTERN_E_REFUSED, CLI_REFUSED },
        { POSTERN_E_BLOCKED, CLI_REFUSED },
        { POSTERN_E_PENDING, CLI_KEPT },
        { POSTERN_E_NO_RELAY, CLI_CONFIG },
        { POSTERN_E_TOO_BIG, CLI_MALFORMED },
        { POSTERN_E_NO_STORE, CLI_CONFIG },
        { RPC_E_PARAMS, CLI_USAGE },
    };
    const cli_args args = { .json = false };
    (void)state;
    /* All but those of JSON-RPC: a new error is missed here, and fails. */
    assert_int_equal(sizeof table / sizeof table[0], 1 - POSTERN_E_NO_STORE);
    assert_string_equal(postern_strerror(POSTERN_E_NO_STORE - 1),
                        postern_strerror(1));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(cli_explain(&args, table[i].error, "it", false),
                         table[i].code);
}

static void a_contact_not_found_is_its_own_code(void **state)
{
    const cli_args args = { .json = false };
    (void)state;
    assert_int_equal(cli_explain(&args, POSTERN_E_NOT_FOUND, "no", true),
                     CLI_UNKNOWN_CONTACT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_exit_code),
        cmocka_unit_test(a_contact_not_found_is_its_own_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
