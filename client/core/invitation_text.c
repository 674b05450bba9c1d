/* The text of invitations. Wire form before base32: form u8, then for a link
 * expires u32 hours, key[32], hash[24], count u8, ids and addresses; for the
 * offline form the bundle; then a checksum[2], so that a mistyped one is called
 * that, and not unknown. */
#include <string.h>

#include "client/core/invitation.h"
#include "proto/base/mem.h"
#include "proto/wire/base32.h"

static const char prefix[] = "POSTERN:";
enum { PREFIX_CHARS = sizeof prefix - 1, SUM_BYTES = 2 };

static void checksum(uint8_t out[SUM_BYTES], pn_bytes bytes)
{
    uint8_t h[32];
    cl_hash(h, "postern/invitation-sum/1", &bytes, 1);
    memcpy(out, h, SUM_BYTES);
}

/* Checksum, base32 and prefix around what has been written to *o, which has
 * room for the checksum. */
static pn_err finish(char *out, size_t cap, pn_out *o)
{
    uint8_t sum[SUM_BYTES];
    checksum(sum, pn_out_view(o));
    pn_put(o, CL_VIEW(sum));
    PN_TRY(pn_out_err(o));
    if (cap < PREFIX_CHARS + PN_BASE32_LEN(o->len) + 1)
        return PN_E_FULL;
    memcpy(out, prefix, PREFIX_CHARS);
    pn_base32_encode(out + PREFIX_CHARS, pn_out_view(o));
    for (char *p = out + PREFIX_CHARS; *p != '\0'; p++) {
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    }
    return PN_OK;
}

static pn_err encode_link(pn_out *o, const cl_link *link)
{
    if (link->relay_count == 0 || link->relay_count > CL_QUEUES_MAX)
        return PN_E_ARG;
    pn_put_u8(o, CL_INVITATION_LINK);
    pn_put_u32(o, link->expires_hour);
    pn_put(o, CL_VIEW(link->key));
    pn_put(o, CL_VIEW(link->bundle_hash));
    pn_put_u8(o, (uint8_t)link->relay_count);
    for (size_t i = 0; i < link->relay_count; i++) {
        pn_put(o, CL_VIEW(link->ids[i]));
        PN_TRY(cl_address_put(o, &link->relays[i]));
    }
    return pn_out_err(o);
}

pn_err cl_link_format(char *out, size_t cap, const cl_link *link)
{
    uint8_t room[CL_LINK_BYTES_MAX];
    pn_out o = pn_out_over(room, sizeof room);
    pn_err err = encode_link(&o, link);
    if (err == PN_OK)
        err = finish(out, cap, &o);
    pn_wipe(room, sizeof room);
    return err;
}

pn_err cl_offline_format(char *out, size_t cap, pn_bytes bundle)
{
    uint8_t room[CL_OFFLINE_BYTES_MAX];
    pn_out o = pn_out_over(room, sizeof room);
    pn_err err;
    pn_put_u8(&o, CL_INVITATION_OFFLINE);
    pn_put(&o, bundle);
    err = finish(out, cap, &o);
    pn_wipe(room, sizeof room);
    return err;
}

/* One text has one value: upper case only, no padding, no stray bits. */
static pn_err decode(pn_bytes text, uint8_t room[CL_OFFLINE_BYTES_MAX],
                     pn_bytes *out)
{
    uint8_t lower[CL_INVITATION_TEXT_MAX], sum[SUM_BYTES];
    size_t len;
    pn_bytes body;
    pn_err err;
    if (text.len <= PREFIX_CHARS || text.len > CL_INVITATION_TEXT_MAX ||
        memcmp(text.p, prefix, PREFIX_CHARS) != 0)
        return PN_E_PROTO;
    text = (pn_bytes){ text.p + PREFIX_CHARS, text.len - PREFIX_CHARS };
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.p[i];
        if ((c < 'A' || c > 'Z') && (c < '2' || c > '7'))
            return PN_E_PROTO;
        lower[i] = c >= 'A' ? (uint8_t)(c - 'A' + 'a') : c;
    }
    len = text.len * 5 / 8;
    if (len <= SUM_BYTES)
        return PN_E_PROTO;
    err = pn_base32_decode(room, len, (pn_bytes){ lower, text.len });
    pn_wipe(lower, text.len);
    PN_TRY(err);
    body = (pn_bytes){ room, len - SUM_BYTES };
    checksum(sum, body);
    if (memcmp(sum, room + body.len, SUM_BYTES) != 0)
        return PN_E_PROTO;
    *out = body;
    return PN_OK;
}

static pn_err take_form(pn_bytes *in, cl_invitation_form *out)
{
    uint8_t form;
    PN_TRY(pn_take_u8(in, &form));
    if (form != CL_INVITATION_LINK && form != CL_INVITATION_OFFLINE)
        return PN_E_VERSION;
    *out = (cl_invitation_form)form;
    return PN_OK;
}

pn_err cl_invitation_form_of(cl_invitation_form *out, pn_bytes text)
{
    uint8_t room[CL_OFFLINE_BYTES_MAX];
    pn_bytes in;
    pn_err err = decode(text, room, &in);
    if (err == PN_OK)
        err = take_form(&in, out);
    pn_wipe(room, sizeof room);
    return err;
}

static pn_err read_link(cl_link *out, pn_bytes in)
{
    cl_invitation_form form;
    cl_link link = { .relay_count = 0 };
    uint8_t count;
    PN_TRY(take_form(&in, &form));
    if (form != CL_INVITATION_LINK)
        return PN_E_PROTO;
    PN_TRY(pn_take_u32(&in, &link.expires_hour));
    PN_TRY(pn_take_copy(&in, link.key, sizeof link.key));
    PN_TRY(pn_take_copy(&in, link.bundle_hash, sizeof link.bundle_hash));
    PN_TRY(pn_take_u8(&in, &count));
    if (count == 0 || count > CL_QUEUES_MAX)
        return PN_E_PROTO;
    for (; link.relay_count < count; link.relay_count++) {
        PN_TRY(pn_take_copy(&in, link.ids[link.relay_count], 32));
        PN_TRY(cl_address_take(&in, &link.relays[link.relay_count]));
    }
    PN_TRY(pn_take_end(&in));
    *out = link;
    pn_wipe(&link, sizeof link);
    return PN_OK;
}

/* A text that ends early is malformed; nothing more will come. */
static pn_err whole(pn_err err)
{
    return err == PN_E_SHORT ? PN_E_PROTO : err;
}

pn_err cl_link_parse(cl_link *out, pn_bytes text)
{
    uint8_t room[CL_OFFLINE_BYTES_MAX];
    pn_bytes in;
    pn_err err = decode(text, room, &in);
    if (err == PN_OK)
        err = read_link(out, in);
    pn_wipe(room, sizeof room);
    return whole(err);
}

pn_err cl_offline_parse(cl_bundle *out, pn_bytes text)
{
    uint8_t room[CL_OFFLINE_BYTES_MAX];
    cl_invitation_form form;
    pn_bytes in;
    pn_err err = decode(text, room, &in);
    if (err == PN_OK)
        err = take_form(&in, &form);
    if (err == PN_OK && form != CL_INVITATION_OFFLINE)
        err = PN_E_PROTO;
    if (err == PN_OK)
        err = cl_bundle_parse(out, in);
    if (err == PN_OK && out->kind != CL_BUNDLE_INVITATION) {
        cl_bundle_wipe(out);
        err = PN_E_PROTO;
    }
    pn_wipe(room, sizeof room);
    return whole(err);
}
