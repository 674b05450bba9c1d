/* The relay's configuration: DIR/relay.conf, lines of `key = value`.
 * `#` begins a comment line; blanks around names and values do not count. An
 * unknown key, a key given twice or a value out of range is an error that names
 * its line: a misspelt limit must not silently become no limit.
 * Every key, its default and its meaning live in one table (config_keys.c),
 * from which the example file is written too.
 */
#ifndef POSTERN_RELAY_SYS_CONFIG_H
#define POSTERN_RELAY_SYS_CONFIG_H

#include <stdio.h>

#include "proto/base/bytes.h"
#include "proto/base/env.h"
#include "relay/sys/endpoint.h"

enum {
    RL_CONFIG_BYTES_MAX = 65536, /* of the whole file */
    RL_CONFIG_LINE_MAX = 1024,
    RL_LISTEN_MAX = 4,
    RL_OPERATOR_MAX = 65 /* bytes, the NUL included */
};

/* Who may create queues. */
typedef enum rl_config_access {
    RL_CONFIG_OPEN,
    RL_CONFIG_SECRET,
    RL_CONFIG_CLOSED,
} rl_config_access;

/* Durations are in milliseconds. */
typedef struct rl_config {
    char listen[RL_LISTEN_MAX][RL_ENDPOINT_MAX];
    size_t listen_count;
    char advertise[RL_ENDPOINT_MAX]; /* empty: the first of `listen` */
    char operator_name[RL_OPERATOR_MAX];
    pn_log_level log_level;
    uint32_t max_links;       /* 0: from the limit on open files */
    uint32_t max_per_address; /* links of one IPv4 address or IPv6 /64 */
    uint32_t max_half_open;   /* handshakes under way at once */
    uint32_t puzzle_bits_max; /* hardest puzzle asked under load */
    uint32_t commands_per_second;
    uint32_t command_burst;
    uint32_t queue_messages;     /* one queue may hold */
    uint32_t queue_kib;          /* and their bytes, in KiB */
    uint32_t queue_days;         /* longest time to live */
    uint32_t creates_per_minute; /* queues made on one link */
    uint32_t creates_per_hour;   /* and from one address */
    uint32_t failures_per_minute;
    uint32_t max_open_queues;
    uint32_t store_segment_mib;
    uint32_t store_max_mib;
    uint32_t store_min_free_mib;
    rl_config_access access;
    char access_secret[RL_OPERATOR_MAX];
    uint32_t forwards_per_minute; /* of one link */
    uint32_t forwards_per_hour;   /* and from one address */
    uint32_t spool_max_parcels;   /* kept for one relay */
    uint32_t spool_max_mib;       /* and their bytes */
    uint32_t spool_days;          /* for at most so long */
    uint32_t peer_commands;       /* a second, of another relay's link */
    uint64_t peer_timeout;        /* without an answer to a parcel */
    uint64_t forward_delay_max;   /* a parcel waits at random up to so long */
    uint64_t idle_timeout;
    uint32_t output_mib;
    uint64_t slow_timeout;
    uint64_t drain_timeout;
} rl_config;

/* What is wrong and where. `line` is 0 when it is about the whole file. */
typedef struct rl_config_fault {
    unsigned line;
    char text[200];
} rl_config_fault;

void rl_config_defaults(rl_config *out);
/* Read a whole file's text. On PN_E_PROTO *fault says why, *out is untouched.
 * An empty text gives the defaults. */
PN_MUST_USE pn_err rl_config_parse(rl_config *out, pn_bytes text,
                                   rl_config_fault *fault);
/* The invariant between keys: PN_OK, or PN_E_PROTO with *fault filled. Parsing
 * checks it too. */
PN_MUST_USE pn_err rl_config_ok(const rl_config *config,
                                rl_config_fault *fault);
/* The file posternd init writes: every key explained; those that differ from
 * the default set, the others commented out. PN_E_FULL if it does not fit. */
PN_MUST_USE pn_err rl_config_write(const rl_config *config, char *out,
                                   size_t cap);
/* What a client dials: `advertise`, else the first `listen`. */
const char *rl_config_endpoint(const rl_config *config);

/* "500ms", "10s", "2m", "1h", "7d"; a bare 0 is zero. PN_E_PROTO otherwise or
 * beyond 10 years. */
PN_MUST_USE pn_err rl_duration_parse(const char *text, uint64_t *out_ms);

#endif
