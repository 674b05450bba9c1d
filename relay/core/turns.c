#include "relay/core/turns.h"

/* Byte for byte a class sends, so much of the others' time passes. */
static const uint64_t slowness[RL_CLASSES] = { 1, 2, 8 };
/* One in so many bytes is the class's own; 0: it has no floor. */
static const int64_t floors[RL_CLASSES] = { 0, 10, 20 };

/* A class that had nothing to send saved nothing up meanwhile. */
static void wake(rl_turns *t, const size_t head[RL_CLASSES])
{
    uint64_t least = UINT64_MAX;
    for (int c = 0; c < RL_CLASSES; c++)
        if (head[c] > 0 && t->time[c] < least)
            least = t->time[c];
    for (int c = 0; c < RL_CLASSES; c++) {
        if (head[c] > 0)
            continue;
        t->owed[c] = 0;
        if (t->time[c] < least)
            t->time[c] = least;
    }
}

rl_class rl_turns_next(rl_turns *t, const size_t head[RL_CLASSES])
{
    rl_class best = RL_CLASSES;
    wake(t, head);
    for (int c = RL_BULK; c > RL_URGENT; c--)
        if (head[c] > 0 && t->owed[c] > 0)
            return (rl_class)c;
    if (head[RL_URGENT] > 0 && head[RL_URGENT] <= RL_SMALL_PARCEL)
        return RL_URGENT;
    for (int c = RL_URGENT; c < RL_CLASSES; c++)
        if (head[c] > 0 && (best == RL_CLASSES || t->time[c] < t->time[best]))
            best = (rl_class)c;
    return best;
}

void rl_turns_sent(rl_turns *t, rl_class class, const size_t head[RL_CLASSES])
{
    const int64_t len = (int64_t)head[class];
    t->time[class] += (uint64_t)len * slowness[class];
    for (int c = 0; c < RL_CLASSES; c++) {
        if (floors[c] == 0)
            continue;
        if (c == (int)class)
            t->owed[c] -= len * (floors[c] - 1);
        else if (head[c] > 0)
            t->owed[c] += len;
    }
}
