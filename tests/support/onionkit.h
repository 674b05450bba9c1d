/* A world of coresim.h that takes parcels: its relay has onion keys, and there
 * are senders who seal to them.
 */
#ifndef POSTERN_TESTS_SUPPORT_ONIONKIT_H
#define POSTERN_TESTS_SUPPORT_ONIONKIT_H

#include "proto/parcel/parcel.h"
#include "tests/support/coresim.h"

typedef struct onionkit {
    coresim *w;
    rl_onions onions;
    uint8_t relay_sk[64]; /* of the relay whose core it is */
    uint8_t descriptor[PN_DESCRIPTOR_BYTES_MAX];
    size_t descriptor_len;
    uint64_t sequence; /* of the descriptor */
    uint8_t parcel[PN_PARCEL_MAX];
    size_t parcel_len;
    uint8_t body[PN_ENVELOPE_MAX]; /* of deposits */
    uint8_t ids[PN_PARCEL_BODY_BYTES];
    uint8_t hash[32];
    uint8_t plain[PN_REPLY_PLAIN_MAX];
    uint8_t last[PN_REPLY_MAX]; /* the answer, sealed */
    size_t last_len;
} onionkit;

/* Sets up *w too, which must outlive the kit. Aborts if it cannot. */
void onionkit_init(onionkit *kit, coresim *w, uint64_t seed);
void onionkit_free(onionkit *kit);
/* One more key, valid from now; its id. */
const uint8_t *onionkit_add_key(onionkit *kit);
/* Tell the core what keys there are, and describe them. */
void onionkit_announce(onionkit *kit);
/* A descriptor of any relay, by its seed's keys, into out; its length. */
size_t onionkit_describe(uint8_t out[PN_DESCRIPTOR_BYTES_MAX],
                         const uint8_t sk[64], uint64_t sequence,
                         uint64_t now_ms, const char *label);

/* Seal a command for queue q, signed with its key where one is needed. */
void onionkit_seal(onionkit *kit, const pn_parcel_command *cmd, size_t q,
                   pn_parcel_reply *reply);
/* Commands about queue q. */
pn_parcel_command onionkit_deposit(onionkit *kit, size_t q, uint64_t message,
                                   pn_envelope_class class);
pn_parcel_command onionkit_create(onionkit *kit, size_t q);
pn_parcel_command onionkit_manage(onionkit *kit, size_t q, pn_parcel_kind kind);

/* Hand the sealed parcel over by link i, under `id`. */
pn_err onionkit_send(onionkit *kit, size_t i, uint64_t id);
/* The outcome that link i was told for `id` since event `from`; 0: none. */
int onionkit_outcome(onionkit *kit, size_t from, size_t i, uint64_t id);
/* Seal, send, settle, open the answer: its status, or minus the outcome where
 * that is not `done`, or 0 without any. *answer borrows from the kit. */
int onionkit_do(onionkit *kit, size_t i, size_t q, const pn_parcel_command *cmd,
                pn_parcel_answer *answer);
/* The same parcel once more. */
int onionkit_again(onionkit *kit, size_t i, const pn_parcel_reply *reply,
                   pn_parcel_answer *answer);

#endif
