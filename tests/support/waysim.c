#include "tests/support/waysim.h"

#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static size_t relay_of(const waysim *w, pn_bytes key)
{
    for (size_t r = 0; r < WAYSIM_RELAYS; r++) {
        if (memcmp(key.p, w->world.relay[r].address.relay_key, 32) == 0)
            return r;
    }
    FUZZ_CHECK(false);
    return 0;
}

/* Relay s tells person i what it knows of a relay. */
static void describe(waysim *w, size_t i, size_t s, const pn_msg *ask)
{
    static uint8_t out[PN_DESCRIPTOR_BYTES_MAX];
    const size_t of = relay_of(w, ask->u.descriptor_request.relay_key);
    const relaysim_relay *relay = &w->world.relay[of];
    const uint8_t operator_id[32] = { w->operators[of] };
    pn_descriptor d = { .relay_key = relay->address.relay_key,
                        .sequence = 1,
                        .from_ms = w->from_ms,
                        .until_ms = w->from_ms + 40 * (uint64_t)DAY_MS,
                        .limits = { 3, 21, 21, PN_ACCESS_OPEN, 64, 1 << 20 },
                        .operator_id = operator_id };
    pn_msg msg = { .id = ask->id, .kind = PN_MSG_DESCRIPTOR };
    size_t len = 0;
    if (w->is_lying[of])
        d.label = PN_BYTES_LIT("another story");
    d.onions[0] = (pn_descriptor_onion){ .pk = w->onion.pk,
                                         .from_ms = d.from_ms,
                                         .until_ms = d.until_ms };
    d.onion_count = 1;
    if (of != s || !w->is_silent[of])
        FUZZ_CHECK(pn_descriptor_sign(&d, relay->sign_sk, out, sizeof out,
                                      &len) == PN_OK);
    msg.u.descriptor.descriptor = (pn_bytes){ out, len };
    relaysim_give(&w->world, i, s, &msg);
}

/* What comes back is no answer of who can open the parcel. */
static void forge(waysim *w, size_t i, size_t r, uint64_t id)
{
    static const uint8_t zeros[PN_REPLY_STATUS_BYTES];
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_FORWARD_REPLY,
                         .u.forward_reply = { .outcome = PN_PARCEL_DONE,
                                              .reply = CL_VIEW(zeros) } };
    relaysim_give(&w->world, i, r, &msg);
}

static bool on_up(void *ctx, size_t i, size_t r, const pn_msg *msg)
{
    waysim *w = ctx;
    pn_msg answer = { .id = msg->id, .kind = PN_MSG_FORWARD_RESULT };
    if (msg->kind == PN_MSG_DESCRIPTOR_REQUEST) {
        describe(w, i, r, msg);
        return true;
    }
    if (msg->kind != PN_MSG_FORWARD)
        return false;
    FUZZ_CHECK(i == WAYSIM_SENDER && w->count < WAYSIM_LOG_MAX);
    w->log[w->count++] = (waysim_left){
        .by = r,
        .to = relay_of(w, msg->u.forward.destination),
        .at_ms = w->world.people[WAYSIM_SENDER].sim.mono_ms,
    };
    answer.u.forward_result.status = PN_FORWARD_ACCEPTED;
    relaysim_give(&w->world, i, r, &answer);
    if (w->is_forging)
        forge(w, i, r, msg->id);
    return true;
}

/* Its mailboxes, and what it owes, move from the ends to its own relays. */
static void move(waysim *w, size_t ends, size_t last)
{
    for (size_t r = ends; r <= last; r++)
        relaysim_know(&w->world, WAYSIM_SENDER, r);
    for (size_t r = 0; r < ends; r++)
        FUZZ_CHECK(cl_relay_remove(waysim_engine(w),
                                   &w->world.relay[r].address) == PN_OK);
    waysim_run(w, 3 * DAY_MS);
}

waysim *waysim_new(size_t ends, size_t last)
{
    const uint8_t sk[PN_XWING_SK_BYTES] = { 1 };
    waysim *w = calloc(1, sizeof *w);
    FUZZ_CHECK(w != NULL);
    FUZZ_CHECK(pn_xwing_expand(&w->onion, sk) == PN_OK);
    relaysim_init(&w->world, 4, WAYSIM_RELAYS, ends);
    relaysim_meet(&w->world, CL_INVITATION_LINK);
    waysim_run(w, 20 * MINUTE_MS);
    move(w, ends, last);
    for (size_t r = 0; r < WAYSIM_RELAYS; r++)
        w->operators[r] = (uint8_t)(r + 1);
    w->from_ms = pn_wall_ms(&w->world.people[WAYSIM_SENDER].env) - MINUTE_MS;
    w->world.hook_ctx = w;
    w->world.on_up = on_up;
    waysim_route(w, CL_ROUTING_AUTO);
    return w;
}

waysim *waysim_new_known(size_t together)
{
    waysim *w = waysim_new(1, 2);
    w->operators[together] = w->operators[0];
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, MINUTE_MS);
    assert_int_equal(waysim_by(w, 3 - together), 1);
    assert_int_equal(waysim_by(w, together), 0);
    waysim_forget(w);
    return w;
}

void waysim_free(waysim *w)
{
    relaysim_free(&w->world);
    free(w);
}

cl_engine *waysim_engine(waysim *w)
{
    return w->world.people[WAYSIM_SENDER].engine;
}

void waysim_route(waysim *w, cl_routing routing)
{
    FUZZ_CHECK(cl_engine_set_routing(waysim_engine(w), routing) == PN_OK);
}

void waysim_run(waysim *w, uint64_t ms)
{
    relaysim_run(&w->world, ms);
}

void waysim_restart(waysim *w)
{
    relaysim_kill(&w->world, WAYSIM_SENDER);
    relaysim_start(&w->world, WAYSIM_SENDER);
}

void waysim_block(waysim *w, size_t r, bool is_blocked)
{
    w->world.people[WAYSIM_SENDER].line[r].cut = is_blocked;
    if (is_blocked)
        relaysim_cut(&w->world, WAYSIM_SENDER, r);
}

void waysim_say(waysim *w, pn_priority priority)
{
    const cl_send what = { .text = PN_BYTES_LIT("hello"),
                           .priority = priority };
    uint8_t id[CL_ID_BYTES];
    FUZZ_CHECK(cl_outbox_send(waysim_engine(w), "peer", &what, id) == PN_OK);
}

const cl_item_view *waysim_item(waysim *w)
{
    static cl_item_view view;
    FUZZ_CHECK(cl_item_at(waysim_engine(w), 0, &view) == PN_OK);
    return &view;
}

void waysim_forget(waysim *w)
{
    cl_item_view view;
    while (cl_item_at(waysim_engine(w), 0, &view) == PN_OK)
        FUZZ_CHECK(cl_outbox_cancel(waysim_engine(w), view.id) == PN_OK);
    w->count = 0;
}

size_t waysim_by(const waysim *w, size_t r)
{
    size_t count = 0;
    for (size_t n = 0; n < w->count; n++)
        count += w->log[n].by == r ? 1 : 0;
    return count;
}
