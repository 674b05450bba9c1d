#include "relay/core/calendar.h"

#define HOUR_MS ((uint64_t)3600 * 1000)
#define DAY_MS (24 * HOUR_MS)

static rl_day date_of(uint64_t wall_ms)
{
    const uint64_t day = wall_ms / DAY_MS;
    if (day < RL_CALENDAR_FIRST)
        return RL_CALENDAR_FIRST;
    return day < UINT16_MAX ? (rl_day)day : UINT16_MAX;
}

void rl_calendar_start(rl_calendar *c, rl_day expired, rl_day clock,
                       uint64_t wall_ms, uint64_t mono_ms)
{
    *c = (rl_calendar){ .clock = clock, .counts_ms = mono_ms, .fresh = true };
    if (expired == 0) {
        c->day = c->clock = date_of(wall_ms);
        return;
    }
    c->day = rl_day_after(expired, 1);
    if (clock == 0)
        c->clock = c->day;
}

/* How many days can have passed; the hour is for clocks that run unevenly. */
static uint64_t passed(const rl_calendar *c, uint64_t mono_ms)
{
    return (mono_ms - c->counts_ms + HOUR_MS) / DAY_MS + (c->fresh ? 1 : 0);
}

int rl_calendar_look(rl_calendar *c, uint64_t wall_ms, uint64_t mono_ms)
{
    const rl_day date = date_of(wall_ms);
    const int step = (int)date - (int)c->clock;
    const uint64_t most = passed(c, mono_ms);
    if (step == 0)
        return 0;
    c->clock = date;
    if (step < 0)
        return step < -1 ? step : 0;
    if (most > 0) {
        const uint64_t days = (uint64_t)step < most ? (uint64_t)step : most;
        c->day = rl_day_after(c->day, days < 255 ? (uint8_t)days : 255);
        c->counts_ms = mono_ms;
        c->fresh = false;
    }
    return (uint64_t)step > most + 1 ? step - (int)most : 0;
}
