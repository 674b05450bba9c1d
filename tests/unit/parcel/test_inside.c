/* The plain forms of commands and answers, without the sealing around them: cut
 * at every byte, and bent where the validators say that it must not be. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/parcel/inside.h"
#include "tests/support/parcelkit.h"

static parcelkit kit;
static uint8_t plain[PN_REPLY_PLAIN_MAX];
static uint8_t content[PN_PARCEL_HEADER_BYTES + PN_ENVELOPE_MAX];

static int setup(void **state)
{
    (void)state;
    parcelkit_init(&kit, 31);
    return 0;
}

static pn_parcel_command command(pn_parcel_kind kind)
{
    return parcelkit_command(&kit, kind, PN_ENVELOPE_XS);
}

static void a_short_command_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        const pn_parcel_command cmd = command(parcelkit_kinds[i]);
        const size_t whole = PN_PARCEL_HEADER_BYTES + PN_PARCEL_BODY_BYTES;
        pn_parcel_command got;
        pn_parcel_command_write(&cmd, content);
        if (cmd.kind != PN_PARCEL_DEPOSIT) /* where the signature comes */
            memset(content + PN_PARCEL_SIGNATURE_AT, 0, PN_SIGNATURE_BYTES);
        assert_int_equal(
            pn_parcel_command_read(&got, (pn_bytes){ content, whole }), PN_OK);
        assert_true(parcelkit_command_equal(&got, &cmd));
        for (size_t len = 0; len < whole; len++)
            assert_int_not_equal(
                pn_parcel_command_read(&got, (pn_bytes){ content, len }),
                PN_OK);
    }
}

/* One field less than it has to be. */
static void a_command_has_rules(void **state)
{
    pn_parcel_command cmd;
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        const pn_parcel_command good = command(parcelkit_kinds[i]);
        pn_bytes *fields[8];
        size_t count = 0;
        assert_true(pn_parcel_command_ok(&good));
        cmd = good;
        if (good.kind == PN_PARCEL_DEPOSIT) {
            fields[count++] = &cmd.u.deposit.send_id;
            fields[count++] = &cmd.u.deposit.capability;
            fields[count++] = &cmd.u.deposit.message_id;
            fields[count++] = &cmd.u.deposit.envelope;
        } else if (good.kind == PN_PARCEL_CREATE) {
            fields[count++] = &cmd.u.create.queue_key;
            fields[count++] = &cmd.u.create.deposit_hash;
        } else {
            fields[count++] = &cmd.u.manage.recv_id;
            if (good.kind == PN_PARCEL_FETCH)
                fields[count++] = &cmd.u.manage.cursor;
            if (good.kind == PN_PARCEL_ROTATE)
                fields[count++] = &cmd.u.manage.deposit_hash;
            if (good.kind == PN_PARCEL_ACK)
                fields[count++] = &cmd.u.manage.message_ids;
        }
        for (size_t k = 0; k < count; k++) {
            fields[k]->len--;
            assert_false(pn_parcel_command_ok(&cmd));
            fields[k]->len++;
        }
        assert_true(pn_parcel_command_ok(&cmd));
    }
    cmd = command(PN_PARCEL_CREATE);
    cmd.u.create.access_secret =
        (pn_bytes){ kit.noise, PN_ACCESS_SECRET_MAX + 1 };
    assert_false(pn_parcel_command_ok(&cmd));
    cmd = command(PN_PARCEL_SUSPEND);
    cmd.u.manage.refused_seen = true;
    assert_false(pn_parcel_command_ok(&cmd));
    cmd = command(PN_PARCEL_SUSPEND);
    cmd.u.manage.room = PN_ENVELOPE_S;
    assert_false(pn_parcel_command_ok(&cmd));
    cmd = command(PN_PARCEL_SUSPEND);
    cmd.u.manage.message_ids = (pn_bytes){ kit.noise, PN_MESSAGE_ID_BYTES };
    assert_false(pn_parcel_command_ok(&cmd));
    cmd.kind = (pn_parcel_kind)3;
    assert_false(pn_parcel_command_ok(&cmd));
    assert_int_equal(pn_parcel_class_for(&cmd), PN_ENVELOPE_XS);
    cmd = command(PN_PARCEL_DEPOSIT);
    cmd.u.deposit.envelope.len--;
    assert_int_equal(pn_parcel_class_for(&cmd), PN_ENVELOPE_XS);
}

static pn_parcel_reply reply_to(pn_parcel_kind kind)
{
    return (pn_parcel_reply){ .kind = (uint8_t)kind,
                              .room =
                                  kind == PN_PARCEL_FETCH ? PN_ENVELOPE_S : 0 };
}

/* How far it has to be there: behind come zeros, and their number is free. */
static size_t least(pn_parcel_kind kind)
{
    switch (kind) {
    case PN_PARCEL_FETCH:
        return 1 + 1 + 4 + PN_MESSAGE_ID_BYTES + PN_PARCEL_CURSOR_BYTES +
               pn_envelope_size(PN_ENVELOPE_S);
    case PN_PARCEL_CREATE:
        return 1 + 4 + 2 * PN_QUEUE_ID_BYTES + 4 + 4 + 1;
    case PN_PARCEL_ACK:
        return 1 + 4 + 1;
    case PN_PARCEL_DEPOSIT:
    case PN_PARCEL_ROTATE:
    case PN_PARCEL_SUSPEND:
    case PN_PARCEL_RESUME:
    case PN_PARCEL_DELETE:
        break;
    }
    return 1 + 4;
}

static void a_short_answer_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        const pn_parcel_kind kind = parcelkit_kinds[i];
        const pn_parcel_reply reply = reply_to(kind);
        const pn_parcel_answer a = parcelkit_answer(&kit, kind, PN_ENVELOPE_S);
        pn_parcel_answer got;
        pn_parcel_answer_write(&reply, &a, plain, sizeof plain);
        for (size_t len = 0; len <= least(kind) + 1; len++) {
            const pn_err err =
                pn_parcel_answer_read(&got, &reply, (pn_bytes){ plain, len });
            if (len < least(kind))
                assert_int_not_equal(err, PN_OK);
            else
                assert_int_equal(err, PN_OK);
        }
        assert_true(parcelkit_answer_equal(kind, &got, &a));
    }
}

static void an_answer_has_rules(void **state)
{
    pn_parcel_reply reply = reply_to(PN_PARCEL_CREATE);
    pn_parcel_answer good =
        parcelkit_answer(&kit, PN_PARCEL_CREATE, PN_ENVELOPE_XS);
    pn_parcel_answer a = good;
    (void)state;
    assert_true(pn_parcel_answer_ok(&reply, &a));
    a.u.created.recv_id.len--;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.created.send_id.len--;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.created.max_count = 0;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.created.max_bytes = 0;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.created.ttl_days = PN_TTL_DAYS_MIN - 1;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a.u.created.ttl_days = PN_TTL_DAYS_MAX + 1;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    reply.kind = 77;
    assert_false(pn_parcel_answer_ok(&reply, &good));
}

static void a_fetched_message_has_rules(void **state)
{
    const pn_parcel_reply reply = reply_to(PN_PARCEL_FETCH);
    const pn_parcel_answer good =
        parcelkit_answer(&kit, PN_PARCEL_FETCH, PN_ENVELOPE_S);
    pn_parcel_answer a = good;
    (void)state;
    assert_true(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.message_id.len--;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.fetched.cursor.len--;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.fetched.priority = (pn_priority)0;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.priority = (pn_priority)(PN_PRIORITY_BULK + 1);
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.fetched.refused = 8;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.fetched.class = PN_ENVELOPE_M; /* more than there is room for */
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.u.fetched.envelope.len--;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    /* One that is larger, and one that was lost, come without theirs. */
    a = good;
    a.status = PN_PARCEL_LARGER;
    a.u.fetched.cursor.len = 0;
    a.u.fetched.envelope.len = 0;
    a.u.fetched.class = PN_ENVELOPE_M;
    assert_true(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.class = PN_ENVELOPE_S;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.class = (pn_envelope_class)(PN_ENVELOPE_L + 1);
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a = good;
    a.status = PN_PARCEL_LOST;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.class = PN_ENVELOPE_XS;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.envelope.len = 0;
    assert_true(pn_parcel_answer_ok(&reply, &a));
    /* Where there is nothing, nothing is said of it. */
    memset(&a, 0, sizeof a);
    a.status = PN_PARCEL_UNKNOWN;
    assert_true(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.more = true;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.more = false;
    a.u.fetched.priority = PN_PRIORITY_BULK;
    assert_false(pn_parcel_answer_ok(&reply, &a));
    a.u.fetched.priority = (pn_priority)0;
    a.u.fetched.refused = 1;
    assert_false(pn_parcel_answer_ok(&reply, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_command_is_none),
        cmocka_unit_test(a_command_has_rules),
        cmocka_unit_test(a_short_answer_is_none),
        cmocka_unit_test(an_answer_has_rules),
        cmocka_unit_test(a_fetched_message_has_rules),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
