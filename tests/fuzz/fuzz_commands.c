#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/script.h"

/* The input is a script for a whole relay core over the in-memory store: links
 * open and close, send well-formed commands about right and wrong queues, and
 * raw frames; commits, results and time go on as it says. Whatever it is, the
 * core keeps its invariants, answers no link that is closed, and lets nobody
 * read a queue whose key he has not. */

enum { LINKS = 3, QUEUES = 2 };

static coresim w;
/* Whether a link ever signed for a queue; only then it may get its mail. */
static bool entitled[LINKS][QUEUES];

static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    (void)ctx;
    if (msg->kind == PN_MSG_DELIVER) {
        const uint64_t m = coresim_message_of(msg->u.deliver.message_id.p);
        FUZZ_CHECK(entitled[link][m % QUEUES]);
    } else if (msg->kind == PN_MSG_QUEUE_OPENED) {
        for (size_t i = 0; i < msg->u.queue_opened.count; i++) {
            bool any = false;
            for (size_t q = 0; q < QUEUES; q++)
                any = any || entitled[link][q];
            FUZZ_CHECK(any || !msg->u.queue_opened.queues[i].known);
        }
    }
}

static void close_link(size_t i)
{
    coresim_close(&w, i);
    memset(entitled[i], 0, sizeof entitled[i]);
}

static void take(size_t i, const pn_msg *m)
{
    if (w.links[i].closing || w.links[i].busy || !pn_msg_ok(m))
        return;
    if (coresim_take(&w, i, m) != PN_OK)
        memset(entitled[i], 0, sizeof entitled[i]);
}

static void command(size_t i, script *s)
{
    const uint8_t kind = script_next(s);
    const size_t q = script_next(s) % QUEUES;
    const uint64_t id = 1U + script_next(s);
    const uint32_t handle = 1U + script_next(s) % 4U;
    static uint8_t ids[4 * PN_MESSAGE_ID_BYTES];
    static const uint8_t other[64] = { 1 };
    pn_msg m = { .id = id };
    switch (kind % 10) {
    case 0:
    case 1:
        m = coresim_deposit(&w, q, id, (pn_priority)(1 + kind / 10 % 3),
                            (uint64_t)script_next(s) * QUEUES + q);
        if (kind >= 200)
            m.u.deposit.capability.p = other;
        break;
    case 2:
        m = coresim_open_queue(&w, i, q, id, script_next(s) % 8);
        entitled[i][q] = true;
        break;
    case 3:
        m.kind = PN_MSG_FETCH;
        m.u.fetch = (pn_msg_fetch){ handle, 1U + script_next(s) };
        break;
    case 4:
        m.kind = PN_MSG_ACK;
        for (size_t k = 0; k < 4; k++)
            coresim_message_id(ids + k * PN_MESSAGE_ID_BYTES, script_next(s));
        m.u.ack = (pn_msg_ack){ handle, { ids, sizeof ids }, kind > 127 };
        break;
    case 5:
        m.kind = PN_MSG_QUEUE_ROTATE;
        m.u.queue_rotate = (pn_msg_queue_rotate){ handle, { other, 32 } };
        break;
    case 6:
        m.kind = kind > 127 ? PN_MSG_QUEUE_SUSPEND : PN_MSG_QUEUE_RESUME;
        m.u.queue_handle.handle = handle;
        break;
    case 7:
        m.kind = kind > 200 ? PN_MSG_QUEUE_DELETE : PN_MSG_PING;
        if (m.kind == PN_MSG_QUEUE_DELETE)
            m.u.queue_handle.handle = handle;
        break;
    case 8:
        m = coresim_open_queue(&w, i, q, id, 4);
        m.u.queue_open.proofs.len = PN_QUEUE_PROOF_BYTES;
        ((uint8_t *)(uintptr_t)m.u.queue_open.proofs.p)[32 + kind % 64] ^= 1;
        break;
    default:
        if (script_frame(s, &w, i, true) != PN_OK)
            close_link(i);
        return;
    }
    take(i, &m);
}

static void step(script *s)
{
    const uint8_t what = script_next(s);
    const size_t i = what % LINKS;
    switch (what / LINKS % 8) {
    case 0:
        coresim_commit(&w, script_next(s));
        break;
    case 1:
        while (coresim_result(&w))
            ;
        break;
    case 2:
        coresim_advance(&w, script_next(s));
        break;
    case 3:
        if (what > 200)
            close_link(i);
        else if (w.links[i].link != NULL) {
            w.links[i].room =
                script_next(s) % 3 == 0 ? script_next(s) : SIZE_MAX;
            if (w.links[i].room > 0)
                rl_core_writable(w.links[i].link);
        }
        break;
    default:
        if (w.links[i].link == NULL) {
            coresim_open(&w, i);
            memset(entitled[i], 0, sizeof entitled[i]);
        }
        if (!w.links[i].closing && w.links[i].link != NULL)
            command(i, s);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    script s = { data, len };
    if (len > 4096)
        return 0;
    coresim_init(&w, 7);
    memset(entitled, 0, sizeof entitled);
    coresim_open(&w, 0);
    entitled[0][0] = true;
    entitled[0][1] = true;
    (void)coresim_make(&w, 0, 0, 4);
    (void)coresim_make(&w, 0, 1, 0);
    w.on_msg = on_msg;
    while (s.left > 0) {
        step(&s);
        FUZZ_CHECK(rl_core_ok(w.core));
    }
    coresim_settle(&w);
    FUZZ_CHECK(rl_core_ok(w.core));
    coresim_free(&w);
    return 0;
}
