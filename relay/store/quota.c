#include "relay/store/quota.h"

/* Eighths of the bound that a class and all below it may use together. */
static uint64_t share(uint64_t bound, rl_class class)
{
    const uint64_t eighths = class == RL_URGENT   ? 8
                             : class == RL_NORMAL ? 7
                                                  : 4;
    return (bound * eighths + 7) / 8;
}

bool rl_quota_admits(uint32_t max_count, uint32_t max_bytes,
                     const uint32_t count[RL_CLASSES],
                     const uint64_t bytes[RL_CLASSES], rl_class class,
                     size_t len)
{
    uint64_t n = 1, sum = len;
    if (max_count == RL_SPOOL)
        return true;
    for (int c = RL_BULK; c >= RL_URGENT; c--) {
        n += count[c];
        sum += bytes[c];
        /* A class below the new one does not feel it. */
        if (c <= (int)class && (n > share(max_count, (rl_class)c) ||
                                sum > share(max_bytes, (rl_class)c)))
            return false;
    }
    return true;
}
