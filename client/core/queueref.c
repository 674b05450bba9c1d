#include "client/core/queueref.h"

#include <string.h>

#include "proto/wire/base32.h"

static const char scheme[] = "postern://";
enum {
    SCHEME_CHARS = sizeof scheme - 1,
    KEY_CHARS = PN_BASE32_LEN(PN_ADDRESS_KEY_BYTES),
    BEFORE_TEXT = SCHEME_CHARS + KEY_CHARS + 1, /* and the '@' */
    TEXT_MAX = 255,
};

pn_err cl_address_put(pn_out *out, const pn_address *a)
{
    char text[PN_ADDRESS_TEXT_MAX + 1];
    size_t len;
    PN_TRY(pn_address_format(text, sizeof text, a));
    len = strlen(text) - BEFORE_TEXT;
    if (len > TEXT_MAX)
        return PN_E_FULL;
    pn_put(out, CL_VIEW(a->relay_key));
    pn_put_u8(out, (uint8_t)len);
    pn_put(out, (pn_bytes){ (const uint8_t *)text + BEFORE_TEXT, len });
    return pn_out_err(out);
}

pn_err cl_address_take(pn_bytes *in, pn_address *out)
{
    char text[BEFORE_TEXT + TEXT_MAX + 1], again[PN_ADDRESS_TEXT_MAX + 1];
    pn_bytes at = *in, key, tail;
    pn_address a;
    uint8_t len;
    PN_TRY(pn_take(&at, PN_ADDRESS_KEY_BYTES, &key));
    PN_TRY(pn_take_u8(&at, &len));
    PN_TRY(pn_take(&at, len, &tail));
    memcpy(text, scheme, SCHEME_CHARS);
    pn_base32_encode(text + SCHEME_CHARS, key);
    text[BEFORE_TEXT - 1] = '@';
    if (len > 0)
        memcpy(text + BEFORE_TEXT, tail.p, len);
    text[BEFORE_TEXT + len] = '\0';
    PN_TRY(pn_address_parse(
        &a, (pn_bytes){ (const uint8_t *)text, BEFORE_TEXT + (size_t)len },
        NULL));
    PN_TRY(pn_address_format(again, sizeof again, &a));
    if (strcmp(again, text) != 0)
        return PN_E_PROTO;
    *in = at;
    *out = a;
    return PN_OK;
}

pn_err cl_queue_ref_put(pn_out *out, const cl_queue_ref *q)
{
    pn_put(out, CL_VIEW(q->send_id));
    pn_put(out, CL_VIEW(q->capability));
    pn_put(out, CL_VIEW(q->key));
    return cl_address_put(out, &q->relay);
}

pn_err cl_queue_ref_take(pn_bytes *in, cl_queue_ref *out)
{
    pn_bytes at = *in;
    cl_queue_ref q;
    PN_TRY(pn_take_copy(&at, q.send_id, sizeof q.send_id));
    PN_TRY(pn_take_copy(&at, q.capability, sizeof q.capability));
    PN_TRY(pn_take_copy(&at, q.key, sizeof q.key));
    PN_TRY(cl_address_take(&at, &q.relay));
    *in = at;
    *out = q;
    return PN_OK;
}
