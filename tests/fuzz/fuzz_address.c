#include <string.h>

#include "proto/wire/address.h"
#include "tests/fuzz/fuzz.h"

/* An address that parses formats to text that parses to the same address and
 * formats to the same text; one that does not says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[PN_ADDRESS_TEXT_MAX + 1], again[PN_ADDRESS_TEXT_MAX + 1];
    pn_address a, b;
    pn_address_fault fault;
    if (pn_address_parse(&a, (pn_bytes){ data, len }, &fault) != PN_OK) {
        FUZZ_CHECK(fault != PN_ADDRESS_FINE);
        return 0;
    }
    FUZZ_CHECK(fault == PN_ADDRESS_FINE);
    FUZZ_CHECK(len <= PN_ADDRESS_TEXT_MAX && memchr(data, 0, len) == NULL);
    FUZZ_CHECK(a.port != 0 && a.host[0] != '\0');
    FUZZ_CHECK(pn_address_format(text, sizeof text, &a) == PN_OK);
    FUZZ_CHECK(pn_address_parse_text(&b, text, NULL) == PN_OK);
    FUZZ_CHECK(a.kind == b.kind && a.port == b.port);
    FUZZ_CHECK(strcmp(a.host, b.host) == 0);
    FUZZ_CHECK(strcmp(a.params, b.params) == 0);
    FUZZ_CHECK(memcmp(a.relay_key, b.relay_key, sizeof a.relay_key) == 0);
    FUZZ_CHECK(pn_address_format(again, sizeof again, &b) == PN_OK);
    FUZZ_CHECK(strcmp(text, again) == 0);
    return 0;
}
