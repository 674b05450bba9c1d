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
        cmocka_unit_test_teardown(memory_is_capped, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
