/* The stored form of a session, and what must hold in one. */
#include <string.h>

#include "client/core/session_state.h"
#include "proto/base/mem.h"

enum {
    STATE_VERSION = 1,
    FLAG_PEER = 1,
    FLAG_PENDING = 2,
    FLAG_CURRENT = 4,
    FLAG_FIRST = 8,
    FLAG_RESYNC = 16,
    FLAGS_ALL = 31,
    FIXED_BYTES = 1 + 4 + 1 + 4 + 32 + 8 + 8 +
                  CL_RESYNC_SEEN * CL_BUNDLE_TAG_BYTES +
                  2 * 8 * CL_RESYNC_PER_DAY,
};

size_t cl_session_size(const cl_session *s)
{
    size_t n = FIXED_BYTES;
    n += s->has_peer ? CL_IDENTITY_PUBLIC_BYTES : 0;
    n += s->has_pending ? CL_IDENTITY_PUBLIC_BYTES : 0;
    n += s->current != NULL ? cl_ratchet_size(s->current) : 0;
    n += s->first != NULL ? CL_HANDSHAKE_BYTES : 0;
    if (s->resync_keys != NULL)
        n += CL_PREKEYS_BYTES + 2 + s->resync_len + 8;
    for (size_t i = 0; i < s->old_count; i++)
        n += 32 + 8 + cl_ratchet_size(s->old[i].ratchet);
    return n;
}

static void put_recent(pn_out *out, const cl_recent *r)
{
    for (size_t i = 0; i < CL_RESYNC_PER_DAY; i++)
        pn_put_u64(out, r->at_ms[i]);
}

void cl_session_write(const cl_session *s, pn_out *out)
{
    pn_put_u8(out, STATE_VERSION);
    pn_put_u8(out, (uint8_t)s->state);
    pn_put_u8(out, (uint8_t)s->before);
    pn_put_u8(out, (uint8_t)s->profile);
    pn_put_u8(out, (uint8_t)((s->has_peer ? FLAG_PEER : 0) |
                             (s->has_pending ? FLAG_PENDING : 0) |
                             (s->current != NULL ? FLAG_CURRENT : 0) |
                             (s->first != NULL ? FLAG_FIRST : 0) |
                             (s->resync_keys != NULL ? FLAG_RESYNC : 0)));
    pn_put_u8(out, (uint8_t)s->old_count);
    pn_put_u32(out, s->generation);
    pn_put(out, CL_VIEW(s->handshake_id));
    pn_put_u64(out, s->unreadable_ms);
    pn_put_u64(out, s->dropped);
    pn_put(out, (pn_bytes){ s->resync_seen[0], sizeof s->resync_seen });
    put_recent(out, &s->resync_sent);
    put_recent(out, &s->resync_taken);
    if (s->has_peer)
        cl_identity_put(out, &s->peer);
    if (s->has_pending)
        cl_identity_put(out, &s->pending);
    if (s->current != NULL)
        cl_ratchet_write(s->current, out);
    if (s->first != NULL)
        pn_put(out, (pn_bytes){ s->first, CL_HANDSHAKE_BYTES });
    if (s->resync_keys != NULL) {
        cl_prekeys_put(out, s->resync_keys);
        pn_put_u64(out, s->resync_expires_ms);
        pn_put_u16(out, (uint16_t)s->resync_len);
        pn_put(out, (pn_bytes){ s->resync_bundle, s->resync_len });
    }
    for (size_t i = 0; i < s->old_count; i++) {
        pn_put(out, CL_VIEW(s->old[i].handshake_id));
        pn_put_u64(out, s->old[i].until_ms);
        cl_ratchet_write(s->old[i].ratchet, out);
    }
}

static pn_err take_recent(pn_bytes *in, cl_recent *r)
{
    for (size_t i = 0; i < CL_RESYNC_PER_DAY; i++)
        PN_TRY(pn_take_u64(in, &r->at_ms[i]));
    return PN_OK;
}

static pn_err take_resync(pn_bytes *in, cl_session *s)
{
    uint16_t len;
    pn_bytes bundle;
    s->resync_keys = pn_alloc(1, sizeof *s->resync_keys);
    if (s->resync_keys == NULL)
        return PN_E_NOMEM;
    PN_TRY(cl_prekeys_take(in, s->resync_keys));
    PN_TRY(pn_take_u64(in, &s->resync_expires_ms));
    PN_TRY(pn_take_u16(in, &len));
    PN_TRY(pn_take(in, len, &bundle));
    if (len == 0 || len > CL_BUNDLE_MAX)
        return PN_E_CORRUPT;
    s->resync_bundle = pn_alloc(1, len);
    if (s->resync_bundle == NULL)
        return PN_E_NOMEM;
    memcpy(s->resync_bundle, bundle.p, len);
    s->resync_len = len;
    return PN_OK;
}

static pn_err take_old(pn_bytes *in, cl_session *s, size_t count)
{
    for (; s->old_count < count; s->old_count++) {
        cl_old_ratchet *o = &s->old[s->old_count];
        PN_TRY(pn_take_copy(in, o->handshake_id, sizeof o->handshake_id));
        PN_TRY(pn_take_u64(in, &o->until_ms));
        PN_TRY(cl_ratchet_read(&o->ratchet, in));
    }
    return PN_OK;
}

static pn_err take_parts(pn_bytes *in, cl_session *s, uint8_t flags,
                         uint8_t old_count)
{
    s->has_peer = (flags & FLAG_PEER) != 0;
    s->has_pending = (flags & FLAG_PENDING) != 0;
    if (s->has_peer)
        PN_TRY(cl_identity_take(in, &s->peer));
    if (s->has_pending)
        PN_TRY(cl_identity_take(in, &s->pending));
    if ((flags & FLAG_CURRENT) != 0)
        PN_TRY(cl_ratchet_read(&s->current, in));
    if ((flags & FLAG_FIRST) != 0) {
        s->first = pn_alloc(1, CL_HANDSHAKE_BYTES);
        if (s->first == NULL)
            return PN_E_NOMEM;
        PN_TRY(pn_take_copy(in, s->first, CL_HANDSHAKE_BYTES));
    }
    if ((flags & FLAG_RESYNC) != 0)
        PN_TRY(take_resync(in, s));
    PN_TRY(take_old(in, s, old_count));
    PN_TRY(pn_take_end(in));
    return cl_session_ok(s) ? PN_OK : PN_E_CORRUPT;
}

static pn_err take_session(pn_bytes *in, cl_session *s)
{
    uint8_t state, before, profile, flags, old_count;
    PN_TRY(pn_take_u8(in, &state));
    PN_TRY(pn_take_u8(in, &before));
    PN_TRY(pn_take_u8(in, &profile));
    PN_TRY(pn_take_u8(in, &flags));
    PN_TRY(pn_take_u8(in, &old_count));
    if (state > CL_SESSION_BLOCKED || before > CL_SESSION_RESYNC_SENT ||
        profile > CL_PROFILE_THIN || flags > FLAGS_ALL ||
        old_count > CL_SESSION_OLD_MAX)
        return PN_E_CORRUPT;
    s->state = (cl_session_state)state;
    s->before = (cl_session_state)before;
    s->profile = (cl_profile)profile;
    PN_TRY(pn_take_u32(in, &s->generation));
    PN_TRY(pn_take_copy(in, s->handshake_id, sizeof s->handshake_id));
    PN_TRY(pn_take_u64(in, &s->unreadable_ms));
    PN_TRY(pn_take_u64(in, &s->dropped));
    PN_TRY(pn_take_copy(in, s->resync_seen[0], sizeof s->resync_seen));
    PN_TRY(take_recent(in, &s->resync_sent));
    PN_TRY(take_recent(in, &s->resync_taken));
    return take_parts(in, s, flags, old_count);
}

pn_err cl_session_read(cl_session **out, pn_bytes in)
{
    cl_session *s;
    uint8_t version;
    pn_err err;
    *out = NULL;
    if (pn_take_u8(&in, &version) != PN_OK)
        return PN_E_CORRUPT;
    if (version != STATE_VERSION)
        return PN_E_VERSION;
    PN_TRY(cl_session_new(&s, CL_PROFILE_NORMAL));
    err = take_session(&in, s);
    if (err == PN_OK) {
        *out = s;
        return PN_OK;
    }
    cl_session_free(&s);
    return err == PN_E_NOMEM || err == PN_E_VERSION ? err : PN_E_CORRUPT;
}

/* What each state needs and rules out. */
static bool state_fits(const cl_session *s, cl_session_state state)
{
    switch (state) {
    case CL_SESSION_NONE:
        return s->current == NULL && s->first == NULL;
    case CL_SESSION_SENT_FIRST:
        return s->current != NULL && s->first != NULL && s->has_peer &&
               cl_ratchet_can_seal(s->current);
    case CL_SESSION_ESTABLISHED:
        return s->current != NULL && s->first == NULL && s->has_peer &&
               cl_ratchet_can_seal(s->current);
    case CL_SESSION_NEEDS_RESYNC:
    case CL_SESSION_RESYNC_SENT:
        return s->current == NULL && s->first == NULL && s->has_peer;
    case CL_SESSION_BLOCKED:
        break;
    }
    return false;
}

bool cl_session_ok(const cl_session *s)
{
    if (s->generation > CL_GENERATION_MAX ||
        (s->state == CL_SESSION_BLOCKED) != s->has_pending ||
        (s->state != CL_SESSION_BLOCKED && s->before != CL_SESSION_NONE))
        return false;
    if (s->current != NULL && !cl_ratchet_ok(s->current))
        return false;
    for (size_t i = 0; i < s->old_count; i++) {
        if (!cl_ratchet_ok(s->old[i].ratchet) ||
            cl_ratchet_can_seal(s->old[i].ratchet))
            return false;
    }
    return state_fits(s, s->state == CL_SESSION_BLOCKED ? s->before : s->state);
}
