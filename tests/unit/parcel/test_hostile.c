/* Parcels that only a hostile sender would make: sealed as they should be, with
 * a content that they should not have. */
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/parcelkit.h"

static parcelkit kit;
static uint8_t parcel[PN_PARCEL_MAX], plain[PN_PARCEL_PLAIN_MAX];

static int setup(void **state)
{
    (void)state;
    parcelkit_init(&kit, 23);
    return 0;
}

static pn_err open_own(pn_parcel_opened *out, size_t len)
{
    return pn_parcel_open(out, (pn_bytes){ parcel, len }, kit.relay_key,
                          &kit.onion, plain, sizeof plain);
}

static size_t seal_content(const uint8_t *content, unsigned class)
{
    return parcelkit_seal_content(&kit, content, (pn_envelope_class) class,
                                  parcel);
}

/* A signature that was given in one parcel is worth nothing in another, nor
 * under another key. */
static void signatures_do_not_move(void **state)
{
    (void)state;
    for (size_t i = 1; i < PARCELKIT_KINDS; i++) {
        const pn_parcel_command cmd =
            parcelkit_command(&kit, parcelkit_kinds[i], PN_ENVELOPE_XS);
        uint8_t wrong[PN_QUEUE_KEY_BYTES];
        static uint8_t content[256 + 896];
        pn_parcel_reply reply;
        pn_parcel_opened got;
        size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
        assert_int_equal(open_own(&got, len), PN_OK);
        memcpy(content, got.content.p, sizeof content);
        memcpy(wrong, kit.queue_pk, sizeof wrong);
        wrong[0] ^= 1;
        assert_int_equal(pn_parcel_check(&got, wrong), PN_E_CRYPTO);
        len = seal_content(content, 0);
        assert_int_equal(open_own(&got, len), PN_OK);
        assert_true(parcelkit_command_equal(&got.command, &cmd));
        assert_int_equal(pn_parcel_check(&got, kit.queue_pk), PN_E_CRYPTO);
    }
}

/* What opens is what the encoder writes: bytes after the fields, a wrong class,
 * an unknown kind and fields out of bounds are refused, and wiped. */
static void inside_is_strict(void **state)
{
    static uint8_t content[256 + 3968];
    pn_parcel_opened got;
    (void)state;
    for (size_t i = 0; i < PARCELKIT_KINDS; i++) {
        const bool deposit = parcelkit_kinds[i] == PN_PARCEL_DEPOSIT;
        const pn_parcel_command cmd =
            parcelkit_command(&kit, parcelkit_kinds[i], PN_ENVELOPE_XS);
        pn_parcel_reply reply;
        size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
        assert_int_equal(open_own(&got, len), PN_OK);
        memcpy(content, got.content.p, 256 + 896);
        for (unsigned k = 0; k < 256; k++) {
            pn_parcel_kind known = (pn_parcel_kind)k;
            bool any = false;
            for (size_t j = 0; j < PARCELKIT_KINDS; j++)
                any = any || parcelkit_kinds[j] == known;
            if (any)
                continue;
            content[0] = (uint8_t)k;
            len = seal_content(content, 0);
            assert_int_equal(open_own(&got, len), PN_E_PROTO);
        }
        content[0] = (uint8_t)parcelkit_kinds[i];
        /* The last byte of the header's zeros, and of the body. */
        content[deposit ? 255 : 191] ^= 1;
        len = seal_content(content, 0);
        memset(plain, 7, sizeof plain);
        assert_int_equal(open_own(&got, len), PN_E_PROTO);
        assert_true(sodium_is_zero(plain, 256 + 896) == 1);
        content[deposit ? 255 : 191] ^= 1;
        content[256 + 895] ^= 1;
        len = seal_content(content, 0);
        assert_int_equal(open_own(&got, len), deposit ? PN_OK : PN_E_PROTO);
        content[256 + 895] ^= 1;
        /* Nothing but a deposit travels in a larger class. */
        memset(content + 256 + 896, 0, 3968 - 896);
        len = seal_content(content, 1);
        assert_int_equal(open_own(&got, len), deposit ? PN_OK : PN_E_PROTO);
    }
}

/* Fields at and past their bounds, read and written alike. */
static void fields_keep_their_bounds(void **state)
{
    static const struct {
        pn_parcel_kind kind;
        size_t at; /* in the header */
        uint8_t value;
        bool good;
    } v[] = {
        { PN_PARCEL_DEPOSIT, 81, 0, false }, /* priority */
        { PN_PARCEL_DEPOSIT, 81, 3, true },
        { PN_PARCEL_DEPOSIT, 81, 4, false },
        { PN_PARCEL_DEPOSIT, 82, 0, true }, /* ttl_days */
        { PN_PARCEL_DEPOSIT, 82, 1, false },
        { PN_PARCEL_DEPOSIT, 82, 90, true },
        { PN_PARCEL_DEPOSIT, 82, 91, false },
        { PN_PARCEL_CREATE, 65, 0, false },
        { PN_PARCEL_CREATE, 65, 2, true },
        { PN_PARCEL_CREATE, 65, 91, false },
        { PN_PARCEL_CREATE, 66, 16, false }, /* leaves a byte behind */
        { PN_PARCEL_CREATE, 66, 64, true },
        { PN_PARCEL_CREATE, 66, 65, false },
        { PN_PARCEL_ACK, 33, 2, false }, /* refused_seen */
        { PN_PARCEL_ACK, 33, 0, true },
        { PN_PARCEL_ACK, 34, 4, false }, /* leaves an id behind */
        { PN_PARCEL_ACK, 34, 56, true },
        { PN_PARCEL_ACK, 34, 57, false },
        { PN_PARCEL_FETCH, 35, 3, true }, /* room */
        { PN_PARCEL_FETCH, 35, 4, false },
        { PN_PARCEL_FETCH, 35, 255, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        const pn_parcel_command cmd =
            parcelkit_command(&kit, v[i].kind, PN_ENVELOPE_XS);
        static uint8_t content[256 + 896];
        pn_parcel_reply reply;
        pn_parcel_opened got;
        size_t len = parcelkit_seal(&kit, &cmd, parcel, &reply);
        assert_int_equal(open_own(&got, len), PN_OK);
        memcpy(content, got.content.p, sizeof content);
        content[v[i].at] = v[i].value;
        len = seal_content(content, 0);
        assert_int_equal(open_own(&got, len), v[i].good ? PN_OK : PN_E_PROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_do_not_move),
        cmocka_unit_test(inside_is_strict),
        cmocka_unit_test(fields_keep_their_bounds),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
