#include "tests/support/cmocka.h"

#include <string.h>

#include "tests/support/coresim.h"

static const uint8_t bytes[65088];
static const pn_opened_queue one = { .known = false };

/* A well-formed message of every kind there is. */
static size_t all_kinds(coresim *w, pn_msg out[32])
{
    const pn_bytes id = { bytes, 32 }, parcel = { bytes, PN_PARCEL_MIN };
    size_t n = 0;
    out[n++] = coresim_deposit(w, 0, 1, PN_PRIORITY_BULK, 1);
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_DEPOSIT_RESULT,
                         .u.deposit_result = { PN_DEPOSIT_STORED, 0 } };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_FETCH, .u.fetch = { 1, 1 } };
    out[n++] = (pn_msg){
        .id = 1,
        .kind = PN_MSG_DELIVER,
        .u.deliver = { 1, { bytes, 16 }, PN_PRIORITY_BULK, { bytes, 896 } }
    };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_FETCH_END };
    out[n++] =
        (pn_msg){ .id = 1, .kind = PN_MSG_ACK, .u.ack = { .handle = 1 } };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_ACKED };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_PING };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_PONG };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_INFO_REQUEST };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_INFO,
                         .u.info = { PN_BYTES_LIT("x"), PN_BYTES_LIT("1"), 1, 0,
                                     1, 0 } };
    out[n++] =
        (pn_msg){ .id = 0, .kind = PN_MSG_BYE, .u.bye = { PN_BYE_DONE } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_ERROR,
                         .u.error = { PN_ERROR_BUSY, 0 } };
    out[n++] = coresim_create(w, 0, 0, 1, 0);
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_QUEUE_CREATED,
                         .u.queue_created = { 1, id, id, 1, 1, 2 } };
    out[n++] = coresim_open_queue(w, 0, 0, 1, 0);
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_QUEUE_OPENED,
                         .u.queue_opened = { &one, 1 } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_QUEUE_ROTATE,
                         .u.queue_rotate = { 1, id } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_QUEUE_SUSPEND,
                         .u.queue_handle = { 1 } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_QUEUE_RESUME,
                         .u.queue_handle = { 1 } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_QUEUE_DELETE,
                         .u.queue_handle = { 1 } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_QUEUE_DONE,
                         .u.queue_done = { PN_QUEUE_OK, 0 } };
    out[n++] = (pn_msg){ .id = 0,
                         .kind = PN_MSG_QUEUE_CLOSED,
                         .u.queue_closed = { 1, PN_CLOSED_GONE } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_FORWARD,
                         .u.forward = { id, 2, PN_PRIORITY_BULK, parcel } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_FORWARD_RESULT,
                         .u.forward_result = { PN_FORWARD_ACCEPTED, 0 } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_FORWARD_REPLY,
                         .u.forward_reply = { .outcome = PN_PARCEL_REFUSED } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_PARCEL,
                         .u.parcel = { PN_PRIORITY_BULK, parcel } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_PARCEL_RESULT,
                         .u.parcel_result = { .outcome = PN_PARCEL_REFUSED } };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_DESCRIPTOR_REQUEST };
    out[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_DESCRIPTOR };
    return n;
}

/* What an open link gets for each kind; 0: it is closed. */
static pn_msg_kind answer_to(pn_msg_kind kind)
{
    switch (kind) {
    case PN_MSG_DEPOSIT:
        return PN_MSG_DEPOSIT_RESULT;
    case PN_MSG_FORWARD:
        return PN_MSG_FORWARD_RESULT;
    case PN_MSG_FETCH:
        return PN_MSG_FETCH_END;
    case PN_MSG_ACK:
        return PN_MSG_ACKED;
    case PN_MSG_PING:
        return PN_MSG_PONG;
    case PN_MSG_INFO_REQUEST:
        return PN_MSG_INFO;
    case PN_MSG_QUEUE_CREATE:
        return PN_MSG_QUEUE_CREATED;
    case PN_MSG_QUEUE_OPEN:
        return PN_MSG_QUEUE_OPENED;
    case PN_MSG_QUEUE_ROTATE:
    case PN_MSG_QUEUE_SUSPEND:
    case PN_MSG_QUEUE_RESUME:
    case PN_MSG_QUEUE_DELETE:
        return PN_MSG_QUEUE_DONE;
    case PN_MSG_DEPOSIT_RESULT:
    case PN_MSG_FETCH_END:
    case PN_MSG_ACKED:
    case PN_MSG_PONG:
    case PN_MSG_INFO:
    case PN_MSG_QUEUE_CREATED:
    case PN_MSG_QUEUE_OPENED:
    case PN_MSG_QUEUE_DONE:
    case PN_MSG_FORWARD_RESULT:
    case PN_MSG_FORWARD_REPLY:
    case PN_MSG_PARCEL:
    case PN_MSG_PARCEL_RESULT:
    case PN_MSG_DESCRIPTOR_REQUEST:
    case PN_MSG_DESCRIPTOR:
        return PN_MSG_ERROR;
    case PN_MSG_DELIVER:
    case PN_MSG_BYE:
    case PN_MSG_ERROR:
    case PN_MSG_QUEUE_CLOSED:
        break;
    }
    return (pn_msg_kind)0;
}

/* Every kind in an open link: its answer, or the end. */
static void open_links_follow_the_table(void **state)
{
    static coresim w;
    pn_msg kinds[32];
    size_t n = 1;
    (void)state;
    for (size_t k = 0; k < n; k++) {
        pn_msg_kind want;
        pn_err err;
        size_t from;
        coresim_init(&w, k);
        coresim_open(&w, 0);
        (void)coresim_make(&w, 0, 0, 0);
        n = all_kinds(&w, kinds);
        want = answer_to(kinds[k].kind);
        from = w.event_count;
        err = coresim_take(&w, 0, &kinds[k]);
        coresim_settle(&w);
        if (kinds[k].kind == PN_MSG_BYE) {
            assert_int_equal(err, PN_OK);
            assert_true(w.links[0].closing);
        } else if (want == 0) {
            assert_int_equal(err, PN_E_PROTO);
            assert_int_equal(w.event_count, from);
        } else {
            assert_int_equal(err, PN_OK);
            /* Opening what is open here closes the older handle first. */
            assert_int_equal(w.event_count - from,
                             kinds[k].kind == PN_MSG_QUEUE_OPEN ? 2 : 1);
            assert_non_null(coresim_find(&w, from, 0, want, 1));
        }
        assert_true(rl_core_ok(w.core));
        coresim_free(&w);
    }
    assert_int_equal(n, 30);
}

/* What asks for parcels is unsupported where they are not granted; what only a
 * relay says is not allowed. */
static void parcels_are_not_granted(void **state)
{
    static coresim w;
    pn_msg kinds[32];
    size_t n = 1, seen = 0;
    (void)state;
    for (size_t k = 0; k < n; k++) {
        const coresim_event *e;
        bool asks;
        coresim_init(&w, k);
        w.plain = true;
        coresim_open(&w, 0);
        n = all_kinds(&w, kinds);
        asks = kinds[k].kind == PN_MSG_FORWARD ||
               kinds[k].kind == PN_MSG_PARCEL ||
               kinds[k].kind == PN_MSG_DESCRIPTOR_REQUEST;
        if (kinds[k].kind >= PN_MSG_FORWARD) {
            assert_int_equal(coresim_take(&w, 0, &kinds[k]), PN_OK);
            e = coresim_find(&w, 0, 0, PN_MSG_ERROR, 1);
            assert_non_null(e);
            assert_int_equal(e->msg.u.error.code, asks ? PN_ERROR_UNSUPPORTED
                                                       : PN_ERROR_NOT_ALLOWED);
            seen++;
        }
        coresim_free(&w);
    }
    assert_int_equal(seen, 7);
}

/* What a link with another relay gets for each kind: `error` for what a relay
 * has no business with; 0: it is closed. */
static pn_msg_kind answer_to_relay(pn_msg_kind kind)
{
    if (kind == PN_MSG_PING)
        return PN_MSG_PONG;
    if (kind == PN_MSG_INFO_REQUEST)
        return PN_MSG_INFO;
    /* These answer what was not asked. */
    if (kind == PN_MSG_PARCEL_RESULT || kind == PN_MSG_ERROR ||
        kind == PN_MSG_DESCRIPTOR)
        return (pn_msg_kind)0;
    if (kind == PN_MSG_DELIVER || kind == PN_MSG_QUEUE_CLOSED)
        return (pn_msg_kind)0;
    return PN_MSG_ERROR;
}

/* Every kind from another relay: it is no client, and answers what it was
 * asked. */
static void relays_follow_the_table(void **state)
{
    static coresim w;
    pn_msg kinds[32];
    size_t n = 1;
    (void)state;
    for (size_t k = 0; k < n; k++) {
        size_t from;
        pn_msg_kind want;
        pn_err err;
        coresim_init(&w, k);
        coresim_list(&w, 1, true, false);
        coresim_settle(&w);
        assert_int_equal(coresim_open_relay(&w, 0, 0, k % 2 == 0), PN_OK);
        n = all_kinds(&w, kinds);
        want = answer_to_relay(kinds[k].kind);
        from = w.event_count;
        err = coresim_take(&w, 0, &kinds[k]);
        coresim_settle(&w);
        if (kinds[k].kind == PN_MSG_BYE || kinds[k].kind == PN_MSG_PONG) {
            assert_int_equal(err, PN_OK);
            assert_int_equal(w.event_count, from);
        } else if (want == 0) {
            assert_int_equal(err, PN_E_PROTO);
        } else {
            assert_int_equal(err, PN_OK);
            assert_int_equal(w.event_count - from, 1);
            assert_non_null(coresim_find(&w, from, 0, want, 1));
        }
        assert_true(rl_core_ok(w.core));
        coresim_free(&w);
    }
    assert_int_equal(n, 30);
}

/* After Bye nothing at all is possible. */
static void closed_links_take_nothing(void **state)
{
    static coresim w;
    pn_msg kinds[32];
    size_t n = 1;
    (void)state;
    for (size_t k = 0; k < n; k++) {
        const pn_msg bye = { .kind = PN_MSG_BYE, .u.bye = { PN_BYE_DONE } };
        size_t from;
        coresim_init(&w, k);
        coresim_open(&w, 0);
        (void)coresim_make(&w, 0, 0, 0);
        n = all_kinds(&w, kinds);
        assert_int_equal(coresim_take(&w, 0, &bye), PN_OK);
        from = w.event_count;
        assert_int_equal(coresim_take(&w, 0, &kinds[k]), PN_E_PROTO);
        coresim_settle(&w);
        assert_int_equal(w.event_count, from);
        coresim_free(&w);
    }
}

/* Without the features, commands are unsupported and nothing else is. */
static void feature_is_needed(void **state)
{
    static coresim w;
    pn_msg kinds[32];
    size_t n = 1;
    (void)state;
    for (size_t k = 0; k < n; k++) {
        const coresim_event *e;
        pn_msg_kind want;
        coresim_init(&w, k);
        w.plain = true;
        coresim_open(&w, 0);
        n = all_kinds(&w, kinds);
        want = answer_to(kinds[k].kind);
        if (want == 0 || want == PN_MSG_ERROR || want == PN_MSG_PONG ||
            want == PN_MSG_INFO) {
            coresim_free(&w);
            continue;
        }
        assert_int_equal(coresim_take(&w, 0, &kinds[k]), PN_OK);
        coresim_settle(&w);
        e = coresim_find(&w, 0, 0, PN_MSG_ERROR, 1);
        assert_non_null(e);
        assert_int_equal(e->msg.u.error.code, PN_ERROR_UNSUPPORTED);
        assert_int_equal(w.submitted, 0);
        coresim_free(&w);
    }
}

/* A handle that was never given is a broken peer; a closed one is not. */
static void handles_are_of_this_link(void **state)
{
    static coresim w;
    static const pn_msg_kind kinds[] = {
        PN_MSG_FETCH,         PN_MSG_ACK,          PN_MSG_QUEUE_ROTATE,
        PN_MSG_QUEUE_SUSPEND, PN_MSG_QUEUE_RESUME, PN_MSG_QUEUE_DELETE
    };
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        pn_msg m = { .id = 1, .kind = kinds[k] };
        coresim_init(&w, k);
        coresim_open(&w, 0);
        coresim_open(&w, 1);
        (void)coresim_make(&w, 0, 0, 0);
        if (kinds[k] == PN_MSG_FETCH)
            m.u.fetch.max = 1;
        if (kinds[k] == PN_MSG_QUEUE_ROTATE)
            m.u.queue_rotate.deposit_hash = (pn_bytes){ bytes, 32 };
        m.u.queue_handle.handle = 1; /* first in all of them */
        assert_int_equal(coresim_take(&w, 1, &m), PN_E_PROTO);
        m.u.queue_handle.handle = 2;
        assert_int_equal(coresim_take(&w, 0, &m), PN_E_PROTO);
        assert_true(rl_core_ok(w.core));
        coresim_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_links_follow_the_table),
        cmocka_unit_test(relays_follow_the_table),
        cmocka_unit_test(parcels_are_not_granted),
        cmocka_unit_test(closed_links_take_nothing),
        cmocka_unit_test(feature_is_needed),
        cmocka_unit_test(handles_are_of_this_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
