/* A session that was lost, and the asking for another. */
#include <string.h>

#include "client/core/session_state.h"
#include "proto/base/mem.h"

static const uint64_t ms_per_hour = UINT64_C(3600) * 1000;
static const uint64_t ms_per_day = UINT64_C(24) * 3600 * 1000;

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

bool cl_session_unreadable(cl_session *s, const pn_env *env)
{
    const uint64_t now_ms = pn_wall_ms(env);
    if (s->state != CL_SESSION_SENT_FIRST && s->state != CL_SESSION_ESTABLISHED)
        return false;
    if (s->unreadable_ms == 0 || now_ms < s->unreadable_ms) {
        s->unreadable_ms = now_ms;
        return false;
    }
    if (now_ms - s->unreadable_ms < CL_UNREADABLE_HOURS * ms_per_hour)
        return false;
    return cl_session_lost(s, env) == PN_OK;
}

/* Make fresh prekeys and the bundle that shows them. */
static pn_err make_resync(cl_session *s, const pn_env *env,
                          const cl_identity *self, const cl_queue_ref *queues,
                          size_t queue_count)
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
    b.queue_count = queue_count;
    for (size_t i = 0; i < queue_count; i++)
        b.queues[i] = queues[i];
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
    pn_wipe(room, len);
    cl_bundle_wipe(&b);
    return err;
}

pn_err cl_session_resync(cl_session *s, const pn_env *env,
                         const cl_identity *self, const cl_queue_ref *queues,
                         size_t queue_count, uint8_t *out, size_t cap,
                         size_t *len)
{
    const uint64_t now_ms = pn_wall_ms(env);
    pn_out o = pn_out_over(out, cap);
    cl_session_state next;
    *len = 0;
    if (queue_count > CL_QUEUES_MAX)
        return PN_E_ARG;
    PN_TRY(cl_session_next(s, CL_EVENT_ASK, &next));
    if (cap < CL_RESYNC_BYTES_MAX ||
        !cl_recent_has_room(&s->resync_sent, now_ms))
        return PN_E_FULL;
    if (s->resync_keys == NULL || now_ms >= s->resync_expires_ms)
        PN_TRY(make_resync(s, env, self, queues, queue_count));
    pn_put_u8(&o, CL_SUITE);
    pn_put_u8(&o, CL_MESSAGE_RESYNC);
    pn_put(&o, (pn_bytes){ s->resync_bundle, s->resync_len });
    PN_TRY(pn_out_err(&o));
    cl_recent_note(&s->resync_sent, now_ms);
    s->state = next;
    *len = o.len;
    return PN_OK;
}

static bool was_granted(const cl_session *s, const cl_bundle *b)
{
    for (size_t i = 0; i < CL_RESYNC_SEEN; i++) {
        if (memcmp(s->resync_seen[i], b->hash, CL_BUNDLE_TAG_BYTES) == 0)
            return true;
    }
    return false;
}

static void note_granted(cl_session *s, const cl_bundle *b, uint64_t now_ms)
{
    memmove(s->resync_seen[0], s->resync_seen[1],
            sizeof s->resync_seen - sizeof s->resync_seen[0]);
    memcpy(s->resync_seen[CL_RESYNC_SEEN - 1], b->hash, CL_BUNDLE_TAG_BYTES);
    cl_recent_note(&s->resync_taken, now_ms);
}

/* All that can be wrong with a RESYNC whose signature is right. */
static pn_err check_resync(const cl_session *s, const cl_bundle *b,
                           uint64_t now_ms)
{
    if (b->kind != CL_BUNDLE_RESYNC)
        return PN_E_PROTO;
    if (now_ms >= b->expires_ms)
        return PN_E_TIMEOUT;
    if (was_granted(s, b))
        return PN_E_EXISTS;
    return cl_recent_has_room(&s->resync_taken, now_ms) ? PN_OK : PN_E_FULL;
}

/* Whether the bundle's maker is one we may begin with. */
static pn_err check_maker(cl_session *s, const cl_identity *self,
                          const cl_prekeys *keys, const cl_bundle *b)
{
    if (cl_identity_equal(&b->identity, &self->pub))
        return PN_E_REFUSED;
    /* Of a stranger: who accepted our invitation, and lost the session before
     * we heard of it. Whoever has the queue's key was invited. */
    if (!s->has_peer)
        return keys != NULL && keys->kind == CL_BUNDLE_INVITATION ? PN_OK
                                                                  : PN_E_STATE;
    if (!cl_identity_equal(&b->identity, &s->peer))
        return cl_session_block(s, &b->identity);
    return s->state == CL_SESSION_BLOCKED ? PN_E_REFUSED : PN_OK;
}

pn_err cl_session_take_resync(cl_session *s, const pn_env *env,
                              const cl_identity *self, const cl_prekeys *keys,
                              pn_bytes in, cl_opened *opened)
{
    const uint64_t now_ms = pn_wall_ms(env);
    const bool is_first = !s->has_peer;
    cl_session_state next = s->state;
    cl_bundle b;
    pn_err err;
    PN_TRY(cl_bundle_parse(&b, in));
    err = check_resync(s, &b, now_ms);
    if (err == PN_OK)
        err = check_maker(s, self, keys, &b);
    if (err == PN_OK)
        err = cl_session_next(s, CL_EVENT_RESYNC, &next);
    if (err == PN_OK)
        err = cl_session_begin(s, env, self, &b, next);
    if (err == PN_OK) {
        note_granted(s, &b, now_ms);
        opened->kind = CL_OPENED_RESYNC;
        opened->is_new_session = true;
        opened->used_prekeys = is_first;
    }
    cl_bundle_wipe(&b);
    return err;
}

pn_err cl_resync_parse(cl_bundle *out, pn_bytes inner)
{
    cl_message_type type;
    PN_TRY(cl_message_take_type(&inner, &type));
    if (type != CL_MESSAGE_RESYNC)
        return PN_E_PROTO;
    return cl_bundle_parse(out, inner);
}
