#include <string.h>

#include "relay/sys/config.h"
#include "tests/fuzz/fuzz.h"

/* A configuration that parses holds its invariant and, written and read again,
 * is written the same; one that does not says what is wrong, in which line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char text[16384], again[16384];
    rl_config config, reread;
    rl_config_fault fault = { 0 };
    if (rl_config_parse(&config, (pn_bytes){ data, len }, &fault) != PN_OK) {
        unsigned lines = 1;
        for (size_t i = 0; i < len; i++)
            lines += data[i] == '\n';
        FUZZ_CHECK(fault.text[0] != 0);
        FUZZ_CHECK(fault.line <= lines);
        return 0;
    }
    FUZZ_CHECK(rl_config_ok(&config, &fault) == PN_OK);
    FUZZ_CHECK(rl_endpoint_ok(rl_config_endpoint(&config)));
    FUZZ_CHECK(rl_config_write(&config, text, sizeof text) == PN_OK);
    FUZZ_CHECK(rl_config_parse(
                   &reread, (pn_bytes){ (const uint8_t *)text, strlen(text) },
                   &fault) == PN_OK);
    FUZZ_CHECK(rl_config_write(&reread, again, sizeof again) == PN_OK);
    FUZZ_CHECK(strcmp(text, again) == 0);
    return 0;
}
