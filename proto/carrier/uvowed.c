/* What all links of a hub owe their peers, in bytes, and what happens when that
 * is too much: those who do not read pay, the longest waited for first. */
#include "proto/carrier/uv_internal.h"

/* A link that is closing is about to be freed: it owes nothing any more. */
static size_t owed(const pn_uvlink *link)
{
    size_t bytes = link->owed_besides;
    if (link->state == PN_UV_CLOSING)
        return 0;
    if (link->link != NULL)
        bytes += pn_link_output(link->link).len;
    return bytes + (link->write != NULL ? link->write->len : 0);
}

/* Only who has something waiting at the socket is closed: of the others nobody
 * knows yet that they do not read. */
static void shed(pn_uvhub *hub)
{
    while (hub->stats.output_bytes > hub->options.output_total) {
        pn_node *first = pn_list_first(&hub->waiting);
        if (first == NULL)
            return;
        hub->stats.output_shed++;
        pn_uvlink_close(PN_ENTRY(first, pn_uvlink, in_waiting), PN_CLOSE_SLOW);
    }
}

void pn_uvlink_count(pn_uvlink *link)
{
    pn_uvhub *hub = link->hub;
    const size_t was = link->owed;
    link->owed = owed(link);
    hub->stats.output_bytes += link->owed;
    hub->stats.output_bytes -= was;
    if (link->owed > was)
        shed(hub); /* may close this one, which counts it anew */
}

bool pn_uvlink_is_rationed(const pn_uvlink *link)
{
    const pn_uvhub *hub = link->hub;
    return hub->stats.output_bytes > hub->options.output_total / 2 &&
           pn_link_output(link->link).len > 0;
}

void pn_uvlink_owe_besides(pn_uvlink *link, size_t bytes)
{
    link->owed_besides = bytes;
    pn_uvlink_count(link);
}
