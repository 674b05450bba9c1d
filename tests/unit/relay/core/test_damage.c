/* What the store gives back is not what it was given: lost, shorter, of another
 * version, somebody else's. Nothing of it is taken for mail, for a parcel or
 * for an answer; a tag counts even so, and nothing is done twice. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "relay/core/dest.h"
#include "tests/support/onionkit.h"

enum { CLIENT = 0, R = 2 };

typedef enum damage { LOST, SHORTER, OTHER_VERSION, OTHERS, DAMAGES } damage;

static coresim w;
static onionkit kit;
static damage how;
static pn_parcel_answer answer;

static void spoil(void *ctx, rl_envelope *e, uint8_t *body)
{
    (void)ctx;
    switch (how) {
    case LOST:
        e->damaged = true;
        e->body.len = 0;
        break;
    case SHORTER:
        e->body.len--;
        break;
    case OTHER_VERSION:
        body[0] ^= 0x80;
        break;
    case OTHERS:
    case DAMAGES:
        e->id[0] ^= 1;
        break;
    }
}

static void begin(damage which)
{
    onionkit_init(&kit, &w, 11);
    how = which;
    coresim_list(&w, 1, true, false);
    coresim_settle(&w);
    coresim_open(&w, CLIENT);
    assert_int_equal(coresim_open_relay(&w, R, 0, true), PN_OK);
}

static void end(void)
{
    assert_true(rl_core_ok(w.core));
    onionkit_free(&kit);
}

static void start_again(void)
{
    coresim_restart(&w, SIZE_MAX);
    onionkit_announce(&kit);
    coresim_list(&w, 1, true, false);
    coresim_settle(&w);
    coresim_open(&w, CLIENT);
    assert_int_equal(coresim_open_relay(&w, R, 0, true), PN_OK);
}

static uint64_t queues(void)
{
    rl_store_stats stats;
    rl_store_stats_get(w.store, &stats);
    return stats.queues;
}

/* The parcel came, and what was answered is damaged: it is not done again, and
 * its sender is told as much, before and after a restart. */
static void a_tag_without_its_answer_counts(void **state)
{
    (void)state;
    for (damage which = LOST; which < DAMAGES; which++) {
        pn_parcel_command cmd;
        pn_parcel_reply reply;
        uint64_t before;
        begin(which);
        cmd = onionkit_create(&kit, 0);
        onionkit_seal(&kit, &cmd, 0, &reply);
        assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                         PN_PARCEL_OK);
        before = queues();
        assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                         PN_PARCEL_OK);
        w.spoil = spoil;
        assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                         PN_PARCEL_REPEATED);
        start_again(); /* reading the tags, spoilt as they are */
        w.spoil = NULL;
        if (which == LOST || which == SHORTER)
            assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                             PN_PARCEL_OK);
        assert_int_equal(queues(), before);
        end();
    }
}

/* The answer comes back damaged from the very write: nothing was promised. */
static void an_answer_that_was_not_kept_is_not_given(void **state)
{
    (void)state;
    for (damage which = LOST; which < DAMAGES; which++) {
        pn_parcel_command cmd;
        begin(which);
        cmd = onionkit_create(&kit, 0);
        w.spoil = spoil;
        assert_int_equal(onionkit_do(&kit, R, 0, &cmd, &answer),
                         -PN_PARCEL_BUSY);
        w.spoil = NULL;
        end();
    }
}

/* Keys that are gone, tags that are spoilt: nothing to answer with. */
static void without_the_key_there_is_no_answer(void **state)
{
    pn_parcel_command cmd;
    pn_parcel_reply reply;
    (void)state;
    begin(LOST);
    cmd = onionkit_create(&kit, 0);
    onionkit_seal(&kit, &cmd, 0, &reply);
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
    rl_onions_wipe(&kit.onions);
    w.spoil = spoil;
    coresim_restart(&w, SIZE_MAX);
    kit.descriptor_len = 0;
    assert_int_equal(rl_core_set_self(w.core, &kit.onions, (pn_bytes){ 0 }),
                     PN_OK);
    coresim_settle(&w);
    coresim_list(&w, 1, true, false);
    coresim_settle(&w);
    assert_int_equal(coresim_open_relay(&w, R, 0, true), PN_OK);
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                     -PN_PARCEL_REFUSED);
    end();
}

/* In a spool there is something that is no parcel: it is not brought, and what
 * comes after it is. */
static void what_is_no_parcel_is_not_brought(void **state)
{
    (void)state;
    for (damage which = LOST; which < OTHERS; which++) {
        size_t from, count = 0;
        pn_msg m;
        begin(which);
        coresim_close(&w, R);
        m = coresim_forward(&w, 0, 1, PN_PRIORITY_NORMAL, 1, PN_PARCEL_MIN);
        assert_int_equal(coresim_take(&w, CLIENT, &m), PN_OK);
        coresim_settle(&w);
        from = w.event_count;
        w.spoil = spoil;
        start_again();
        coresim_settle(&w);
        w.spoil = NULL;
        m = coresim_forward(&w, 0, 2, PN_PRIORITY_NORMAL, 2, PN_PARCEL_MIN);
        assert_int_equal(coresim_take(&w, CLIENT, &m), PN_OK);
        coresim_settle(&w);
        for (size_t k = from; k < w.event_count; k++) {
            const coresim_event *e = &w.events[k % CORESIM_EVENTS];
            if (e->link != R || e->msg.kind != PN_MSG_PARCEL)
                continue;
            assert_int_equal(coresim_parcel_of(e), 2);
            count++;
        }
        assert_int_equal(count, 1);
        end();
    }
}

/* Mail that was lost is said to be, by a message without an envelope. */
static void lost_mail_is_told(void **state)
{
    size_t from, count = 0;
    pn_msg m;
    (void)state;
    begin(LOST);
    (void)coresim_make(&w, CLIENT, 0, 0);
    m = coresim_deposit(&w, 0, 5, PN_PRIORITY_NORMAL, 4711);
    assert_int_equal(coresim_take(&w, CLIENT, &m), PN_OK);
    coresim_settle(&w);
    w.spoil = spoil;
    from = w.event_count;
    m = coresim_open_queue(&w, CLIENT, 0, 6, 4);
    assert_int_equal(coresim_take(&w, CLIENT, &m), PN_OK);
    coresim_settle(&w);
    for (size_t k = from; k < w.event_count; k++) {
        const coresim_event *e = &w.events[k % CORESIM_EVENTS];
        if (e->msg.kind != PN_MSG_DELIVER)
            continue;
        count++;
        assert_int_equal(coresim_message_of(e->bytes), 4711);
        assert_int_equal(e->envelope_len, 0);
    }
    assert_int_equal(count, 1);
    w.spoil = NULL;
    end();
}

/* A parcel that fetches it is told likewise. */
static void lost_mail_is_told_by_parcel(void **state)
{
    pn_parcel_command cmd;
    (void)state;
    begin(LOST);
    (void)coresim_make(&w, CLIENT, 0, 0);
    cmd = onionkit_deposit(&kit, 0, 4711, PN_ENVELOPE_XS);
    assert_int_equal(onionkit_do(&kit, R, 0, &cmd, &answer), PN_PARCEL_OK);
    w.spoil = spoil;
    cmd = onionkit_manage(&kit, 0, PN_PARCEL_FETCH);
    cmd.u.manage.room = PN_ENVELOPE_L;
    assert_int_equal(onionkit_do(&kit, R, 0, &cmd, &answer), PN_PARCEL_LOST);
    assert_int_equal(coresim_message_of(answer.u.fetched.message_id.p), 4711);
    w.spoil = NULL;
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_without_its_answer_counts),
        cmocka_unit_test(an_answer_that_was_not_kept_is_not_given),
        cmocka_unit_test(without_the_key_there_is_no_answer),
        cmocka_unit_test(what_is_no_parcel_is_not_brought),
        cmocka_unit_test(lost_mail_is_told),
        cmocka_unit_test(lost_mail_is_told_by_parcel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
