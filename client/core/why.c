/* Why mail waits, or who has it, in words for people. */
#include <inttypes.h>
#include <stdio.h>

#include "client/core/engine_state.h"

static const char *const texts[CL_WAITS] = {
    [CL_WAIT_NOTHING] = "about to leave",
    [CL_WAIT_ROUTE] = "no route: the contact has not said where to write",
    [CL_WAIT_RELAY] = "relay unreachable",
    [CL_WAIT_QUOTA] = "the contact's mailbox is full; trying again",
    [CL_WAIT_SUSPENDED] = "the contact takes no mail there for now",
    [CL_WAIT_GONE] = "the contact's mailbox is gone from its relay",
    [CL_WAIT_BUSY] = "the relay is overloaded; trying again",
    [CL_WAIT_IDENTITY] = ("blocked: the contact's identity changed; "
                          "compare safety numbers and accept it"),
    [CL_WAIT_SESSION] = "the session is being renewed with the contact",
    [CL_WAIT_BLOCKED] = "the contact is blocked",
    [CL_WAIT_ENTRY] = ("no relay of ours forwards there: ask its operator to "
                       "add it, or `postern relay policy --route direct`"),
    [CL_WAIT_KEYS] = "asking for the keys of the relay it goes to",
    [CL_WAIT_APART] = ("no relay of ours is of another operator than where it "
                       "goes: add one, or `postern relay policy --route auto`"),
    [CL_WAIT_SPREAD] = "leaves a little after the copy for another relay",
};

/* It waits for a relay, lest one operator sees who writes to whom. */
static void apart_reason(const cl_engine *e, const cl_copy *copy,
                         char out[CL_REASON_MAX + 1])
{
    const cl_relay *via = cl_copy_via(copy);
    const uint64_t now = cl_wall(e), until = copy->apart_ms;
    const uint64_t minutes = until > now ? (until - now + 59999) / 60000 : 1;
    if (via == NULL)
        (void)snprintf(out, CL_REASON_MAX + 1, "%s", texts[CL_WAIT_APART]);
    else if (until == UINT64_MAX)
        (void)snprintf(out, CL_REASON_MAX + 1,
                       "relay unreachable: %.60s; by any other way of ours one "
                       "operator sees both ends",
                       via->address.host);
    else
        (void)snprintf(out, CL_REASON_MAX + 1,
                       "relay unreachable: %.60s; in %" PRIu64 " min it takes "
                       "a way where one operator sees both ends",
                       via->address.host, minutes);
}

void cl_copy_reason(const cl_engine *e, const cl_copy *copy,
                    char out[CL_REASON_MAX + 1])
{
    const cl_relay *via = cl_copy_via(copy);
    const cl_wait wait = cl_copy_wait(e, copy);
    if (copy->held)
        (void)snprintf(out, CL_REASON_MAX + 1, "held by the relay");
    else if (copy->keeper != NULL)
        (void)snprintf(out, CL_REASON_MAX + 1,
                       "in custody of %.64s, which brings it there",
                       copy->keeper->address.host);
    else if (wait == CL_WAIT_APART)
        apart_reason(e, copy, out);
    else if (wait == CL_WAIT_RELAY && via != NULL && via->reason[0] != '\0')
        (void)snprintf(out, CL_REASON_MAX + 1, "relay unreachable: %.100s",
                       via->reason);
    else
        (void)snprintf(out, CL_REASON_MAX + 1, "%s", texts[wait]);
}

/* The relay that holds it, or is to get it from one that has it, or else the
 * one that is waited for. */
static const cl_copy *telling(const cl_engine *e, const cl_item *item,
                              cl_wait wait)
{
    const cl_copy *found = NULL;
    for (size_t i = CL_QUEUES_MAX; i-- > 0;) {
        const cl_copy *copy = &item->copies[i];
        if (cl_copy_route(copy)->relay == NULL)
            continue;
        if (item->state == CL_ITEM_RELAYED
                ? copy->held || (found == NULL && copy->keeper != NULL)
                : cl_copy_wait(e, copy) == wait)
            found = copy;
    }
    return found;
}

static size_t held_count(const cl_item *item)
{
    size_t count = 0;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++)
        count += item->copies[i].held ? 1 : 0;
    return count;
}

void cl_item_reason(const cl_engine *e, const cl_item *item,
                    char out[CL_REASON_MAX + 1])
{
    const cl_wait wait = cl_item_wait(e, item);
    const cl_copy *copy = telling(e, item, wait);
    const cl_relay *r = copy == NULL ? NULL : cl_copy_route(copy)->relay;
    if (item->state == CL_ITEM_QUEUED && copy != NULL && copy->in_flight) {
        (void)snprintf(out, CL_REASON_MAX + 1, "waiting for the relay %.100s",
                       r == NULL ? "" : r->address.host);
    } else if (item->state == CL_ITEM_RELAYED && copy != NULL && !copy->held) {
        (void)snprintf(out, CL_REASON_MAX + 1, "in custody of %.64s for %.64s",
                       copy->keeper->address.host, r->address.host);
    } else if (item->state == CL_ITEM_RELAYED &&
               item->contact->route_count > 1) {
        (void)snprintf(out, CL_REASON_MAX + 1, "held by %zu of %zu relays",
                       held_count(item), item->contact->route_count);
    } else if (item->state == CL_ITEM_RELAYED) {
        (void)snprintf(out, CL_REASON_MAX + 1, "held by the relay %.100s",
                       r == NULL ? "" : r->address.host);
    } else if (wait == CL_WAIT_APART && copy != NULL) {
        apart_reason(e, copy, out);
    } else if (wait == CL_WAIT_RELAY && r != NULL) {
        r = cl_copy_via(copy);
        (void)snprintf(out, CL_REASON_MAX + 1,
                       "relay unreachable: %.60s%s%.60s", r->address.host,
                       r->reason[0] == '\0' ? "" : ": ", r->reason);
    } else {
        (void)snprintf(out, CL_REASON_MAX + 1, "%s", texts[wait]);
    }
}
