#include "proto/wire/address.h"

#include <stdio.h>
#include <string.h>

#include "proto/wire/base32.h"
#include "proto/wire/ip.h"

enum { KEY_CHARS = PN_BASE32_LEN(PN_ADDRESS_KEY_BYTES), LABEL_MAX = 63 };

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Cut *in at the first `c`: what precedes it goes to *head, what follows stays.
 * False, and nothing changed, if there is none. */
static bool cut(pn_bytes *in, char c, pn_bytes *head)
{
    const uint8_t *at = in->len == 0 ? NULL : memchr(in->p, c, in->len);
    size_t len;
    if (at == NULL)
        return false;
    len = (size_t)(at - in->p);
    *head = (pn_bytes){ in->p, len };
    *in = (pn_bytes){ at + 1, in->len - len - 1 };
    return true;
}

/* Copy text that is known to fit and add its NUL. */
static void copy_text(char *out, pn_bytes text)
{
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    out[text.len] = '\0';
}

/* --- hosts ---------------------------------------------------------------- */

/* Letters, digits and inner hyphens (RFC 1123 section 2.1), lower case. */
static bool is_label(pn_bytes label)
{
    if (label.len < 1 || label.len > LABEL_MAX || label.p[0] == '-' ||
        label.p[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        const uint8_t c = label.p[i];
        if (!is_lower(c) && !is_digit(c) && c != '-')
            return false;
    }
    return true;
}

static bool is_all_digits(pn_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.p[i]))
            return false;
    }
    return text.len > 0;
}

static pn_bytes last_label(pn_bytes host)
{
    size_t at = host.len;
    while (at > 0 && host.p[at - 1] != '.')
        at--;
    return (pn_bytes){ host.p + at, host.len - at };
}

static bool is_dns_name(pn_bytes host)
{
    pn_bytes label;
    if (host.len == 0 || host.len > PN_ADDRESS_HOST_MAX)
        return false;
    while (cut(&host, '.', &label)) {
        if (!is_label(label))
            return false;
    }
    return is_label(host);
}

/* A host whose last label is a number can only be meant as IPv4: no top-level
 * domain is one, and old resolvers read "1.2" as an address. */
static pn_address_fault parse_plain_host(pn_address *out, pn_bytes text)
{
    uint8_t v4[PN_IPV4_BYTES];
    if (text.len == 0 || text.len > PN_ADDRESS_HOST_MAX ||
        memchr(text.p, '\0', text.len) != NULL)
        return PN_ADDRESS_BAD_HOST;
    copy_text(out->host, text);
    for (char *c = out->host; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    text.p = (const uint8_t *)out->host;
    if (is_all_digits(last_label(text))) {
        out->kind = PN_HOST_IPV4;
        return pn_ipv4_parse(v4, text) == PN_OK ? PN_ADDRESS_FINE
                                                : PN_ADDRESS_BAD_IPV4;
    }
    out->kind = PN_HOST_NAME;
    return is_dns_name(text) ? PN_ADDRESS_FINE : PN_ADDRESS_BAD_HOST;
}

/* Respelled as RFC 5952 says. */
static pn_address_fault parse_ipv6(pn_address *out, pn_bytes text)
{
    uint8_t v6[PN_IPV6_BYTES];
    if (pn_ipv6_parse(v6, text) != PN_OK)
        return PN_ADDRESS_BAD_IPV6;
    pn_ipv6_format(out->host, v6);
    out->kind = PN_HOST_IPV6;
    return PN_ADDRESS_FINE;
}

static pn_address_fault parse_port(uint16_t *out, pn_bytes text)
{
    uint32_t port = 0;
    if (!is_all_digits(text) || text.len > 5 || text.p[0] == '0')
        return PN_ADDRESS_BAD_PORT;
    for (size_t i = 0; i < text.len; i++)
        port = port * 10 + (uint32_t)(text.p[i] - '0');
    if (port > UINT16_MAX)
        return PN_ADDRESS_BAD_PORT;
    *out = (uint16_t)port;
    return PN_ADDRESS_FINE;
}

/* HOST:PORT, the host of a name ending at its only colon. */
static pn_address_fault parse_endpoint(pn_address *out, pn_bytes text)
{
    pn_address_fault fault;
    pn_bytes host;
    if (text.len > 0 && text.p[0] == '[') {
        text.p++;
        text.len--;
        if (!cut(&text, ']', &host))
            return PN_ADDRESS_BAD_IPV6;
        fault = parse_ipv6(out, host);
        if (fault == PN_ADDRESS_FINE && (text.len == 0 || text.p[0] != ':'))
            return PN_ADDRESS_NO_PORT;
        if (fault != PN_ADDRESS_FINE)
            return fault;
        text.p++;
        text.len--;
        return parse_port(&out->port, text);
    }
    if (!cut(&text, ':', &host))
        return PN_ADDRESS_NO_PORT;
    fault = parse_plain_host(out, host);
    return fault == PN_ADDRESS_FINE ? parse_port(&out->port, text) : fault;
}

/* --- parameters ----------------------------------------------------------- */

static bool is_name(pn_bytes name)
{
    if (name.len == 0 || !is_lower(name.p[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        const uint8_t c = name.p[i];
        if (!is_lower(c) && !is_digit(c) && c != '-')
            return false;
    }
    return true;
}

static bool is_value(pn_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        const uint8_t c = value.p[i];
        if (!is_lower(c) && !(c >= 'A' && c <= 'Z') && !is_digit(c) &&
            (c == '\0' || strchr("._~+/:,-", c) == NULL))
            return false;
    }
    return true;
}

/* Take the next name=value of *in. False if it is malformed. */
static bool next_param(pn_bytes *in, pn_bytes *name, pn_bytes *value)
{
    pn_bytes pair;
    if (!cut(in, '&', &pair)) {
        pair = *in;
        *in = (pn_bytes){ NULL, 0 };
    } else if (in->len == 0) {
        return false; /* a last '&' with nothing after it */
    }
    *value = pair;
    return cut(value, '=', name) && is_name(*name) && is_value(*value);
}

/* The value of `name` in well-formed parameters. */
static bool find_param(pn_bytes params, pn_bytes name, pn_bytes *value)
{
    pn_bytes found;
    while (params.len > 0 && next_param(&params, &found, value)) {
        if (pn_bytes_equal(found, name))
            return true;
    }
    return false;
}

static pn_address_fault check_params(pn_bytes params)
{
    const pn_bytes all = params;
    pn_bytes name, value, first;
    if (params.len == 0 || params.len > PN_ADDRESS_PARAMS_MAX)
        return PN_ADDRESS_BAD_PARAMS;
    while (params.len > 0) {
        if (!next_param(&params, &name, &value))
            return PN_ADDRESS_BAD_PARAMS;
        /* Found earlier than here: the name came before. */
        if (find_param(all, name, &first) && first.p != value.p)
            return PN_ADDRESS_TWICE_PARAM;
    }
    return PN_ADDRESS_FINE;
}

bool pn_address_param(const pn_address *a, const char *name, pn_bytes *value)
{
    const pn_bytes all = { (const uint8_t *)a->params, strlen(a->params) };
    return find_param(all, (pn_bytes){ (const uint8_t *)name, strlen(name) },
                      value);
}

/* --- whole addresses ------------------------------------------------------ */

static pn_address_fault parse(pn_address *out, pn_bytes text)
{
    static const char scheme[] = "postern://";
    pn_bytes key, endpoint;
    pn_address_fault fault;
    if (text.len > PN_ADDRESS_TEXT_MAX)
        return PN_ADDRESS_TOO_LONG;
    if (text.len < sizeof scheme - 1 ||
        memcmp(text.p, scheme, sizeof scheme - 1) != 0)
        return PN_ADDRESS_BAD_SCHEME;
    text.p += sizeof scheme - 1;
    text.len -= sizeof scheme - 1;
    if (!cut(&text, '@', &key))
        return PN_ADDRESS_NO_AT;
    if (key.len != KEY_CHARS ||
        pn_base32_decode(out->relay_key, PN_ADDRESS_KEY_BYTES, key) != PN_OK)
        return PN_ADDRESS_BAD_KEY;
    if (cut(&text, '?', &endpoint)) {
        fault = check_params(text);
        if (fault != PN_ADDRESS_FINE)
            return fault;
        copy_text(out->params, text);
    } else {
        endpoint = text;
    }
    return parse_endpoint(out, endpoint);
}

pn_err pn_address_parse(pn_address *out, pn_bytes text, pn_address_fault *fault)
{
    pn_address a = { .kind = PN_HOST_NAME };
    const pn_address_fault found = parse(&a, text);
    if (fault != NULL)
        *fault = found;
    if (found != PN_ADDRESS_FINE)
        return PN_E_PROTO;
    *out = a;
    return PN_OK;
}

pn_err pn_address_parse_text(pn_address *out, const char *text,
                             pn_address_fault *fault)
{
    return pn_address_parse(
        out, (pn_bytes){ (const uint8_t *)text, strlen(text) }, fault);
}

pn_err pn_address_format(char *out, size_t cap, const pn_address *a)
{
    const bool v6 = a->kind == PN_HOST_IPV6;
    char text[PN_ADDRESS_TEXT_MAX + 1], key[KEY_CHARS + 1];
    pn_address again;
    int len;
    pn_base32_encode(key, (pn_bytes){ a->relay_key, sizeof a->relay_key });
    len = snprintf(text, sizeof text, "postern://%s@%s%s%s:%u%s%s", key,
                   v6 ? "[" : "", a->host, v6 ? "]" : "", (unsigned)a->port,
                   a->params[0] != '\0' ? "?" : "", a->params);
    if (len < 0 || (size_t)len >= sizeof text ||
        pn_address_parse_text(&again, text, NULL) != PN_OK ||
        again.kind != a->kind || again.port != a->port ||
        strcmp(again.host, a->host) != 0)
        return PN_E_ARG;
    if ((size_t)len >= cap)
        return PN_E_FULL;
    memcpy(out, text, (size_t)len + 1);
    return PN_OK;
}

const char *pn_address_error(pn_address_fault fault)
{
    switch (fault) {
    case PN_ADDRESS_FINE:
        return "the address is well-formed";
    case PN_ADDRESS_TOO_LONG:
        return "the address is too long";
    case PN_ADDRESS_BAD_SCHEME:
        return "the address does not begin with postern://";
    case PN_ADDRESS_NO_AT:
        return "there is no @ between the relay key and the host";
    case PN_ADDRESS_BAD_KEY:
        return "the relay key is not 52 characters of lower-case base32 "
               "(a-z, 2-7)";
    case PN_ADDRESS_BAD_HOST:
        return "the host is not a valid name";
    case PN_ADDRESS_BAD_IPV4:
        return "the host looks like an IPv4 address and is not a valid one";
    case PN_ADDRESS_BAD_IPV6:
        return "the host in brackets is not a valid IPv6 address";
    case PN_ADDRESS_NO_PORT:
        return "there is no :PORT after the host (an IPv6 address stands in "
               "brackets)";
    case PN_ADDRESS_BAD_PORT:
        return "the port is not a number from 1 to 65535";
    case PN_ADDRESS_BAD_PARAMS:
        return "the part after ? is not name=value&name=value";
    case PN_ADDRESS_TWICE_PARAM:
        return "a parameter after ? is given twice";
    }
    return "the address is malformed";
}
