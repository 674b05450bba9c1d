/* Who may still put a message into a queue: shares per priority class.
 * Of both bounds, messages and bytes, bulk may use half and normal and bulk
 * together seven eighths, rounded up: bulk can never fill what normal mail
 * needs, nor both of them what is urgent. A spool has no bounds here. Pure; no
 * state.
 */
#ifndef POSTERN_RELAY_STORE_QUOTA_H
#define POSTERN_RELAY_STORE_QUOTA_H

#include "relay/store/store.h"

/* Whether one more message of `len` bytes fits, with count[] messages of
 * bytes[] already waiting. */
bool rl_quota_admits(uint32_t max_count, uint32_t max_bytes,
                     const uint32_t count[RL_CLASSES],
                     const uint64_t bytes[RL_CLASSES], rl_class class,
                     size_t len);

#endif
