/* What a message costs on the sender's line, through a real session and real
 * links; and that what goes over two lines has nothing in common. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "client/core/content.h"
#include "proto/wire/msg.h"
#include "tests/support/couple.h"
#include "tests/support/linkpair.h"
#include "tests/support/parcelkit.h"

enum { TEXT = 500, RUN = 8, LINE_MAX = 64 * 1024 };

static parcelkit kit;

static int setup(void **state)
{
    (void)state;
    parcelkit_init(&kit, 24);
    return 0;
}

/* A text of 500 characters, sealed by Alice for Bob and for one queue. */
static size_t make_envelope(cl_profile profile, pn_envelope_class least,
                            uint8_t out[PN_ENVELOPE_MAX])
{
    static uint8_t encoded[2048], sealed[COUPLE_ROOM];
    static char text[TEXT];
    cl_content content = { .text = { (const uint8_t *)text, TEXT },
                           .has_sent = true,
                           .sent_ms = 1767225600000 };
    pn_out w = pn_out_over(encoded, sizeof encoded);
    couple c;
    size_t len;
    couple_init(&c, 5, profile);
    couple_meet(&c);
    memset(text, 'x', sizeof text);
    memset(content.id, 7, sizeof content.id);
    assert_int_equal(cl_content_encode(&w, &content), PN_OK);
    assert_int_equal(cl_session_seal(c.a.session, &c.env, pn_out_view(&w),
                                     sealed, sizeof sealed, &len),
                     PN_OK);
    couple_free(&c);
    assert_int_equal(pn_envelope_seal(&kit.env, kit.noise, kit.noise + 32,
                                      least, (pn_bytes){ sealed, len }, out,
                                      PN_ENVELOPE_MAX, &len),
                     PN_OK);
    return len;
}

static void send_msg(pn_link *link, const pn_msg *msg)
{
    static uint8_t raw[PN_MSG_MAX];
    pn_out out = pn_out_over(raw, sizeof raw);
    assert_int_equal(pn_msg_encode(&out, msg), PN_OK);
    assert_int_equal(pn_link_send(link, pn_out_view(&out)), PN_OK);
}

/* Flush, and count what goes on the line. */
static size_t on_the_line(linkpair *p, pn_link *from, pn_link *to)
{
    size_t len;
    assert_int_equal(pn_link_flush(from), PN_OK);
    len = pn_link_output(from).len;
    assert_int_equal(linkpair_carry(p, from, to), PN_OK);
    return len;
}

typedef struct heard {
    size_t frames[130];
} heard;

static void hear(void *ctx, pn_link *to, pn_bytes frame)
{
    static pn_msg_scratch s;
    heard *h = ctx;
    pn_msg msg;
    (void)to;
    pn_msg_scratch_init(&s);
    assert_int_equal(pn_msg_decode(&msg, &s, frame), PN_OK);
    h->frames[msg.kind]++;
    pn_msg_scratch_release(&s);
}

/* Forward up, acceptance and answer down; returns the bytes of both. */
static size_t cost(cl_profile profile, pn_envelope_class least,
                   uint16_t record_size)
{
    static uint8_t envelope[PN_ENVELOPE_MAX], parcel[PN_PARCEL_MAX];
    static uint8_t reply_bytes[PN_REPLY_MAX];
    pn_parcel_command cmd = parcelkit_command(&kit, PN_PARCEL_DEPOSIT, least);
    const pn_parcel_answer ok = { .status = PN_PARCEL_OK };
    pn_parcel_reply reply;
    heard h = { 0 };
    linkpair p;
    size_t len, reply_len, bytes;
    const uint64_t id = (1U << 21) - 1; /* the widest that is promised */
    len = make_envelope(profile, least, envelope);
    cmd.u.deposit.envelope = (pn_bytes){ envelope, len };
    len = parcelkit_seal(&kit, &cmd, parcel, &reply);
    assert_int_equal(pn_parcel_reply_seal(&kit.env, &reply, &ok, reply_bytes,
                                          sizeof reply_bytes, &reply_len),
                     PN_OK);
    assert_int_equal(linkpair_open(&p, 9, PN_LINK_CLIENT, record_size), PN_OK);
    p.on_frame = hear;
    p.ctx = &h;
    send_msg(p.dialled, &(pn_msg){ .id = id,
                                   .kind = PN_MSG_FORWARD,
                                   .u.forward = { { kit.relay_key, 32 },
                                                  21,
                                                  PN_PRIORITY_NORMAL,
                                                  { parcel, len } } });
    bytes = on_the_line(&p, p.dialled, p.accepted);
    send_msg(p.accepted,
             &(pn_msg){ .id = id,
                        .kind = PN_MSG_FORWARD_RESULT,
                        .u.forward_result = { PN_FORWARD_ACCEPTED, 0 } });
    send_msg(p.accepted,
             &(pn_msg){
                 .id = id,
                 .kind = PN_MSG_FORWARD_REPLY,
                 .u.forward_reply = { .outcome = PN_PARCEL_DONE,
                                      .reply = { reply_bytes, reply_len } } });
    bytes += on_the_line(&p, p.accepted, p.dialled);
    assert_int_equal(h.frames[PN_MSG_FORWARD], 1);
    assert_int_equal(h.frames[PN_MSG_FORWARD_RESULT], 1);
    assert_int_equal(h.frames[PN_MSG_FORWARD_REPLY], 1);
    linkpair_free(&p);
    return bytes;
}

/* A text of 500 characters by way of two relays: at most 12 KiB on the sender's
 * line in the normal profile and 4 KiB in the thin one, answers included. */
static void a_text_costs_what_is_promised(void **state)
{
    (void)state;
    assert_int_equal(cost(CL_PROFILE_NORMAL, PN_ENVELOPE_S, 4096), 12 * 1024);
    assert_int_equal(cost(CL_PROFILE_THIN, PN_ENVELOPE_XS, 1024), 4 * 1024);
}

/* Whether a run of RUN bytes of a is anywhere in b. */
static bool share_a_run(pn_bytes a, pn_bytes b)
{
    enum { SLOTS = 1 << 17, EMPTY = 0 };
    static uint32_t first[SLOTS];
    static uint32_t next[PN_PARCEL_MAX + 1];
    memset(first, 0, sizeof first);
    for (uint32_t i = 0; i + RUN <= a.len; i++) {
        uint64_t v;
        memcpy(&v, a.p + i, RUN);
        v = v * UINT64_C(0x9e3779b97f4a7c15) >> 47;
        next[i] = first[v];
        first[v] = i + 1;
    }
    for (size_t i = 0; i + RUN <= b.len; i++) {
        uint64_t v;
        memcpy(&v, b.p + i, RUN);
        v = v * UINT64_C(0x9e3779b97f4a7c15) >> 47;
        for (uint32_t k = first[v]; k != EMPTY; k = next[k - 1]) {
            if (memcmp(a.p + k - 1, b.p + i, RUN) == 0)
                return true;
        }
    }
    return false;
}

/* One message to two relays, and the same one sealed twice to one relay: no
 * eight bytes are the same anywhere. */
static void parcels_of_one_message_share_nothing(void **state)
{
    static parcelkit other;
    static uint8_t one[PN_PARCEL_MAX], two[PN_PARCEL_MAX], again[PN_PARCEL_MAX];
    pn_parcel_reply reply;
    (void)state;
    parcelkit_init(&other, 25);
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        for (unsigned c = 0; c < 4; c++) {
            const pn_parcel_command cmd = parcelkit_command(
                &kit, parcelkit_kinds[i], (pn_envelope_class)c);
            const size_t len = parcelkit_seal(&kit, &cmd, one, &reply);
            assert_int_equal(parcelkit_seal(&other, &cmd, two, &reply), len);
            assert_int_equal(parcelkit_seal(&kit, &cmd, again, &reply), len);
            assert_false(
                share_a_run((pn_bytes){ one, len }, (pn_bytes){ two, len }));
            assert_false(
                share_a_run((pn_bytes){ one, len }, (pn_bytes){ again, len }));
            /* The search does find what is there. */
            memcpy(again + len - 9, one + 600, RUN);
            assert_true(
                share_a_run((pn_bytes){ one, len }, (pn_bytes){ again, len }));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_costs_what_is_promised),
        cmocka_unit_test(parcels_of_one_message_share_nothing),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
