#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/base/err.h"

/* Every result has a text of its own; what is none has one, too. */
static void every_result_has_its_text(void **state)
{
    static const pn_err all[] = {
        PN_OK,        PN_MORE,      PN_E_NOMEM,  PN_E_ARG,       PN_E_FULL,
        PN_E_SHORT,   PN_E_PROTO,   PN_E_CRYPTO, PN_E_VERSION,   PN_E_STATE,
        PN_E_IO,      PN_E_TIMEOUT, PN_E_CLOSED, PN_E_NOT_FOUND, PN_E_EXISTS,
        PN_E_REFUSED, PN_E_CORRUPT, PN_E_RANDOM,
    };
    const size_t count = sizeof all / sizeof all[0];
    const char *unknown = pn_strerror((pn_err)-1000);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        const char *text = pn_strerror(all[i]);
        assert_true(strlen(text) > 0 && text[strlen(text) - 1] != '.');
        assert_string_not_equal(text, unknown);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(text, pn_strerror(all[k]));
    }
    assert_string_equal(pn_strerror((pn_err)2), unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_result_has_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
