#include "relay/core/bucket.h"

uint32_t rl_bucket_take(rl_bucket *bucket, rl_rate rate, uint64_t now_ms)
{
    const uint64_t now = now_ms * 1000;
    const uint64_t each = 1000000 / rate.per_second;
    const uint64_t depth = each * rate.burst;
    const uint64_t from = bucket->full_at_us > now ? bucket->full_at_us : now;
    if (from + each - now > depth) {
        const uint64_t wait = from + each - now - depth;
        return (uint32_t)((wait + 999) / 1000);
    }
    bucket->full_at_us = from + each;
    return 0;
}
