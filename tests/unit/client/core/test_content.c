#include "tests/support/cmocka.h"

#include <string.h>

#include "client/core/content.h"
#include "tests/support/faults.h"

static uint8_t wire[CL_CONTENT_MAX];
static cl_content_scratch scratch;

static int teardown(void **state)
{
    (void)state;
    cl_content_scratch_release(&scratch);
    return 0;
}

static cl_content hello(void)
{
    cl_content c = { .text = PN_BYTES_LIT("hello") };
    memset(c.id, 7, sizeof c.id);
    return c;
}

static pn_bytes encoded(const cl_content *c)
{
    pn_out o = pn_out_over(wire, sizeof wire);
    assert_int_equal(cl_content_encode(&o, c), PN_OK);
    return pn_out_view(&o);
}

static pn_err decode(cl_content *out, pn_bytes in)
{
    return cl_content_decode(out, &scratch, in);
}

static void all_parts_come_back(void **state)
{
    static uint8_t receipts[3 * 16];
    cl_content c = hello(), got;
    (void)state;
    memset(receipts, 9, sizeof receipts);
    c.has_sent = true;
    c.sent_ms = 1767225600123;
    c.has_file = true;
    c.file_name = PN_BYTES_LIT("photo.jpg");
    c.file_type = PN_BYTES_LIT("image/jpeg");
    c.file_bytes = PN_BYTES_LIT("\x01\x00\x02");
    c.receipts = (pn_bytes){ receipts, sizeof receipts };
    c.resync = CL_RESYNC_RESTORED;
    c.profile_name = PN_BYTES_LIT("Alice");
    c.wants_thin = true;
    c.queue_count = 2;
    for (int i = 0; i < 2; i++) {
        memset(c.queues[i].send_id, i + 1, 32);
        memset(c.queues[i].capability, i + 3, 32);
        memset(c.queues[i].key, i + 5, 32);
        assert_int_equal(
            pn_address_parse_text(
                &c.queues[i].relay,
                "postern://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "@relay.example.org:7000",
                NULL),
            PN_OK);
    }
    assert_int_equal(decode(&got, encoded(&c)), PN_OK);
    assert_memory_equal(got.id, c.id, 16);
    assert_true(got.has_sent && got.sent_ms == c.sent_ms);
    assert_true(pn_bytes_equal(got.text, c.text));
    assert_true(pn_bytes_equal(got.file_name, c.file_name));
    assert_true(pn_bytes_equal(got.file_type, c.file_type));
    assert_true(pn_bytes_equal(got.file_bytes, c.file_bytes));
    assert_true(pn_bytes_equal(got.receipts, c.receipts));
    assert_true(pn_bytes_equal(got.profile_name, c.profile_name));
    assert_true(got.wants_thin);
    assert_int_equal(got.resync, CL_RESYNC_RESTORED);
    assert_int_equal(got.queue_count, 2);
    assert_memory_equal(got.queues[1].key, c.queues[1].key, 32);
    assert_string_equal(got.queues[1].relay.host, "relay.example.org");
    assert_false(got.has_more);
    {
        const pn_bytes whole = encoded(&c);
        for (size_t cut = 0; cut < whole.len; cut++) {
            cl_content part;
            const pn_err err = decode(&part, (pn_bytes){ whole.p, cut });
            /* Cut between parts it is another content, and well-formed. */
            assert_true(err == PN_OK || err == PN_E_PROTO);
            if (err == PN_OK)
                assert_true(cl_content_ok(&part));
        }
    }
}

/* Text of 500 characters, with its id and date, costs this much. */
static void a_text_is_small(void **state)
{
    static char text[500];
    cl_content c = hello();
    (void)state;
    memset(text, 'x', sizeof text);
    c.text = (pn_bytes){ (const uint8_t *)text, sizeof text };
    c.has_sent = true;
    assert_int_equal(encoded(&c).len, 500 + 3 + 18 + 9);
}

/* A wish of a later version is more than we can show, not an error. */
static void an_unknown_size_is_more(void **state)
{
    cl_content c = hello(), got;
    pn_bytes in;
    (void)state;
    c.wants_thin = true;
    in = encoded(&c);
    assert_int_equal(wire[in.len - 1], 1); /* the field is the last */
    for (uint8_t size = 0; size < 4; size++) {
        wire[in.len - 1] = size;
        assert_int_equal(decode(&got, in), PN_OK);
        assert_int_equal(got.wants_thin, size == 1);
        assert_int_equal(got.has_more, size != 1);
    }
}

static void what_breaks_a_rule_is_not_encoded(void **state)
{
    static const char *const names[] = {
        "", ".", "..", "a/b", "a\\b", "a\nb", "\xe2\x80\xae", "\xff"
    };
    pn_out o = pn_out_over(wire, sizeof wire);
    cl_content c = hello();
    static uint8_t many[(CL_RECEIPTS_MAX + 1) * 16];
    (void)state;
    c.text.len = 0;
    assert_int_equal(cl_content_encode(&o, &c), PN_E_ARG); /* empty */
    c.text = PN_BYTES_LIT("\xc0\x80");
    assert_int_equal(cl_content_encode(&o, &c), PN_E_ARG);
    c = hello();
    c.has_file = true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        c.file_name = (pn_bytes){ (const uint8_t *)names[i], strlen(names[i]) };
        assert_int_equal(cl_content_encode(&o, &c), PN_E_ARG);
    }
    c.file_name = PN_BYTES_LIT("ok");
    c.file_type = PN_BYTES_LIT("not a type");
    assert_int_equal(cl_content_encode(&o, &c), PN_E_ARG);
    c = hello();
    c.receipts = (pn_bytes){ many, 15 };
    assert_int_equal(cl_content_encode(&o, &c), PN_E_ARG);
    c.receipts = (pn_bytes){ many, sizeof many };
    assert_int_equal(cl_content_encode(&o, &c), PN_E_ARG);
    c.receipts = (pn_bytes){ many, sizeof many - 16 };
    assert_int_equal(cl_content_encode(&o, &c), PN_OK);
    c = hello();
    c.has_more = true;
    assert_int_equal(cl_content_encode(&o, &c), PN_E_ARG);
    c = hello();
    o = pn_out_over(wire, 24);
    assert_int_equal(cl_content_encode(&o, &c), PN_E_FULL);
    assert_int_equal(o.len, 0);
}

/* Another spelling of the same is refused; a field of a later version is not,
 * but it is told. */
static void spelling_is_strict_and_news_are_told(void **state)
{
    static const uint8_t id[18] = { 0x0a, 16 };
    uint8_t in[64];
    pn_out o;
    cl_content got;
    (void)state;
    o = pn_out_over(in, sizeof in);
    pn_put(&o, (pn_bytes){ id, 18 });
    pn_put(&o, PN_BYTES_LIT("\x1a\x02hi"));
    assert_int_equal(decode(&got, pn_out_view(&o)), PN_OK);
    assert_false(got.has_more);
    pn_put(&o, PN_BYTES_LIT("\xfa\x01\x01x")); /* field 31 */
    assert_int_equal(decode(&got, pn_out_view(&o)), PN_OK);
    assert_true(got.has_more);
    o = pn_out_over(in, sizeof in);
    pn_put(&o, (pn_bytes){ id, 18 });
    pn_put(&o, PN_BYTES_LIT("\x1a\x82\x00hi")); /* a longer length */
    assert_int_equal(decode(&got, pn_out_view(&o)), PN_E_PROTO);
    o = pn_out_over(in, sizeof in);
    pn_put(&o, PN_BYTES_LIT("\x1a\x02hi")); /* out of order */
    pn_put(&o, (pn_bytes){ id, 18 });
    assert_int_equal(decode(&got, pn_out_view(&o)), PN_E_PROTO);
    o = pn_out_over(in, sizeof in);
    pn_put(&o, (pn_bytes){ id, 18 });
    assert_int_equal(decode(&got, pn_out_view(&o)), PN_E_PROTO); /* empty */
    pn_put(&o, PN_BYTES_LIT("\x1a\x00"));
    assert_int_equal(decode(&got, pn_out_view(&o)), PN_E_PROTO);
    o = pn_out_over(in, sizeof in);
    pn_put(&o, PN_BYTES_LIT("\x0a\x01x\x1a\x02hi")); /* a short id */
    assert_int_equal(decode(&got, pn_out_view(&o)), PN_E_PROTO);
}

static const char good_relay[] =
    "postern://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "@relay.example.org:7000";

static void put_field(pn_out *o, uint8_t tag, pn_bytes value)
{
    assert_true(value.len < 0x4000);
    pn_put_u8(o, tag);
    if (value.len >= 0x80)
        pn_put_u8(o, (uint8_t)(value.len & 0x7f) | 0x80);
    pn_put_u8(o, (uint8_t)(value.len >= 0x80 ? value.len >> 7 : value.len));
    pn_put(o, value);
}

/* A queue whose n-th key is a byte short; 3: none is. */
static void put_queue(pn_out *o, unsigned shorter, const char *relay,
                      pn_bytes more)
{
    static const uint8_t key[32] = { 1 };
    uint8_t room[512];
    pn_out q = pn_out_over(room, sizeof room);
    for (uint8_t n = 0; n < 3; n++)
        put_field(&q, (uint8_t)(0x0a + 8 * n),
                  (pn_bytes){ key, n == shorter ? 31 : 32 });
    put_field(&q, 0x22, (pn_bytes){ (const uint8_t *)relay, strlen(relay) });
    pn_put(&q, more);
    put_field(o, 0x3a, pn_out_view(&q));
}

/* An id and what follows it. */
static pn_err decode_with(pn_bytes rest, cl_content *got)
{
    static const uint8_t id[18] = { 0x0a, 16 };
    static uint8_t in[2048];
    pn_out o = pn_out_over(in, sizeof in);
    pn_put(&o, CL_VIEW(id));
    pn_put(&o, rest);
    assert_int_equal(pn_out_err(&o), PN_OK);
    return decode(got, pn_out_view(&o));
}

/* Parts that are there and say nothing, or what may not be said; and parts that
 * say more than this version knows. */
static void parts_are_strict(void **state)
{
    const struct {
        pn_bytes in;
        bool good, more;
    } cases[] = {
        { PN_BYTES_LIT("\x2a\x00"), false, false },         /* no receipts */
        { PN_BYTES_LIT("\x32\x02\x08\x00"), false, false }, /* a resync */
        { PN_BYTES_LIT("\x32\x02\x08\x01"), true, false },
        { PN_BYTES_LIT("\x32\x02\x08\x03"), true, false },
        { PN_BYTES_LIT("\x32\x02\x08\x04"), false, false },
        { PN_BYTES_LIT("\x32\x04\x08\x01\x50\x01"), true, true },
        { PN_BYTES_LIT("\x42\x02\x0a\x00"), false, false }, /* a profile */
        { PN_BYTES_LIT("\x42\x03\x0a\x01x"), true, false },
        { PN_BYTES_LIT("\x42\x03\x0a\x01\n"), false, false },
        { PN_BYTES_LIT("\x42\x05\x0a\x01x\x50\x01"), true, true },
        { PN_BYTES_LIT("\x51\x01\0\0\0\0\0\0\0"), false, false },
        { PN_BYTES_LIT("\x22\x08\x0a\x01x\x12\x00\x1a\x01y"), true, false },
        { PN_BYTES_LIT("\x22\x08\x0a\x01/\x12\x00\x1a\x01y"), false, false },
        { PN_BYTES_LIT("\x22\x08\x0a\x01x\x12\x01 \x1a\x00"), false, false },
        { PN_BYTES_LIT("\x22\x0a\x0a\x01x\x12\x00\x1a\x01y\x50\x01"), true,
          true },
    };
    cl_content got;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(decode_with(cases[i].in, &got),
                         cases[i].good ? PN_OK : PN_E_PROTO);
        if (cases[i].good)
            assert_int_equal(got.has_more, cases[i].more);
    }
}

static void queues_are_strict(void **state)
{
    static const char *const spelt_otherwise[] = {
        "postern://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "@relay.example.org:7000",
        "postern://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "@Relay.example.org:7000",
        "relay.example.org",
        "",
    };
    static uint8_t room[2048];
    pn_out o;
    cl_content got;
    (void)state;
    for (unsigned n = 0; n <= 3; n++) {
        o = pn_out_over(room, sizeof room);
        put_queue(&o, n, good_relay, (pn_bytes){ NULL, 0 });
        assert_int_equal(decode_with(pn_out_view(&o), &got),
                         n == 3 ? PN_OK : PN_E_PROTO);
    }
    assert_int_equal(got.queue_count, 1);
    for (size_t i = 0; i < sizeof spelt_otherwise / sizeof spelt_otherwise[0];
         i++) {
        o = pn_out_over(room, sizeof room);
        put_queue(&o, 3, spelt_otherwise[i], (pn_bytes){ NULL, 0 });
        assert_int_equal(decode_with(pn_out_view(&o), &got), PN_E_PROTO);
    }
    o = pn_out_over(room, sizeof room);
    put_queue(&o, 3, good_relay, PN_BYTES_LIT("\x50\x01"));
    assert_int_equal(decode_with(pn_out_view(&o), &got), PN_OK);
    assert_true(got.has_more);
    o = pn_out_over(room, sizeof room);
    for (size_t n = 1; n <= CL_QUEUES_MAX + 1; n++) {
        put_queue(&o, 3, good_relay, (pn_bytes){ NULL, 0 });
        assert_int_equal(decode_with(pn_out_view(&o), &got),
                         n <= CL_QUEUES_MAX ? PN_OK : PN_E_PROTO);
    }
    o = pn_out_over(room, sizeof room);
    put_queue(&o, 3, good_relay, (pn_bytes){ NULL, 0 });
    pn_put(&o, PN_BYTES_LIT("\x51\0\0\0\0\0\0\0\0")); /* drawn up never */
    assert_int_equal(decode_with(pn_out_view(&o), &got), PN_E_PROTO);
    o.len -= 8;
    pn_put(&o, PN_BYTES_LIT("\1\0\0\0\0\0\0\0"));
    assert_int_equal(decode_with(pn_out_view(&o), &got), PN_OK);
    assert_int_equal(got.queues_ms, 1);
}

/* Each part alone makes a content; none makes none. */
static void bounds_of_parts(void **state)
{
    static uint8_t many[CL_CONTENT_MAX + 1];
    cl_content c;
    pn_out o;
    (void)state;
    memset(many, 'x', sizeof many);
    memset(&c, 0, sizeof c);
    assert_false(cl_content_ok(&c));
    c.receipts = (pn_bytes){ many, 16 };
    assert_true(cl_content_ok(&c));
    memset(&c, 0, sizeof c);
    c.profile_name = (pn_bytes){ many, CL_NAME_MAX };
    assert_true(cl_content_ok(&c));
    c.profile_name.len++;
    assert_false(cl_content_ok(&c));
    memset(&c, 0, sizeof c);
    c.resync = CL_RESYNC_ASKED;
    assert_true(cl_content_ok(&c));
    c.resync = (cl_resync_reason)(CL_RESYNC_ASKED + 1);
    assert_false(cl_content_ok(&c));
    memset(&c, 0, sizeof c);
    c.queue_count = CL_QUEUES_MAX;
    c.queues_ms = 1;
    assert_true(cl_content_ok(&c));
    c.queue_count++;
    assert_false(cl_content_ok(&c));
    c = hello();
    c.queues_ms = 1;
    assert_false(cl_content_ok(&c));
    c = hello();
    c.has_file = true;
    c.file_name = (pn_bytes){ many, CL_FILE_NAME_MAX };
    c.file_type = (pn_bytes){ many, CL_FILE_TYPE_MAX };
    assert_true(cl_content_ok(&c));
    c.file_type.len++;
    assert_false(cl_content_ok(&c));
    c.file_type = PN_BYTES_LIT("\x7f");
    assert_false(cl_content_ok(&c));
    c.file_type.len = 0;
    c.file_name.len++;
    assert_false(cl_content_ok(&c));
    /* Longer than any envelope holds, and into no room at all. */
    c = hello();
    c.text = (pn_bytes){ many, CL_CONTENT_MAX };
    o = pn_out_over(wire, sizeof wire);
    assert_int_equal(cl_content_encode(&o, &c), PN_E_FULL);
    c = hello();
    o = pn_out_over(wire, 1);
    pn_put(&o, PN_BYTES_LIT("too long"));
    assert_int_equal(cl_content_encode(&o, &c), PN_E_FULL);
    c.queue_count = 1; /* of a relay that has no address */
    o = pn_out_over(wire, sizeof wire);
    assert_int_not_equal(cl_content_encode(&o, &c), PN_OK);
    {
        cl_content got;
        assert_int_equal(decode(&got, (pn_bytes){ many, sizeof many }),
                         PN_E_PROTO);
    }
}

/* Many small fields do not become many megabytes. */
static void memory_is_capped(void **state)
{
    static uint8_t in[40000];
    cl_content got;
    (void)state;
    memset(in, 0, sizeof in);
    for (size_t i = 0; i + 1 < sizeof in; i += 2) {
        in[i] = 0x3a; /* an empty queue */
        in[i + 1] = 0;
    }
    assert_int_equal(decode(&got, (pn_bytes){ in, sizeof in }), PN_E_PROTO);
    for (size_t i = 0; i + 1 < sizeof in; i += 2)
        in[i] = 0x78; /* an unknown number */
    assert_int_equal(decode(&got, (pn_bytes){ in, sizeof in }), PN_E_PROTO);
    assert_int_equal(decode(&got, (pn_bytes){ in, 0 }), PN_E_PROTO);
    {
        const cl_content c = hello();
        assert_true(faults_arm(1));
        assert_int_equal(decode(&got, encoded(&c)), PN_E_NOMEM);
        assert_true(faults_hit());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_parts_come_back, teardown),
        cmocka_unit_test_teardown(a_text_is_small, teardown),
        cmocka_unit_test_teardown(an_unknown_size_is_more, teardown),
        cmocka_unit_test_teardown(what_breaks_a_rule_is_not_encoded, teardown),
        cmocka_unit_test_teardown(spelling_is_strict_and_news_are_told,
                                  teardown),
        cmocka_unit_test_teardown(parts_are_strict, teardown),
        cmocka_unit_test_teardown(queues_are_strict, teardown),
        cmocka_unit_test_teardown(bounds_of_parts, teardown),
        cmocka_unit_test_teardown(memory_is_capped, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
