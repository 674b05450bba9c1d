#include "relay/sys/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Split at the last colon; the host may be in brackets, which are dropped.
 * `bracketed` says so. The port is decimal without sign or leading zero. */
static pn_err split(const char *text, char host[RL_ENDPOINT_MAX],
                    bool *bracketed, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    const char *from = text, *to = colon;
    uint32_t number = 0;
    size_t digits;
    if (colon == NULL || strlen(text) >= RL_ENDPOINT_MAX)
        return PN_E_PROTO;
    digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != 0 ||
        (colon[1] == '0' && digits > 1))
        return PN_E_PROTO;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (uint32_t)(colon[1 + i] - '0');
    if (number > UINT16_MAX)
        return PN_E_PROTO;
    *bracketed = text[0] == '[';
    if (*bracketed) {
        if (to - from < 3 || to[-1] != ']')
            return PN_E_PROTO;
        from++;
        to--;
    }
    if (to <= from)
        return PN_E_PROTO;
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = 0;
    *port = (uint16_t)number;
    return PN_OK;
}

static bool is_host_name(const char *host)
{
    size_t label = 0;
    if (strlen(host) > 253)
        return false;
    for (const char *c = host; *c != 0; c++) {
        const bool alnum = (*c >= 'a' && *c <= 'z') ||
                           (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (*c == '.' || *c == '-') {
            /* No label is empty, and none begins or ends with a hyphen. */
            if (label == 0 || (*c == '.' && c[-1] == '-'))
                return false;
            label = *c == '.' ? 0 : label + 1;
        } else if (alnum) {
            label++;
        } else {
            return false;
        }
        if (label > 63)
            return false;
    }
    return label > 0 && host[strlen(host) - 1] != '-';
}

pn_err rl_endpoint_parse(const char *text, struct sockaddr_storage *out)
{
    char host[RL_ENDPOINT_MAX];
    bool bracketed;
    uint16_t port;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    PN_TRY(split(text, host, &bracketed, &port));
    memset(out, 0, sizeof *out);
    if (bracketed) {
        if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
            return PN_E_PROTO;
        v6.sin6_port = htons(port);
        memcpy(out, &v6, sizeof v6);
    } else {
        if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
            return PN_E_PROTO;
        v4.sin_port = htons(port);
        memcpy(out, &v4, sizeof v4);
    }
    return PN_OK;
}

bool rl_endpoint_ok(const char *text)
{
    char host[RL_ENDPOINT_MAX];
    bool bracketed;
    uint16_t port;
    struct in6_addr v6;
    if (split(text, host, &bracketed, &port) != PN_OK || port == 0)
        return false;
    return bracketed ? inet_pton(AF_INET6, host, &v6) == 1 : is_host_name(host);
}

void rl_endpoint_format(const struct sockaddr_storage *addr, char *out)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (addr->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, addr, sizeof v6);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        (void)snprintf(out, RL_ENDPOINT_MAX, "[%s]:%u", host,
                       (unsigned)ntohs(v6.sin6_port));
    } else {
        struct sockaddr_in v4;
        memcpy(&v4, addr, sizeof v4);
        (void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        (void)snprintf(out, RL_ENDPOINT_MAX, "%s:%u", host,
                       (unsigned)ntohs(v4.sin_port));
    }
}

bool rl_endpoint_is_any(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, addr, sizeof v6);
        return memcmp(&v6.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0;
    }
    struct sockaddr_in v4;
    memcpy(&v4, addr, sizeof v4);
    return v4.sin_addr.s_addr == htonl(INADDR_ANY);
}
