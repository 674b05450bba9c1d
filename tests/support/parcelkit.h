/* Everything a parcel needs, from a seed: a relay with an onion key, a queue
 * with its key, and one good command and answer of every kind.
 */
#ifndef POSTERN_TESTS_SUPPORT_PARCELKIT_H
#define POSTERN_TESTS_SUPPORT_PARCELKIT_H

#include "proto/parcel/parcel.h"
#include "tests/support/simenv.h"

enum { PARCELKIT_KINDS = 8 };

typedef struct parcelkit {
    simenv sim;
    pn_env env;
    uint8_t relay_key[PN_RELAY_KEY_BYTES];
    pn_xwing_key onion;
    pn_parcel_to to; /* that relay and key */
    uint8_t queue_pk[PN_QUEUE_KEY_BYTES];
    uint8_t queue_sk[64];
    uint8_t noise[PN_ENVELOPE_MAX]; /* what commands borrow from */
} parcelkit;

/* Fill *kit, which is large and stays where it is. Aborts if it cannot. */
void parcelkit_init(parcelkit *kit, uint64_t seed);
/* All kinds, deposit first. */
extern const pn_parcel_kind parcelkit_kinds[PARCELKIT_KINDS];
/* A good command; a deposit's envelope and a fetch's room are of class `c`. */
pn_parcel_command parcelkit_command(const parcelkit *kit, pn_parcel_kind kind,
                                    pn_envelope_class c);
/* Seal it, with the queue's key where one is needed; returns the length. */
size_t parcelkit_seal(parcelkit *kit, const pn_parcel_command *cmd,
                      uint8_t out[PN_PARCEL_MAX], pn_parcel_reply *reply);
/* Seal any header and body of class `c`, as only a hostile sender would. */
size_t parcelkit_seal_content(parcelkit *kit, const uint8_t *content,
                              pn_envelope_class c, uint8_t out[PN_PARCEL_MAX]);
/* The answer of success to such a command; a fetch's envelope fills `room`. */
pn_parcel_answer parcelkit_answer(const parcelkit *kit, pn_parcel_kind kind,
                                  pn_envelope_class room);
/* The same, field by field. */
bool parcelkit_command_equal(const pn_parcel_command *a,
                             const pn_parcel_command *b);
bool parcelkit_answer_equal(pn_parcel_kind kind, const pn_parcel_answer *a,
                            const pn_parcel_answer *b);

#endif
