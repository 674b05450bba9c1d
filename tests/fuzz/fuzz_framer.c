/* A byte stream in pieces that the first bytes steer. Whatever the pieces, the
 * same frames come out as of the stream in one piece. */
#include <string.h>

#include "proto/link/framer.h"
#include "proto/link/link.h"
#include "tests/fuzz/fuzz.h"

/* A running sum over kinds, lengths and bodies. */
static uint64_t mix(uint64_t sum, const void *p, size_t len)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ b[i]) * 0x100000001b3U;
    return sum;
}

/* Frame `in` in pieces of 1 + steer bytes; the sum of what came out. */
static uint64_t run(pn_bytes in, pn_bytes steer, pn_err *err, size_t *frames)
{
    pn_framer f = { 0 };
    uint64_t sum = 0xcbf29ce484222325U;
    size_t turn = 0;
    *err = PN_MORE;
    *frames = 0;
    while (in.len > 0 && *err == PN_MORE) {
        pn_bytes piece = in, frame;
        pn_frame_kind kind;
        if (steer.len > 0) {
            const size_t n = 1 + (size_t)steer.p[turn++ % steer.len];
            piece.len = n < in.len ? n : in.len;
        }
        in.p += piece.len;
        in.len -= piece.len;
        while ((*err = pn_framer_next(&f, &piece, &kind, &frame)) == PN_OK) {
            FUZZ_CHECK(pn_framer_ok(&f));
            FUZZ_CHECK(kind < PN_FRAME_KIND_COUNT);
            FUZZ_CHECK(frame.len <= PN_LINK_FRAME_MAX);
            FUZZ_CHECK(kind != PN_FRAME_DATA || frame.len > 0);
            sum = mix(sum, &kind, sizeof kind);
            sum = mix(sum, &frame.len, sizeof frame.len);
            sum = mix(sum, frame.p, frame.len);
            (*frames)++;
        }
        if (*err == PN_MORE)
            FUZZ_CHECK(piece.len == 0);
        FUZZ_CHECK(*err == PN_MORE || *err == PN_E_PROTO);
    }
    pn_framer_clear(&f);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const size_t head = len < 4 ? len : 4;
    const pn_bytes steer = { data, head }, in = { data + head, len - head };
    size_t frames_whole, frames_split;
    pn_err err_whole, err_split;
    const uint64_t whole =
        run(in, (pn_bytes){ NULL, 0 }, &err_whole, &frames_whole);
    FUZZ_CHECK(whole == run(in, steer, &err_split, &frames_split));
    FUZZ_CHECK(err_whole == err_split && frames_whole == frames_split);
    return 0;
}
