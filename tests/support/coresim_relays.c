/* Other relays in the world of coresim.h, and parcels for them. */
#include <string.h>

#include "proto/envelope/envelope.h"
#include "relay/core/dest.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/coresim.h"

pn_err coresim_open_relay(coresim *w, size_t i, size_t r, bool dialled)
{
    const coresim_relay *relay = &w->relays[r];
    coresim_link *l = coresim_fresh_link(w, i);
    return rl_core_open_relay(w->core, l, dialled ? relay->key : NULL,
                              dialled ? NULL : relay->noise_pk, l->binding,
                              &l->link);
}

void coresim_list(coresim *w, size_t count, bool may_dial, bool keep)
{
    rl_destination list[CORESIM_RELAYS];
    for (size_t r = 0; r < count; r++) {
        memcpy(list[r].key, w->relays[r].key, 32);
        list[r].may_dial = may_dial;
        list[r].keep = keep;
    }
    FUZZ_CHECK(rl_core_set_destinations(w->core, list, count) == PN_OK);
}

pn_msg coresim_forward(coresim *w, size_t r, uint64_t id, pn_priority priority,
                       uint64_t n, size_t size)
{
    pn_out out = pn_out_over(w->parcel + CORESIM_ENC_AT, 8);
    pn_put_u64(&out, n);
    w->parcel[0] = size == PN_PARCEL_MIN   ? PN_ENVELOPE_XS
                   : size == PN_PARCEL_MAX ? PN_ENVELOPE_L
                                           : PN_ENVELOPE_S;
    return (pn_msg){ .id = id,
                     .kind = PN_MSG_FORWARD,
                     .u.forward = { .destination = { w->relays[r].key, 32 },
                                    .expires_days = 21,
                                    .priority = priority,
                                    .parcel = { w->parcel, size } } };
}

void coresim_spool_ids(const coresim *w, size_t r, uint8_t recv_id[32],
                       uint8_t send_id[32])
{
    const rl_dest *dest = rl_dest_find(w->core, w->relays[r].key);
    FUZZ_CHECK(dest != NULL);
    memcpy(recv_id, dest->recv_id, 32);
    memcpy(send_id, dest->send_id, 32);
}

uint64_t coresim_parcel_of(const coresim_event *e)
{
    pn_bytes in = { e->bytes, 8 };
    uint64_t n = 0;
    FUZZ_CHECK(pn_take_u64(&in, &n) == PN_OK);
    return n;
}
