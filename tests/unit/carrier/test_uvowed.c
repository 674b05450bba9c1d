/* What a hub may owe in all: who does not read pays for it, who reads does not,
 * and the bytes are counted exactly. */
#include "tests/support/cmocka.h"

#include "proto/carrier/uv_internal.h"
#include "tests/unit/carrier/pair.h"

enum { LINKS = 8, READER = LINKS - 1, FRAME = 20000, TOTAL = 240 * 1024 };

static pair p;
static pair_end relay[LINKS], client[LINKS];
static pn_uvlink *at_relay[LINKS], *at_client[LINKS];

static size_t really_owed(void)
{
    size_t sum = 0;
    for (pn_node *n = p.hub->links.next; n != &p.hub->links; n = n->next) {
        const pn_uvlink *link = PN_ENTRY(n, pn_uvlink, in_hub);
        if (link->state == PN_UV_CLOSING || link->link == NULL)
            continue;
        sum += pn_link_output(link->link).len + link->owed_besides +
               (link->write != NULL ? link->write->len : 0);
    }
    return sum;
}

static const pn_uvhub_stats *stats(void)
{
    return pn_uvhub_read_stats(p.hub);
}

/* All but the last do not read. */
static void up(size_t total)
{
    pn_uvhub_options o = pair_options();
    o.output_total = total;
    assert_int_equal(pair_up(&p, &o), PN_OK);
    for (unsigned i = 0; i < LINKS; i++) {
        relay[i] = client[i] = (pair_end){ .pair = &p };
        assert_int_equal(pair_connect(&p), PN_OK);
        pair_run_until(&p, &p.relay.opened, i + 1);
        pair_run_until(&p, &p.client.opened, i + 1);
        at_relay[i] = p.relay.link;
        at_client[i] = p.client.link;
        pn_uvlink_set_ctx(at_relay[i], &relay[i]);
        pn_uvlink_set_ctx(at_client[i], &client[i]);
        pn_uvlink_set_busy(at_client[i], i != READER);
    }
}

/* Send until the link takes no more; returns how many frames. */
static unsigned fill(unsigned i)
{
    static const uint8_t frame[FRAME];
    unsigned n = 0;
    for (int idle = 0; idle < 5 && relay[i].closed == 0; idle++) {
        while (pn_uvlink_send(at_relay[i], (pn_bytes){ frame, FRAME }) ==
               PN_OK) {
            assert_int_equal(stats()->output_bytes, really_owed());
            assert_true(stats()->output_bytes <= TOTAL);
            idle = 0;
            n++;
        }
        pair_run_for(&p, 5);
    }
    return n;
}

static unsigned closed(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < LINKS; i++)
        n += relay[i].closed;
    return n;
}

/* One after the other stops reading: the first pays when all is too much, and
 * the one that reads is served as before. */
static void the_longest_waited_for_goes_first(void **state)
{
    (void)state;
    up(TOTAL);
    for (unsigned i = 0; i < READER; i++) {
        assert_true(fill(i) > 0);
        assert_int_equal(closed(), relay[0].closed);
        if (stats()->output_bytes > TOTAL / 2 && i > 1)
            assert_true(at_relay[i]->owed < 4 * FRAME);
    }
    assert_int_equal(relay[0].closed, 1);
    assert_int_equal(relay[0].why, PN_CLOSE_SLOW);
    assert_int_equal(stats()->output_shed, 1);
    assert_int_equal(stats()->closed[PN_CLOSE_SLOW], 1);
    {
        static const uint8_t frame[FRAME];
        for (unsigned n = 1; n <= 50; n++) {
            assert_int_equal(
                pn_uvlink_send(at_relay[READER], (pn_bytes){ frame, FRAME }),
                PN_OK);
            pair_run_until(&p, &client[READER].frames, n);
        }
    }
    assert_int_equal(closed(), 1);
    /* Who reads again gets all that waits, and is told that there is room. */
    for (unsigned i = 1; i < READER; i++)
        pn_uvlink_set_busy(at_client[i], false);
    for (unsigned i = 1; i < READER; i++)
        pair_run_until(&p, &relay[i].writable, 1);
    pair_run_for(&p, 50);
    assert_int_equal(stats()->output_bytes, 0);
    pair_down(&p);
}

/* What the application keeps for a peer counts too. */
static void what_is_kept_besides_counts(void **state)
{
    (void)state;
    up(TOTAL);
    assert_true(fill(0) > 0);
    pn_uvlink_owe_besides(at_relay[1], TOTAL / 4);
    assert_int_equal(stats()->output_bytes, really_owed());
    assert_int_equal(closed(), 0);
    pn_uvlink_owe_besides(at_relay[1], TOTAL);
    pair_run_for(&p, 5);
    assert_int_equal(relay[0].closed, 1);
    pn_uvlink_close(at_relay[1], PN_CLOSE_SHUTDOWN);
    assert_int_equal(stats()->output_bytes, 0);
    pair_down(&p);
}

/* Without a bound in all, each has its own. */
static void no_bound_is_no_ration(void **state)
{
    unsigned n[2];
    (void)state;
    up(SIZE_MAX);
    for (unsigned i = 0; i < 2; i++) {
        static const uint8_t frame[FRAME];
        for (n[i] = 0;
             pn_uvlink_send(at_relay[i], (pn_bytes){ frame, FRAME }) == PN_OK;
             n[i]++)
            ;
    }
    assert_int_equal(n[0], n[1]);
    pair_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_waited_for_goes_first),
        cmocka_unit_test(what_is_kept_besides_counts),
        cmocka_unit_test(no_bound_is_no_ration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
