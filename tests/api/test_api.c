#include "tests/support/cmocka.h"

#include <postern/postern.h>
#include <signal.h>
#include <string.h>

/* A well-formed address at which nobody listens: port 1 of this machine. */
static const char nobody[] = "postern://"
                             "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaib"
                             "aeaq@127.0.0.1:1";

/* Every error has its own text, every other number a text too. */
static void every_error_has_a_text(void **state)
{
    (void)state;
    for (int a = POSTERN_OK; a >= POSTERN_E_NO_STORE; a--) {
        assert_true(strlen(postern_strerror(a)) > 0);
        assert_string_not_equal(postern_strerror(a), "unknown error");
        for (int b = a - 1; b >= POSTERN_E_NO_STORE; b--)
            assert_string_not_equal(postern_strerror(a), postern_strerror(b));
    }
    assert_string_equal(postern_strerror(1), "unknown error");
    assert_string_equal(postern_strerror(INT32_MAX), "unknown error");
    assert_string_equal(postern_strerror(INT32_MIN), "unknown error");
    assert_string_equal(postern_strerror(POSTERN_E_NO_STORE - 1),
                        "unknown error");
}

/* The numbers are a contract with compiled programs. */
static void error_numbers_never_change(void **state)
{
    (void)state;
    assert_int_equal(POSTERN_E_NOMEM, -1);
    assert_int_equal(POSTERN_E_ADDRESS, -3);
    assert_int_equal(POSTERN_E_TIMEOUT, -6);
    assert_int_equal(POSTERN_E_INTERNAL, -12);
}

static void versions(void **state)
{
    (void)state;
    assert_non_null(strchr(postern_version(), '.'));
    assert_true(postern_protocol_version() >= 1);
}

static void bad_arguments_are_refused(void **state)
{
    postern_relay_report report = POSTERN_RELAY_REPORT_INIT;
    (void)state;
    assert_int_equal(postern_relay_test(NULL, 1000, &report), POSTERN_E_ARG);
    assert_int_equal(postern_relay_test(nobody, 1000, NULL), POSTERN_E_ARG);
    assert_int_equal(postern_relay_test(nobody, 0, &report), POSTERN_E_ARG);
    assert_int_equal(postern_relay_test(nobody, 3600001, &report),
                     POSTERN_E_ARG);
    report.size = 0;
    assert_int_equal(postern_relay_test(nobody, 1000, &report), POSTERN_E_ARG);
    report.size = sizeof report - 1;
    assert_int_equal(postern_relay_test(nobody, 1000, &report), POSTERN_E_ARG);
}

static void malformed_addresses_are_told_apart(void **state)
{
    static const char *const bad[] = { "", "postern://", "postern://x@h:1",
                                       "http://127.0.0.1:1" };
    postern_relay_report report = POSTERN_RELAY_REPORT_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(postern_relay_test(bad[i], 1000, &report),
                         POSTERN_E_ADDRESS);
}

/* A failed test leaves the report, and the caller's signals, as they were. */
static void failure_changes_nothing(void **state)
{
    postern_relay_report report = POSTERN_RELAY_REPORT_INIT, before;
    sigset_t mask_before, mask_after;
    (void)state;
    memset(report.software, 'x', sizeof report.software);
    before = report;
    assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &mask_before), 0);
    assert_int_equal(postern_relay_test(nobody, 2000, &report),
                     POSTERN_E_CONNECT);
    assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &mask_after), 0);
    assert_memory_equal(&report, &before, sizeof report);
    assert_int_equal(sigismember(&mask_before, SIGPIPE),
                     sigismember(&mask_after, SIGPIPE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_text),
        cmocka_unit_test(error_numbers_never_change),
        cmocka_unit_test(versions),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(malformed_addresses_are_told_apart),
        cmocka_unit_test(failure_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
