#include <string.h>

#include "proto/wire/msg.h"
#include "tests/fuzz/fuzz.h"

/* A frame that decodes is exactly what the encoder writes for it; no frame
 * makes the decoder take more than its length and the slack. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t raw[PN_MSG_MAX];
    pn_out out = pn_out_over(raw, sizeof raw);
    pn_msg_scratch s, t;
    pn_msg msg, again;
    pn_err err;
    pn_msg_scratch_init(&s);
    pn_msg_scratch_init(&t);
    err = pn_msg_decode(&msg, &s, (pn_bytes){ data, len });
    FUZZ_CHECK(err == PN_OK || err == PN_E_PROTO);
    FUZZ_CHECK(s.arena.used <= len + PN_MSG_SLACK);
    if (err == PN_OK) {
        FUZZ_CHECK(pn_msg_ok(&msg));
        FUZZ_CHECK(pn_msg_encode(&out, &msg) == PN_OK);
        FUZZ_CHECK(out.len == len && memcmp(raw, data, len) == 0);
        FUZZ_CHECK(pn_msg_decode(&again, &t, pn_out_view(&out)) == PN_OK);
        FUZZ_CHECK(pn_msg_equal(&msg, &again));
    }
    pn_msg_scratch_release(&s);
    pn_msg_scratch_release(&t);
    return 0;
}
