/* Numeric IP addresses in text, without the system's help: IPv4 in its one
 * dotted form, IPv6 as RFC 4291 section 2.2 writes and RFC 5952 spells it.
 * Thread rule: plain values.
 */
#ifndef POSTERN_PROTO_WIRE_IP_H
#define POSTERN_PROTO_WIRE_IP_H

#include "proto/base/bytes.h"

enum {
    PN_IPV4_BYTES = 4,
    PN_IPV6_BYTES = 16,
    PN_IPV6_TEXT_MAX = 45, /* characters of the longest accepted text */
};

/* Read exactly four decimal numbers 0..255 without leading zeros. PN_E_PROTO
 * for anything else; out[] is then undefined. */
PN_MUST_USE pn_err pn_ipv4_parse(uint8_t out[PN_IPV4_BYTES], pn_bytes text);
/* Read an IPv6 address without zone; hex digits of either case, at most one
 * "::", the last 32 bits perhaps dotted. PN_E_PROTO for anything else; out[]
 * is then undefined. */
PN_MUST_USE pn_err pn_ipv6_parse(uint8_t out[PN_IPV6_BYTES], pn_bytes text);
/* Write the one spelling of RFC 5952, IPv4-mapped addresses dotted (section
 * 5), and a NUL. */
void pn_ipv6_format(char out[PN_IPV6_TEXT_MAX + 1],
                    const uint8_t in[PN_IPV6_BYTES]);

#endif
