/* Which of our relays can be relied on, and which are used for what is new. One
 * that fails while others answer is given up after a while; when none answers,
 * it is our own network that fails. */
#include <string.h>

#include "client/core/engine_state.h"

enum { CL_FAILS = 3 };

bool cl_relay_is_dead(const cl_engine *e, const cl_relay *r)
{
    const uint64_t now = cl_wall(e);
    return r->down_ms != 0 && r->fails >= CL_FAILS && now > r->down_ms &&
           now - r->down_ms >= e->dead_ms;
}

uint64_t cl_relay_dies(const cl_engine *e, const cl_relay *r)
{
    if (r->down_ms == 0 || r->fails < CL_FAILS || r->is_told)
        return UINT64_MAX;
    return r->down_ms + e->dead_ms;
}

static void set_down(cl_relay *r, uint64_t down_ms)
{
    r->is_unsaved |= r->down_ms != down_ms;
    r->down_ms = down_ms;
}

void cl_relay_answers(cl_relay *r)
{
    r->answered = true;
    r->fails = 0;
    r->is_told = false;
    set_down(r, 0);
}

/* Only when another answers: else it is our own network that fails. */
void cl_relay_fails(cl_engine *e, cl_relay *r)
{
    bool another = false;
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        const cl_relay *other = PN_ENTRY(n, cl_relay, in_engine);
        another |=
            other != r && other->state == CL_RELAY_ONLINE && other->answered;
    }
    if (!another)
        return;
    if (r->fails < CL_FAILS)
        r->fails++;
    if (r->down_ms == 0)
        set_down(r, cl_wall(e));
}

static bool has_key_of(cl_relay *const *list, size_t count, const cl_relay *r)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(list[i]->address.relay_key, r->address.relay_key,
                   sizeof r->address.relay_key) == 0)
            return true;
    }
    return false;
}

cl_relay *cl_relay_pick(const cl_engine *e, cl_relay *const *taken,
                        size_t count)
{
    cl_relay *best = NULL;
    int rank = 0;
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        const int mine = r->state == CL_RELAY_ONLINE ? 4
                         : cl_relay_is_dead(e, r)    ? 1
                         : r->down_ms != 0           ? 2
                                                     : 3;
        if (r->is_own && mine > rank && !has_key_of(taken, count, r)) {
            best = r;
            rank = mine;
        }
    }
    return best;
}

size_t cl_relays_choose(const cl_engine *e, cl_relay *out[CL_QUEUES_MAX])
{
    size_t count = 0;
    while (count < e->relays_wanted) {
        cl_relay *r = cl_relay_pick(e, out, count);
        if (r == NULL || (count > 0 && cl_relay_is_dead(e, r)))
            break;
        out[count++] = r;
    }
    return count;
}

pn_err cl_relays_set(cl_engine *e, uint32_t wanted, uint64_t dead_ms)
{
    PN_TRY(cl_begin(e));
    if (wanted < 1 || wanted > CL_QUEUES_MAX || dead_ms < UINT64_C(10) * 1000 ||
        dead_ms > 365 * cl_day_ms)
        return PN_E_ARG;
    e->relays_wanted = (uint8_t)wanted;
    e->dead_ms = dead_ms;
    cl_upkeep_all(e);
    e->dirty = true;
    return cl_finish(e, cl_put_self(e));
}

void cl_relays_get(const cl_engine *e, uint32_t *wanted, uint64_t *dead_ms)
{
    *wanted = e->relays_wanted;
    *dead_ms = e->dead_ms;
}
