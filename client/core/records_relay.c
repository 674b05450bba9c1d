/* The record of a relay of our choice: its address is the key; the value is
 * the secret its operator asks for, and since when it fails. */
#include <string.h>

#include "client/core/records.h"

pn_err cl_save_relay(cl_engine *e, const cl_relay *r)
{
    uint8_t room[10 + PN_ACCESS_SECRET_MAX];
    pn_out o = pn_out_over(room, sizeof room);
    char text[PN_ADDRESS_TEXT_MAX + 1];
    PN_TRY(pn_address_format(text, sizeof text, &r->address));
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put_u8(&o, r->access_len);
    pn_put(&o, (pn_bytes){ r->access, r->access_len });
    pn_put_u64(&o, r->down_ms);
    return cl_record_stage(e, CL_TABLE_RELAY,
                           (pn_bytes){ (const uint8_t *)text, strlen(text) },
                           &o);
}

pn_err cl_read_relay(cl_engine *e, pn_bytes key, pn_bytes in)
{
    pn_address address;
    pn_bytes access = { 0 };
    uint64_t down_ms = 0;
    uint8_t len = 0;
    cl_relay *r;
    if (pn_address_parse(&address, key, NULL) != PN_OK)
        return PN_E_CORRUPT;
    PN_TRY(cl_record_corrupt(cl_record_take_version(&in)));
    if (in.len > 0) { /* not in the records of 0.1 */
        PN_TRY(cl_record_corrupt(pn_take_u8(&in, &len)));
        PN_TRY(cl_record_corrupt(pn_take(&in, len, &access)));
    }
    if (in.len > 0)
        PN_TRY(cl_record_corrupt(pn_take_u64(&in, &down_ms)));
    PN_TRY(cl_record_corrupt(pn_take_end(&in)));
    if (len > PN_ACCESS_SECRET_MAX)
        return PN_E_CORRUPT;
    r = cl_relay_of(e, &address);
    if (r == NULL)
        return PN_E_NOMEM;
    r->is_own = true;
    r->down_ms = down_ms;
    r->access_len = len;
    if (len > 0)
        memcpy(r->access, access.p, len);
    return PN_OK;
}
