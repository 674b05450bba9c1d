/* The relay's day, and the mail whose days are over. */
#include "relay/core/state.h"

enum { LOOK_MS = 60 * 1000 };

rl_day rl_today(rl_core *core)
{
    const int leap = rl_calendar_look(&core->calendar, pn_wall_ms(core->env),
                                      pn_mono_ms(core->env));
    if (leap != 0)
        pn_log(core->env, PN_LOG_WARN,
               "the clock is %d days %s what can have passed since it was last "
               "looked at: those days do not count for mail",
               leap > 0 ? leap : -leap, leap > 0 ? "ahead of" : "behind");
    return core->calendar.day;
}

/* A message lives its days in full: what ends on a day is forgotten when that
 * day is over. */
static void expire(rl_core *core)
{
    const rl_day day = (rl_day)(rl_today(core) - 1);
    rl_op op = { .kind = RL_OP_EXPIRE, .u.clock = core->calendar.clock };
    rl_pending *p;
    if (core->expiring ||
        (day <= core->expired && core->calendar.clock == core->expired_clock))
        return;
    p = rl_pending_new(core, NULL, sizeof *p, (pn_msg_kind)RL_BY_EXPIRY, 0, 0);
    if (p == NULL)
        return;
    p->handle = day;
    p->value = core->calendar.clock;
    op.token = (uint64_t)(uintptr_t)p;
    op.day = day;
    if (core->sink.submit(core->sink.ctx, &op) == PN_OK)
        core->expiring = true;
    else
        rl_pending_free(core, p);
}

void rl_expire_tick(rl_core *core, uint64_t now)
{
    if (core->look_ms > now)
        return;
    core->look_ms = now + LOOK_MS;
    expire(core);
}

/* What the store was too busy for is asked again with the next look. */
void rl_expire_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    core->expiring = false;
    if (r->status == RL_STATUS_OK) {
        core->expired = (rl_day)p->handle;
        core->expired_clock = (rl_day)p->value;
    }
    rl_pending_free(core, p);
}
