/* TCP sockets as the carriers want them: numeric addresses in and out of text,
 * a listening socket, and the options of a connected one.
 * Thread rule: plain values.
 */
#ifndef POSTERN_PROTO_CARRIER_TCP_H
#define POSTERN_PROTO_CARRIER_TCP_H

#include <sys/socket.h>

#include "proto/wire/address.h"

enum { PN_TCP_TEXT_MAX = 64 }; /* "[v6 address%zone]:port" and a NUL */

/* Read "1.2.3.4:5" or "[::1]:5", port 0 allowed. PN_E_ARG if it is neither. */
PN_MUST_USE pn_err pn_tcp_parse(struct sockaddr_storage *out, const char *text);
/* The numeric socket address of an address whose host is not a name;
 * PN_E_ARG if it is one. */
PN_MUST_USE pn_err pn_tcp_from_address(struct sockaddr_storage *out,
                                       const pn_address *address);
/* Write as pn_tcp_parse() reads. For people's eyes at start-up, never for the
 * log of a peer. */
void pn_tcp_format(char out[PN_TCP_TEXT_MAX], const struct sockaddr *address);
socklen_t pn_tcp_len(const struct sockaddr *address);
/* A bound, listening, non-blocking, close-on-exec socket with SO_REUSEADDR and,
 * for IPv6, IPV6_V6ONLY. PN_E_IO with errno set. Caller owns *fd. */
PN_MUST_USE pn_err pn_tcp_listen(int *fd, const struct sockaddr *address,
                                 unsigned backlog);
/* The bytes that stand for where a peer comes from: its IPv4 address, or the
 * first 64 bits of its IPv6 address (an IPv4-mapped one counts as IPv4).
 * Returns how many of out[8] were written; 0 for another family. */
size_t pn_tcp_origin(uint8_t out[8], const struct sockaddr *peer);

#endif
