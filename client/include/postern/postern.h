/* libpostern: the endpoint of the Postern messaging network, as a library.
 *
 * Conventions. Functions return POSTERN_OK or a negative postern_error; those
 * numbers never change their meaning. Structures the caller provides begin
 * with `size`, set by their _INIT, so that an older program works with a newer
 * library. Texts are UTF-8 and end with a NUL. The library never writes to
 * standard output or error, never ends the process, changes no signal handler
 * and keeps no state between calls.
 * Thread rule: any function, from any thread, at any time.
 */
#ifndef POSTERN_POSTERN_H
#define POSTERN_POSTERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define POSTERN_API __attribute__((visibility("default")))
#define POSTERN_MUST_USE __attribute__((warn_unused_result))
#else
#define POSTERN_API
#define POSTERN_MUST_USE
#endif

typedef enum postern_error {
    POSTERN_OK = 0,
    POSTERN_E_NOMEM = -1,    /* no memory */
    POSTERN_E_ARG = -2,      /* a NULL, or a structure without its size */
    POSTERN_E_ADDRESS = -3,  /* not the address of a relay */
    POSTERN_E_RESOLVE = -4,  /* the host name has no address */
    POSTERN_E_CONNECT = -5,  /* nobody listens there, or no way there */
    POSTERN_E_TIMEOUT = -6,  /* no proper answer in time */
    POSTERN_E_CLOSED = -7,   /* the relay ended the link early; it is full,
                                stops, or is somebody else */
    POSTERN_E_PROTOCOL = -8, /* an answer that is none of the protocol */
    POSTERN_E_VERSION = -9,  /* no protocol version in common */
    POSTERN_E_AUTH = -10,    /* who answers does not hold the relay's key */
    POSTERN_E_SYSTEM = -11,  /* the operating system refused */
    POSTERN_E_INTERNAL = -12 /* a fault of this library */
} postern_error;

/* A sentence for a person, in English: static, never NULL, no trailing dot.
 * Any number may be asked about. */
POSTERN_API const char *postern_strerror(int error);

/* The library's version, "MAJOR.MINOR.PATCH": static. */
POSTERN_API const char *postern_version(void);
/* The newest protocol version it speaks. */
POSTERN_API uint32_t postern_protocol_version(void);

/* What postern_relay_test() found out. */
typedef struct postern_relay_report {
    uint32_t size;               /* of this structure; POSTERN_..._INIT */
    uint32_t protocol_version;   /* of the commands the relay speaks */
    uint32_t link_version;       /* of the encrypted link */
    uint32_t record_size;        /* bytes of every record on the wire */
    uint32_t frame_max;          /* bytes of the largest frame it takes */
    uint32_t reserved;           /* 0 */
    uint64_t features;           /* bits of what the link may be used for */
    uint64_t handshake_us;       /* from the start to the proven relay: name,
                                    connection and handshake, microseconds */
    uint64_t roundtrip_us;       /* one question and its answer, after that */
    int64_t clock_difference_ms; /* the relay's clock minus ours */
    uint8_t relay_key[32];       /* proven */
    char software[40];           /* as the relay names itself */
    char version[40];
} postern_relay_report;

#define POSTERN_RELAY_REPORT_INIT            \
    {                                        \
        .size = sizeof(postern_relay_report) \
    }

/* Connect to the relay at `address` (postern://KEY@HOST:PORT), let it prove
 * that it holds the key, ask what it is, and leave. Blocks for at most
 * timeout_ms (1 to 3600000) and a moment. `report` is filled on POSTERN_OK
 * only. Any error above. */
POSTERN_API POSTERN_MUST_USE int
postern_relay_test(const char *address, uint32_t timeout_ms,
                   postern_relay_report *report);

#ifdef __cplusplus
}
#endif

#endif
