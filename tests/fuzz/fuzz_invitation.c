/* Invitations. The first byte says how the rest is used: as a text; as the
 * bytes of one, with a right checksum; or as a bundle, with a right identity
 * and signature. What parses is written again as it was. */
#include <sodium.h>
#include <string.h>

#include "client/core/invitation.h"
#include "proto/wire/base32.h"
#include "tests/fuzz/fuzz.h"

static void check_text(pn_bytes text)
{
    static char again[CL_INVITATION_TEXT_MAX + 1];
    cl_invitation_form form;
    cl_link link;
    cl_bundle b;
    const pn_err err = cl_invitation_form_of(&form, text);
    if (cl_link_parse(&link, text) == PN_OK) {
        FUZZ_CHECK(err == PN_OK && form == CL_INVITATION_LINK);
        FUZZ_CHECK(link.relay_count >= 1 && link.relay_count <= 3);
        FUZZ_CHECK(cl_link_format(again, sizeof again, &link) == PN_OK);
        FUZZ_CHECK(strlen(again) == text.len &&
                   memcmp(again, text.p, text.len) == 0);
    }
    if (cl_offline_parse(&b, text) == PN_OK)
        FUZZ_CHECK(err == PN_OK && form == CL_INVITATION_OFFLINE);
}

static void check_bytes(pn_bytes body)
{
    static uint8_t bytes[CL_OFFLINE_BYTES_MAX];
    static char text[CL_INVITATION_TEXT_MAX + 1] = "POSTERN:";
    uint8_t sum[32];
    if (body.len == 0 || body.len > sizeof bytes - 2)
        return;
    memcpy(bytes, body.p, body.len);
    cl_hash(sum, "postern/invitation-sum/1", &body, 1);
    memcpy(bytes + body.len, sum, 2);
    pn_base32_encode(text + 8, (pn_bytes){ bytes, body.len + 2 });
    for (char *p = text + 8; *p != '\0'; p++)
        *p = (char)(*p >= 'a' ? *p - 'a' + 'A' : *p);
    check_text((pn_bytes){ (const uint8_t *)text, strlen(text) });
}

static void check_bundle(pn_bytes in)
{
    enum { LABEL = 16, AT_IDENTITY = 18 };
    static const uint8_t secret[CL_IDENTITY_SECRET_BYTES] = { 1 };
    static uint8_t room[LABEL + CL_BUNDLE_MAX] = "postern/bundle/1";
    uint8_t *bytes = room + LABEL;
    cl_identity owner;
    cl_bundle b;
    pn_out o = pn_out_over(bytes + AT_IDENTITY, CL_IDENTITY_PUBLIC_BYTES);
    if (in.len < AT_IDENTITY + CL_IDENTITY_PUBLIC_BYTES ||
        in.len > CL_BUNDLE_MAX - CL_SIGNATURE_BYTES)
        return;
    cl_identity_from_secret(&owner, secret);
    memcpy(bytes, in.p, in.len);
    cl_identity_put(&o, &owner.pub);
    (void)crypto_sign_detached(bytes + in.len, NULL, room, LABEL + in.len,
                               owner.sign_sk);
    if (cl_bundle_parse(&b, (pn_bytes){ bytes, in.len + CL_SIGNATURE_BYTES }) !=
        PN_OK)
        return;
    FUZZ_CHECK(b.queue_count <= CL_QUEUES_MAX);
    FUZZ_CHECK(strlen(b.name) <= CL_NAME_MAX);
    FUZZ_CHECK(b.expires_ms > b.created_ms);
    FUZZ_CHECK(cl_identity_equal(&b.identity, &owner.pub));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pn_bytes in = { data, size };
    uint8_t how;
    if (pn_take_u8(&in, &how) != PN_OK)
        return 0;
    if (how % 3 == 0)
        check_text(in);
    else if (how % 3 == 1)
        check_bytes(in);
    else
        check_bundle(in);
    return 0;
}
