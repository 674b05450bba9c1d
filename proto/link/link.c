#include "proto/link/link.h"

#include <assert.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/link_internal.h"
#include "proto/link/record.h"

typedef pn_err unit_fn(pn_link *link, pn_bytes unit);

/* What a phase looks like from outside, and what it does with input. An absent
 * function is input that cannot be: it ends the link. */
static const struct {
    pn_link_state state;
    bool records; /* units are records, else 2048-byte messages */
    unit_fn *on_unit;
} phases[PN_PHASE_COUNT] = {
    [PN_PHASE_DIALLED] = { PN_LINK_HANDSHAKE, false, pn_link_on_answer },
    [PN_PHASE_SOLVING] = { PN_LINK_HANDSHAKE, false, NULL },
    [PN_PHASE_ACCEPTED] = { PN_LINK_HANDSHAKE, false, pn_link_on_hello },
    [PN_PHASE_CONFIRM] = { PN_LINK_HANDSHAKE, true, pn_link_on_confirm },
    [PN_PHASE_OPEN] = { PN_LINK_OPEN, true, pn_link_on_record },
    [PN_PHASE_SILENT] = { PN_LINK_SILENT, false, NULL },
    [PN_PHASE_DEAD] = { PN_LINK_DEAD, false, NULL },
};

static size_t unit_len(const pn_link *link)
{
    return phases[link->phase].records ? link->terms.record_size
                                       : PN_LINK_HELLO_BYTES;
}

/* --- ending --------------------------------------------------------------- */

static void drop_unit(pn_link *link)
{
    pn_free_wiped(link->unit, link->unit_size);
    link->unit = NULL;
    link->unit_size = 0;
    link->unit_have = 0;
}

static void drop_input(pn_link *link)
{
    drop_unit(link);
    link->plain = (pn_bytes){ NULL, 0 };
    link->ready = (pn_bytes){ NULL, 0 };
    pn_framer_clear(&link->framer);
}

static void drop_everything(pn_link *link)
{
    drop_input(link);
    pn_outq_clear(&link->out);
    pn_link_forget_handshake(link);
    pn_link_forget_roll(link);
    pn_wipe(&link->send, sizeof link->send);
    pn_wipe(&link->recv, sizeof link->recv);
}

pn_err pn_link_die(pn_link *link, pn_err why)
{
    drop_everything(link);
    link->phase = PN_PHASE_DEAD;
    link->fault = why;
    return why;
}

void pn_link_fall_silent(pn_link *link, pn_err why)
{
    drop_everything(link);
    link->phase = PN_PHASE_SILENT;
    link->fault = why;
}

void pn_link_free(pn_link **link)
{
    if (link == NULL || *link == NULL)
        return;
    drop_everything(*link);
    pn_free_wiped(*link, sizeof **link);
    *link = NULL;
}

/* --- input ---------------------------------------------------------------- */

/* Look for the next frame in what has been opened; control frames are acted
 * on, not handed out. PN_MORE when the record is used up. */
static pn_err pull(pn_link *link)
{
    for (;;) {
        pn_frame_kind kind;
        pn_bytes frame;
        PN_TRY(pn_framer_next(&link->framer, &link->plain, &kind, &frame));
        if (kind == PN_FRAME_DATA) {
            link->ready = frame;
            return PN_OK;
        }
        /* Keys change at a record boundary: a control frame ends its record. */
        if (link->plain.len > 0)
            return PN_E_PROTO;
        PN_TRY(pn_link_on_control(link, kind, frame));
    }
}

pn_err pn_link_on_record(pn_link *link, pn_bytes unit)
{
    PN_TRY(pn_record_open(&link->recv, link->unit, unit, &link->plain));
    return pn_link_check_keys(link);
}

/* Have the unit buffer, of exactly `size` bytes. */
static pn_err have_buffer(pn_link *link, size_t size)
{
    if (link->unit_size == size)
        return PN_OK;
    drop_unit(link); /* sized for messages; records come now */
    link->unit = pn_alloc_raw(size);
    if (link->unit == NULL)
        return PN_E_NOMEM;
    link->unit_size = (uint32_t)size;
    return PN_OK;
}

/* Take the next unit from *in, or as much of it as there is; PN_MORE if it is
 * not whole. A unit that lies whole in *in is not copied. */
static pn_err take_unit(pn_link *link, pn_bytes *in, pn_bytes *unit)
{
    const size_t size = unit_len(link);
    size_t n = size - link->unit_have;
    pn_bytes part;
    PN_TRY(have_buffer(link, size));
    if (link->unit_have == 0 && pn_take(in, size, unit) == PN_OK)
        return PN_OK;
    if (n > in->len)
        n = in->len;
    PN_TRY(pn_take(in, n, &part));
    if (n > 0)
        memcpy(link->unit + link->unit_have, part.p, n);
    link->unit_have = (uint16_t)(link->unit_have + n);
    if (link->unit_have < size)
        return PN_MORE;
    link->unit_have = 0;
    *unit = (pn_bytes){ link->unit, size };
    return PN_OK;
}

/* Give the unit buffer back when nothing is in it and nothing is to come. */
static void release_input(pn_link *link)
{
    if (link->unit_have == 0 && link->plain.len == 0 && link->ready.p == NULL &&
        !link->more_input) {
        pn_free_wiped(link->unit, link->unit_size);
        link->unit = NULL;
        link->unit_size = 0;
    }
}

static pn_err feed(pn_link *link, pn_bytes *in)
{
    for (;;) {
        pn_bytes unit;
        pn_err err;
        if (link->ready.p != NULL)
            return PN_OK; /* a frame waits */
        if (link->phase == PN_PHASE_SILENT) {
            *in = (pn_bytes){ NULL, 0 };
            return PN_OK;
        }
        err = pull(link);
        if (err == PN_OK)
            continue;
        if (err != PN_MORE)
            return err;
        if (in->len == 0)
            return PN_OK;
        if (phases[link->phase].on_unit == NULL)
            return PN_E_PROTO;
        err = take_unit(link, in, &unit);
        if (err == PN_MORE)
            return PN_OK;
        if (err == PN_OK)
            err = phases[link->phase].on_unit(link, unit);
        if (err != PN_OK)
            return err;
    }
}

pn_err pn_link_feed(pn_link *link, pn_bytes *in)
{
    pn_err err;
    if (link->phase == PN_PHASE_DEAD)
        return link->fault;
    err = feed(link, in);
    if (err != PN_OK)
        return pn_link_die(link, err);
    link->more_input = in->len > 0;
    release_input(link);
    return PN_OK;
}

pn_err pn_link_next(pn_link *link, pn_bytes *frame)
{
    pn_err err = PN_OK;
    *frame = (pn_bytes){ NULL, 0 };
    if (link->phase == PN_PHASE_DEAD)
        return link->fault;
    if (link->ready.p == NULL)
        err = pull(link);
    if (err == PN_MORE)
        release_input(link);
    else if (err != PN_OK)
        return pn_link_die(link, err);
    *frame = link->ready;
    link->ready = (pn_bytes){ NULL, 0 };
    return err;
}

/* --- output --------------------------------------------------------------- */

pn_err pn_link_send(pn_link *link, pn_bytes frame)
{
    pn_err err;
    if (link->phase != PN_PHASE_OPEN)
        return PN_E_STATE;
    if (frame.len == 0 || frame.len > PN_LINK_FRAME_MAX)
        return PN_E_ARG;
    if (!pn_outq_has_room(&link->out, frame.len))
        return PN_E_FULL;
    err = pn_outq_put_frame(&link->out, &link->send, PN_FRAME_DATA, frame);
    if (err == PN_OK)
        err = pn_link_check_keys(link);
    return err == PN_OK ? PN_OK : pn_link_die(link, err);
}

pn_err pn_link_flush(pn_link *link)
{
    pn_err err;
    if (link->phase == PN_PHASE_DEAD)
        return link->fault;
    err = pn_outq_flush(&link->out, &link->send);
    if (err == PN_OK && link->phase == PN_PHASE_OPEN)
        err = pn_link_check_keys(link);
    return err == PN_OK ? PN_OK : pn_link_die(link, err);
}

pn_bytes pn_link_output(const pn_link *link)
{
    return pn_outq_view(&link->out);
}

void pn_link_sent(pn_link *link, size_t len)
{
    pn_outq_sent(&link->out, len);
}

void pn_link_set_output_max(pn_link *link, size_t max)
{
    const size_t least = (size_t)2 * PN_RECORD_MAX;
    link->out.max = max < least ? least : max;
}

/* --- time ----------------------------------------------------------------- */

uint64_t pn_link_deadline(const pn_link *link)
{
    switch (link->phase) {
    case PN_PHASE_SOLVING:
        return pn_mono_ms(link->env);
    case PN_PHASE_OPEN:
        return pn_link_keys_deadline(link);
    case PN_PHASE_DIALLED:
    case PN_PHASE_ACCEPTED:
    case PN_PHASE_CONFIRM:
    case PN_PHASE_SILENT:
        return link->deadline_ms;
    case PN_PHASE_DEAD:
    case PN_PHASE_COUNT:
        break;
    }
    return UINT64_MAX;
}

pn_err pn_link_tick(pn_link *link)
{
    pn_err err = PN_OK;
    if (link->phase == PN_PHASE_DEAD)
        return link->fault;
    if (link->phase == PN_PHASE_OPEN)
        err = pn_link_check_keys(link);
    else if (pn_mono_ms(link->env) >= link->deadline_ms)
        err = PN_E_TIMEOUT;
    else if (link->phase == PN_PHASE_SOLVING)
        err = pn_link_solve(link);
    if (err == PN_OK)
        return PN_OK;
    /* Never a valid mac1: a stranger, as one with a wrong mac1 was. */
    if (link->phase == PN_PHASE_ACCEPTED && link->accepted->retries == 0)
        link->gate->stats.strangers++;
    return pn_link_die(link, err);
}

/* --- questions ------------------------------------------------------------ */

pn_link_state pn_link_get_state(const pn_link *link)
{
    return phases[link->phase].state;
}

pn_err pn_link_fault(const pn_link *link)
{
    return link->fault;
}

pn_link_proof pn_link_get_proof(const pn_link *link)
{
    switch (link->phase) {
    case PN_PHASE_ACCEPTED:
        return link->accepted->retries > 0 ? PN_LINK_PROOF_KEY
                                           : PN_LINK_PROOF_NONE;
    case PN_PHASE_SILENT:
        return PN_LINK_PROOF_NONE;
    case PN_PHASE_CONFIRM:
        return PN_LINK_PROOF_WORK;
    case PN_PHASE_DIALLED:
    case PN_PHASE_SOLVING:
    case PN_PHASE_OPEN:
    case PN_PHASE_DEAD:
    case PN_PHASE_COUNT:
        break;
    }
    return PN_LINK_PROOF_ALL;
}

pn_link_role pn_link_get_role(const pn_link *link)
{
    return link->role;
}

const pn_link_terms *pn_link_get_terms(const pn_link *link)
{
    return &link->terms;
}

const uint8_t *pn_link_binding(const pn_link *link)
{
    return link->binding;
}

const uint8_t *pn_link_peer_static(const pn_link *link)
{
    if (link->phase != PN_PHASE_OPEN || link->gate == NULL ||
        link->role != PN_LINK_RELAY)
        return NULL;
    return link->peer_static;
}

bool pn_link_ok(const pn_link *link)
{
    const bool dialling =
        link->phase == PN_PHASE_DIALLED || link->phase == PN_PHASE_SOLVING;
    const bool accepting =
        link->phase == PN_PHASE_ACCEPTED || link->phase == PN_PHASE_CONFIRM;
    if ((link->dialled != NULL) != dialling ||
        (link->accepted != NULL) != accepting)
        return false;
    if (link->roll != NULL && link->phase != PN_PHASE_OPEN)
        return false;
    if (link->phase == PN_PHASE_DEAD &&
        (link->fault == PN_OK || link->unit != NULL || link->out.p != NULL))
        return false;
    if (link->phase == PN_PHASE_SILENT && link->out.p != NULL)
        return false;
    if ((link->unit == NULL) != (link->unit_size == 0) ||
        (link->unit_have > 0 && link->unit_have >= link->unit_size))
        return false;
    return pn_framer_ok(&link->framer) && pn_outq_ok(&link->out);
}
