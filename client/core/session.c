#include "client/core/session.h"

#include <string.h>

#include "client/core/session_state.h"
#include "proto/base/mem.h"

static const uint64_t ms_per_day = UINT64_C(24) * 3600 * 1000;

/* state x event -> next state + 1; what is absent is impossible. */
#define GO(state) ((uint8_t)((state) + 1))
#define NONE GO(CL_SESSION_NONE)
#define SENT GO(CL_SESSION_SENT_FIRST)
#define OPEN GO(CL_SESSION_ESTABLISHED)
#define NEEDS GO(CL_SESSION_NEEDS_RESYNC)
#define ASKED GO(CL_SESSION_RESYNC_SENT)
#define BLOCKED GO(CL_SESSION_BLOCKED)
static const uint8_t table[CL_SESSION_BLOCKED + 1][CL_EVENT_COUNT] = {
    [CL_SESSION_NONE] = { [CL_EVENT_START] = SENT,
                          [CL_EVENT_FIRST_WINS] = OPEN,
                          [CL_EVENT_RESYNC] = SENT,
                          [CL_EVENT_LOST] = NONE,
                          [CL_EVENT_STRANGER] = BLOCKED },
    [CL_SESSION_SENT_FIRST] = { [CL_EVENT_SEAL] = SENT,
                                [CL_EVENT_FIRST_WINS] = OPEN,
                                [CL_EVENT_FIRST_LOSES] = SENT,
                                [CL_EVENT_REPLY] = OPEN,
                                [CL_EVENT_RESYNC] = SENT,
                                [CL_EVENT_LOST] = NEEDS,
                                [CL_EVENT_STRANGER] = BLOCKED },
    [CL_SESSION_ESTABLISHED] = { [CL_EVENT_SEAL] = OPEN,
                                 [CL_EVENT_FIRST_WINS] = OPEN,
                                 [CL_EVENT_FIRST_LOSES] = OPEN,
                                 [CL_EVENT_REPLY] = OPEN,
                                 [CL_EVENT_RESYNC] = SENT,
                                 [CL_EVENT_LOST] = NEEDS,
                                 [CL_EVENT_STRANGER] = BLOCKED },
    [CL_SESSION_NEEDS_RESYNC] = { [CL_EVENT_START] = SENT,
                                  [CL_EVENT_FIRST_WINS] = OPEN,
                                  [CL_EVENT_FIRST_LOSES] = NEEDS,
                                  [CL_EVENT_RESYNC] = SENT,
                                  [CL_EVENT_LOST] = NEEDS,
                                  [CL_EVENT_ASK] = ASKED,
                                  [CL_EVENT_STRANGER] = BLOCKED },
    [CL_SESSION_RESYNC_SENT] = { [CL_EVENT_FIRST_WINS] = OPEN,
                                 [CL_EVENT_FIRST_LOSES] = ASKED,
                                 [CL_EVENT_RESYNC] = SENT,
                                 [CL_EVENT_LOST] = NEEDS,
                                 [CL_EVENT_ASK] = ASKED,
                                 [CL_EVENT_STRANGER] = BLOCKED },
    [CL_SESSION_BLOCKED] = { [CL_EVENT_REPLY] = BLOCKED,
                             [CL_EVENT_LOST] = BLOCKED,
                             [CL_EVENT_STRANGER] = BLOCKED,
                             [CL_EVENT_CONFIRM] = NEEDS,
                             [CL_EVENT_DISMISS] = BLOCKED },
};

pn_err cl_session_next(const cl_session *s, cl_session_event event,
                       cl_session_state *out)
{
    const uint8_t cell = table[s->state][event];
    if (cell == 0)
        return PN_E_STATE;
    *out = (cl_session_state)(cell - 1);
    return PN_OK;
}

pn_err cl_session_new(cl_session **out, cl_profile profile)
{
    *out = pn_alloc(1, sizeof **out);
    if (*out == NULL)
        return PN_E_NOMEM;
    (*out)->profile = profile;
    return PN_OK;
}

void cl_session_drop_resync(cl_session *s)
{
    pn_free_wiped(s->resync_keys, sizeof *s->resync_keys);
    pn_free_wiped(s->resync_bundle, s->resync_len);
    s->resync_keys = NULL;
    s->resync_bundle = NULL;
    s->resync_len = 0;
    s->resync_expires_ms = 0;
}

static void drop_first(cl_session *s)
{
    pn_free_wiped(s->first, CL_HANDSHAKE_BYTES);
    s->first = NULL;
}

void cl_session_free(cl_session **s)
{
    if (s == NULL || *s == NULL)
        return;
    cl_ratchet_free(&(*s)->current);
    for (size_t i = 0; i < (*s)->old_count; i++)
        cl_ratchet_free(&(*s)->old[i].ratchet);
    drop_first(*s);
    cl_session_drop_resync(*s);
    pn_free_wiped(*s, sizeof **s);
    *s = NULL;
}

cl_session_state cl_session_get_state(const cl_session *s)
{
    return s->state;
}

void cl_session_set_profile(cl_session *s, cl_profile profile)
{
    s->profile = profile;
}

const cl_identity_public *cl_session_peer(const cl_session *s)
{
    return s->has_peer ? &s->peer : NULL;
}

const cl_identity_public *cl_session_pending(const cl_session *s)
{
    return s->has_pending ? &s->pending : NULL;
}

uint64_t cl_session_dropped(const cl_session *s)
{
    uint64_t n = s->dropped;
    if (s->current != NULL)
        n += cl_ratchet_dropped(s->current);
    for (size_t i = 0; i < s->old_count; i++)
        n += cl_ratchet_dropped(s->old[i].ratchet);
    return n;
}

/* Free one of the old ratchets; its missing messages are given up. */
static void drop_old(cl_session *s, size_t i)
{
    cl_old_ratchet *o = &s->old[i];
    s->dropped += cl_ratchet_dropped(o->ratchet);
    s->dropped += cl_ratchet_skipped(o->ratchet);
    cl_ratchet_free(&o->ratchet);
    memmove(o, o + 1, (s->old_count - i - 1) * sizeof *o);
    s->old_count--;
    s->old[s->old_count] = (cl_old_ratchet){ .ratchet = NULL };
}

void cl_session_push_old(cl_session *s, cl_ratchet **r,
                         const uint8_t handshake_id[32], uint64_t now_ms)
{
    if (s->old_count == CL_SESSION_OLD_MAX)
        drop_old(s, s->old_count - 1);
    memmove(s->old + 1, s->old, s->old_count * sizeof *s->old);
    s->old_count++;
    cl_ratchet_retire(*r);
    s->old[0] = (cl_old_ratchet){
        .ratchet = *r,
        .until_ms = now_ms + CL_SESSION_OLD_DAYS * ms_per_day,
    };
    memcpy(s->old[0].handshake_id, handshake_id, 32);
    *r = NULL;
}

void cl_session_retire_current(cl_session *s, uint64_t now_ms)
{
    drop_first(s);
    s->unreadable_ms = 0;
    if (s->current != NULL)
        cl_session_push_old(s, &s->current, s->handshake_id, now_ms);
}

pn_err cl_session_block(cl_session *s, const cl_identity_public *who)
{
    cl_session_state next;
    PN_TRY(cl_session_next(s, CL_EVENT_STRANGER, &next));
    /* The one that a person is looking at is not replaced by another. */
    if (s->state == CL_SESSION_BLOCKED)
        return PN_E_REFUSED;
    s->before = s->state;
    s->state = next;
    s->pending = *who;
    s->has_pending = true;
    return PN_E_REFUSED;
}

pn_err cl_session_begin(cl_session *s, const pn_env *env,
                        const cl_identity *self, const cl_bundle *b,
                        cl_session_state next)
{
    uint8_t *first = pn_alloc(1, CL_HANDSHAKE_BYTES);
    cl_handshake h = { .generation = 0 };
    cl_ratchet *r = NULL;
    pn_err err = PN_E_NOMEM;
    if (first != NULL)
        err = cl_handshake_start(&h, first, env, self, b, s->generation + 1);
    if (err == PN_OK)
        err = cl_ratchet_start(&r, env, &h);
    if (err == PN_OK) {
        cl_session_retire_current(s, pn_wall_ms(env));
        s->current = r;
        s->first = first;
        first = NULL;
        s->generation = h.generation;
        memcpy(s->handshake_id, h.id, sizeof s->handshake_id);
        s->peer = b->identity;
        s->has_peer = true;
        s->state = next;
    }
    pn_free_wiped(first, CL_HANDSHAKE_BYTES);
    cl_handshake_wipe(&h);
    return err;
}

pn_err cl_session_start(cl_session *s, const pn_env *env,
                        const cl_identity *self, const cl_bundle *b)
{
    cl_session_state next;
    PN_TRY(cl_session_next(s, CL_EVENT_START, &next));
    if (pn_wall_ms(env) >= b->expires_ms)
        return PN_E_TIMEOUT;
    if (cl_identity_equal(&self->pub, &b->identity))
        return PN_E_REFUSED;
    if (s->has_peer && !cl_identity_equal(&s->peer, &b->identity))
        return cl_session_block(s, &b->identity);
    return cl_session_begin(s, env, self, b, next);
}

size_t cl_session_overhead(const cl_session *s, const pn_env *env)
{
    cl_message_type type;
    if (s->current == NULL || !cl_ratchet_can_seal(s->current))
        return 0;
    type = cl_ratchet_next_type(s->current, s->profile, pn_wall_ms(env));
    return 2 + cl_ratchet_overhead(type) +
           (type == CL_MESSAGE_FIRST ? (size_t)CL_HANDSHAKE_BYTES : 0);
}

pn_err cl_session_seal(cl_session *s, const pn_env *env, pn_bytes content,
                       uint8_t *out, size_t cap, size_t *len)
{
    pn_out head = pn_out_over(out, cap);
    cl_session_state next;
    cl_message_type type;
    size_t body;
    *len = 0;
    if (s->state == CL_SESSION_BLOCKED)
        return PN_E_REFUSED;
    PN_TRY(cl_session_next(s, CL_EVENT_SEAL, &next));
    type = cl_ratchet_next_type(s->current, s->profile, pn_wall_ms(env));
    pn_put_u8(&head, CL_SUITE);
    pn_put_u8(&head, (uint8_t)type);
    if (type == CL_MESSAGE_FIRST)
        pn_put(&head, (pn_bytes){ s->first, CL_HANDSHAKE_BYTES });
    PN_TRY(pn_out_err(&head));
    PN_TRY(cl_ratchet_seal(s->current, env, s->profile, content, &type,
                           out + head.len, cap - head.len, &body));
    s->state = next;
    *len = head.len + body;
    return PN_OK;
}

pn_err cl_session_lost(cl_session *s, const pn_env *env)
{
    cl_session_state next;
    PN_TRY(cl_session_next(s, CL_EVENT_LOST, &next));
    if (s->state == CL_SESSION_BLOCKED && s->before != CL_SESSION_NONE)
        s->before = CL_SESSION_NEEDS_RESYNC;
    cl_session_retire_current(s, pn_wall_ms(env));
    /* Prekeys that went back in time may have been answered already: a second
     * session from the same handshake would not be the peer's. */
    cl_session_drop_resync(s);
    s->state = next;
    /* Of its own generation no handshake may take the lost one's place. */
    memset(s->handshake_id, 0, sizeof s->handshake_id);
    return PN_OK;
}

pn_err cl_session_confirm(cl_session *s, const pn_env *env,
                          const cl_identity_public *who)
{
    cl_session_state next;
    PN_TRY(cl_session_next(s, CL_EVENT_CONFIRM, &next));
    if (!cl_identity_equal(who, &s->pending))
        return PN_E_ARG;
    cl_session_retire_current(s, pn_wall_ms(env));
    cl_session_drop_resync(s);
    s->peer = s->pending;
    s->has_peer = true;
    s->has_pending = false;
    pn_wipe(&s->pending, sizeof s->pending);
    /* The new identity counts its sessions from the start. */
    s->generation = 0;
    memset(s->handshake_id, 0, sizeof s->handshake_id);
    memset(s->resync_seen, 0, sizeof s->resync_seen);
    s->resync_sent = (cl_recent){ { 0 } };
    s->resync_taken = (cl_recent){ { 0 } };
    s->state = next;
    s->before = CL_SESSION_NONE;
    return PN_OK;
}

pn_err cl_session_dismiss(cl_session *s)
{
    cl_session_state next;
    PN_TRY(cl_session_next(s, CL_EVENT_DISMISS, &next));
    s->state = s->before;
    s->before = CL_SESSION_NONE;
    s->has_pending = false;
    pn_wipe(&s->pending, sizeof s->pending);
    return PN_OK;
}

void cl_session_expire(cl_session *s, uint64_t now_ms)
{
    if (s->current != NULL)
        (void)cl_ratchet_expire(s->current, now_ms);
    for (size_t i = s->old_count; i > 0; i--) {
        (void)cl_ratchet_expire(s->old[i - 1].ratchet, now_ms);
        if (now_ms >= s->old[i - 1].until_ms)
            drop_old(s, i - 1);
    }
    if (s->resync_keys != NULL && now_ms >= s->resync_expires_ms)
        cl_session_drop_resync(s);
}

void cl_message_tag(uint8_t tag[CL_MESSAGE_TAG_BYTES], pn_bytes inner)
{
    uint8_t h[32];
    cl_hash(h, "postern/message-tag/1", &inner, 1);
    memcpy(tag, h, CL_MESSAGE_TAG_BYTES);
}
