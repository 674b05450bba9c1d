/* A sequence of events over both ends of a link, one byte each (a frame takes
 * a second byte for its length). No bytes are forged: so whatever the order,
 * no end dies but of time, and every frame arrives once and in order. */
#include <string.h>

#include "proto/link/link_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/linkpair.h"

typedef struct counts {
    pn_link *of[2];
    uint32_t sent[2], got[2]; /* by sender */
} counts;

static void in_order(void *ctx, pn_link *to, pn_bytes frame)
{
    counts *c = ctx;
    const size_t sender = to == c->of[0] ? 1 : 0;
    uint32_t number;
    FUZZ_CHECK(pn_link_ok(to));
    FUZZ_CHECK(pn_take_u32(&frame, &number) == PN_OK);
    FUZZ_CHECK(number == c->got[sender]++);
}

static void send_one(counts *c, size_t side, size_t size)
{
    static uint8_t frame[4 + 255 * 60];
    pn_out out = pn_out_over(frame, sizeof frame);
    pn_link *link = c->of[side];
    const bool open = pn_link_get_state(link) == PN_LINK_OPEN;
    pn_err err;
    pn_put_u32(&out, c->sent[side]);
    err = pn_link_send(link, (pn_bytes){ frame, 4 + size * 60 });
    FUZZ_CHECK(open ? err == PN_OK || err == PN_E_FULL : err == PN_E_STATE);
    if (err == PN_OK)
        c->sent[side]++;
}

/* One event; false ends the run: a deadline has passed. */
static bool step(linkpair *p, counts *c, pn_bytes *in)
{
    uint8_t op, size = 0;
    pn_bytes out;
    pn_link *link;
    if (pn_take_u8(in, &op) != PN_OK)
        return false;
    link = c->of[op & 1];
    switch (op >> 1 & 7) {
    case 0:
    case 1:
        if (pn_take_u8(in, &size) != PN_OK)
            size = 1;
        send_one(c, op & 1, size);
        return true;
    case 2:
        FUZZ_CHECK(pn_link_flush(link) == PN_OK);
        return true;
    case 3:
        simenv_advance(&p->sim, (uint64_t)(op >> 4) * 500);
        break;
    case 4:
        simenv_advance(&p->sim, (uint64_t)(op >> 4) * 60 * 60 * 1000);
        break;
    default:
        out = pn_link_output(link);
        out.len = op >> 4 == 15 ? out.len : out.len * (op >> 4) / 15;
        FUZZ_CHECK(linkpair_give(p, c->of[1 - (op & 1)], out) == PN_OK);
        pn_link_sent(link, out.len);
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        const uint64_t due = pn_link_deadline(c->of[i]);
        const pn_err err = pn_link_tick(c->of[i]);
        FUZZ_CHECK(err == PN_OK ||
                   (err == PN_E_TIMEOUT && due <= p->sim.mono_ms));
        if (err != PN_OK)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint16_t sizes[] = { 1024, 4096, 16384, 1024 };
    const uint8_t head = len > 0 ? data[0] : 0;
    pn_bytes in = { data + (len > 0), len > 0 ? len - 1 : 0 };
    counts c = { 0 };
    linkpair p;
    FUZZ_CHECK(linkpair_init(&p, 3) == PN_OK);
    pn_gate_set_difficulty(p.gate, head >> 4 & 3 ? 0 : 3);
    FUZZ_CHECK(linkpair_connect(&p, (pn_link_role)(head & 1),
                                sizes[head >> 1 & 3]) == PN_OK);
    c.of[0] = p.dialled;
    c.of[1] = p.accepted;
    p.ctx = &c;
    p.on_frame = in_order;
    p.chunk = head & 8 ? 700 : 0;
    while (step(&p, &c, &in)) {
        FUZZ_CHECK(pn_link_ok(p.dialled));
        FUZZ_CHECK(pn_link_ok(p.accepted));
    }
    if (pn_link_get_state(p.dialled) != PN_LINK_DEAD &&
        pn_link_get_state(p.accepted) != PN_LINK_DEAD) {
        FUZZ_CHECK(linkpair_pump(&p) == PN_OK);
        FUZZ_CHECK(pn_link_get_state(p.dialled) == PN_LINK_OPEN);
        FUZZ_CHECK(pn_link_get_state(p.accepted) == PN_LINK_OPEN);
        FUZZ_CHECK(c.got[0] == c.sent[0] && c.got[1] == c.sent[1]);
    }
    linkpair_free(&p);
    return 0;
}
