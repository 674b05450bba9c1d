#include "relay/core/bucket.h"

uint32_t rl_bucket_take_every(rl_bucket *bucket, uint64_t each_us,
                              uint32_t burst, uint64_t now_ms)
{
    const uint64_t now = now_ms * 1000;
    const uint64_t depth = each_us * burst;
    const uint64_t from = bucket->full_at_us > now ? bucket->full_at_us : now;
    if (from + each_us - now > depth) {
        const uint64_t wait = from + each_us - now - depth;
        return (uint32_t)((wait + 999) / 1000);
    }
    bucket->full_at_us = from + each_us;
    return 0;
}

uint32_t rl_bucket_take(rl_bucket *bucket, rl_rate rate, uint64_t now_ms)
{
    return rl_bucket_take_every(bucket, 1000000 / rate.per_second, rate.burst,
                                now_ms);
}
