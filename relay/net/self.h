/* Who this relay is to others: its onion keys and its descriptor, kept in step
 * with the clock, the configuration and the disk.
 *
 *   DIR/onion/       the keys (relay/sys/onion_files.h)
 *   DIR/descriptor   what was signed last
 *   DIR/known/       what other relays said last (KEY in base32)
 *
 * Order: a key is on disk before it stands in a descriptor, a descriptor before
 * anybody gets it; and between the end of a key and a descriptor without it
 * nobody is served. The sequence of a descriptor is the time of its signing in
 * seconds, or one more than the last: it rises although a backup was restored.
 * Thread rule: the loop's.
 */
#ifndef POSTERN_RELAY_NET_SELF_H
#define POSTERN_RELAY_NET_SELF_H

#include "proto/link/link.h"
#include "relay/sys/config.h"
#include "relay/sys/dir.h"
#include "relay/sys/onion_files.h"

#define RL_FILE_DESCRIPTOR "descriptor"
#define RL_DIR_KNOWN "known"

enum {
    RL_DESCRIPTOR_DAYS = 28, /* each is good for so long */
    RL_DESCRIPTOR_LATE = 14, /* and signed anew with so many left */
};

typedef struct rl_self {
    const pn_env *env;
    const pn_link_identity *identity;
    rl_onions *onions; /* owned, its pages locked */
    char dir[RL_PATH_MAX];
    uint8_t descriptor[PN_DESCRIPTOR_BYTES_MAX];
    size_t len; /* 0: none yet */
    uint8_t hash[PN_DESCRIPTOR_HASH_BYTES];
} rl_self;

/* Read the keys of `dir`. `env` and `identity` are borrowed. PN_E_NOMEM,
 * PN_E_ARG, PN_E_IO with errno. On error nothing is owned. */
PN_MUST_USE pn_err rl_self_init(rl_self *self, const pn_env *env,
                                const char *dir,
                                const pn_link_identity *identity, rl_day today);
/* Wipe and release. */
void rl_self_free(rl_self *self);
/* Make and destroy keys and sign a descriptor, as far as that is due: at the
 * start, every hour, and when the configuration changed. *changed says whether
 * keys or descriptor are others than before. PN_E_IO with errno, PN_E_RANDOM,
 * PN_E_ARG; what was there before stays good. */
PN_MUST_USE pn_err rl_self_refresh(rl_self *self, const rl_config *config,
                                   rl_day today, bool *changed);
/* Fill *d, all but times, sequence and keys, from the configuration. */
void rl_self_describe(pn_descriptor *d, const rl_config *config,
                      uint8_t operator_id[PN_OPERATOR_ID_BYTES]);

/* Keep another relay's descriptor. PN_E_IO with errno, PN_E_ARG. */
PN_MUST_USE pn_err rl_self_keep(const char *dir, const uint8_t *key,
                                pn_bytes descriptor);
/* What was kept of it, into out[0..PN_DESCRIPTOR_BYTES_MAX). PN_E_NOT_FOUND,
 * PN_E_FULL, PN_E_REFUSED, PN_E_ARG, PN_E_IO with errno. */
PN_MUST_USE pn_err rl_self_recall(const char *dir, const uint8_t *key,
                                  uint8_t *out, size_t *len);

#endif
