#include "tests/support/linkpair.h"

#include <string.h>

pn_err linkpair_init(linkpair *p, uint64_t seed)
{
    uint8_t key_seed[32];
    *p = (linkpair){ 0 };
    simenv_init(&p->sim, seed);
    p->env = simenv_env(&p->sim);
    PN_TRY(pn_random(&p->env, key_seed, sizeof key_seed));
    PN_TRY(pn_link_identity_from_seed(&p->relay, key_seed));
    PN_TRY(pn_random(&p->env, key_seed, sizeof key_seed));
    PN_TRY(pn_link_identity_from_seed(&p->other, key_seed));
    return pn_gate_new(&p->gate, &p->env, &p->relay);
}

pn_err linkpair_connect(linkpair *p, pn_link_role role, uint16_t record_size)
{
    const pn_link_offer offer = { .version_min = 1,
                                  .version_max = 1,
                                  .record_size = record_size,
                                  .features = PN_LINK_FEATURE_QUEUES };
    PN_TRY(pn_link_dial(&p->dialled, &p->env, p->relay.relay_key, &offer,
                        role == PN_LINK_RELAY ? &p->other : NULL));
    return pn_link_accept(&p->accepted, p->gate, PN_BYTES_LIT("192.0.2/24"));
}

/* Drain frames; a fault is returned, PN_MORE is the end. */
static pn_err drain(linkpair *p, pn_link *link)
{
    pn_bytes frame;
    pn_err err;
    while ((err = pn_link_next(link, &frame)) == PN_OK)
        if (p->on_frame != NULL)
            p->on_frame(p->ctx, link, frame);
    return err == PN_MORE ? PN_OK : err;
}

pn_err linkpair_give(linkpair *p, pn_link *to, pn_bytes bytes)
{
    while (bytes.len > 0) {
        pn_bytes piece = bytes;
        if (p->chunk > 0 && piece.len > p->chunk)
            piece.len = p->chunk;
        bytes.p += piece.len;
        bytes.len -= piece.len;
        while (piece.len > 0) {
            PN_TRY(pn_link_feed(to, &piece));
            PN_TRY(drain(p, to));
        }
    }
    return PN_OK;
}

pn_err linkpair_carry(linkpair *p, pn_link *from, pn_link *to)
{
    const pn_bytes out = pn_link_output(from);
    const pn_err err = linkpair_give(p, to, out);
    pn_link_sent(from, out.len);
    return err;
}

pn_err linkpair_pump(linkpair *p)
{
    for (;;) {
        const bool solving = pn_link_deadline(p->dialled) <= p->sim.mono_ms;
        if (solving)
            PN_TRY(pn_link_tick(p->dialled));
        PN_TRY(pn_link_flush(p->dialled));
        PN_TRY(pn_link_flush(p->accepted));
        if (!solving && pn_link_output(p->dialled).len == 0 &&
            pn_link_output(p->accepted).len == 0)
            return PN_OK;
        PN_TRY(linkpair_carry(p, p->dialled, p->accepted));
        PN_TRY(linkpair_carry(p, p->accepted, p->dialled));
    }
}

pn_err linkpair_open(linkpair *p, uint64_t seed, pn_link_role role,
                     uint16_t record_size)
{
    PN_TRY(linkpair_init(p, seed));
    PN_TRY(linkpair_connect(p, role, record_size));
    PN_TRY(linkpair_pump(p));
    return pn_link_get_state(p->accepted) == PN_LINK_OPEN ? PN_OK : PN_E_STATE;
}

void linkpair_disconnect(linkpair *p)
{
    pn_link_free(&p->dialled);
    pn_link_free(&p->accepted);
}

void linkpair_free(linkpair *p)
{
    linkpair_disconnect(p);
    pn_gate_free(&p->gate);
}
