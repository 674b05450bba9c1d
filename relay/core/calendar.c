/* When mail expires: once a day, by a calendar that is believed with care. */
#include "relay/core/state.h"

enum { LOOK_MS = 60 * 1000, LEAP_DAYS = 2, LEAP_MS = 24 * 3600 * 1000 };

/* A wrong clock must not forget everybody's mail. One that leaps is believed
 * when it has stood by it for a day; until then somebody can see to it. */
static bool is_believed(rl_core *core, rl_day day)
{
    const uint64_t now = pn_mono_ms(core->env);
    if (core->expired == 0 || day - core->expired <= LEAP_DAYS) {
        core->leap_day = 0;
        return true;
    }
    if (core->leap_day == 0 || day < core->leap_day ||
        day - core->leap_day > LEAP_DAYS) {
        core->leap_day = day;
        core->leap_ms = now + LEAP_MS;
        pn_log(core->env, PN_LOG_WARN,
               "the clock is %d days past the last expiry: if that is right, "
               "mail expires again in a day",
               day - core->expired);
    }
    return now >= core->leap_ms;
}

/* A message lives its days in full: what ends on a day is forgotten when that
 * day is over. */
static void expire(rl_core *core)
{
    const rl_day today = rl_today(core);
    const rl_day day = (rl_day)(today - 1);
    rl_op op = { .kind = RL_OP_EXPIRE };
    rl_pending *p;
    /* On day 0 of the calendar the machine has no clock yet. */
    if (today == 0 || day <= core->expired || !is_believed(core, day))
        return;
    p = rl_pending_new(core, NULL, sizeof *p, PN_MSG_PING, 0, 0);
    if (p == NULL)
        return;
    op.token = (uint64_t)(uintptr_t)p;
    op.day = day;
    if (core->sink.submit(core->sink.ctx, &op) == PN_OK)
        core->expired = day;
    else
        rl_pending_free(core, p);
}

void rl_calendar_tick(rl_core *core)
{
    const uint64_t now = pn_mono_ms(core->env);
    if (core->look_ms > now)
        return;
    core->look_ms = now + LOOK_MS;
    expire(core);
}
