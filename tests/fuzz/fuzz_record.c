/* Bytes into an open link: the first byte says whether they arrive as they
 * are, or inside genuine records, as from a peer that is in and means ill.
 * The second steers the pieces. The link lives and hands out sound frames, or
 * is dead and holds nothing. */
#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/link_internal.h"
#include "proto/link/record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/linkpair.h"

static void sound(void *ctx, pn_link *to, pn_bytes frame)
{
    (void)ctx;
    FUZZ_CHECK(pn_link_ok(to));
    FUZZ_CHECK(frame.len >= 1 && frame.len <= PN_LINK_FRAME_MAX);
}

/* An open pair as new, by role. The handshake is the same each time and takes
 * far longer than what is tried here: it runs once, and since an idle open
 * link owns no memory but itself, a copy of it is a link of its own. */
static linkpair *fresh(pn_link_role role)
{
    static linkpair made[2], used;
    static pn_link ends[2][2];
    static simenv begun[2];
    linkpair *p = &made[role];
    if (p->gate == NULL) {
        FUZZ_CHECK(linkpair_open(p, 2, role, 1024) == PN_OK);
        ends[role][0] = *p->dialled;
        ends[role][1] = *p->accepted;
        begun[role] = p->sim;
        linkpair_disconnect(p);
    }
    p->sim = begun[role];
    used = *p;
    used.dialled = pn_alloc(1, sizeof(pn_link));
    used.accepted = pn_alloc(1, sizeof(pn_link));
    FUZZ_CHECK(used.dialled != NULL && used.accepted != NULL);
    *used.dialled = ends[role][0];
    *used.accepted = ends[role][1];
    return &used;
}

/* Put data in records of the sender, `room` bytes in each. */
static pn_err give_sealed(linkpair *p, pn_link *from, pn_link *to,
                          pn_bytes data, size_t room)
{
    while (data.len > 0) {
        uint8_t record[1024];
        const size_t n = data.len < room ? data.len : room;
        memcpy(record + PN_RECORD_DATA_AT, data.p, n);
        FUZZ_CHECK(pn_record_seal(&from->send, record, sizeof record, n) ==
                   PN_OK);
        PN_TRY(linkpair_give(p, to, (pn_bytes){ record, sizeof record }));
        data.p += n;
        data.len -= n;
    }
    return PN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t how = len > 0 ? data[0] : 0, steer = len > 1 ? data[1] : 0;
    const pn_bytes rest = { data + (len < 2 ? len : 2), len < 2 ? 0 : len - 2 };
    const pn_link_role role = (pn_link_role)(how >> 1 & 1);
    linkpair *p = fresh(role);
    pn_link *from, *to;
    pn_err err;
    p->on_frame = sound;
    p->chunk = (size_t)steer * 8 + 1;
    from = how & 4 ? p->dialled : p->accepted;
    to = how & 4 ? p->accepted : p->dialled;
    if (how & 8) { /* in the middle of a rollover */
        simenv_advance(p->env.ctx, PN_LINK_ROLLOVER_MS);
        FUZZ_CHECK(pn_link_tick(p->dialled) == PN_OK);
        if (how & 16)
            FUZZ_CHECK(linkpair_carry(p, p->dialled, p->accepted) == PN_OK);
    }
    if (how & 1)
        err = give_sealed(p, from, to, rest, 1006 - (size_t)steer * 3);
    else
        err = linkpair_give(p, to, rest);
    FUZZ_CHECK(pn_link_ok(to));
    FUZZ_CHECK((err == PN_OK) == (pn_link_get_state(to) == PN_LINK_OPEN));
    FUZZ_CHECK(err == pn_link_fault(to));
    linkpair_disconnect(p);
    return 0;
}
