/* What an envelope held: a message of a session we have, the peer's handshake
 * for a new one, or its request for one. */
#include <string.h>

#include "client/core/session_state.h"
#include "proto/base/mem.h"

/* Where a message is opened to. */
typedef struct sink {
    uint8_t *out;
    size_t cap;
    size_t *len;
} sink;

static pn_err open_with(cl_ratchet *r, const pn_env *env, cl_message_type type,
                        pn_bytes body, const sink *to)
{
    return cl_ratchet_open(r, pn_wall_ms(env), type, body, to->out, to->cap,
                           to->len);
}

/* The current ratchet has opened something: the peer has its keys. */
static pn_err note_reply(cl_session *s, cl_session_state next)
{
    if (s->state == CL_SESSION_BLOCKED) {
        if (s->before == CL_SESSION_SENT_FIRST)
            s->before = CL_SESSION_ESTABLISHED;
    }
    s->state = next;
    s->unreadable_ms = 0;
    pn_free_wiped(s->first, CL_HANDSHAKE_BYTES);
    s->first = NULL;
    return PN_OK;
}

static pn_err open_current(cl_session *s, const pn_env *env,
                           cl_message_type type, pn_bytes body, const sink *to)
{
    cl_session_state next;
    PN_TRY(cl_session_next(s, CL_EVENT_REPLY, &next));
    PN_TRY(open_with(s->current, env, type, body, to));
    return note_reply(s, next);
}

/* SHORT and FULL do not say which ratchet they are of: try them in turn. */
static pn_err open_message(cl_session *s, const pn_env *env,
                           cl_message_type type, pn_bytes body, const sink *to)
{
    pn_err err = PN_E_CRYPTO;
    if (s->current == NULL && s->old_count == 0)
        return PN_E_STATE;
    if (s->current != NULL)
        err = open_current(s, env, type, body, to);
    for (size_t i = 0; i < s->old_count && err == PN_E_CRYPTO; i++)
        err = open_with(s->old[i].ratchet, env, type, body, to);
    return err;
}

/* Does a handshake of the peer's stand over ours? The same answer on both
 * sides, whatever the order of arrival. */
static bool wins(const cl_session *s, const cl_handshake *h)
{
    if (h->generation != s->generation)
        return h->generation > s->generation;
    return memcmp(h->id, s->handshake_id, sizeof h->id) < 0;
}

/* The answered handshake takes its place; *r is taken. */
static void settle(cl_session *s, const cl_handshake *h, cl_ratchet **r,
                   bool won, cl_session_state next, uint64_t now_ms)
{
    if (won) {
        cl_session_retire_current(s, now_ms);
        s->current = *r;
        *r = NULL;
        s->generation = h->generation;
        memcpy(s->handshake_id, h->id, sizeof s->handshake_id);
        s->peer = h->peer;
        s->has_peer = true;
    } else {
        cl_session_push_old(s, r, h->id, now_ms);
    }
    s->state = next;
}

/* A handshake under another identity than the known one. Its sealed part names
 * an identity and proves none: only the first message's keys do. Whoever has
 * seen our prekeys could otherwise make anybody seem to have changed. */
static pn_err meet_stranger(cl_session *s, const pn_env *env,
                            const cl_handshake *h, pn_bytes body,
                            const sink *to)
{
    cl_ratchet *r = NULL;
    pn_err err;
    PN_TRY(cl_ratchet_answer(&r, h));
    err = open_with(r, env, CL_MESSAGE_FIRST, body, to);
    cl_ratchet_free(&r);
    PN_TRY(err);
    pn_wipe(to->out, *to->len);
    *to->len = 0;
    return cl_session_block(s, &h->peer);
}

static pn_err accept(cl_session *s, const pn_env *env, const cl_handshake *h,
                     pn_bytes body, const sink *to)
{
    cl_ratchet *r = NULL;
    cl_session_state next = s->state;
    const bool won = wins(s, h);
    pn_err err;
    if (s->has_peer && !cl_identity_equal(&s->peer, &h->peer))
        return meet_stranger(s, env, h, body, to);
    if (s->state == CL_SESSION_BLOCKED)
        return PN_E_REFUSED;
    PN_TRY(cl_session_next(s, won ? CL_EVENT_FIRST_WINS : CL_EVENT_FIRST_LOSES,
                           &next));
    PN_TRY(cl_ratchet_answer(&r, h));
    err = open_with(r, env, CL_MESSAGE_FIRST, body, to);
    if (err == PN_OK)
        settle(s, h, &r, won, next, pn_wall_ms(env));
    cl_ratchet_free(&r);
    return err;
}

/* Which of our prekeys the handshake was made for, or NULL. */
static const cl_prekeys *keys_for(const cl_session *s, const cl_prekeys *keys,
                                  const uint8_t *wire)
{
    if (keys != NULL && cl_handshake_is_for(wire, keys->bundle_hash))
        return keys;
    if (s->resync_keys != NULL &&
        cl_handshake_is_for(wire, s->resync_keys->bundle_hash))
        return s->resync_keys;
    return NULL;
}

static pn_err open_first(cl_session *s, const pn_env *env,
                         const cl_identity *self, const cl_prekeys *keys,
                         pn_bytes in, const sink *to, cl_opened *opened)
{
    pn_bytes wire;
    uint8_t id[32];
    cl_handshake h;
    const cl_prekeys *mine;
    pn_err err;
    PN_TRY(pn_take(&in, CL_HANDSHAKE_BYTES, &wire));
    cl_handshake_id(id, wire.p);
    if (s->current != NULL && memcmp(id, s->handshake_id, sizeof id) == 0)
        return open_current(s, env, CL_MESSAGE_FIRST, in, to);
    for (size_t i = 0; i < s->old_count; i++) {
        if (memcmp(id, s->old[i].handshake_id, sizeof id) == 0)
            return open_with(s->old[i].ratchet, env, CL_MESSAGE_FIRST, in, to);
    }
    mine = keys_for(s, keys, wire.p);
    if (mine == NULL)
        return PN_E_NOT_FOUND;
    PN_TRY(cl_handshake_answer(&h, self, mine, wire.p));
    err = accept(s, env, &h, in, to);
    cl_handshake_wipe(&h);
    PN_TRY(err);
    opened->is_new_session = true;
    opened->used_prekeys = mine == keys;
    if (mine != keys)
        cl_session_drop_resync(s); /* used once */
    return PN_OK;
}

pn_err cl_session_open(cl_session *s, const pn_env *env,
                       const cl_identity *self, const cl_prekeys *keys,
                       pn_bytes inner, uint8_t *out, size_t cap,
                       cl_opened *opened)
{
    const sink to = { out, cap, &opened->len };
    cl_message_type type;
    *opened = (cl_opened){ .kind = CL_OPENED_CONTENT };
    PN_TRY(cl_message_take_type(&inner, &type));
    if (type == CL_MESSAGE_FIRST)
        return open_first(s, env, self, keys, inner, &to, opened);
    if (type != CL_MESSAGE_RESYNC)
        return open_message(s, env, type, inner, &to);
    return cl_session_take_resync(s, env, self, keys, inner, opened);
}

pn_err cl_first_peer(cl_identity_public *out, const cl_identity *self,
                     const cl_prekeys *keys, pn_bytes inner)
{
    cl_message_type type;
    cl_handshake h;
    pn_bytes wire;
    pn_err err;
    PN_TRY(cl_message_take_type(&inner, &type));
    if (type != CL_MESSAGE_FIRST)
        return PN_E_PROTO;
    PN_TRY(pn_take(&inner, CL_HANDSHAKE_BYTES, &wire));
    err = cl_handshake_answer(&h, self, keys, wire.p);
    if (err == PN_OK)
        *out = h.peer;
    cl_handshake_wipe(&h);
    return err;
}
