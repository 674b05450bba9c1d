/* Onion keys: the X-Wing keys to which parcels for a relay are sealed. A relay
 * makes a new one every week and destroys its private part six weeks later; the
 * public parts stand in its descriptor (PROTOCOL.md section 4).
 * Thread rule: no state, any thread.
 */
#ifndef POSTERN_PROTO_ROSTER_ONION_H
#define POSTERN_PROTO_ROSTER_ONION_H

#include "proto/crypto/xwing.h"

enum {
    PN_ONION_ID_BYTES = 4,
    PN_ONION_NEW_DAYS = 7,   /* a new key this often */
    PN_ONION_VALID_DAYS = 42 /* and each valid for no longer than this */
};

/* The name of a key, which follows from it: the first bytes of
 * BLAKE2b-256("postern/onion-key/1" | pk). Two keys of one relay with one name
 * are a reason to draw another key. */
void pn_onion_id(uint8_t out[PN_ONION_ID_BYTES],
                 const uint8_t pk[PN_XWING_PK_BYTES]);

#endif
