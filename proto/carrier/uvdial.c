/* From an address to a connected stream: resolve the name, try its addresses
 * one after the other, then start the link.
 *
 * The dial has its own memory, because a name look-up cannot always be
 * cancelled: a link that is closed meanwhile leaves its dial behind, and the
 * look-up's callback frees it.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/carrier/tcp.h"
#include "proto/carrier/uv_internal.h"

enum { ATTEMPTS_MAX = 8 };

struct pn_uvdial {
    pn_uvhub *hub;
    pn_uvlink *link; /* NULL once the link does not wait for it any more */
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    bool resolving;
    unsigned count; /* of targets */
    unsigned at;    /* the one being tried */
    struct sockaddr_storage targets[ATTEMPTS_MAX];
    uint64_t end_ms;     /* of the whole dial */
    uint64_t attempt_ms; /* end of this attempt; UINT64_MAX while resolving */
    const pn_link_identity *self;
    pn_link_offer offer;
    pn_address address;
};

static void free_dial(pn_uvdial *dial)
{
    pn_uvhub *hub = dial->hub;
    pn_free(dial);
    pn_uvhub_drop(hub);
}

void pn_uvdial_free(pn_uvlink *link)
{
    pn_uvdial *dial = link->dial;
    link->dial = NULL;
    if (dial == NULL)
        return;
    dial->link = NULL;
    if (!dial->resolving)
        free_dial(dial);
    else
        (void)uv_cancel((uv_req_t *)&dial->resolve); /* else it comes later */
}

/* --- attempts ------------------------------------------------------------- */

static void give_up_attempt(pn_uvlink *link)
{
    if (!uv_is_closing(&link->io.handle))
        uv_close(&link->io.handle, pn_uvlink_on_handle_closed);
}

static void on_connect(uv_connect_t *req, int status)
{
    pn_uvlink *link = req->data;
    pn_uvdial *dial = link->dial;
    pn_err err;
    if (link->state != PN_UV_DIALLING || uv_is_closing(&link->io.handle))
        return; /* the close callback goes on */
    if (status != 0) {
        give_up_attempt(link);
        return;
    }
    err = pn_link_dial(&link->link, dial->hub->env, dial->address.relay_key,
                       &dial->offer, dial->self);
    if (err != PN_OK) {
        pn_uvlink_fail(link, err);
        return;
    }
    pn_uvdial_free(link);
    pn_uvlink_start(link);
}

static void attempt(pn_uvlink *link)
{
    pn_uvdial *dial = link->dial;
    const struct sockaddr *to =
        (const struct sockaddr *)&dial->targets[dial->at];
    dial->attempt_ms =
        pn_mono_ms(dial->hub->env) + dial->hub->options.connect_ms;
    dial->connect.data = link;
    if (uv_tcp_connect(&dial->connect, &link->io.tcp, to, on_connect) != 0)
        give_up_attempt(link);
    pn_uvhub_arm(dial->hub, &link->timer, pn_uvdial_deadline(link));
}

void pn_uvdial_next(pn_uvlink *link)
{
    pn_uvdial *dial = link->dial;
    (void)uv_tcp_init(dial->hub->loop, &link->io.tcp); /* cannot fail */
    link->io.handle.data = link;
    if (++dial->at < dial->count)
        attempt(link);
    else
        pn_uvlink_close(link, PN_CLOSE_CONNECT);
}

/* --- names ---------------------------------------------------------------- */

static void on_resolved(uv_getaddrinfo_t *req, int status,
                        struct addrinfo *list)
{
    pn_uvdial *dial = req->data;
    pn_uvlink *link = dial->link;
    dial->resolving = false;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        if (dial->count < ATTEMPTS_MAX &&
            a->ai_addrlen <= sizeof dial->targets[0])
            memcpy(&dial->targets[dial->count++], a->ai_addr, a->ai_addrlen);
    }
    uv_freeaddrinfo(list);
    if (link == NULL)
        free_dial(dial);
    else if (link->state == PN_UV_CLOSING)
        return; /* freed with the link */
    else if (status != 0 || dial->count == 0)
        pn_uvlink_close(link, PN_CLOSE_RESOLVE);
    else
        attempt(link);
}

static void resolve(pn_uvlink *link)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICSERV };
    pn_uvdial *dial = link->dial;
    char port[6];
    (void)snprintf(port, sizeof port, "%u", (unsigned)dial->address.port);
    dial->resolve.data = dial;
    dial->resolving = true;
    if (uv_getaddrinfo(dial->hub->loop, &dial->resolve, on_resolved,
                       dial->address.host, port, &hints) == 0)
        return;
    dial->resolving = false;
    pn_uvlink_close(link, PN_CLOSE_RESOLVE);
}

/* --- deadlines ------------------------------------------------------------ */

uint64_t pn_uvdial_deadline(const pn_uvlink *link)
{
    const pn_uvdial *dial = link->dial;
    return dial->attempt_ms < dial->end_ms ? dial->attempt_ms : dial->end_ms;
}

void pn_uvdial_on_due(pn_uvlink *link)
{
    pn_uvdial *dial = link->dial;
    const uint64_t now = pn_mono_ms(dial->hub->env);
    if (now >= dial->end_ms) {
        pn_uvlink_close(link, PN_CLOSE_TIMEOUT);
        return;
    }
    if (now >= dial->attempt_ms) {
        dial->attempt_ms = UINT64_MAX;
        give_up_attempt(link);
    }
    pn_uvhub_arm(dial->hub, &link->timer, pn_uvdial_deadline(link));
}

/* --- start ---------------------------------------------------------------- */

pn_err pn_uvlink_dial(pn_uvlink **out, pn_uvhub *hub, const pn_address *address,
                      const pn_link_offer *offer, const pn_link_identity *self,
                      const pn_uvlink_events *events, void *ctx)
{
    pn_uvdial *dial;
    pn_uvlink *link;
    pn_err err;
    *out = NULL;
    dial = pn_alloc(1, sizeof *dial);
    if (dial == NULL)
        return PN_E_NOMEM;
    err = pn_uvlink_make(&link, hub, true, events, ctx);
    if (err != PN_OK) {
        pn_free(dial);
        return err;
    }
    pn_uvhub_hold(hub);
    *dial = (pn_uvdial){ .hub = hub,
                         .link = link,
                         .attempt_ms = UINT64_MAX,
                         .end_ms = pn_mono_ms(hub->env) + hub->options.dial_ms,
                         .self = self,
                         .offer = *offer,
                         .address = *address };
    link->dial = dial;
    link->state = PN_UV_DIALLING;
    pn_uvhub_arm(hub, &link->timer, pn_uvdial_deadline(link));
    if (pn_tcp_from_address(&dial->targets[0], address) == PN_OK) {
        dial->count = 1;
        attempt(link);
    } else {
        resolve(link);
    }
    *out = link;
    return PN_OK;
}
