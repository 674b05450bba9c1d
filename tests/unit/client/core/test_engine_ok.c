/* The judge of all simulations is judged: each thing cl_engine_ok() promises to
 * see, broken, is seen. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/lonely.h"

enum { BENT_MAX = 4 };

static struct {
    void *at;
    size_t len;
    uint8_t was[32];
} bent[BENT_MAX];
static size_t bent_count;

static void bend(void *field, const void *value, size_t len)
{
    assert_true(bent_count < BENT_MAX && len <= sizeof bent[0].was);
    bent[bent_count].at = field;
    bent[bent_count].len = len;
    memcpy(bent[bent_count++].was, field, len);
    memcpy(field, value, len);
}

/* So that it can be freed. */
static void straighten(void)
{
    while (bent_count > 0) {
        bent_count--;
        memcpy(bent[bent_count].at, bent[bent_count].was, bent[bent_count].len);
    }
}

static void flip(bool *field)
{
    const bool other = !*field;
    bend(field, &other, sizeof other);
}

static void flip_byte(uint8_t *field)
{
    const uint8_t other = *field ^ 1;
    bend(field, &other, sizeof other);
}

static void set_u32(uint32_t *field, uint32_t value)
{
    bend(field, &value, sizeof value);
}

static void set_u64(uint64_t *field, uint64_t value)
{
    bend(field, &value, sizeof value);
}

static void set_size(size_t *field, size_t value)
{
    bend(field, &value, sizeof value);
}

/* --- things to bend ------------------------------------------------------- */

static lonely l;
static cl_request stray; /* waits at nobody's relay */

static cl_item *item(void)
{
    return PN_ENTRY(l.engine->items.next, cl_item, in_engine);
}

/* A copy of which it is so. */
static cl_copy *copy_that(bool (*is_so)(const cl_copy *))
{
    for (pn_node *n = l.engine->items.next; n != &l.engine->items;
         n = n->next) {
        cl_item *i = PN_ENTRY(n, cl_item, in_engine);
        for (size_t k = 0; k < CL_QUEUES_MAX; k++) {
            if (is_so(&i->copies[k]))
                return &i->copies[k];
        }
    }
    fail_msg("no such copy");
    abort();
}

static bool stands_somewhere(const cl_copy *c)
{
    return c->place != NULL;
}

static bool flies(const cl_copy *c)
{
    return c->in_flight;
}

static bool is_nowhere(const cl_copy *c)
{
    return cl_copy_route(c)->relay == NULL;
}

static bool rests(const cl_copy *c)
{
    return cl_copy_route(c)->relay != NULL && !c->in_flight && !c->held;
}

static cl_relay *relay(void)
{
    return PN_ENTRY(l.engine->relays.next, cl_relay, in_engine);
}

static cl_queue *queue(void)
{
    return PN_ENTRY(relay()->queues.next, cl_queue, in_relay);
}

static cl_contact *contact(void)
{
    return l.engine->contacts[0];
}

static cl_event_entry *event(void)
{
    return PN_ENTRY(l.engine->events.next, cl_event_entry, in_engine);
}

static cl_invite *invite(cl_invite_state state)
{
    for (pn_node *n = l.engine->invites.next; n != &l.engine->invites;
         n = n->next) {
        cl_invite *i = PN_ENTRY(n, cl_invite, in_engine);
        if (i->state == state)
            return i;
    }
    fail_msg("no such invitation");
    abort();
}

/* --- how ------------------------------------------------------------------ */

static void item_of_another_id(void)
{
    flip_byte(item()->id);
}

static void item_of_nobody(void)
{
    cl_contact *nobody = NULL;
    bend(&item()->contact, &nobody, sizeof nobody);
}

static void item_its_contact_forgot(void)
{
    pn_list_remove(&item()->in_contact);
}

static void item_of_another_state(void)
{
    const cl_item_state other =
        item()->state == CL_ITEM_RELAYED ? CL_ITEM_QUEUED : CL_ITEM_RELAYED;
    bend(&item()->state, &other, sizeof other);
}

static void items_miscounted(void)
{
    set_size(&l.engine->item_count, l.engine->item_count + 1);
}

static void item_with_another_timer(void)
{
    set_u64(&item()->expires_ms, item()->expires_ms - 1000);
    set_u64(&item()->resend_ms, 1);
}

static void copy_of_another_item(void)
{
    cl_item *nobody = NULL;
    bend(&item()->copies[0].item, &nobody, sizeof nobody);
}

static void copy_off_its_place(void)
{
    pn_list_remove(&copy_that(stands_somewhere)->in_place);
}

static void copy_not_moved(void)
{
    cl_copy *c = copy_that(stands_somewhere);
    const cl_wait wait = CL_WAIT_BUSY;
    bend(&c->wait, &wait, sizeof wait);
    set_u64(&c->retry_ms, l.sim.mono_ms + 1000);
}

static void copy_flies_unasked(void)
{
    flip(&copy_that(rests)->in_flight);
}

static void copy_flies_unsealed(void)
{
    uint8_t *nothing = NULL;
    bend(&copy_that(flies)->envelope, &nothing, sizeof nothing);
}

static void copy_flies_where_it_is(void)
{
    flip(&copy_that(flies)->held);
}

static void copy_held_nowhere(void)
{
    flip(&copy_that(is_nowhere)->held);
}

static void copy_sealed_for_nowhere(void)
{
    static uint8_t some[1];
    uint8_t *sealed = some;
    bend(&copy_that(is_nowhere)->envelope, &sealed, sizeof sealed);
}

static void copy_flies_for_another(void)
{
    cl_request *other = &stray;
    bend(&copy_that(flies)->deposit, &other, sizeof other);
}

static void queue_of_another_relay(void)
{
    cl_relay *other = NULL;
    bend(&queue()->relay, &other, sizeof other);
}

static void queue_open_before_it_is_made(void)
{
    const cl_queue_state open = CL_QUEUE_OPEN;
    bend(&queue()->state, &open, sizeof open);
    flip(&queue()->created);
}

static void queue_open_without_a_link(void)
{
    const cl_queue_state open = CL_QUEUE_OPEN;
    bend(&queue()->state, &open, sizeof open);
}

static void queue_of_another_id(void)
{
    flip_byte(queue()->recv_id);
}

static void queue_asked_by_nobody(void)
{
    cl_request *other = &stray;
    bend(&queue()->asked, &other, sizeof other);
}

static void queue_off_its_wish(void)
{
    assert_non_null(queue()->wish);
    pn_list_remove(&queue()->in_wish);
}

static void queue_not_moved(void)
{
    assert_non_null(queue()->wish);
    flip(&queue()->held);
    set_u64(&queue()->retry_ms, l.sim.mono_ms + 1000);
}

static void relay_of_another_number(void)
{
    set_u32(&relay()->number, 4711);
}

static void deposits_miscounted(void)
{
    set_u32(&relay()->in_flight, relay()->in_flight + 1);
}

static void openings_miscounted(void)
{
    set_u32(&relay()->opening, relay()->opening + 1);
}

static void requests_without_a_link(void)
{
    const cl_relay_state offline = CL_RELAY_OFFLINE;
    assert_false(pn_list_is_empty(&relay()->requests));
    bend(&relay()->state, &offline, sizeof offline);
}

static void custody_without_a_link(void)
{
    pn_list_push_back(&relay()->custody, &stray.in_relay);
}

static void custody_of_another(void)
{
    stray.copy = &item()->copies[0];
    pn_list_push_back(&relay()->custody, &stray.in_relay);
}

static void contact_of_another_id(void)
{
    flip_byte(contact()->id);
}

static void contact_of_another_name(void)
{
    bend(contact()->name, "other", sizeof "other");
}

static void contact_of_another_identity(void)
{
    flip_byte(contact()->peer);
}

static void contacts_mixed_up(void)
{
    cl_contact *a = l.engine->contacts[0], *b = l.engine->contacts[1];
    bend(a->peer, b->peer, sizeof a->peer);
    flip_byte(b->peer);
}

static void receipts_at_no_time(void)
{
    set_u64(&contact()->due_ms, contact()->due_ms == 0 ? 1 : 0);
}

static void receipts_not_queued(void)
{
    flip(&contact()->receipts.is_in);
}

static void event_of_another_number(void)
{
    set_u64(&event()->event.sequence, event()->event.sequence + 1000);
}

static void event_given_and_not(void)
{
    flip(&event()->event.given);
}

static void events_miscounted(void)
{
    set_size(&l.engine->event_count, l.engine->event_count + 1);
}

static void invite_without_end(void)
{
    flip(&invite(CL_INVITE_OPEN)->timer.is_in);
}

static void invite_not_prepared(void)
{
    pn_list_remove(&invite(CL_INVITE_PREPARING)->in_preparing);
}

static void invites_miscounted(void)
{
    set_size(&l.engine->open_invites, l.engine->open_invites + 1);
}

typedef enum how_far { ALONE, LINKED, ASKING } how_far;

static const struct {
    const char *name;
    lonely_moment moment;
    how_far far;
    void (*bend)(void);
} cases[] = {
    { "item id", LONELY_WAITING, ALONE, item_of_another_id },
    { "item contact", LONELY_WAITING, ALONE, item_of_nobody },
    { "item list", LONELY_WAITING, ALONE, item_its_contact_forgot },
    { "item state", LONELY_WAITING, ALONE, item_of_another_state },
    { "item count", LONELY_WAITING, ALONE, items_miscounted },
    { "item timer", LONELY_WAITING, ALONE, item_with_another_timer },
    { "copy item", LONELY_WAITING, ALONE, copy_of_another_item },
    { "copy place", LONELY_WAITING, LINKED, copy_off_its_place },
    { "copy moved", LONELY_WAITING, LINKED, copy_not_moved },
    { "copy unasked", LONELY_WAITING, ALONE, copy_flies_unasked },
    { "copy unsealed", LONELY_WAITING, ASKING, copy_flies_unsealed },
    { "copy there", LONELY_WAITING, ASKING, copy_flies_where_it_is },
    { "copy nowhere", LONELY_WAITING, ALONE, copy_held_nowhere },
    { "copy sealed", LONELY_WAITING, ALONE, copy_sealed_for_nowhere },
    { "copy other", LONELY_WAITING, ASKING, copy_flies_for_another },
    { "queue relay", LONELY_WAITING, ALONE, queue_of_another_relay },
    { "queue made", LONELY_WAITING, ASKING, queue_open_before_it_is_made },
    { "queue link", LONELY_WAITING, ALONE, queue_open_without_a_link },
    { "queue id", LONELY_WAITING, ALONE, queue_of_another_id },
    { "queue asked", LONELY_WAITING, ALONE, queue_asked_by_nobody },
    { "queue wish", LONELY_HOLDING, LINKED, queue_off_its_wish },
    { "queue moved", LONELY_HOLDING, LINKED, queue_not_moved },
    { "relay number", LONELY_WAITING, ALONE, relay_of_another_number },
    { "relay deposits", LONELY_WAITING, ALONE, deposits_miscounted },
    { "relay openings", LONELY_WAITING, ALONE, openings_miscounted },
    { "relay requests", LONELY_WAITING, ASKING, requests_without_a_link },
    { "relay custody", LONELY_WAITING, ALONE, custody_without_a_link },
    { "relay copy", LONELY_WAITING, ALONE, custody_of_another },
    { "contact id", LONELY_WAITING, ALONE, contact_of_another_id },
    { "contact name", LONELY_WAITING, ALONE, contact_of_another_name },
    { "contact peer", LONELY_WAITING, ALONE, contact_of_another_identity },
    { "contact peers", LONELY_CHANGED, ALONE, contacts_mixed_up },
    { "contact due", LONELY_WAITING, ALONE, receipts_at_no_time },
    { "contact receipts", LONELY_WAITING, ALONE, receipts_not_queued },
    { "event number", LONELY_HOLDING, ALONE, event_of_another_number },
    { "event given", LONELY_HOLDING, ALONE, event_given_and_not },
    { "event count", LONELY_HOLDING, ALONE, events_miscounted },
    { "invite timer", LONELY_INVITING, ALONE, invite_without_end },
    { "invite list", LONELY_INVITING, ALONE, invite_not_prepared },
    { "invite count", LONELY_INVITING, ALONE, invites_miscounted },
};

static void link_up(void)
{
    static const uint8_t binding[32] = { 1 };
    assert_int_equal(cl_engine_pump(l.engine), PN_OK);
    for (pn_node *n = l.engine->relays.next; n != &l.engine->relays;
         n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        if (r->state == CL_RELAY_CONNECTING)
            cl_engine_link_open(l.engine, r->number, binding);
    }
}

static void what_is_broken_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s\n", cases[i].name);
        memset(&stray, 0, sizeof stray);
        pn_node_init(&stray.in_relay);
        lonely_live(&l, cases[i].moment);
        if (cases[i].far != ALONE)
            link_up();
        if (cases[i].far == ASKING)
            assert_int_equal(cl_engine_pump(l.engine), PN_OK);
        assert_true(cl_engine_ok(l.engine));
        cases[i].bend();
        assert_false(cl_engine_ok(l.engine));
        straighten();
        pn_list_remove(&stray.in_relay);
        lonely_end(&l);
    }
}

static int remember(void **state)
{
    (void)state;
    lonely_remember();
    return 0;
}

static int forget(void **state)
{
    (void)state;
    lonely_forget();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_broken_is_seen),
    };
    return cmocka_run_group_tests(tests, remember, forget);
}
