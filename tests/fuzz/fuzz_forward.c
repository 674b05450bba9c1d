#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/script.h"

/* The input is a script for forwarding: clients hand over parcels, other relays
 * answer what they were asked, what they were not, and raw frames; links,
 * commits, results and time go on as it says. Whatever it is, the core keeps
 * its invariants and its bounds, and sends a parcel to its destination only. */

enum { CLIENTS = 2, RELAYS = 2, LINKS = CLIENTS + 2 * RELAYS };

static coresim w;

static size_t relay_of(size_t link)
{
    return (link - CLIENTS) / 2;
}

/* A parcel's number says for whom it is. */
static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    (void)ctx;
    if (msg->kind == PN_MSG_PARCEL) {
        pn_bytes in = { msg->u.parcel.parcel.p + CORESIM_ENC_AT, 8 };
        uint64_t n = 0;
        FUZZ_CHECK(link >= CLIENTS && pn_take_u64(&in, &n) == PN_OK);
        FUZZ_CHECK(n % RELAYS == relay_of(link));
    }
    if (msg->kind == PN_MSG_FORWARD_RESULT || msg->kind == PN_MSG_FORWARD_REPLY)
        FUZZ_CHECK(link < CLIENTS);
}

static void take(size_t i, const pn_msg *m)
{
    if (!w.links[i].busy && pn_msg_ok(m))
        (void)!coresim_take(&w, i, m);
}

static void from_client(size_t i, script *s)
{
    static const size_t sizes[] = { PN_PARCEL_MIN, 5365, PN_PARCEL_MAX };
    const uint8_t n = script_next(s), how = script_next(s);
    pn_msg m = coresim_forward(&w, n % RELAYS, 1U + script_next(s),
                               (pn_priority)(1 + how % 3), n, sizes[how % 3]);
    if (how > 200)
        m.u.forward.expires_days = how > 230 ? 0 : 2;
    take(i, &m);
}

static void from_relay(size_t i, script *s)
{
    static const uint8_t reply[PN_REPLY_STATUS_BYTES];
    const uint8_t how = script_next(s);
    pn_msg m = { .id = 1U + script_next(s), .kind = PN_MSG_PARCEL_RESULT };
    pn_msg_parcel_result *r = &m.u.parcel_result;
    r->outcome = (pn_parcel_outcome)(1 + how % 3);
    if (r->outcome == PN_PARCEL_DONE)
        r->reply = (pn_bytes){ reply, sizeof reply };
    if (r->outcome == PN_PARCEL_BUSY)
        r->retry_after_ms = 100U * script_next(s);
    if (how > 240)
        m = (pn_msg){ .id = m.id,
                      .kind = PN_MSG_ERROR,
                      .u.error = { .code = PN_ERROR_BUSY } };
    take(i, &m);
}

static void on_link(size_t i, script *s)
{
    const uint8_t what = script_next(s);
    coresim_link *l = &w.links[i];
    if (l->link == NULL && i < CLIENTS)
        coresim_open(&w, i);
    else if (l->link == NULL)
        (void)!coresim_open_relay(&w, i, relay_of(i), what % 2 == 0);
    if (l->link == NULL)
        return;
    if (l->closing || what > 245) {
        coresim_close(&w, i);
    } else if (what > 235) {
        l->room = script_next(s) % 3 == 0 ? script_next(s) : SIZE_MAX;
        if (l->room > 0)
            rl_core_writable(l->link);
    } else if (what > 210) {
        if (script_frame(s, &w, i, true) != PN_OK)
            coresim_close(&w, i);
    } else if (i < CLIENTS) {
        from_client(i, s);
    } else {
        from_relay(i, s);
    }
}

static void step(script *s)
{
    const uint8_t what = script_next(s);
    switch (what % 8) {
    case 0:
        coresim_commit(&w, script_next(s));
        break;
    case 1:
        while (coresim_result(&w))
            ;
        break;
    case 2:
        coresim_advance(&w, 100U * script_next(s));
        break;
    case 3:
        if (what > 200)
            coresim_list(&w, script_next(s) % (RELAYS + 1), what % 3 != 0,
                         false);
        else
            rl_core_dial_failed(w.core, w.relays[what % RELAYS].key);
        break;
    default:
        on_link(what / 8 % LINKS, s);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    script s = { data, len };
    if (len > 4096)
        return 0;
    coresim_init(&w, 7);
    w.on_msg = on_msg;
    coresim_list(&w, RELAYS, true, false);
    coresim_settle(&w);
    while (s.left > 0) {
        step(&s);
        FUZZ_CHECK(rl_core_ok(w.core));
    }
    coresim_settle(&w);
    FUZZ_CHECK(rl_core_ok(w.core));
    coresim_free(&w);
    return 0;
}
