#include "tests/support/cmocka.h"

#include <string.h>

#include "client/core/invitation.h"
#include "proto/base/mem.h"
#include "tests/support/faults.h"
#include "tests/support/simenv.h"

static simenv sim;
static pn_env env;
static cl_identity me;
static cl_invitation inv;
static cl_bundle bundle;
static uint8_t wire[CL_BUNDLE_MAX];
static size_t wire_len;
static pn_address relay;
static char text[CL_INVITATION_TEXT_MAX + 2];

static pn_bytes line(void)
{
    return (pn_bytes){ (const uint8_t *)text, strlen(text) };
}

static int setup(void **state)
{
    (void)state;
    simenv_init(&sim, 5);
    env = simenv_env(&sim);
    bundle = (cl_bundle){ .created_ms = sim.wall_ms,
                          .expires_ms = sim.wall_ms + UINT64_C(30) * 86400000,
                          .queue_count = 1,
                          .name = "Bob" };
    if (pn_address_parse_text(
            &relay,
            "postern://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@"
            "relay.example.org:7000",
            NULL) != PN_OK)
        return -1;
    bundle.queues[0].relay = relay;
    if (cl_identity_new(&me, &env) != PN_OK ||
        cl_invitation_make(&inv, &bundle, &env, &me, wire, sizeof wire,
                           &wire_len) != PN_OK)
        return -1;
    return 0;
}

static cl_link a_link(size_t relays)
{
    const pn_address all[CL_QUEUES_MAX] = { relay, relay, relay };
    cl_link link;
    assert_int_equal(cl_invitation_link(&inv, &link, all, relays), PN_OK);
    return link;
}

static void a_link_fits_a_qr_code(void **state)
{
    cl_link link = a_link(1), got;
    cl_invitation_form form;
    (void)state;
    assert_int_equal(cl_link_format(text, sizeof text, &link), PN_OK);
    assert_true(strlen(text) <= 256);
    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567:"),
                     strlen(text));
    assert_int_equal(cl_invitation_form_of(&form, line()), PN_OK);
    assert_int_equal(form, CL_INVITATION_LINK);
    assert_int_equal(cl_link_parse(&got, line()), PN_OK);
    assert_int_equal(got.expires_hour, link.expires_hour);
    assert_memory_equal(got.key, link.key, 32);
    assert_memory_equal(got.bundle_hash, link.bundle_hash, 24);
    assert_memory_equal(got.ids[0], link.ids[0], 32);
    assert_string_equal(got.relays[0].host, "relay.example.org");
    assert_int_equal(got.relays[0].port, 7000);
    assert_int_equal(cl_link_format(text, strlen(text), &link), PN_E_FULL);
    link.relay_count = 0;
    assert_int_equal(cl_link_format(text, sizeof text, &link), PN_E_ARG);
    link.relay_count = 4;
    assert_int_equal(cl_link_format(text, sizeof text, &link), PN_E_ARG);
    assert_int_equal(cl_invitation_link(&inv, &link, &relay, 0), PN_E_ARG);
}

/* No other spelling of it is taken: a wrong letter, case, length, blank. */
static void a_mistyped_link_is_called_that(void **state)
{
    const cl_link link = a_link(3);
    cl_link got;
    cl_bundle other;
    size_t len;
    (void)state;
    assert_int_equal(cl_link_format(text, sizeof text, &link), PN_OK);
    assert_int_equal(cl_link_parse(&got, line()), PN_OK);
    assert_int_equal(got.relay_count, 3);
    assert_int_equal(cl_offline_parse(&other, line()), PN_E_PROTO);
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        static const char wrong[] = "AZ27ab189=: \n";
        const char right = text[i];
        for (size_t k = 0; k < sizeof wrong - 1; k++) {
            if (wrong[k] == right)
                continue;
            text[i] = wrong[k];
            assert_int_equal(cl_link_parse(&got, line()), PN_E_PROTO);
        }
        text[i] = right;
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(cl_link_parse(&got, (pn_bytes){ line().p, cut }),
                         PN_E_PROTO);
    memcpy(text + len, "A", 2);
    assert_int_equal(cl_link_parse(&got, line()), PN_E_PROTO);
}

static void the_offline_form_holds_all(void **state)
{
    cl_bundle got;
    cl_link link;
    cl_invitation_form form;
    size_t len;
    (void)state;
    assert_int_equal(
        cl_offline_format(text, sizeof text, (pn_bytes){ wire, wire_len }),
        PN_OK);
    assert_int_equal(cl_invitation_form_of(&form, line()), PN_OK);
    assert_int_equal(form, CL_INVITATION_OFFLINE);
    assert_int_equal(cl_offline_parse(&got, line()), PN_OK);
    assert_memory_equal(got.hash, bundle.hash, 32);
    assert_string_equal(got.name, "Bob");
    assert_int_equal(cl_link_parse(&link, line()), PN_E_PROTO);
    len = strlen(text);
    for (size_t cut = 0; cut < len; cut += 13)
        assert_int_equal(cl_offline_parse(&got, (pn_bytes){ line().p, cut }),
                         PN_E_PROTO);
    /* A RESYNC bundle is no invitation, however well it is signed. */
    {
        cl_bundle b = bundle;
        cl_prekeys keys;
        uint8_t other[CL_BUNDLE_MAX];
        b.kind = CL_BUNDLE_RESYNC;
        assert_int_equal(
            cl_bundle_make(&b, &keys, &env, &me, other, sizeof other, &len),
            PN_OK);
        assert_int_equal(
            cl_offline_format(text, sizeof text, (pn_bytes){ other, len }),
            PN_OK);
        assert_int_equal(cl_offline_parse(&got, line()), PN_E_PROTO);
    }
}

/* The relay can neither change the bundle nor give another. */
static void the_blob_is_bound_to_the_link(void **state)
{
    static uint8_t blob[CL_INVITATION_BLOB_MAX];
    cl_link link = a_link(1);
    cl_bundle got, other = bundle;
    cl_prekeys keys;
    uint8_t bytes[CL_BUNDLE_MAX];
    size_t len, other_len;
    (void)state;
    assert_int_equal(cl_blob_seal(&env, link.key, (pn_bytes){ wire, wire_len },
                                  blob, sizeof blob, &len),
                     PN_OK);
    assert_int_equal(len, 3968);
    assert_int_equal(cl_blob_open(&got, &link, (pn_bytes){ blob, len }), PN_OK);
    assert_memory_equal(got.hash, bundle.hash, 32);
    for (size_t i = 0; i < len; i += 11) {
        blob[i] ^= 1;
        assert_int_equal(cl_blob_open(&got, &link, (pn_bytes){ blob, len }),
                         PN_E_CRYPTO);
        blob[i] ^= 1;
    }
    assert_int_equal(cl_blob_open(&got, &link, (pn_bytes){ blob, len - 1 }),
                     PN_E_PROTO);
    for (unsigned n = 1; faults_arm(n); n++) {
        const pn_err err = cl_blob_open(&got, &link, (pn_bytes){ blob, len });
        if (!faults_hit())
            break;
        assert_int_equal(err, PN_E_NOMEM);
    }
    /* Even somebody with the link key cannot put a bundle of his there. */
    assert_int_equal(cl_bundle_make(&other, &keys, &env, &me, bytes,
                                    sizeof bytes, &other_len),
                     PN_OK);
    assert_int_equal(cl_blob_seal(&env, link.key,
                                  (pn_bytes){ bytes, other_len }, blob,
                                  sizeof blob, &len),
                     PN_OK);
    assert_int_equal(cl_blob_open(&got, &link, (pn_bytes){ blob, len }),
                     PN_E_CRYPTO);
    link.key[0] ^= 1;
    assert_int_equal(cl_blob_open(&got, &link, (pn_bytes){ blob, len }),
                     PN_E_CRYPTO);
}

/* Burning leaves no secret, in memory or in the record. */
static void a_burned_invitation_keeps_nothing(void **state)
{
    static const cl_invitation_state why[] = { CL_INVITATION_ANSWERED,
                                               CL_INVITATION_REVOKED };
    uint8_t record[CL_INVITATION_BYTES];
    (void)state;
    for (int i = 0; i < 2; i++) {
        cl_invitation mine = inv, got;
        cl_link link;
        pn_out o = pn_out_over(record, sizeof record);
        cl_invitation_write(&mine, &o);
        assert_int_equal(o.len, sizeof record);
        assert_int_equal(cl_invitation_read(&got, pn_out_view(&o)), PN_OK);
        assert_memory_equal(&got.keys, &mine.keys, sizeof got.keys);
        assert_true(cl_invitation_is_open(&got, sim.wall_ms));
        cl_invitation_burn(&mine, why[i]);
        assert_false(cl_invitation_is_open(&mine, sim.wall_ms));
        assert_int_equal(cl_invitation_link(&mine, &link, &relay, 1),
                         PN_E_STATE);
        o = pn_out_over(record, sizeof record);
        cl_invitation_write(&mine, &o);
        for (size_t at = 10; at < sizeof record; at++)
            assert_int_equal(record[at], 0);
        assert_int_equal(cl_invitation_read(&got, pn_out_view(&o)), PN_OK);
        assert_int_equal(got.state, why[i]);
        record[sizeof record - 1] = 1;
        assert_int_equal(cl_invitation_read(&got, pn_out_view(&o)),
                         PN_E_CORRUPT);
    }
}

static void an_invitation_expires(void **state)
{
    cl_invitation mine = inv;
    static const uint8_t zeros[32];
    (void)state;
    assert_true(cl_invitation_is_open(&mine, inv.expires_ms - 1));
    assert_false(cl_invitation_is_open(&mine, inv.expires_ms));
    assert_int_equal(mine.state, CL_INVITATION_EXPIRED);
    assert_memory_equal(mine.link_key, zeros, 32);
}

static void a_damaged_record_is_refused(void **state)
{
    uint8_t record[CL_INVITATION_BYTES];
    pn_out o = pn_out_over(record, sizeof record);
    cl_invitation got;
    (void)state;
    cl_invitation_write(&inv, &o);
    for (size_t cut = 0; cut < sizeof record; cut++)
        assert_int_equal(cl_invitation_read(&got, (pn_bytes){ record, cut }),
                         PN_E_CORRUPT);
    record[0] = 2;
    assert_int_equal(cl_invitation_read(&got, pn_out_view(&o)), PN_E_VERSION);
    record[0] = 1;
    record[1] = 0;
    assert_int_equal(cl_invitation_read(&got, pn_out_view(&o)), PN_E_CORRUPT);
    record[1] = 5;
    assert_int_equal(cl_invitation_read(&got, pn_out_view(&o)), PN_E_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_fits_a_qr_code),
        cmocka_unit_test(a_mistyped_link_is_called_that),
        cmocka_unit_test(the_offline_form_holds_all),
        cmocka_unit_test(the_blob_is_bound_to_the_link),
        cmocka_unit_test(a_burned_invitation_keeps_nothing),
        cmocka_unit_test(an_invitation_expires),
        cmocka_unit_test(a_damaged_record_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
