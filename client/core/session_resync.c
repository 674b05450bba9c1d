/* A session that was lost, and the asking for another. */
#include <string.h>

#include "client/core/session_state.h"
#include "proto/base/mem.h"

static const uint64_t ms_per_day = 24 * 3600 * 1000;

bool cl_recent_has_room(const cl_recent *r, uint64_t now_ms)
{
    /* A clock that was set back does not lock the contact out for ever: times
     * that lie ahead of it do not count. */
    const uint64_t oldest = r->at_ms[0];
    return oldest == 0 || now_ms < oldest || now_ms - oldest >= ms_per_day;
}

void cl_recent_note(cl_recent *r, uint64_t now_ms)
{
    memmove(r->at_ms, r->at_ms + 1, sizeof r->at_ms - sizeof r->at_ms[0]);
    r->at_ms[CL_RESYNC_PER_DAY - 1] = now_ms;
}

/* Make fresh prekeys and the bundle that shows them. */
static pn_err make_resync(cl_session *s, const pn_env *env,
                          const cl_identity *self)
{
    const uint64_t now_ms = pn_wall_ms(env);
    cl_bundle b = { .kind = CL_BUNDLE_RESYNC,
                    .created_ms = now_ms,
                    .expires_ms =
                        now_ms + CL_RESYNC_EXPIRES_DAYS * ms_per_day };
    uint8_t room[CL_BUNDLE_MAX];
    cl_prekeys *keys = pn_alloc(1, sizeof *keys);
    uint8_t *bundle = NULL;
    size_t len = 0;
    pn_err err = PN_E_NOMEM;
    if (keys != NULL)
        err = cl_bundle_make(&b, keys, env, self, room, sizeof room, &len);
    if (err == PN_OK) {
        bundle = pn_alloc(1, len);
        err = bundle == NULL ? PN_E_NOMEM : PN_OK;
    }
    if (err == PN_OK) {
        memcpy(bundle, room, len);
        cl_session_drop_resync(s);
        s->resync_keys = keys;
        s->resync_bundle = bundle;
        s->resync_len = len;
        s->resync_expires_ms = b.expires_ms;
        keys = NULL;
    }
    pn_free_wiped(keys, sizeof *keys);
    return err;
}

pn_err cl_session_resync(cl_session *s, const pn_env *env,
                         const cl_identity *self, uint8_t *out, size_t cap,
                         size_t *len)
{
    const uint64_t now_ms = pn_wall_ms(env);
    pn_out o = pn_out_over(out, cap);
    cl_session_state next;
    *len = 0;
    PN_TRY(cl_session_next(s, CL_EVENT_ASK, &next));
    if (cap < CL_RESYNC_BYTES_MAX ||
        !cl_recent_has_room(&s->resync_sent, now_ms))
        return PN_E_FULL;
    if (s->resync_keys == NULL || now_ms >= s->resync_expires_ms)
        PN_TRY(make_resync(s, env, self));
    pn_put_u8(&o, CL_SUITE);
    pn_put_u8(&o, CL_MESSAGE_RESYNC);
    pn_put(&o, (pn_bytes){ s->resync_bundle, s->resync_len });
    PN_TRY(pn_out_err(&o));
    cl_recent_note(&s->resync_sent, now_ms);
    s->state = next;
    *len = o.len;
    return PN_OK;
}

/* All that can be wrong with a RESYNC whose signature is right. */
static pn_err check_resync(const cl_session *s, const cl_bundle *b,
                           uint64_t now_ms)
{
    if (b->kind != CL_BUNDLE_RESYNC)
        return PN_E_PROTO;
    if (now_ms >= b->expires_ms)
        return PN_E_TIMEOUT;
    if (b->created_ms <= s->resync_seen_ms)
        return PN_E_EXISTS;
    return cl_recent_has_room(&s->resync_taken, now_ms) ? PN_OK : PN_E_FULL;
}

pn_err cl_session_take_resync(cl_session *s, const pn_env *env,
                              const cl_identity *self, pn_bytes in)
{
    const uint64_t now_ms = pn_wall_ms(env);
    cl_session_state next = s->state;
    cl_bundle b;
    pn_err err;
    if (!s->has_peer)
        return PN_E_STATE;
    PN_TRY(cl_bundle_parse(&b, in));
    if (cl_identity_equal(&b.identity, &self->pub))
        err = PN_E_REFUSED;
    else if (!cl_identity_equal(&b.identity, &s->peer))
        err = b.kind == CL_BUNDLE_RESYNC ? cl_session_block(s, &b.identity)
                                         : PN_E_PROTO;
    else if (s->state == CL_SESSION_BLOCKED)
        err = PN_E_REFUSED;
    else
        err = check_resync(s, &b, now_ms);
    if (err == PN_OK)
        err = cl_session_next(s, CL_EVENT_RESYNC, &next);
    if (err == PN_OK)
        err = cl_session_begin(s, env, self, &b, next);
    if (err == PN_OK) {
        s->resync_seen_ms = b.created_ms;
        cl_recent_note(&s->resync_taken, now_ms);
    }
    cl_bundle_wipe(&b);
    return err;
}
