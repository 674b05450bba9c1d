/* Once a day what is too old goes: tags and ids of messages that came, keys of
 * messages that never did. Both may be many, so a round is done in portions,
 * one for each pump, and nobody waits for more than one. When the next round is
 * due is kept in the store, for a program that never runs a whole day.
 *
 * What was seen is dated by a calendar of the engine's own, kept with it: a
 * round moves it by the time since the last one, CL_ROUND_DAYS at most, and
 * never back. So a clock that leaps, either way, and is set right again, makes
 * nothing old: what is forgotten too early would be given out twice. */
#include "client/core/engine_state.h"
#include "client/core/records.h"

enum { SEEN_PORTION = 512, SESSIONS_PORTION = 64 };

#define CHORES_KEY PN_BYTES_LIT("chores")

pn_err cl_load_chores(cl_engine *e)
{
    pn_err err =
        e->store.get(e->store.ctx, CL_TABLE_SELF, CHORES_KEY, &e->record);
    pn_bytes in = pn_buf_view(&e->record);
    e->wall_ms = e->chores_ms = e->round_seen = 0;
    e->calendar_ms = cl_wall(e);
    e->round_at = 0;
    e->round = false;
    if (err == PN_E_NOT_FOUND)
        return PN_OK;
    PN_TRY(err);
    PN_TRY(cl_record_take_version(&in));
    PN_TRY(cl_record_corrupt(pn_take_u64(&in, &e->chores_ms)));
    e->calendar_ms = e->chores_ms;
    if (in.len == 0) /* from before there was a calendar */
        return PN_OK;
    PN_TRY(cl_record_corrupt(pn_take_u64(&in, &e->calendar_ms)));
    return cl_record_corrupt(pn_take_end(&in));
}

static void move_calendar(cl_engine *e, uint64_t now)
{
    const uint64_t last = e->chores_ms - cl_day_ms, most = CL_ROUND_DAYS;
    if (e->chores_ms < cl_day_ms || now <= last)
        return;
    e->calendar_ms +=
        now - last < most * cl_day_ms ? now - last : most * cl_day_ms;
}

/* The next one is due a day from now. */
static pn_err set_next(cl_engine *e)
{
    const uint64_t now = cl_wall(e);
    uint8_t room[24];
    pn_out o = pn_out_over(room, sizeof room);
    move_calendar(e, now);
    e->chores_ms = now + cl_day_ms;
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put_u64(&o, e->chores_ms);
    pn_put_u64(&o, e->calendar_ms);
    return cl_record_stage(e, CL_TABLE_SELF, CHORES_KEY, &o);
}

/* PN_MORE if there is more, PN_OK at the end. */
static pn_err forget_some(cl_engine *e, pn_buf *key, pn_buf *value)
{
    for (int i = 0; i < SEEN_PORTION; i++) {
        pn_err err = e->store.next(e->store.ctx, CL_TABLE_SEEN, &e->round_seen,
                                   key, value);
        pn_bytes in = pn_buf_view(value);
        uint64_t when;
        if (err == PN_E_NOT_FOUND)
            return PN_OK;
        PN_TRY(err);
        if (pn_take_u64(&in, &when) == PN_OK &&
            when + CL_SEEN_DAYS * cl_day_ms > e->calendar_ms)
            continue;
        PN_TRY(cl_del(e, CL_TABLE_SEEN, pn_buf_view(key)));
    }
    return PN_MORE;
}

static pn_err forget_seen(cl_engine *e)
{
    pn_buf key, value;
    pn_err err;
    pn_buf_init(&key, 256);
    pn_buf_init(&value, 256);
    err = forget_some(e, &key, &value);
    pn_buf_clear(&key);
    pn_buf_clear(&value);
    return err;
}

static pn_err age_session(cl_engine *e, cl_contact *c)
{
    cl_session *s = NULL;
    size_t before;
    pn_err err = cl_load_session(e, c, &s);
    if (cl_is_damaged(err))
        return PN_OK; /* the others must not wait for it */
    PN_TRY(err);
    before = cl_session_size(s);
    cl_session_expire(s, cl_wall(e));
    if (cl_session_size(s) != before) /* something went */
        err = cl_save_session(e, c, s);
    cl_session_free(&s);
    PN_TRY(err);
    for (size_t k = 0; k < c->queue_count; k++) {
        c->queues[k]->reopen |= c->queues[k]->held;
        cl_queue_place(e, c->queues[k]);
    }
    return PN_OK;
}

static pn_err age_sessions(cl_engine *e)
{
    for (int i = 0; i < SESSIONS_PORTION; i++) {
        if (e->round_at >= e->contact_count)
            return PN_OK;
        PN_TRY(age_session(e, e->contacts[e->round_at]));
        e->round_at++;
    }
    return PN_MORE;
}

static pn_err go_on(cl_engine *e)
{
    pn_err err = forget_seen(e);
    if (err == PN_OK)
        err = age_sessions(e);
    if (err == PN_MORE)
        return PN_OK;
    e->round = false;
    return err == PN_OK ? set_next(e) : err;
}

pn_err cl_chores(cl_engine *e)
{
    const uint64_t now = cl_wall(e);
    if (e->chores_ms == 0)
        return set_next(e);
    if (!e->round) {
        if (now < e->chores_ms && e->chores_ms - now <= cl_day_ms)
            return PN_OK;
        e->round = true;
        e->round_seen = 0;
        e->round_at = 0;
    }
    return go_on(e);
}

uint64_t cl_chores_deadline(const cl_engine *e)
{
    return e->round ? cl_wall(e) : e->chores_ms;
}
