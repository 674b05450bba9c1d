/* The federation list: the relays this one forwards to, and is reached by, in
 * DIR/peers. One line for each:
 *
 *   ADDRESS DIAL      postern://KEY@HOST:PORT auto|always|never
 *   KEY never         KEY: the relay key alone, in base32
 *
 * `auto`: either may dial, when there is something to send. `always`: we hold
 * a link to it, because it cannot dial us. `never`: it dials us. A line that
 * begins with # says nothing. Written whole and atomically; every key once.
 * Thread rule: plain values.
 */
#ifndef POSTERN_RELAY_SYS_PEERS_H
#define POSTERN_RELAY_SYS_PEERS_H

#include "proto/wire/address.h"

enum {
    RL_PEERS_MAX = 256,
    RL_PEER_LINE_MAX = PN_ADDRESS_TEXT_MAX + 16, /* its newline included */
    RL_PEERS_BYTES_MAX = (RL_PEERS_MAX + 64) * RL_PEER_LINE_MAX,
    RL_PEER_KEY_TEXT = 53, /* base32 of a relay key, and a NUL */
};

typedef enum rl_dial {
    RL_DIAL_AUTO,
    RL_DIAL_ALWAYS,
    RL_DIAL_NEVER,
    RL_DIALS,
} rl_dial;

typedef struct rl_peer_entry {
    pn_address address; /* without endpoint only its relay_key counts */
    bool has_endpoint;
    rl_dial dial;
} rl_peer_entry;

/* Zero-initialise it. */
typedef struct rl_peer_list {
    rl_peer_entry *at; /* owned */
    size_t count;
} rl_peer_list;

/* What is wrong with a file: its line, 0 for the whole, and why. */
typedef struct rl_peers_fault {
    unsigned line;
    const char *why; /* static */
} rl_peers_fault;

void rl_peers_free(rl_peer_list *list);
/* Read one entry from its two words; `dial` NULL for what the address alone
 * means. PN_E_PROTO, and *why says what is wrong (static). */
PN_MUST_USE pn_err rl_peer_entry_parse(rl_peer_entry *out, const char *address,
                                       const char *dial, const char **why);
/* Its line, without newline. */
void rl_peer_entry_format(char out[RL_PEER_LINE_MAX],
                          const rl_peer_entry *entry);
/* The first word of that line: the address, or the key. */
void rl_peer_entry_name(char out[RL_PEER_LINE_MAX], const rl_peer_entry *entry);
const char *rl_dial_name(rl_dial dial);
/* The entry of a relay, or NULL. */
rl_peer_entry *rl_peers_find(const rl_peer_list *list, const uint8_t *key);
/* Add an entry (copied), or replace that of the same key. PN_E_FULL at the
 * bound, PN_E_NOMEM. */
PN_MUST_USE pn_err rl_peers_put(rl_peer_list *list, const rl_peer_entry *entry);
/* PN_E_NOT_FOUND. */
PN_MUST_USE pn_err rl_peers_remove(rl_peer_list *list, const uint8_t *key);
/* PN_E_NOMEM. *out is released by its owner. */
PN_MUST_USE pn_err rl_peers_copy(rl_peer_list *out, const rl_peer_list *from);

/* Read a whole file's text; *out is released by its owner, and empty on any
 * error. PN_E_PROTO with *fault, PN_E_NOMEM. */
PN_MUST_USE pn_err rl_peers_parse(rl_peer_list *out, pn_bytes text,
                                  rl_peers_fault *fault);
/* Read DIR/peers; a file that is not there is an empty list. As above, and
 * PN_E_IO with errno. */
PN_MUST_USE pn_err rl_peers_load(rl_peer_list *out, const char *dir,
                                 rl_peers_fault *fault);
/* Write it. PN_E_IO with errno, PN_E_NOMEM. */
PN_MUST_USE pn_err rl_peers_save(const rl_peer_list *list, const char *dir);

#endif
