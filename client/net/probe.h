/* Is that relay there, and what is it? One link, one question, the end.
 * Brings its own loop and blocks; nothing is left behind.
 * Thread rule: any thread.
 */
#ifndef POSTERN_CLIENT_NET_PROBE_H
#define POSTERN_CLIENT_NET_PROBE_H

#include "proto/base/env.h"
#include "proto/link/link.h"
#include "proto/wire/address.h"
#include "proto/wire/msg.h"

typedef enum cl_probe_end {
    CL_PROBE_DONE,
    CL_PROBE_NOMEM,
    CL_PROBE_SYSTEM,   /* the operating system refused */
    CL_PROBE_RESOLVE,  /* the host name has no address */
    CL_PROBE_CONNECT,  /* no address of the host could be reached */
    CL_PROBE_TIMEOUT,  /* not done in time */
    CL_PROBE_CLOSED,   /* the peer ended the stream first */
    CL_PROBE_PROTOCOL, /* the peer broke the protocol */
    CL_PROBE_VERSION,  /* no version in common */
    CL_PROBE_AUTH,     /* the peer does not hold the relay key */
} cl_probe_end;

typedef struct cl_probe_result {
    pn_link_terms terms;
    uint32_t protocol;
    uint32_t frame_max;
    uint64_t handshake_us;
    uint64_t roundtrip_us;
    int64_t clock_difference_ms;
    char software[PN_SOFTWARE_MAX + 1];
    char version[PN_SOFTWARE_MAX + 1];
} cl_probe_result;

/* Probe `address` for at most timeout_ms. *out is filled on CL_PROBE_DONE. */
cl_probe_end cl_probe(const pn_env *env, const pn_address *address,
                      uint32_t timeout_ms, cl_probe_result *out);

#endif
