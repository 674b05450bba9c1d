#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "proto/parcel/inside.h"
#include "proto/wire/msg.h"
#include "tests/support/parcelkit.h"

static parcelkit kit;
static uint8_t parcel[PN_PARCEL_MAX], plain[PN_REPLY_PLAIN_MAX];
static uint8_t sealed[PN_REPLY_MAX];

static int setup(void **state)
{
    (void)state;
    parcelkit_init(&kit, 22);
    return 0;
}

/* What both ends keep of a command of that kind. */
static pn_parcel_reply agree(pn_parcel_kind kind, pn_envelope_class room)
{
    const pn_parcel_command cmd = parcelkit_command(&kit, kind, room);
    pn_parcel_reply reply;
    (void)parcelkit_seal(&kit, &cmd, parcel, &reply);
    return reply;
}

static pn_err seal(const pn_parcel_reply *reply, const pn_parcel_answer *answer,
                   size_t *len)
{
    return pn_parcel_reply_seal(&kit.env, reply, answer, sealed, sizeof sealed,
                                len);
}

static pn_err open_it(pn_parcel_answer *out, const pn_parcel_reply *reply,
                      size_t len)
{
    return pn_parcel_reply_open(out, reply, (pn_bytes){ sealed, len }, plain,
                                sizeof plain);
}

/* Every answer arrives as it was given, in a size that the command set. */
static void every_answer_arrives(void **state)
{
    static const size_t rooms[] = { 984, 4056, 16344, 65176 };
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        for (unsigned c = 0; c < 4; c++) {
            const pn_parcel_kind kind = parcelkit_kinds[i];
            const bool fetch = kind == PN_PARCEL_FETCH;
            const pn_parcel_reply r = agree(kind, (pn_envelope_class)c);
            for (unsigned had = 0; had <= (fetch ? c : 0); had++) {
                const pn_parcel_answer a =
                    parcelkit_answer(&kit, kind, (pn_envelope_class)had);
                pn_parcel_answer got;
                size_t len;
                assert_int_equal(seal(&r, &a, &len), PN_OK);
                assert_int_equal(len, fetch ? rooms[c] : 512);
                assert_int_equal(len, pn_parcel_reply_size(&r));
                assert_int_equal(open_it(&got, &r, len), PN_OK);
                assert_true(parcelkit_answer_equal(kind, &a, &got));
            }
        }
    }
}

/* A good answer with that status; what goes along is what must. */
static pn_parcel_answer with_status(pn_parcel_kind kind, unsigned status)
{
    pn_parcel_answer a = parcelkit_answer(&kit, kind, PN_ENVELOPE_XS);
    pn_parcel_fetched *f = &a.u.fetched;
    a.status = (pn_parcel_status)status;
    if (a.status == PN_PARCEL_LATER)
        a.retry_after_ms = 1500;
    if (kind != PN_PARCEL_FETCH || a.status == PN_PARCEL_OK)
        return a;
    f->envelope = (pn_bytes){ NULL, 0 };
    if (a.status == PN_PARCEL_LARGER) {
        f->class = PN_ENVELOPE_L;
        f->cursor = (pn_bytes){ NULL, 0 };
    } else if (a.status != PN_PARCEL_LOST) {
        const pn_bytes cursor = f->cursor;
        const bool empty = a.status == PN_PARCEL_EMPTY;
        *f = (pn_parcel_fetched){ .refused = empty ? 5 : 0 };
        if (empty)
            f->cursor = cursor;
    }
    return a;
}

/* Each command meets the statuses of its own and no others, all of one size. */
static void statuses_belong_to_kinds(void **state)
{
    static const char *allowed[PARCELKIT_KINDS] = {
        "\1\2\3\4\5\6\10", "\1\5\6\10\11\12\13", "\1\5\6\10", "\1\6\7\10",
        "\1\5\6\10",       "\1\5\6\10",          "\1\5\6\10", "\1\5\6\10",
    };
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        const pn_parcel_kind kind = parcelkit_kinds[i];
        const pn_parcel_reply r = agree(kind, PN_ENVELOPE_S);
        for (unsigned s = 0; s < 256; s++) {
            const pn_parcel_answer a = with_status(kind, s);
            const bool good = s > 0 && s < 16 && strchr(allowed[i], (int)s);
            pn_parcel_answer got;
            size_t len;
            assert_int_equal(pn_parcel_answer_ok(&r, &a), good);
            assert_int_equal(seal(&r, &a, &len), good ? PN_OK : PN_E_ARG);
            if (!good)
                continue;
            assert_int_equal(len, kind == PN_PARCEL_FETCH ? 4056 : 512);
            assert_int_equal(open_it(&got, &r, len), PN_OK);
            assert_true(parcelkit_answer_equal(kind, &a, &got));
        }
    }
}

/* Who did not seal or open the parcel cannot open its answer; no bit of it can
 * change; it fits no other parcel and no other kind of command. */
static void answers_are_private_and_whole(void **state)
{
    const pn_parcel_reply r = agree(PN_PARCEL_CREATE, PN_ENVELOPE_XS);
    const pn_parcel_reply other = agree(PN_PARCEL_CREATE, PN_ENVELOPE_XS);
    const pn_parcel_answer a =
        parcelkit_answer(&kit, PN_PARCEL_CREATE, PN_ENVELOPE_XS);
    pn_parcel_reply x = r;
    pn_parcel_answer got;
    size_t len;
    (void)state;
    assert_int_equal(seal(&r, &a, &len), PN_OK);
    memset(plain, 1, sizeof plain);
    assert_int_equal(open_it(&got, &other, len), PN_E_CRYPTO);
    assert_true(sodium_is_zero(plain, 464));
    x.binding[0] ^= 1;
    assert_int_equal(open_it(&got, &x, len), PN_E_CRYPTO);
    x = r;
    x.kind = PN_PARCEL_ACK;
    assert_int_equal(open_it(&got, &x, len), PN_E_CRYPTO);
    for (size_t at = 0; at < len; at++) {
        sealed[at] ^= 0x80;
        assert_int_equal(open_it(&got, &r, len), PN_E_CRYPTO);
        sealed[at] ^= 0x80;
    }
    for (size_t n = 0; n < len; n++)
        assert_int_equal(open_it(&got, &r, n), PN_E_PROTO);
    assert_int_equal(open_it(&got, &r, len + 1), PN_E_PROTO);
    assert_int_equal(open_it(&got, &r, 984), PN_E_PROTO);
    assert_int_equal(open_it(&got, &r, len), PN_OK);
}

/* Answering twice does not repeat a nonce: two seals of one answer have nothing
 * in common. */
static void answering_twice_is_safe(void **state)
{
    const pn_parcel_reply r = agree(PN_PARCEL_DEPOSIT, PN_ENVELOPE_XS);
    const pn_parcel_answer a = { .status = PN_PARCEL_OK };
    static uint8_t first[PN_REPLY_STATUS_BYTES];
    size_t len, same = 0;
    (void)state;
    assert_int_equal(seal(&r, &a, &len), PN_OK);
    memcpy(first, sealed, sizeof first);
    assert_int_equal(seal(&r, &a, &len), PN_OK);
    for (size_t i = 0; i < len; i++)
        same += first[i] == sealed[i];
    assert_in_range(same, 0, 16);
}

/* The fields of an answer have their bounds, whoever sealed it. */
static void inside_is_strict(void **state)
{
    static const struct {
        pn_parcel_kind kind;
        size_t at;
        uint8_t value;
        bool good;
    } v[] = {
        { PN_PARCEL_ACK, 0, 0, false },
        { PN_PARCEL_ACK, 0, 12, false },
        { PN_PARCEL_ACK, 4, 1, false }, /* retry with ok */
        { PN_PARCEL_ACK, 5, 56, true },
        { PN_PARCEL_ACK, 5, 57, false },
        { PN_PARCEL_ACK, 6, 1, false },   /* after the fields */
        { PN_PARCEL_ACK, 463, 1, false }, /* the last byte */
        { PN_PARCEL_DEPOSIT, 5, 1, false },
        { PN_PARCEL_CREATE, 77, 91, false }, /* ttl_days */
        { PN_PARCEL_CREATE, 77, 2, true },
        { PN_PARCEL_CREATE, 78, 1, false },
        { PN_PARCEL_FETCH, 1, 0x3d, true },  /* bulk, more, refused 5 */
        { PN_PARCEL_FETCH, 1, 0x0d, false }, /* no priority */
        { PN_PARCEL_FETCH, 1, 0xbd, false }, /* a class above the room */
        { PN_PARCEL_FETCH, 5, 1, false },    /* retry with ok */
        { PN_PARCEL_FETCH, 40 + 896, 1, false },
        { PN_PARCEL_FETCH, 40 + 3967, 1, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        const pn_parcel_reply r = agree(v[i].kind, PN_ENVELOPE_S);
        const pn_parcel_answer a =
            parcelkit_answer(&kit, v[i].kind, PN_ENVELOPE_XS);
        const size_t len = pn_parcel_reply_size(&r) - 48;
        pn_parcel_answer got;
        pn_parcel_answer_write(&r, &a, plain, len);
        assert_int_equal(
            pn_parcel_answer_read(&got, &r, (pn_bytes){ plain, len }), PN_OK);
        plain[v[i].at] = v[i].value;
        assert_int_equal(
            pn_parcel_answer_read(&got, &r, (pn_bytes){ plain, len }),
            v[i].good ? PN_OK : PN_E_PROTO);
    }
}

/* A failed call leaves a length of zero, no key is used without randomness, and
 * what does not fit is said before anything is written. */
static void failures_are_told(void **state)
{
    pn_parcel_reply r = agree(PN_PARCEL_FETCH, PN_ENVELOPE_XS);
    const pn_parcel_answer a =
        parcelkit_answer(&kit, PN_PARCEL_FETCH, PN_ENVELOPE_XS);
    pn_parcel_answer got;
    size_t len = 1;
    (void)state;
    assert_int_equal(pn_parcel_reply_seal(&kit.env, &r, &a, sealed, 983, &len),
                     PN_E_FULL);
    assert_int_equal(len, 0);
    kit.sim.random_fails = true;
    assert_int_equal(seal(&r, &a, &len), PN_E_RANDOM);
    kit.sim.random_fails = false;
    assert_int_equal(len, 0);
    assert_int_equal(pn_parcel_reply_seal(&kit.env, &r, &a, sealed, 984, &len),
                     PN_OK);
    assert_int_equal(pn_parcel_reply_open(&got, &r, (pn_bytes){ sealed, len },
                                          plain, 984 - 48 - 1),
                     PN_E_FULL);
    assert_int_equal(pn_parcel_reply_open(&got, &r, (pn_bytes){ sealed, len },
                                          plain, 984 - 48),
                     PN_OK);
    r.room = 4; /* what was kept is damaged */
    assert_int_equal(open_it(&got, &r, len), PN_E_ARG);
    assert_false(pn_parcel_answer_ok(&r, &a));
    r.room = 0;
    r.kind = 3;
    assert_false(pn_parcel_answer_ok(&r, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_arrives),
        cmocka_unit_test(statuses_belong_to_kinds),
        cmocka_unit_test(answers_are_private_and_whole),
        cmocka_unit_test(answering_twice_is_safe),
        cmocka_unit_test(inside_is_strict),
        cmocka_unit_test(failures_are_told),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
