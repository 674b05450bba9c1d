/* A contact who turns hostile: headers of the fuzzer's making, sealed with the
 * right header key, in front of content that does not open. The ratchet must
 * refuse them all and stay as it was, to the byte.
 * Input: u8 choice of key and type, then the header. */
#include <string.h>

#include "client/core/ratchet_state.h"
#include "client/core/session_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/couple.h"

enum { STATE_ROOM = 32768 };

static couple two;
static bool ready;

static size_t state_of(const cl_ratchet *r, uint8_t *room)
{
    pn_out o = pn_out_over(room, STATE_ROOM);
    cl_ratchet_write(r, &o);
    FUZZ_CHECK(pn_out_err(&o) == PN_OK);
    return o.len;
}

static void round_trip(pn_bytes in, cl_message_type type)
{
    uint8_t again[CL_HEADER_MAX_BYTES];
    pn_out o = pn_out_over(again, sizeof again);
    cl_header h;
    if (cl_header_take(in, type, &h) != PN_OK) {
        FUZZ_CHECK(in.len != cl_header_size(type) || in.len == 0);
        return;
    }
    cl_header_put(&o, type, &h);
    FUZZ_CHECK(pn_bytes_equal(pn_out_view(&o), in));
}

/* Bob and Alice, a few messages in, one of them missing. */
static void prepare(void)
{
    letter lost;
    couple_init(&two, 1, CL_PROFILE_NORMAL);
    couple_meet(&two);
    FUZZ_CHECK(person_seal(&two, &two.a, "lost", &lost) == PN_OK);
    FUZZ_CHECK(person_tell(&two, &two.a, &two.b, "seen") == PN_OK);
    FUZZ_CHECK(person_tell(&two, &two.b, &two.a, "turn") == PN_OK);
    ready = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t before[STATE_ROOM], after[STATE_ROOM];
    uint8_t message[CL_NONCE_BYTES + CL_SEALED_HEADER_MAX + 64] = { 0 };
    uint8_t plain[CL_HEADER_MAX_BYTES] = { 0 }, ad[CL_RATCHET_AD_BYTES];
    uint8_t out[sizeof message], choice;
    pn_bytes in = { data, size };
    cl_message_type type;
    cl_ratchet *r;
    size_t header, len, got;
    if (pn_take_u8(&in, &choice) != PN_OK)
        return 0;
    if (!ready)
        prepare();
    type = (cl_message_type)(1 + choice % 3);
    round_trip(in, type);
    r = two.b.session->current;
    header = cl_header_size(type);
    if (in.len > 0)
        memcpy(plain, in.p, in.len < header ? in.len : header);
    if ((choice & 0x40) != 0) /* the DH key it expects */
        memcpy(plain, r->core.peer_dh, 32);
    cl_ratchet_ad(ad, r->core.transcript, type);
    cl_seal(message + CL_NONCE_BYTES,
            (choice & 0x80) != 0 ? r->core.recv.hk : r->core.recv_next_hk,
            message, CL_VIEW(ad), (pn_bytes){ plain, header });
    len = CL_NONCE_BYTES + header + CL_TAG_BYTES + 40;
    got = state_of(r, before);
    FUZZ_CHECK(cl_ratchet_open(r, two.sim.wall_ms, type,
                               (pn_bytes){ message, len }, out, sizeof out,
                               &len) < PN_OK);
    FUZZ_CHECK(len == 0 && cl_ratchet_ok(r));
    FUZZ_CHECK(state_of(r, after) == got && memcmp(before, after, got) == 0);
    return 0;
}
