/* A token bucket in eight bytes: so many commands a second on average, so many
 * at once after a pause. Kept as the time at which it will be full again (the
 * generic cell rate algorithm of ITU-T I.371), hence nothing to refill.
 * Sans-IO; plain values.
 */
#ifndef POSTERN_RELAY_CORE_BUCKET_H
#define POSTERN_RELAY_CORE_BUCKET_H

#include <stdint.h>

/* Both at least 1 and at most a million. */
typedef struct rl_rate {
    uint32_t per_second;
    uint32_t burst;
} rl_rate;

/* Zero-initialised it is full. */
typedef struct rl_bucket {
    uint64_t full_at_us;
} rl_bucket;

/* Take one token at `now_ms`. Returns 0 if there was one, else in how many ms
 * (at least 1) there will be; nothing is taken then. */
uint32_t rl_bucket_take(rl_bucket *bucket, rl_rate rate, uint64_t now_ms);
/* The same with one token every `each_us` microseconds, at most an hour. */
uint32_t rl_bucket_take_every(rl_bucket *bucket, uint64_t each_us,
                              uint32_t burst, uint64_t now_ms);

#endif
