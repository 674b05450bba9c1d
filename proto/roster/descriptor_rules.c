/* What a descriptor may say, apart from who signed it. */
#include <string.h>

#include "proto/base/text.h"
#include "proto/roster/descriptor.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

enum { LARGEST_CLASS = 3, TTL_DAYS_MIN = 2, TTL_DAYS_MAX = 90 };

/* Later, and by `days` at most; without overflow. */
static bool spans(uint64_t from_ms, uint64_t until_ms, uint64_t days)
{
    return until_ms > from_ms && until_ms - from_ms <= days * DAY_MS;
}

static bool limits_ok(const pn_descriptor_limits *l)
{
    return l->largest <= LARGEST_CLASS && l->ttl_days >= TTL_DAYS_MIN &&
           l->ttl_days <= TTL_DAYS_MAX &&
           l->forward_days <= PN_ONION_VALID_DAYS &&
           l->access >= PN_ACCESS_OPEN && l->access <= PN_ACCESS_CLOSED &&
           l->queue_count >= 1 && l->queue_bytes >= 1;
}

static bool is_graphic(pn_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < 0x21 || text.p[i] > 0x7e)
            return false;
    }
    return text.len >= 1 && text.len <= PN_DESCRIPTOR_ADDRESS_MAX;
}

static bool addresses_ok(const pn_descriptor *d)
{
    if (d->address_count > PN_DESCRIPTOR_ADDRESSES_MAX)
        return false;
    for (size_t i = 0; i < d->address_count; i++) {
        const pn_descriptor_address *a = &d->addresses[i];
        if (a->carrier == 0 || !is_graphic(a->text))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (d->addresses[k].carrier == a->carrier &&
                pn_bytes_equal(d->addresses[k].text, a->text))
                return false;
        }
    }
    return true;
}

static bool onions_ok(const pn_descriptor *d)
{
    if (d->onion_count > PN_DESCRIPTOR_ONIONS_MAX)
        return false;
    for (size_t i = 0; i < d->onion_count; i++) {
        const pn_descriptor_onion *o = &d->onions[i];
        if (!spans(o->from_ms, o->until_ms, PN_ONION_VALID_DAYS) ||
            (i > 0 && o->from_ms < d->onions[i - 1].from_ms))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (memcmp(d->onions[k].id, o->id, sizeof o->id) == 0)
                return false;
        }
    }
    return true;
}

bool pn_descriptor_ok(const pn_descriptor *d)
{
    return d->sequence >= 1 &&
           spans(d->from_ms, d->until_ms, PN_DESCRIPTOR_DAYS_MAX) &&
           limits_ok(&d->limits) && d->label.len <= PN_OPERATOR_LABEL_MAX &&
           pn_line_ok(d->label) && addresses_ok(d) && onions_ok(d);
}

pn_err pn_descriptor_newer(const pn_descriptor *old, const pn_descriptor *next)
{
    if (memcmp(old->relay_key, next->relay_key, PN_DESCRIPTOR_KEY_BYTES) != 0)
        return PN_E_ARG;
    if (next->sequence > old->sequence)
        return PN_OK;
    if (next->sequence < old->sequence)
        return PN_E_REFUSED;
    return memcmp(old->hash, next->hash, sizeof old->hash) == 0 ? PN_E_EXISTS
                                                                : PN_E_PROTO;
}

const pn_descriptor_onion *pn_descriptor_onion_at(const pn_descriptor *d,
                                                  uint64_t now_ms)
{
    for (size_t i = d->onion_count; i > 0; i--) {
        const pn_descriptor_onion *o = &d->onions[i - 1];
        if (o->from_ms <= now_ms && now_ms < o->until_ms)
            return o;
    }
    return NULL;
}
