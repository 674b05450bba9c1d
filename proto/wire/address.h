/* The address of a relay, as people and invitations carry it:
 *
 *   postern://<relay key>@HOST:PORT[?name=value[&name=value...]]
 *
 * <relay key> is the 32-byte Ed25519 key in base32 (52 characters, see
 * base32.h); HOST a DNS name, a dotted IPv4 address or an IPv6 address in
 * brackets; PORT 1..65535 without leading zero. The parameters are for a
 * carrier; names are [a-z][a-z0-9-]*, values [A-Za-z0-9._~+/:,-]*, no name
 * twice. There is no percent-encoding, path, user name or fragment.
 *
 * Upper-case letters of a DNS name are lowered and IPv6 is respelled (RFC
 * 5952) when parsed, so that equal addresses have equal text; anything else
 * must be spelled the one way pn_address_format() spells it.
 * Thread rule: plain values.
 */
#ifndef POSTERN_PROTO_WIRE_ADDRESS_H
#define POSTERN_PROTO_WIRE_ADDRESS_H

#include "proto/base/bytes.h"

enum {
    PN_ADDRESS_KEY_BYTES = 32,
    PN_ADDRESS_HOST_MAX = 253,   /* RFC 1035 section 2.3.4, as text */
    PN_ADDRESS_PARAMS_MAX = 512, /* everything after the '?' */
    /* Longest text: scheme, key, '@', [host], ':', port, '?', parameters. */
    PN_ADDRESS_TEXT_MAX = 10 + 52 + 1 + PN_ADDRESS_HOST_MAX + 2 + 1 + 5 + 1 +
                          PN_ADDRESS_PARAMS_MAX,
};

typedef enum pn_host_kind {
    PN_HOST_NAME,
    PN_HOST_IPV4,
    PN_HOST_IPV6,
} pn_host_kind;

typedef struct pn_address {
    uint8_t relay_key[PN_ADDRESS_KEY_BYTES];
    pn_host_kind kind;
    uint16_t port;
    char host[PN_ADDRESS_HOST_MAX + 1];     /* without brackets */
    char params[PN_ADDRESS_PARAMS_MAX + 1]; /* without '?'; "" if none */
} pn_address;

/* What is wrong with an address. */
typedef enum pn_address_fault {
    PN_ADDRESS_FINE = 0,
    PN_ADDRESS_TOO_LONG,
    PN_ADDRESS_BAD_SCHEME,
    PN_ADDRESS_NO_AT,
    PN_ADDRESS_BAD_KEY,
    PN_ADDRESS_BAD_HOST,
    PN_ADDRESS_BAD_IPV4,
    PN_ADDRESS_BAD_IPV6,
    PN_ADDRESS_NO_PORT,
    PN_ADDRESS_BAD_PORT,
    PN_ADDRESS_BAD_PARAMS,
    PN_ADDRESS_TWICE_PARAM,
} pn_address_fault;

/* Parse exactly `text`. PN_E_PROTO if it is malformed; then *fault (may be
 * NULL) says where. *out is written on success only. */
PN_MUST_USE pn_err pn_address_parse(pn_address *out, pn_bytes text,
                                    pn_address_fault *fault);
/* The same for a NUL-terminated string. */
PN_MUST_USE pn_err pn_address_parse_text(pn_address *out, const char *text,
                                         pn_address_fault *fault);
/* A sentence for a person: static, never NULL, no trailing dot. */
const char *pn_address_error(pn_address_fault fault);
/* Write the address and a NUL; PN_ADDRESS_TEXT_MAX + 1 bytes are always
 * enough. PN_E_FULL if it does not fit, PN_E_ARG if *a could not have come
 * from parsing. */
PN_MUST_USE pn_err pn_address_format(char *out, size_t cap,
                                     const pn_address *a);
/* Borrow the value of one parameter from *a; false if it is not there. */
bool pn_address_param(const pn_address *a, const char *name, pn_bytes *value);

#endif
