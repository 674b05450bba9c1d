/* The judge of the relay's simulations is judged: each thing rl_core_ok()
 * promises to see, broken, is seen. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "relay/core/dest.h"
#include "tests/support/coresim.h"

enum { CLIENT = 0, OTHER = 1, R = 2 };

static coresim w;

/* Bend a field, be seen, and straighten it again. */
static void seen(void *field, const void *value, size_t len)
{
    uint8_t was[32];
    assert_true(len <= sizeof was);
    assert_true(rl_core_ok(w.core));
    memcpy(was, field, len);
    memcpy(field, value, len);
    assert_false(rl_core_ok(w.core));
    memcpy(field, was, len);
    assert_true(rl_core_ok(w.core));
}

static void seen_size(size_t *field, size_t value)
{
    seen(field, &value, sizeof value);
}

static void seen_u64(uint64_t *field, uint64_t value)
{
    seen(field, &value, sizeof value);
}

static void seen_u32(uint32_t *field, uint32_t value)
{
    seen(field, &value, sizeof value);
}

static void seen_flip(bool *field)
{
    const bool other = !*field;
    seen(field, &other, sizeof other);
}

static int setup(void **state)
{
    (void)state;
    coresim_init(&w, 1);
    coresim_open(&w, CLIENT);
    coresim_open(&w, OTHER);
    coresim_list(&w, 1, true, true);
    coresim_settle(&w);
    assert_int_equal(coresim_open_relay(&w, R, 0, true), PN_OK);
    coresim_settle(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(rl_core_ok(w.core));
    coresim_free(&w);
    return 0;
}

static void links_and_what_waits(void **state)
{
    rl_link *link = w.links[CLIENT].link, *other = w.links[OTHER].link;
    rl_pending *p;
    pn_msg m;
    (void)state;
    (void)coresim_make(&w, CLIENT, 0, 4);
    m = coresim_deposit(&w, 0, 5, PN_PRIORITY_NORMAL, 1);
    assert_int_equal(coresim_take(&w, CLIENT, &m), PN_OK);
    p = PN_ENTRY(pn_list_first(&link->ops), rl_pending, in_link);
    seen(&p->link, &other, sizeof other);
    seen_u32(&link->pending, link->pending + 1);
    seen_size(&link->pending_bytes, link->pending_bytes + 1);
    seen_u64(&w.core->stats.pending, w.core->stats.pending + 1);
    coresim_settle(&w);
}

static void what_is_late(void **state)
{
    rl_link *nobody = NULL;
    rl_pending *first, *second;
    (void)state;
    w.core->config.failures_per_link = 1000;
    for (uint64_t n = 0; n < 2; n++) { /* a wrong guess, twice */
        pn_msg m = coresim_open_queue(&w, CLIENT, 3, 10 + n, 1);
        assert_int_equal(coresim_take(&w, CLIENT, &m), PN_OK);
        coresim_commit(&w, SIZE_MAX);
        while (coresim_result(&w))
            continue;
    }
    first = PN_ENTRY(pn_list_first(&w.core->late), rl_pending, in_wait);
    second = PN_ENTRY(w.core->late.prev, rl_pending, in_wait);
    assert_ptr_not_equal(first, second);
    seen_u64(&first->due_ms, UINT64_MAX);
    seen(&second->link, &nobody, sizeof nobody);
    coresim_settle(&w);
}

static void queues(void **state)
{
    rl_link *other = w.links[OTHER].link, *link = w.links[CLIENT].link;
    rl_pending stray;
    rl_pending *waiting = &stray;
    rl_queue *q;
    (void)state;
    (void)coresim_make(&w, CLIENT, 0, 0);
    q = link->queues[0];
    assert_false(q->fetching);
    seen(&q->link, &other, sizeof other);
    seen_u32(&q->handle, q->handle + 1);
    seen(&q->recv_id, "another id", 10);
    seen(&q->next_fetch, &waiting, sizeof waiting);
    memset(&stray, 0, sizeof stray);
    pn_node_init(&stray.in_wait);
    pn_list_push_back(&q->held, &stray.in_wait);
    assert_false(rl_core_ok(w.core));
    pn_list_remove(&stray.in_wait);
    seen_size(&w.core->queues.count, w.core->queues.count + 1);
    seen_u64(&w.core->stats.links, w.core->stats.links + 1);
    {
        const rl_session was = link->session;
        memset(&link->session, 0xff, sizeof link->session);
        assert_false(rl_core_ok(w.core));
        link->session = was;
    }
}

static void destinations(void **state)
{
    rl_dest *dest = rl_dest_find(w.core, w.relays[0].key);
    rl_link *other = w.links[OTHER].link;
    uint8_t *nothing = NULL, some[1], *something = some;
    rl_item *sent, *ready;
    rl_lane *lane;
    pn_msg m;
    (void)state;
    assert_non_null(dest);
    w.links[R].room = 1; /* one goes, the next waits */
    for (uint64_t n = 1; n <= 3; n++) {
        m = coresim_forward(&w, 0, n, PN_PRIORITY_NORMAL, n, PN_PARCEL_MIN);
        assert_int_equal(coresim_take(&w, CLIENT, &m), PN_OK);
        coresim_settle(&w);
    }
    assert_int_equal(dest->sent_count, 1);
    lane = &dest->lanes[RL_NORMAL];
    assert_true(lane->ready_count >= 2);
    sent = PN_ENTRY(pn_list_first(&dest->sent), rl_item, node);
    ready = PN_ENTRY(pn_list_first(&lane->ready), rl_item, node);
    seen(&sent->parcel, &something, sizeof something);
    seen(&sent->link, &other, sizeof other);
    seen(&ready->parcel, &nothing, sizeof nothing);
    seen_u64(&ready->due_ms, UINT64_MAX);
    seen_size(&lane->ready_count, lane->ready_count + 1);
    seen_size(&lane->ready_bytes, lane->ready_bytes + 1);
    seen_size(&dest->sent_count, dest->sent_count + 1);
    seen_size(&dest->sent_bytes, dest->sent_bytes + 1);
    seen_u32(&dest->acking, dest->done_count + 1);
    seen_u32(&dest->done_count, RL_DONE_MAX);
    seen_u64(&dest->answer_ms, UINT64_MAX);
    seen_flip(&dest->listed);
    {
        const rl_gate was = dest->gate;
        memset(&dest->gate, 0xff, sizeof dest->gate);
        assert_false(rl_core_ok(w.core));
        dest->gate = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_and_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_late, setup, teardown),
        cmocka_unit_test_setup_teardown(queues, setup, teardown),
        cmocka_unit_test_setup_teardown(destinations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
