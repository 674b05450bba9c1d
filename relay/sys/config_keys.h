/* The table of configuration keys, shared by the parser and the writer. */
#ifndef POSTERN_RELAY_SYS_CONFIG_KEYS_H
#define POSTERN_RELAY_SYS_CONFIG_KEYS_H

#include "relay/sys/config.h"

typedef enum rl_key_kind {
    RL_KEY_LISTEN,   /* numeric endpoint; may be given RL_LISTEN_MAX times */
    RL_KEY_ENDPOINT, /* HOST:PORT, host may be a name */
    RL_KEY_NAME,     /* printable text */
    RL_KEY_LEVEL,    /* debug info warning error */
    RL_KEY_ACCESS,   /* open secret closed */
    RL_KEY_NUMBER,
    RL_KEY_DURATION,
} rl_key_kind;

typedef struct rl_key {
    const char *name;
    rl_key_kind kind;
    size_t at;    /* offset of its field in rl_config */
    uint64_t min; /* numbers; durations in ms */
    uint64_t max;
    const char *initial; /* the default, as written in the file */
    const char *help;    /* comment lines, each without its "# " */
} rl_key;

enum { RL_KEYS_MAX = 64 };

extern const rl_key rl_keys[];
extern const size_t rl_key_count;

/* Set one key from its text. PN_E_PROTO and a reason in why[0..cap). */
PN_MUST_USE pn_err rl_key_set(const rl_key *key, rl_config *config,
                              const char *value, char *why, size_t cap);

#endif
