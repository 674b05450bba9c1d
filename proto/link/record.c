#include "proto/link/record.h"

#include <string.h>

#include "proto/link/link.h"

bool pn_record_is_size(size_t size)
{
    return size == 1024 || size == 4096 || size == PN_RECORD_MAX;
}

size_t pn_record_room(size_t size)
{
    return size - PN_RECORD_OVERHEAD;
}

/* Both ends count the same records, so both step at the same one. */
static void step(pn_cipher *c)
{
    if (c->nonce % PN_LINK_REKEY_RECORDS == 0)
        pn_cipher_rekey(c);
}

pn_err pn_record_seal(pn_cipher *c, uint8_t *record, size_t size, size_t used)
{
    if (used > pn_record_room(size))
        return PN_E_ARG;
    record[0] = (uint8_t)(used >> 8);
    record[1] = (uint8_t)used;
    memset(record + PN_RECORD_DATA_AT + used, 0, pn_record_room(size) - used);
    PN_TRY(pn_cipher_seal_blocks(c, record, size));
    step(c);
    return PN_OK;
}

pn_err pn_record_open(pn_cipher *c, uint8_t *out, pn_bytes sealed,
                      pn_bytes *data)
{
    pn_bytes plain = { out, sealed.len - PN_CIPHER_TAG_BYTES };
    uint16_t used;
    PN_TRY(pn_cipher_open_blocks(c, out, sealed));
    step(c);
    PN_TRY(pn_take_u16(&plain, &used));
    if (pn_take(&plain, used, data) != PN_OK)
        return PN_E_PROTO;
    return pn_take_zeros(&plain);
}
