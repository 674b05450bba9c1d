/* What needs no client: versions, error texts, a look at a relay. */
#include "client/include/postern/postern.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "client/net/probe.h"
#include "proto/carrier/sysenv.h"
#include "proto/wire/version.h"

enum { TIMEOUT_MAX_MS = 3600000 };

const char *postern_version(void)
{
    return PN_SOFTWARE_VERSION;
}

uint32_t postern_protocol_version(void)
{
    return PN_PROTOCOL_VERSION;
}

const char *postern_strerror(int error)
{
    static const char *const texts[] = {
        "success",
        "out of memory",
        "invalid argument",
        "not the address of a relay",
        "the host name has no address",
        "cannot connect to the relay",
        "no proper answer from the relay in time",
        "the relay ended the link early",
        "the relay's answer is none of the protocol",
        "no protocol version in common with the relay",
        "who answers does not hold the relay's key",
        "the operating system refused",
        "internal error",
        "not possible in the present state",
        "there is no such thing",
        "it is there already",
        "another process has this store open",
        "the passphrase is wrong",
        "the store or file is damaged",
        "a file could not be read or written",
        "a limit is reached, or the disk is full",
        "malformed: no invitation, or one with a wrong letter",
        "its time is over",
        "it was used or revoked",
        "refused",
        "blocked",
        "not done yet; it goes on by itself",
        "no relay is known",
        "too large for a message",
        "there is no store in that directory",
    };
    if (error > 0 || error < POSTERN_E_NO_STORE)
        return "unknown error";
    return texts[-error];
}

static int error_of(cl_probe_end end)
{
    switch (end) {
    case CL_PROBE_DONE:
        return POSTERN_OK;
    case CL_PROBE_NOMEM:
        return POSTERN_E_NOMEM;
    case CL_PROBE_SYSTEM:
        return POSTERN_E_SYSTEM;
    case CL_PROBE_RESOLVE:
        return POSTERN_E_RESOLVE;
    case CL_PROBE_CONNECT:
        return POSTERN_E_CONNECT;
    case CL_PROBE_TIMEOUT:
        return POSTERN_E_TIMEOUT;
    case CL_PROBE_CLOSED:
        return POSTERN_E_CLOSED;
    case CL_PROBE_PROTOCOL:
        return POSTERN_E_PROTOCOL;
    case CL_PROBE_VERSION:
        return POSTERN_E_VERSION;
    case CL_PROBE_AUTH:
        return POSTERN_E_AUTH;
    }
    return POSTERN_E_INTERNAL;
}

static void fill(postern_relay_report *report, const pn_address *address,
                 const cl_probe_result *result)
{
    *report = (postern_relay_report){
        .size = report->size,
        .protocol_version = result->protocol,
        .link_version = result->terms.version,
        .record_size = result->terms.record_size,
        .frame_max = result->frame_max,
        .features = result->terms.features,
        .handshake_us = result->handshake_us,
        .roundtrip_us = result->roundtrip_us,
        .clock_difference_ms = result->clock_difference_ms,
    };
    memcpy(report->relay_key, address->relay_key, sizeof report->relay_key);
    (void)snprintf(report->software, sizeof report->software, "%s",
                   result->software);
    (void)snprintf(report->version, sizeof report->version, "%s",
                   result->version);
}

int postern_relay_test(const char *address, uint32_t timeout_ms,
                       postern_relay_report *report)
{
    const pn_env env = pn_sysenv(NULL, NULL);
    pn_address parsed;
    cl_probe_result result;
    int error;
    if (address == NULL || report == NULL || report->size < sizeof *report ||
        timeout_ms == 0 || timeout_ms > TIMEOUT_MAX_MS)
        return POSTERN_E_ARG;
    if (pn_address_parse_text(&parsed, address, NULL) != PN_OK)
        return POSTERN_E_ADDRESS;
    if (sodium_init() < 0)
        return POSTERN_E_SYSTEM;
    error = error_of(cl_probe(&env, &parsed, timeout_ms, &result));
    if (error == POSTERN_OK)
        fill(report, &parsed, &result);
    return error;
}
