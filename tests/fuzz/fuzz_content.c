/* Content from a peer: what decodes keeps the rules, and if this version knows
 * all of it, is encoded again to the same bytes. */
#include <string.h>

#include "client/core/content.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[CL_CONTENT_MAX];
    cl_content_scratch scratch = { .p = NULL };
    cl_content c;
    if (cl_content_decode(&c, &scratch, (pn_bytes){ data, size }) == PN_OK) {
        FUZZ_CHECK(cl_content_ok(&c));
        if (!c.has_more) {
            pn_out o = pn_out_over(again, sizeof again);
            FUZZ_CHECK(cl_content_encode(&o, &c) == PN_OK);
            FUZZ_CHECK(o.len == size && memcmp(again, data, size) == 0);
        }
    }
    cl_content_scratch_release(&scratch);
    return 0;
}
