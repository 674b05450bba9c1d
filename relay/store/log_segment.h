/* The key file, and the life of a segment: prepared, filled, closed, and when
 * nothing in it is alive recycled under a new key. All but rl_chore_segment()
 * and rl_keys_write(), which the janitor calls too, belongs to the owner of
 * the store.
 */
#ifndef POSTERN_RELAY_STORE_LOG_SEGMENT_H
#define POSTERN_RELAY_STORE_LOG_SEGMENT_H

#include "relay/store/log.h"

pn_err rl_keys_open(rl_log *s, bool create);
/* Write both copies of a slot; NULL destroys it. Durable on return. */
pn_err rl_keys_write(const rl_log *s, uint32_t index, const rl_key_slot *k);
pn_err rl_keys_read(rl_log *s, uint32_t index, rl_key_slot *out);
/* A new key and epoch, of a segment without frames. PN_E_RANDOM. */
pn_err rl_key_draw(const rl_log *s, rl_key_slot *out);
void rl_segment_name(char out[RL_FS_NAME_MAX], uint32_t segment);
/* Go on to the next spare segment. PN_E_FULL when there is none. */
pn_err rl_log_next_segment(rl_log *s);
static inline uint32_t rl_log_spares(const rl_log *s)
{
    return s->spares;
}
/* Count them, after recovery; from then on they are kept count of. */
void rl_log_count_spares(rl_log *s);
/* No room for more mail but in the tail: the disk is low, or no spares but
 * those kept back: one for acknowledging, and where none can be added one for
 * the cleaner. */
static inline uint32_t rl_log_kept(const rl_log *s)
{
    return s->crowded ? 2 : 1;
}
static inline bool rl_log_is_short(const rl_log *s)
{
    return s->low || s->spares <= rl_log_kept(s);
}
/* Give every spare a new key. Before the first frame of an opening. PN_E_IO,
 * PN_E_FULL, PN_E_RANDOM. */
pn_err rl_log_renew(rl_log *s);
/* Prepare spares, retire the dead: at most one chore at a time. */
void rl_log_tend(rl_log *s);
void rl_chore_segment(rl_log *s, rl_chore *c);
void rl_log_tended(rl_log *s, const rl_chore *c);

#endif
