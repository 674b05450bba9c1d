#include <string.h>

#include "proto/wire/base32.h"
#include "tests/fuzz/fuzz.h"

/* Whatever decodes encodes back to the same text; whatever encodes decodes
 * back to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum { MAX = 512 };
    uint8_t raw[MAX];
    char text[PN_BASE32_LEN(MAX) + 1];
    if (len > MAX)
        return 0;
    pn_base32_encode(text, (pn_bytes){ data, len });
    FUZZ_CHECK(strlen(text) == PN_BASE32_LEN(len));
    FUZZ_CHECK(pn_base32_decode(raw, len,
                                (pn_bytes){ (uint8_t *)text, strlen(text) }) ==
               PN_OK);
    FUZZ_CHECK(len == 0 || memcmp(raw, data, len) == 0);
    if (pn_base32_decode(raw, len * 5 / 8, (pn_bytes){ data, len }) == PN_OK) {
        pn_base32_encode(text, (pn_bytes){ raw, len * 5 / 8 });
        FUZZ_CHECK(strlen(text) == len);
        FUZZ_CHECK(len == 0 || memcmp(text, data, len) == 0);
    }
    return 0;
}
