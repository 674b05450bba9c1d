#include "client/core/header.h"

size_t cl_header_size(cl_message_type type)
{
    switch (type) {
    case CL_MESSAGE_FIRST:
        return CL_HEADER_FIRST_BYTES;
    case CL_MESSAGE_SHORT:
        return CL_HEADER_SHORT_BYTES;
    case CL_MESSAGE_FULL:
        return CL_HEADER_FULL_BYTES;
    case CL_MESSAGE_RESYNC:
        break;
    }
    return 0;
}

pn_err cl_message_take_type(pn_bytes *in, cl_message_type *out)
{
    uint8_t suite, type;
    PN_TRY(pn_take_u8(in, &suite));
    PN_TRY(pn_take_u8(in, &type));
    if (suite != CL_SUITE)
        return PN_E_VERSION;
    if (type < CL_MESSAGE_FIRST || type > CL_MESSAGE_RESYNC)
        return PN_E_PROTO;
    *out = (cl_message_type)type;
    return PN_OK;
}

void cl_header_put(pn_out *out, cl_message_type type, const cl_header *h)
{
    pn_put(out, CL_VIEW(h->dh));
    pn_put_u32(out, h->prev_len);
    pn_put_u32(out, h->n);
    if (type != CL_MESSAGE_SHORT)
        pn_put(out, (pn_bytes){ h->kem_pk, PN_MLKEM768_PK_BYTES });
    if (type == CL_MESSAGE_FULL)
        pn_put(out, (pn_bytes){ h->kem_ct, PN_MLKEM768_CT_BYTES });
}

pn_err cl_header_take(pn_bytes in, cl_message_type type, cl_header *out)
{
    cl_header h = { .kem_pk = NULL };
    pn_bytes v;
    if (cl_header_size(type) == 0)
        return PN_E_PROTO;
    PN_TRY(pn_take_copy(&in, h.dh, sizeof h.dh));
    PN_TRY(pn_take_u32(&in, &h.prev_len));
    PN_TRY(pn_take_u32(&in, &h.n));
    if (type != CL_MESSAGE_SHORT) {
        PN_TRY(pn_take(&in, PN_MLKEM768_PK_BYTES, &v));
        h.kem_pk = v.p;
    }
    if (type == CL_MESSAGE_FULL) {
        PN_TRY(pn_take(&in, PN_MLKEM768_CT_BYTES, &v));
        h.kem_ct = v.p;
    }
    PN_TRY(pn_take_end(&in));
    *out = h;
    return PN_OK;
}
