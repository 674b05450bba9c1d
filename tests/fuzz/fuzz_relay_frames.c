#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/script.h"
#include "tests/support/onionkit.h"

/* The input is a script for a relay's core to which another relay, and a
 * client, bring parcels: sealed as they should be, sealed with anything inside,
 * damaged, cut to another class, the same again; and raw frames, descriptors,
 * answers to nothing. Links are lost and the relay dies in between. Whatever it
 * is, the core keeps its invariants, and what a parcel made is made once. */

enum { CLIENT = 0, RELAY = 1, LINKS = 2, QUEUES = 2, KEPT = 4 };

static coresim w;
static onionkit kit;
/* Parcels to be sent again. */
static uint8_t kept[KEPT][PN_PARCEL_MAX];
static size_t kept_len[KEPT];

static void open_link(size_t i)
{
    if (w.links[i].link != NULL)
        return;
    if (i == CLIENT)
        coresim_open(&w, i);
    else if (coresim_open_relay(&w, i, 0, true) == PN_OK)
        rl_core_announced(w.links[i].link, NULL);
}

static bool is_usable(size_t i)
{
    return w.links[i].link != NULL && !w.links[i].closing && !w.links[i].busy;
}

static void give(size_t i, uint8_t id)
{
    if (is_usable(i) && kit.parcel_len > 0)
        (void)onionkit_send(&kit, i, 1U + id);
}

static void seal(script *s)
{
    static const pn_parcel_kind kinds[] = {
        PN_PARCEL_FETCH,   PN_PARCEL_ACK,    PN_PARCEL_ROTATE,
        PN_PARCEL_SUSPEND, PN_PARCEL_RESUME, PN_PARCEL_DELETE
    };
    const uint8_t what = script_next(s), more = script_next(s);
    const size_t q = what % QUEUES;
    pn_parcel_command cmd;
    pn_parcel_reply reply;
    switch (what / QUEUES % 8) {
    case 0:
        cmd = onionkit_create(&kit, q);
        break;
    case 1:
        cmd = onionkit_deposit(&kit, q, more, (pn_envelope_class)(more % 4));
        break;
    default:
        cmd = onionkit_manage(&kit, q, kinds[what / QUEUES % 8 - 2]);
        if (cmd.kind == PN_PARCEL_FETCH)
            cmd.u.manage.room = (pn_envelope_class)(more % 4);
        break;
    }
    /* Signed by the right key, or by the other one. */
    onionkit_seal(&kit, &cmd, more > 200 ? 1 - q : q, &reply);
    memcpy(kept[more % KEPT], kit.parcel, kit.parcel_len);
    kept_len[more % KEPT] = kit.parcel_len;
}

static void again(script *s)
{
    const size_t k = script_next(s) % KEPT;
    const uint8_t at = script_next(s), with = script_next(s);
    kit.parcel_len = kept_len[k];
    memcpy(kit.parcel, kept[k], kept_len[k]);
    if (kit.parcel_len > 0 && with > 0)
        kit.parcel[(size_t)at * with % kit.parcel_len] ^= with;
}

static void describe(size_t i, script *s)
{
    static uint8_t raw[PN_DESCRIPTOR_BYTES_MAX];
    const uint8_t id = script_next(s);
    const size_t len = onionkit_describe(raw, kit.relay_sk, 1U + script_next(s),
                                         pn_wall_ms(&w.env), "x");
    const pn_msg m = { .id = 1U + id,
                       .kind = PN_MSG_DESCRIPTOR,
                       .u.descriptor.descriptor = { raw, len } };
    if (is_usable(i))
        (void)coresim_take(&w, i, &m);
}

static void raw_frame(size_t i, script *s)
{
    if (script_frame(s, &w, i, is_usable(i)) != PN_OK &&
        w.links[i].link != NULL)
        coresim_close(&w, i);
}

static void die(script *s)
{
    coresim_restart(&w, script_next(s) % 4);
    coresim_list(&w, 1, true, false);
    onionkit_announce(&kit);
}

static void rotate_keys(script *s)
{
    coresim_advance(&w, 1000);
    if (kit.onions.count == RL_ONIONS_MAX || script_next(s) % 2 == 0)
        rl_onions_remove(&kit.onions, kit.onions.at[0].id);
    (void)onionkit_add_key(&kit);
    onionkit_announce(&kit);
}

static void step(script *s)
{
    const uint8_t what = script_next(s);
    const size_t i = what % LINKS;
    switch (what / LINKS % 12) {
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
        coresim_close(&w, i);
        break;
    case 4:
        raw_frame(i, s);
        break;
    case 5:
        again(s);
        give(i, what);
        break;
    case 6:
        describe(i, s);
        break;
    case 7:
        if (what > 220)
            die(s);
        break;
    case 8:
        if (what > 200)
            rotate_keys(s);
        w.refuse = what < 40;
        break;
    default:
        open_link(i);
        seal(s);
        give(i, what);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    script s = { data, len };
    if (len > 1024)
        return 0;
    memset(kept_len, 0, sizeof kept_len);
    onionkit_init(&kit, &w, 7);
    w.config.parcels.tags_max = 16;
    rl_core_configure(w.core, &w.config, &w.relay);
    coresim_list(&w, 1, true, false);
    open_link(CLIENT);
    open_link(RELAY);
    (void)coresim_make(&w, CLIENT, 0, 4);
    while (s.left > 0) {
        step(&s);
        FUZZ_CHECK(rl_core_ok(w.core));
    }
    w.refuse = false;
    coresim_settle(&w);
    FUZZ_CHECK(rl_core_ok(w.core));
    onionkit_free(&kit);
    return 0;
}
