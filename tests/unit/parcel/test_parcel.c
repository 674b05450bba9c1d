#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/parcelkit.h"

static parcelkit kit;
static uint8_t parcel[PN_PARCEL_MAX], plain[PN_PARCEL_PLAIN_MAX];

static int setup(void **state)
{
    (void)state;
    parcelkit_init(&kit, 21);
    return 0;
}

static pn_err open_as(pn_parcel_opened *out, size_t len, const uint8_t *relay,
                      const pn_xwing_key *key)
{
    return pn_parcel_open(out, (pn_bytes){ parcel, len }, relay, key, plain,
                          sizeof plain);
}

static pn_err open_own(pn_parcel_opened *out, size_t len)
{
    return open_as(out, len, kit.relay_key, &kit.onion);
}

static bool is_zero(const void *p, size_t len)
{
    return sodium_is_zero(p, len) == 1;
}

/* Every kind, in every class that it can have, comes out as it went in, in a
 * parcel of its class's size; both ends agree on how to answer; the signature
 * holds. */
static void every_command_arrives(void **state)
{
    static const size_t sizes[] = { 2293, 5365, 17653, 66485 };
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        for (unsigned c = 0; c < 4; c++) {
            const pn_parcel_kind kind = parcelkit_kinds[i];
            const pn_parcel_command cmd =
                parcelkit_command(&kit, kind, (pn_envelope_class)c);
            const bool deposit = kind == PN_PARCEL_DEPOSIT;
            pn_parcel_reply reply;
            pn_parcel_opened got;
            pn_parcel_face face;
            const size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
            assert_int_equal(len, sizes[deposit ? c : 0]);
            assert_int_equal(pn_parcel_look(&face, (pn_bytes){ parcel, len }),
                             PN_OK);
            assert_int_equal(face.class, deposit ? c : 0);
            assert_int_equal(len, pn_parcel_size(face.class));
            assert_int_equal(open_own(&got, len), PN_OK);
            assert_true(parcelkit_command_equal(&got.command, &cmd));
            assert_memory_equal(&got.reply, &reply, sizeof reply);
            assert_int_equal(reply.kind, kind);
            assert_int_equal(reply.room, kind == PN_PARCEL_FETCH ? c : 0);
            assert_int_equal(pn_parcel_check(&got, kit.queue_pk),
                             deposit ? PN_E_ARG : PN_OK);
        }
    }
}

/* A parcel that comes to another relay, or names another key, does not open;
 * nothing of it is given out. */
static void only_its_relay_opens_it(void **state)
{
    const pn_parcel_command cmd =
        parcelkit_command(&kit, PN_PARCEL_DEPOSIT, PN_ENVELOPE_XS);
    static pn_xwing_key other;
    uint8_t secret[PN_XWING_SK_BYTES] = { 1 }, relay[32];
    pn_parcel_reply reply;
    pn_parcel_opened got;
    const size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
    (void)state;
    memcpy(relay, kit.relay_key, 32);
    relay[31] ^= 1;
    memset(plain, 1, sizeof plain);
    assert_int_equal(open_as(&got, len, relay, &kit.onion), PN_E_CRYPTO);
    assert_true(is_zero(plain, len - PN_PARCEL_OVERHEAD + 256));
    assert_true(is_zero(&got, sizeof got));
    assert_int_equal(pn_xwing_expand(&other, secret), PN_OK);
    assert_int_equal(open_as(&got, len, kit.relay_key, &other), PN_E_NOT_FOUND);
    assert_true(is_zero(&got, sizeof got));
    /* The other key under the right name: the seal fails. */
    pn_onion_id(parcel + 1, other.pk);
    assert_int_equal(open_as(&got, len, kit.relay_key, &other), PN_E_CRYPTO);
    assert_int_equal(open_as(&got, len, kit.relay_key, &kit.onion),
                     PN_E_NOT_FOUND);
}

/* No bit of a parcel can change, and none be lost or added. */
static void no_bit_changes(void **state)
{
    const pn_parcel_command cmd =
        parcelkit_command(&kit, PN_PARCEL_ACK, PN_ENVELOPE_XS);
    pn_parcel_reply reply;
    pn_parcel_opened got;
    const size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
    (void)state;
    for (size_t at = 0; at < len; at += at < 8 || at > len - 20 ? 1 : 23) {
        const pn_err want = at == 0  ? PN_E_PROTO
                            : at < 5 ? PN_E_NOT_FOUND
                                     : PN_E_CRYPTO;
        for (unsigned b = 0; b < 8; b += at < 8 ? 1 : 7) {
            parcel[at] ^= (uint8_t)(1U << b);
            assert_int_equal(open_own(&got, len), want);
            parcel[at] ^= (uint8_t)(1U << b);
        }
    }
    for (size_t n = 0; n < len; n += n < 6 ? 1 : 97)
        assert_int_equal(open_own(&got, n), PN_E_PROTO);
    assert_int_equal(open_own(&got, len - 1), PN_E_PROTO);
    assert_int_equal(open_own(&got, len + 1), PN_E_PROTO);
    assert_int_equal(open_own(&got, sizeof parcel), PN_E_PROTO);
    assert_int_equal(open_own(&got, len), PN_OK);
}

/* The class byte is authenticated: the same bytes under another class are of
 * the wrong size, and there is no fifth class. */
static void class_is_its_size(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        size_t fits = 0;
        for (unsigned k = 0; k < 4; k++) {
            pn_parcel_face face;
            memset(parcel, 0, 8);
            parcel[0] = (uint8_t)c;
            fits += pn_parcel_look(
                        &face,
                        (pn_bytes){ parcel,
                                    pn_parcel_size((pn_envelope_class)k) }) ==
                    PN_OK;
        }
        assert_int_equal(fits, c < 4 ? 1 : 0);
    }
}

/* The tag is that of the KEM ciphertext: the same for each copy, another for
 * each sealing, whatever else is in the parcel. */
static void tag_knows_a_copy(void **state)
{
    const pn_parcel_command cmd =
        parcelkit_command(&kit, PN_PARCEL_DEPOSIT, PN_ENVELOPE_XS);
    pn_parcel_reply reply;
    pn_parcel_face one, copy, other;
    uint8_t want[PN_PARCEL_TAG_BYTES];
    size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
    (void)state;
    (void)crypto_generichash(want, sizeof want, parcel + 5, 1120, NULL, 0);
    assert_int_equal(pn_parcel_look(&one, (pn_bytes){ parcel, len }), PN_OK);
    assert_memory_equal(one.tag, want, sizeof want);
    parcel[len - 1] ^= 1; /* who changes a copy gains nothing */
    assert_int_equal(pn_parcel_look(&copy, (pn_bytes){ parcel, len }), PN_OK);
    assert_memory_equal(&one, &copy, sizeof one);
    len = parcelkit_seal(&kit, &cmd, parcel, &reply);
    assert_int_equal(pn_parcel_look(&other, (pn_bytes){ parcel, len }), PN_OK);
    assert_true(memcmp(one.tag, other.tag, sizeof one.tag) != 0);
}

/* The signature covers all that is signed: a flip anywhere that still reads as
 * a command is found. */
static void signature_covers_everything(void **state)
{
    const pn_parcel_command cmd =
        parcelkit_command(&kit, PN_PARCEL_FETCH, PN_ENVELOPE_S);
    pn_parcel_reply reply;
    pn_parcel_opened got;
    const size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
    (void)state;
    assert_int_equal(open_own(&got, len), PN_OK);
    for (size_t at = 0; at < 256 + 896; at += at < 60 ? 1 : 13) {
        plain[at] ^= 1;
        assert_int_equal(pn_parcel_check(&got, kit.queue_pk), PN_E_CRYPTO);
        plain[at] ^= 1;
    }
    assert_int_equal(pn_parcel_check(&got, kit.queue_pk), PN_OK);
}

/* A command that breaks its rules is not sealed, nor one with a key too many or
 * too few; nothing is drawn for it. */
static void bad_commands_are_not_sealed(void **state)
{
    pn_parcel_reply reply;
    size_t len = 1;
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        const bool deposit = parcelkit_kinds[i] == PN_PARCEL_DEPOSIT;
        pn_parcel_command cmd =
            parcelkit_command(&kit, parcelkit_kinds[i], PN_ENVELOPE_XS);
        const uint64_t before = kit.sim.state;
        const uint8_t *right = deposit ? NULL : kit.queue_sk;
        const uint8_t *wrong = deposit ? kit.queue_sk : NULL;
        assert_int_equal(pn_parcel_seal(&kit.env, &kit.to, &cmd, wrong, parcel,
                                        sizeof parcel, &len, &reply),
                         PN_E_ARG);
        assert_int_equal(pn_parcel_seal(&kit.env, &kit.to, &cmd, right, parcel,
                                        PN_PARCEL_MIN - 1, &len, &reply),
                         PN_E_FULL);
        cmd.u.manage.recv_id.len--; /* the first field of every kind */
        assert_int_equal(pn_parcel_seal(&kit.env, &kit.to, &cmd, right, parcel,
                                        sizeof parcel, &len, &reply),
                         PN_E_ARG);
        assert_int_equal(len, 0);
        assert_true(is_zero(&reply, sizeof reply));
        assert_int_equal(kit.sim.state, before);
    }
}

/* Without randomness, or with an onion key that is none, no byte of the command
 * stays behind. */
static void failures_leave_nothing(void **state)
{
    const pn_parcel_command cmd =
        parcelkit_command(&kit, PN_PARCEL_DEPOSIT, PN_ENVELOPE_XS);
    uint8_t bad[PN_XWING_PK_BYTES];
    const pn_parcel_to to = { kit.relay_key, bad };
    pn_parcel_reply reply;
    size_t len = 1;
    (void)state;
    memset(parcel, 1, sizeof parcel);
    kit.sim.random_fails = true;
    assert_int_equal(pn_parcel_seal(&kit.env, &kit.to, &cmd, NULL, parcel,
                                    sizeof parcel, &len, &reply),
                     PN_E_RANDOM);
    kit.sim.random_fails = false;
    assert_int_equal(len, 0);
    assert_true(is_zero(parcel, PN_PARCEL_MIN));
    memset(bad, 0xff, sizeof bad);
    assert_int_equal(pn_parcel_seal(&kit.env, &to, &cmd, NULL, parcel,
                                    sizeof parcel, &len, &reply),
                     PN_E_CRYPTO);
    assert_true(is_zero(parcel, PN_PARCEL_MIN));
    assert_true(is_zero(&reply, sizeof reply));
}

/* Opening wants room for the content, and says so before it writes. */
static void opening_needs_room(void **state)
{
    const pn_parcel_command cmd =
        parcelkit_command(&kit, PN_PARCEL_DEPOSIT, PN_ENVELOPE_S);
    pn_parcel_reply reply;
    pn_parcel_opened got;
    const size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
    (void)state;
    assert_int_equal(pn_parcel_open(&got, (pn_bytes){ parcel, len },
                                    kit.relay_key, &kit.onion, plain,
                                    256 + 3968 - 1),
                     PN_E_FULL);
    assert_int_equal(pn_parcel_open(&got, (pn_bytes){ parcel, len },
                                    kit.relay_key, &kit.onion, plain,
                                    256 + 3968),
                     PN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_arrives),
        cmocka_unit_test(only_its_relay_opens_it),
        cmocka_unit_test(no_bit_changes),
        cmocka_unit_test(class_is_its_size),
        cmocka_unit_test(tag_knows_a_copy),
        cmocka_unit_test(signature_covers_everything),
        cmocka_unit_test(bad_commands_are_not_sealed),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(opening_needs_room),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
