#include "proto/carrier/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/wire/ip.h"

static pn_err parse_port(uint16_t *out, pn_bytes text)
{
    uint32_t port = 0;
    if (text.len == 0 || text.len > 5)
        return PN_E_ARG;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return PN_E_ARG;
        port = port * 10 + (uint32_t)(text.p[i] - '0');
    }
    if (port > UINT16_MAX)
        return PN_E_ARG;
    *out = (uint16_t)port;
    return PN_OK;
}

static pn_err from_parts(struct sockaddr_storage *out, bool v6, pn_bytes host,
                         uint16_t port)
{
    struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(port) };
    uint8_t raw[PN_IPV6_BYTES];
    if ((v6 ? pn_ipv6_parse(raw, host) : pn_ipv4_parse(raw, host)) != PN_OK)
        return PN_E_ARG;
    memset(out, 0, sizeof *out);
    if (v6) {
        memcpy(&a6.sin6_addr, raw, PN_IPV6_BYTES);
        memcpy(out, &a6, sizeof a6);
    } else {
        memcpy(&a4.sin_addr, raw, PN_IPV4_BYTES);
        memcpy(out, &a4, sizeof a4);
    }
    return PN_OK;
}

pn_err pn_tcp_parse(struct sockaddr_storage *out, const char *text)
{
    const char *colon = strrchr(text, ':');
    const bool v6 = text[0] == '[';
    pn_bytes host = { (const uint8_t *)text, 0 };
    uint16_t port = 0;
    if (colon == NULL)
        return PN_E_ARG;
    host.len = (size_t)(colon - text);
    if (v6) {
        if (host.len < 2 || colon[-1] != ']')
            return PN_E_ARG;
        host.p++;
        host.len -= 2;
    }
    PN_TRY(parse_port(
        &port, (pn_bytes){ (const uint8_t *)colon + 1, strlen(colon + 1) }));
    return from_parts(out, v6, host, port);
}

pn_err pn_tcp_from_address(struct sockaddr_storage *out,
                           const pn_address *address)
{
    const pn_bytes host = { (const uint8_t *)address->host,
                            strlen(address->host) };
    if (address->kind == PN_HOST_NAME)
        return PN_E_ARG;
    return from_parts(out, address->kind == PN_HOST_IPV6, host, address->port);
}

void pn_tcp_format(char out[PN_TCP_TEXT_MAX], const struct sockaddr *address)
{
    char host[PN_IPV6_TEXT_MAX + 1];
    if (address->sa_family == AF_INET) {
        struct sockaddr_in a;
        uint8_t raw[PN_IPV4_BYTES];
        memcpy(&a, address, sizeof a);
        memcpy(raw, &a.sin_addr, sizeof raw);
        (void)snprintf(out, PN_TCP_TEXT_MAX, "%u.%u.%u.%u:%u", (unsigned)raw[0],
                       (unsigned)raw[1], (unsigned)raw[2], (unsigned)raw[3],
                       (unsigned)ntohs(a.sin_port));
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 a;
        memcpy(&a, address, sizeof a);
        pn_ipv6_format(host, a.sin6_addr.s6_addr);
        (void)snprintf(out, PN_TCP_TEXT_MAX, "[%s]:%u", host,
                       (unsigned)ntohs(a.sin6_port));
    } else {
        (void)snprintf(out, PN_TCP_TEXT_MAX, "not an IP address");
    }
}

socklen_t pn_tcp_len(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

static bool set_up(int fd, const struct sockaddr *address, unsigned backlog)
{
    const int on = 1;
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    if (address->sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        return false;
    return bind(fd, address, pn_tcp_len(address)) == 0 &&
           listen(fd, backlog > SOMAXCONN ? SOMAXCONN : (int)backlog) == 0;
}

pn_err pn_tcp_listen(int *fd, const struct sockaddr *address, unsigned backlog)
{
    const int s = socket(address->sa_family, SOCK_STREAM, 0);
    if (s < 0)
        return PN_E_IO;
    if (!set_up(s, address, backlog)) {
        const int why = errno;
        (void)close(s);
        errno = why;
        return PN_E_IO;
    }
    *fd = s;
    return PN_OK;
}

size_t pn_tcp_origin(uint8_t out[8], const struct sockaddr *peer)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in a;
        memcpy(&a, peer, sizeof a);
        memcpy(out, &a.sin_addr, PN_IPV4_BYTES);
        return PN_IPV4_BYTES;
    }
    if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 a;
        memcpy(&a, peer, sizeof a);
        if (memcmp(a.sin6_addr.s6_addr, mapped, sizeof mapped) == 0) {
            memcpy(out, a.sin6_addr.s6_addr + sizeof mapped, PN_IPV4_BYTES);
            return PN_IPV4_BYTES;
        }
        memcpy(out, a.sin6_addr.s6_addr, 8);
        return 8;
    }
    return 0;
}
