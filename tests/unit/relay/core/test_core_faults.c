/* A day at the relay, told again and again with one thing failing at another
 * place each time: the n-th allocation, the n-th random draw, the n-th
 * operation of the store in each way that store.h allows. Who is told to come
 * back does so. At the end all has been done, and nothing twice. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "tests/support/faults.h"
#include "tests/support/onionkit.h"

enum { CLIENT = 0, OTHER = 1, R = 2, MESSAGES = 3, TRIES = 40 };

static coresim w;
static onionkit kit;
static uint64_t next_id;
static unsigned given[MESSAGES + 1]; /* how often each came */
static unsigned acked;
static unsigned brought; /* parcels given to the other relay */
static unsigned operated;
static pn_parcel_answer answer;

/* --- what stands around the core ------------------------------------------ */

/* Senders and the world have their own memory and dice. */
static unsigned outside(void)
{
    const unsigned at = w.sim.random_at;
    (void)faults_pause(true);
    w.sim.random_at = 0;
    return at;
}

static void inside(unsigned random_at)
{
    w.sim.random_at = random_at;
    (void)faults_pause(false);
}

static void on_operated(void *ctx, uint64_t ticket, const rl_result *r)
{
    (void)ctx;
    assert_int_equal(ticket, 77);
    operated += r->status == RL_STATUS_OK ? 1 : 0;
}

static bool link_up(size_t i)
{
    const unsigned at = outside();
    bool is_up;
    if (w.links[i].closing)
        coresim_close(&w, i);
    inside(at);
    if (w.links[i].link == NULL && i == R)
        (void)!coresim_open_relay(&w, R, 0, true);
    else if (w.links[i].link == NULL)
        coresim_open(&w, i);
    is_up = w.links[i].link != NULL;
    return is_up;
}

/* The answer to a message with an id, or NULL. */
static const coresim_event *ask(size_t i, const pn_msg *m)
{
    const size_t from = w.event_count;
    if (coresim_take(&w, i, m) != PN_OK)
        return NULL;
    coresim_settle(&w);
    for (size_t k = from; k < w.event_count; k++) {
        const coresim_event *e = &w.events[k % CORESIM_EVENTS];
        if (e->link == i && e->msg.id == m->id && e->msg.kind != PN_MSG_DELIVER)
            return e;
    }
    return NULL;
}

typedef bool step_fn(void);

static void insist(const char *name, step_fn *step)
{
    for (unsigned n = 0; n < TRIES; n++) {
        bool done = false;
        if (link_up(CLIENT) && link_up(OTHER) && link_up(R))
            done = step();
        assert_true(rl_core_ok(w.core));
        if (done)
            return;
        coresim_advance(&w, 5000);
        coresim_settle(&w);
    }
    fail_msg("never done: %s", name);
}

/* --- queues --------------------------------------------------------------- */

static bool create(void)
{
    const pn_msg m = coresim_create(&w, CLIENT, 0, ++next_id, 0);
    const coresim_event *e = ask(CLIENT, &m);
    if (e == NULL || e->msg.kind != PN_MSG_QUEUE_CREATED)
        return false;
    memcpy(w.queues[0].recv_id, e->msg.u.queue_created.recv_id.p, 32);
    memcpy(w.queues[0].send_id, e->msg.u.queue_created.send_id.p, 32);
    return true;
}

static bool deposit(uint64_t message, pn_priority priority)
{
    const pn_msg m = coresim_deposit(&w, 0, ++next_id, priority, message);
    const coresim_event *e = ask(OTHER, &m);
    return e != NULL && e->msg.kind == PN_MSG_DEPOSIT_RESULT &&
           e->msg.u.deposit_result.status <= PN_DEPOSIT_DUPLICATE;
}

static bool deposit_1(void)
{
    return deposit(1, PN_PRIORITY_NORMAL);
}

static bool deposit_2(void)
{
    return deposit(2, PN_PRIORITY_URGENT);
}

static bool deposit_3(void)
{
    return deposit(3, PN_PRIORITY_BULK);
}

/* Its handle on CLIENT's link; 0 if that cannot be. */
static uint32_t open_queue(uint32_t window)
{
    const pn_msg m = coresim_open_queue(&w, CLIENT, 0, ++next_id, window);
    const coresim_event *e = ask(CLIENT, &m);
    if (e == NULL || e->msg.kind != PN_MSG_QUEUE_OPENED)
        return 0;
    return e->opened[0].known ? e->opened[0].handle : 0;
}

static bool ack(uint32_t handle, uint64_t message)
{
    uint8_t id[PN_MESSAGE_ID_BYTES];
    pn_msg m = { .id = ++next_id, .kind = PN_MSG_ACK };
    const coresim_event *e;
    coresim_message_id(id, message);
    m.u.ack.handle = handle;
    m.u.ack.message_ids = (pn_bytes){ id, sizeof id };
    e = ask(CLIENT, &m);
    if (e == NULL || e->msg.kind != PN_MSG_ACKED)
        return false;
    acked += e->msg.u.acked.forgotten;
    return true;
}

/* Pushed, and one by one acknowledged. */
static bool receive(void)
{
    const size_t from = w.event_count;
    const uint32_t handle = open_queue(8);
    if (handle == 0)
        return acked == MESSAGES;
    for (size_t k = from; k < w.event_count; k++) {
        const coresim_event *e = &w.events[k % CORESIM_EVENTS];
        uint64_t message;
        if (e->link != CLIENT || e->msg.kind != PN_MSG_DELIVER)
            continue;
        message = coresim_message_of(e->bytes);
        assert_true(message >= 1 && message <= MESSAGES);
        given[message]++;
        (void)ack(handle, message);
    }
    return acked == MESSAGES;
}

/* Asked for, with nothing there. */
static bool fetch_nothing(void)
{
    const uint32_t handle = open_queue(0);
    pn_msg m = { .id = ++next_id, .kind = PN_MSG_FETCH };
    const coresim_event *e;
    if (handle == 0)
        return false;
    m.u.fetch = (pn_msg_fetch){ handle, 5 };
    e = ask(CLIENT, &m);
    return e != NULL && e->msg.kind == PN_MSG_FETCH_END &&
           !e->msg.u.fetch_end.more;
}

static bool manage(pn_msg_kind kind)
{
    static const uint8_t hash[32] = { 1 };
    const uint32_t handle = open_queue(0);
    pn_msg m = { .id = ++next_id, .kind = kind };
    const coresim_event *e;
    if (handle == 0)
        return false;
    if (kind == PN_MSG_QUEUE_ROTATE)
        m.u.queue_rotate = (pn_msg_queue_rotate){ handle, { hash, 32 } };
    else
        m.u.queue_handle.handle = handle;
    e = ask(CLIENT, &m);
    return e != NULL && e->msg.kind == PN_MSG_QUEUE_DONE &&
           e->msg.u.queue_done.status == PN_QUEUE_OK;
}

static bool suspend(void)
{
    return manage(PN_MSG_QUEUE_SUSPEND);
}

static bool resume(void)
{
    return manage(PN_MSG_QUEUE_RESUME);
}

static bool rotate(void)
{
    return manage(PN_MSG_QUEUE_ROTATE);
}

/* What fails may have happened: then it is gone. */
static bool delete_it(void)
{
    const pn_msg m = coresim_open_queue(&w, CLIENT, 0, ++next_id, 0);
    const coresim_event *e;
    if (manage(PN_MSG_QUEUE_DELETE))
        return true;
    if (!link_up(CLIENT))
        return false;
    e = ask(CLIENT, &m);
    return e != NULL && e->msg.kind == PN_MSG_QUEUE_OPENED &&
           !e->opened[0].known;
}

/* --- the operator --------------------------------------------------------- */

static bool operate(rl_op_kind kind)
{
    operated = 0;
    if (rl_core_operate(w.core, kind, w.queues[0].recv_id, 77) != PN_OK)
        return false;
    coresim_settle(&w);
    return operated == 1;
}

static bool block(void)
{
    return operate(RL_OP_BLOCK);
}

static bool unblock(void)
{
    return operate(RL_OP_UNBLOCK);
}

static bool purge(void)
{
    return operate(RL_OP_PURGE);
}

/* --- parcels -------------------------------------------------------------- */

static pn_parcel_reply reply;

/* The status of a command about queue 1, in a new parcel. */
static int parcel(const pn_parcel_command *cmd, size_t i)
{
    const unsigned at = outside();
    onionkit_seal(&kit, cmd, 1, &reply);
    inside(at);
    return onionkit_again(&kit, i, &reply, &answer);
}

static bool parcel_create(void)
{
    const pn_parcel_command cmd = onionkit_create(&kit, 1);
    if (parcel(&cmd, R) != PN_PARCEL_OK)
        return false;
    memcpy(w.queues[1].recv_id, answer.u.created.recv_id.p, 32);
    memcpy(w.queues[1].send_id, answer.u.created.send_id.p, 32);
    return true;
}

static bool parcel_deposit(void)
{
    const pn_parcel_command cmd = onionkit_deposit(&kit, 1, 9, PN_ENVELOPE_XS);
    const int status = parcel(&cmd, CLIENT);
    return status == PN_PARCEL_OK || status == PN_PARCEL_DUPLICATE;
}

static bool parcel_deposit_large(void)
{
    const pn_parcel_command cmd = onionkit_deposit(&kit, 1, 8, PN_ENVELOPE_M);
    const int status = parcel(&cmd, R);
    return status == PN_PARCEL_OK || status == PN_PARCEL_DUPLICATE;
}

static bool parcel_fetch(void)
{
    pn_parcel_command cmd = onionkit_manage(&kit, 1, PN_PARCEL_FETCH);
    cmd.u.manage.room = PN_ENVELOPE_L;
    return parcel(&cmd, R) == PN_PARCEL_OK;
}

static bool parcel_ack(void)
{
    uint8_t ids[2 * PN_MESSAGE_ID_BYTES];
    pn_parcel_command cmd = onionkit_manage(&kit, 1, PN_PARCEL_ACK);
    coresim_message_id(ids, 8);
    coresim_message_id(ids + PN_MESSAGE_ID_BYTES, 9);
    cmd.u.manage.message_ids = (pn_bytes){ ids, sizeof ids };
    return parcel(&cmd, CLIENT) == PN_PARCEL_OK;
}

static bool parcel_manage(pn_parcel_kind kind)
{
    const pn_parcel_command cmd = onionkit_manage(&kit, 1, kind);
    return parcel(&cmd, R) == PN_PARCEL_OK;
}

static bool parcel_rotate(void)
{
    return parcel_manage(PN_PARCEL_ROTATE);
}

static bool parcel_suspend(void)
{
    return parcel_manage(PN_PARCEL_SUSPEND);
}

/* Its answer may have been lost: then the queue is not known any more. */
static bool parcel_delete(void)
{
    const pn_parcel_command cmd = onionkit_manage(&kit, 1, PN_PARCEL_DELETE);
    const int status = parcel(&cmd, R);
    return status == PN_PARCEL_OK || status == PN_PARCEL_UNKNOWN;
}

/* Asked again, it is answered alike, and not done again. */
static bool parcel_again(void)
{
    const int status = onionkit_again(&kit, R, &reply, &answer);
    return status == PN_PARCEL_OK || status == PN_PARCEL_UNKNOWN ||
           status == PN_PARCEL_REPEATED;
}

static bool parcel_wrong(void)
{
    pn_parcel_command cmd = onionkit_manage(&kit, 1, PN_PARCEL_SUSPEND);
    static const uint8_t nobody[32];
    cmd.u.manage.recv_id = (pn_bytes){ nobody, 32 };
    return parcel(&cmd, CLIENT) == PN_PARCEL_UNKNOWN;
}

/* --- other relays --------------------------------------------------------- */

static bool forward(void)
{
    const pn_msg m =
        coresim_forward(&w, 0, ++next_id, PN_PRIORITY_NORMAL, 5, PN_PARCEL_MIN);
    const coresim_event *e = ask(CLIENT, &m);
    return e != NULL && e->msg.kind == PN_MSG_FORWARD_RESULT &&
           e->msg.u.forward_result.status == PN_FORWARD_ACCEPTED;
}

/* The other relay takes what it is brought. */
static bool bring(void)
{
    static const uint8_t said[PN_REPLY_STATUS_BYTES];
    for (size_t k = 0; k < w.event_count; k++) {
        const coresim_event *e = &w.events[k % CORESIM_EVENTS];
        pn_msg m = { .kind = PN_MSG_PARCEL_RESULT };
        if (e->link != R || e->msg.kind != PN_MSG_PARCEL)
            continue;
        m.id = e->msg.id;
        m.u.parcel_result.outcome = PN_PARCEL_DONE;
        m.u.parcel_result.reply = (pn_bytes){ said, sizeof said };
        w.events[k % CORESIM_EVENTS].msg.kind = PN_MSG_PING; /* dealt with */
        if (coresim_take(&w, R, &m) == PN_OK)
            brought++;
        coresim_settle(&w);
    }
    return brought > 0;
}

static bool ask_descriptor(void)
{
    const pn_msg m = { .id = ++next_id,
                       .kind = PN_MSG_DESCRIPTOR_REQUEST,
                       .u.descriptor_request.relay_key = { w.relays[1].key,
                                                           32 } };
    const coresim_event *e = ask(CLIENT, &m);
    return e != NULL && e->msg.kind == PN_MSG_DESCRIPTOR;
}

/* --- the day -------------------------------------------------------------- */

static void restart(void)
{
    const unsigned at = outside();
    const unsigned store = w.fail_at;
    w.fail_at = 0;
    coresim_restart(&w, SIZE_MAX);
    onionkit_announce(&kit);
    coresim_list(&w, 2, true, false);
    w.fail_at = store;
    inside(at);
    coresim_settle(&w);
}

static void live_a_day(void)
{
    insist("create", create);
    insist("deposit", deposit_1);
    insist("deposit", deposit_2);
    insist("deposit", deposit_3);
    insist("receive", receive);
    insist("fetch", fetch_nothing);
    insist("suspend", suspend);
    insist("resume", resume);
    insist("rotate", rotate);
    insist("block", block);
    insist("unblock", unblock);
    insist("purge", purge);
    insist("parcel create", parcel_create);
    insist("parcel deposit", parcel_deposit);
    insist("parcel deposit", parcel_deposit_large);
    insist("parcel fetch", parcel_fetch);
    insist("parcel ack", parcel_ack);
    insist("parcel rotate", parcel_rotate);
    insist("parcel suspend", parcel_suspend);
    insist("parcel again", parcel_again);
    insist("parcel wrong", parcel_wrong);
    insist("forward", forward);
    insist("bring", bring);
    insist("descriptor", ask_descriptor);
    restart();
    insist("parcel delete", parcel_delete);
    insist("parcel again", parcel_again);
    restart();
    insist("parcel again", parcel_again);
    insist("delete", delete_it);
    coresim_advance(&w, 26 * 3600 * 1000);
    coresim_settle(&w);
}

static void begin_day(void)
{
    onionkit_init(&kit, &w, 3);
    w.operated = on_operated;
    coresim_list(&w, 2, true, false);
    coresim_settle(&w);
    next_id = 0;
    memset(given, 0, sizeof given);
    acked = brought = 0;
}

static void end_day(void)
{
    (void)faults_pause(false);
    for (unsigned n = 1; n <= MESSAGES; n++)
        assert_true(given[n] >= 1);
    assert_int_equal(acked, MESSAGES); /* each forgotten once */
    assert_true(brought >= 1);
    assert_true(rl_core_ok(w.core));
    onionkit_free(&kit);
}

static void an_allocation_fails(void **state)
{
    unsigned n = 1;
    (void)state;
    for (bool hit = true; hit; n++) {
        begin_day();
        (void)faults_arm(n);
        live_a_day();
        hit = faults_hit();
        end_day();
    }
    print_message("%u allocations\n", n);
    assert_true(n > 100);
}

static void a_draw_fails(void **state)
{
    unsigned n = 1;
    (void)state;
    for (bool hit = true; hit; n++) {
        begin_day();
        w.sim.random_at = n;
        w.sim.random_hit = false;
        live_a_day();
        hit = w.sim.random_hit;
        end_day();
    }
    print_message("%u draws\n", n);
    assert_true(n > 10);
}

static void an_operation_fails(void **state)
{
    static const rl_status statuses[] = { RL_STATUS_OK, RL_STATUS_BUSY,
                                          RL_STATUS_FAILED };
    (void)state;
    for (size_t k = 0; k < sizeof statuses / sizeof statuses[0]; k++) {
        unsigned n = 1;
        for (bool hit = true; hit; n++) {
            begin_day();
            w.fail_at = n;
            w.fail_as = (int)statuses[k];
            live_a_day();
            hit = w.failed;
            w.failed = false;
            w.fail_at = 0;
            end_day();
        }
        print_message("%u operations\n", n);
        assert_true(n > 30);
    }
}

/* --- a core that cannot begin --------------------------------------------- */

static void a_core_is_whole_or_none(void **state)
{
    rl_core *core;
    unsigned n;
    (void)state;
    begin_day();
    for (n = 1;; n++) {
        pn_err err;
        (void)faults_arm(n);
        err = rl_core_new(&core, &w.env, &w.sink, &w.config, &w.relay);
        if (!faults_hit()) {
            assert_int_equal(err, PN_OK);
            break;
        }
        assert_int_equal(err, PN_E_NOMEM);
        assert_null(core);
    }
    assert_true(n > 3);
    for (n = 1;; n++) {
        pn_err err;
        (void)faults_arm(n);
        err =
            rl_core_set_self(core, &kit.onions,
                             (pn_bytes){ kit.descriptor, kit.descriptor_len });
        if (!faults_hit())
            break;
        assert_true(err == PN_E_NOMEM || err == PN_OK); /* later, then */
    }
    rl_core_free(&core);
    for (n = 1;; n++) {
        pn_err err;
        w.sim.random_hit = false;
        w.sim.random_at = n;
        err = rl_core_new(&core, &w.env, &w.sink, &w.config, &w.relay);
        if (!w.sim.random_hit)
            break;
        assert_int_equal(err, PN_E_RANDOM);
        assert_null(core);
    }
    assert_true(n > 3);
    w.sim.random_at = 0;
    rl_core_free(&core);
    rl_core_free(&core);
    rl_core_free(NULL);
    onionkit_free(&kit);
}

static void only_an_operators_commands_are_his(void **state)
{
    static const uint8_t id[RL_QUEUE_ID_BYTES];
    (void)state;
    begin_day();
    for (int kind = RL_OP_CREATE; kind <= RL_OP_EXPIRE; kind++) {
        if (kind == RL_OP_BLOCK || kind == RL_OP_UNBLOCK || kind == RL_OP_PURGE)
            continue;
        assert_int_equal(rl_core_operate(w.core, (rl_op_kind)kind, id, 1),
                         PN_E_ARG);
    }
    onionkit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allocation_fails),
        cmocka_unit_test(a_draw_fails),
        cmocka_unit_test(an_operation_fails),
        cmocka_unit_test(a_core_is_whole_or_none),
        cmocka_unit_test(only_an_operators_commands_are_his),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
