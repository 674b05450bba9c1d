/* Accepting by hand, over uv_poll: libuv's own accept loop would spin when
 * accept(2) fails for want of memory, and drops strangers when descriptors run
 * out; here both only pause.
 */
#include "proto/carrier/uvlisten.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/carrier/tcp.h"
#include "proto/carrier/uv_internal.h"

enum {
    ACCEPTS_PER_TURN = 64, /* then other links get their turn */
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 1000,
};

/* How long who has proved so much is safe from making room for others: to
 * speak first, to solve a puzzle, to hear the answer and send a record. Without
 * it, a rush of honest clients would push each other out for ever. */
static const uint16_t chance_ms[PN_LINK_PROOF_ALL] = {
    [PN_LINK_PROOF_NONE] = 5,
    [PN_LINK_PROOF_KEY] = 250,
    [PN_LINK_PROOF_WORK] = 2000,
};

struct pn_uvlisten {
    uv_poll_t poll;
    uv_timer_t pause;
    pn_uvhub *hub;
    int fd;
    unsigned handles; /* not yet closed */
    bool polling;
    bool closing;
    unsigned pause_ms; /* the current pause; 0: none */
    unsigned links;
    unsigned half_open;
    uint16_t port;
    pn_uvlisten_options options;
    pn_gate *gate;
    const pn_uvlink_events *events;
    void *ctx;
    pn_node in_hub;
};

static void on_poll(uv_poll_t *poll, int status, int events);

/* --- whether to accept now ------------------------------------------------ */

static bool is_full(const pn_uvlisten *l)
{
    return l->links >= l->options.links_max ||
           l->half_open >= l->options.half_open_max;
}

/* A half-open link can always make room. */
static bool can_take(const pn_uvlisten *l)
{
    return !is_full(l) || l->half_open > 0;
}

/* Of the half-open links that had their chance, of `listener` and `tag` where
 * they are not NULL, the oldest of those that have proved least. */
static pn_uvlink *weakest(const pn_uvhub *hub, const pn_uvlisten *listener,
                          const uint64_t *tag)
{
    const uint64_t now = pn_mono_ms(hub->env);
    pn_link_proof least = PN_LINK_PROOF_ALL;
    pn_uvlink *found = NULL;
    for (pn_node *n = hub->half_open.next; n != &hub->half_open; n = n->next) {
        pn_uvlink *link = PN_ENTRY(n, pn_uvlink, in_half_open);
        const pn_link_proof proof = pn_link_get_proof(link->link);
        const uint64_t age = now - link->heard_ms;
        if (age < chance_ms[PN_LINK_PROOF_NONE])
            break; /* and those after it are younger */
        if (proof >= least || age < chance_ms[proof] ||
            (listener != NULL && link->listener != listener) ||
            (tag != NULL && link->tag != *tag))
            continue;
        found = link;
        least = proof;
        if (proof == PN_LINK_PROOF_NONE)
            break;
    }
    return found;
}

static bool give_up(pn_uvlink *link)
{
    if (link == NULL)
        return false;
    pn_uvlink_close(link, PN_CLOSE_REFUSED);
    return true;
}

/* Whether there is a place for one more. */
static bool make_room(const pn_uvlisten *l)
{
    while (is_full(l))
        if (!give_up(weakest(l->hub, l, NULL)))
            return false;
    return true;
}

bool pn_uvhub_make_room(pn_uvhub *hub, const uint64_t *tag)
{
    return give_up(weakest(hub, NULL, tag));
}

static void set_polling(pn_uvlisten *l)
{
    const bool want = !l->closing && can_take(l) &&
                      !uv_is_active((const uv_handle_t *)&l->pause);
    if (l->closing || want == l->polling)
        return;
    if (want)
        (void)uv_poll_start(&l->poll, UV_READABLE, on_poll);
    else
        (void)uv_poll_stop(&l->poll); /* neither fails on an open handle */
    l->polling = want;
}

static void on_pause_over(uv_timer_t *timer)
{
    pn_uvlisten *l = timer->data;
    set_polling(l);
}

/* The system has no descriptor or memory to give: leave it alone, longer each
 * time. Those who wait stay in the kernel's backlog. */
static void pause_accepting(pn_uvlisten *l, int why)
{
    l->hub->stats.accept_pauses++;
    l->pause_ms = l->pause_ms == 0 ? PAUSE_MIN_MS : l->pause_ms * 2;
    if (l->pause_ms > PAUSE_MAX_MS)
        l->pause_ms = PAUSE_MAX_MS;
    if (l->pause_ms == PAUSE_MIN_MS)
        pn_log(l->hub->env, PN_LOG_WARN, "accepting paused: %s", strerror(why));
    (void)uv_timer_start(&l->pause, on_pause_over, l->pause_ms, 0);
    set_polling(l);
}

/* --- accepting ------------------------------------------------------------ */

static void take_in(pn_uvlisten *l, int fd, const struct sockaddr *peer)
{
    uint8_t origin[8];
    const size_t len = pn_tcp_origin(origin, peer);
    uint64_t tag = 0;
    pn_uvlink *link;
    pn_err err;
    if (l->options.admit != NULL &&
        !l->options.admit(l->options.admit_ctx, peer, &tag)) {
        l->hub->stats.closed[PN_CLOSE_REFUSED]++;
        (void)close(fd);
        return;
    }
    err =
        pn_uvlink_take_in(&link, l->hub, fd, l->gate, (pn_bytes){ origin, len },
                          l, tag, l->events, l->ctx);
    if (err == PN_OK) {
        l->links++;
        l->half_open++;
        return;
    }
    if (l->options.release != NULL)
        l->options.release(l->options.admit_ctx, tag);
    l->hub->stats.closed[err == PN_E_NOMEM ? PN_CLOSE_NOMEM : PN_CLOSE_IO]++;
    (void)close(fd);
}

/* One accept(2). PN_OK: look for more; PN_MORE: none waits. */
static pn_err accept_one(pn_uvlisten *l)
{
    struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof peer;
    const int fd = accept(l->fd, (struct sockaddr *)&peer, &len);
    if (fd >= 0) {
        l->pause_ms = 0;
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* cannot fail on a good fd */
        take_in(l, fd, (const struct sockaddr *)&peer);
        return PN_OK;
    }
    switch (errno) {
    case EAGAIN:
        return PN_MORE;
    case EINTR:
    case ECONNABORTED: /* gone while it waited */
    case EPROTO:
    case EPERM:       /* a firewall's word on this one */
    case ENETDOWN:    /* and below, accept(2): errors of the new socket's */
    case ENOPROTOOPT: /* network, to be treated like EAGAIN */
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        l->hub->stats.accept_errors++;
        return PN_OK;
    default: /* EMFILE, ENFILE, ENOBUFS, ENOMEM; anything else too */
        l->hub->stats.accept_errors++;
        pause_accepting(l, errno);
        return PN_MORE;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    pn_uvlisten *l = poll->data;
    (void)events;
    if (status < 0) {
        pause_accepting(l, -status); /* libuv's errors are negated errnos */
        return;
    }
    /* Only the first is known to be there, so only for it is room made. */
    if (!make_room(l))
        (void)uv_timer_start(&l->pause, on_pause_over,
                             chance_ms[PN_LINK_PROOF_NONE], 0);
    for (unsigned n = 0; n < ACCEPTS_PER_TURN && !is_full(l); n++) {
        if (accept_one(l) != PN_OK)
            break;
    }
    set_polling(l);
}

/* --- life ----------------------------------------------------------------- */

static void free_if_unused(pn_uvlisten *l)
{
    pn_uvhub *hub = l->hub;
    if (l->handles > 0 || l->links > 0)
        return;
    pn_free(l);
    pn_uvhub_drop(hub);
}

static void on_handle_closed(uv_handle_t *handle)
{
    pn_uvlisten *l = handle->data;
    if (handle == (uv_handle_t *)&l->poll)
        (void)close(l->fd); /* nothing was written to it */
    l->handles--;
    free_if_unused(l);
}

void pn_uvlisten_shut(pn_uvlisten *l)
{
    if (l->closing)
        return;
    l->closing = true;
    pn_list_remove(&l->in_hub);
    uv_close((uv_handle_t *)&l->poll, on_handle_closed);
    uv_close((uv_handle_t *)&l->pause, on_handle_closed);
}

void pn_uvlisten_shut_all(pn_uvhub *hub)
{
    pn_node *n;
    while ((n = pn_list_first(&hub->listeners)) != NULL)
        pn_uvlisten_shut(PN_ENTRY(n, pn_uvlisten, in_hub));
}

void pn_uvlisten_close(pn_uvlisten **listener)
{
    if (listener == NULL || *listener == NULL)
        return;
    pn_uvlisten_shut(*listener);
    *listener = NULL;
}

void pn_uvlisten_on_opened(pn_uvlisten *l)
{
    l->half_open--;
    set_polling(l);
}

void pn_uvlisten_on_gone(pn_uvlisten *l, bool was_open, uint64_t tag)
{
    l->links--;
    if (!was_open)
        l->half_open--;
    if (l->options.release != NULL)
        l->options.release(l->options.admit_ctx, tag);
    set_polling(l);
    free_if_unused(l);
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
    struct sockaddr_in6 a6;
    struct sockaddr_in a4;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    memcpy(&a4, &a, sizeof a4);
    memcpy(&a6, &a, sizeof a6);
    return ntohs(a.ss_family == AF_INET6 ? a6.sin6_port : a4.sin_port);
}

pn_err pn_uvlisten_new(pn_uvlisten **out, pn_uvhub *hub,
                       const struct sockaddr *address, pn_gate *gate,
                       const pn_uvlisten_options *options,
                       const pn_uvlink_events *events, void *ctx)
{
    pn_uvlisten *l;
    int fd;
    *out = NULL;
    if (hub->stopping)
        return PN_E_STATE;
    if ((address->sa_family != AF_INET && address->sa_family != AF_INET6) ||
        options->links_max == 0 || options->half_open_max == 0)
        return PN_E_ARG;
    l = pn_alloc(1, sizeof *l);
    if (l == NULL)
        return PN_E_NOMEM;
    if (pn_tcp_listen(&fd, address, options->backlog) != PN_OK) {
        pn_log(hub->env, PN_LOG_ERROR, "cannot listen: %s", strerror(errno));
        pn_free(l);
        return PN_E_IO;
    }
    if (uv_poll_init(hub->loop, &l->poll, fd) != 0) {
        (void)close(fd);
        pn_free(l);
        return PN_E_IO;
    }
    (void)uv_timer_init(hub->loop, &l->pause); /* cannot fail */
    l->poll.data = l;
    l->pause.data = l;
    l->handles = 2;
    l->hub = hub;
    l->fd = fd;
    l->port = bound_port(fd);
    l->options = *options;
    l->gate = gate;
    l->events = events;
    l->ctx = ctx;
    pn_list_push_back(&hub->listeners, &l->in_hub);
    pn_uvhub_hold(hub);
    set_polling(l);
    *out = l;
    return PN_OK;
}

uint16_t pn_uvlisten_port(const pn_uvlisten *listener)
{
    return listener->port;
}

unsigned pn_uvlisten_links(const pn_uvlisten *listener)
{
    return listener->links;
}

unsigned pn_uvlisten_half_open(const pn_uvlisten *listener)
{
    return listener->half_open;
}
