/* Parcels for this relay, from their arrival to their answer. Shared by the
 * files of this room that open them, and by no other.
 *
 *   opening.c  arrival: whose key, met before, may it cost a decapsulation
 *   bidding.c  the command inside, through the store
 *   reply.c    its sealed answer, or what S may know instead
 *
 * S learns one of three things: done (with an answer of a size that follows
 * from the command alone), busy, or refused. What a client may ask by link it
 * may ask by parcel, and learns as little: a queue that is not there and a
 * wrong signature or capability are answered alike, at the floor's tick.
 * A parcel that opens is carried out to its end even if the link it came by is
 * lost: it will come again, and get its answer.
 */
#ifndef POSTERN_RELAY_CORE_OPENING_H
#define POSTERN_RELAY_CORE_OPENING_H

#include "proto/parcel/parcel.h"
#include "relay/core/onions.h"
#include "relay/core/tags.h"

/* What the store's next result means. */
typedef enum rl_step {
    RL_STEP_DEPOSIT,
    RL_STEP_LOOKUP, /* whose queue is it? */
    RL_STEP_ACK,
    RL_STEP_FETCH,
    RL_STEP_CREATE,
    RL_STEP_CHANGE, /* rotate, suspend, resume, delete */
    RL_STEP_TAG,    /* remember the answer */
    RL_STEP_RECALL, /* what was answered before? */
} rl_step;

enum {
    /* Header and body of the commands that have to wait for their owner's
     * key; also room for the parcel itself, while its answer is recalled. */
    RL_OPENING_PLAIN = PN_PARCEL_MIN,
    RL_REFUSED_LATE = 0, /* in the place of a status */
};

/* A parcel under way. Secret but for its first lines: see rl_opening_wipe(). */
typedef struct rl_opening {
    rl_pending pending;
    uint8_t step;                       /* rl_step */
    uint8_t status;                     /* pn_parcel_status to be told late */
    rl_tag *tag;                        /* under way; NULL: it leaves none */
    uint8_t recv_id[RL_QUEUE_ID_BYTES]; /* create */
    uint8_t send_id[RL_QUEUE_ID_BYTES];
    uint8_t tag_id[RL_MESSAGE_ID_BYTES];
    uint8_t key_id[PN_KEY_ID_BYTES];
    pn_parcel_created created;
    pn_parcel_opened opened; /* its views lie in plain */
    uint8_t plain[];         /* RL_OPENING_PLAIN, or none */
} rl_opening;

/* --- opening.c ------------------------------------------------------------ */

/* The answer that is stored for a parcel met before. */
void rl_parcel_recalled(rl_core *core, rl_opening *o, const rl_result *r);

/* --- bidding.c ------------------------------------------------------------ */

/* Begin to carry out what was opened; `o` is given. */
void rl_parcel_begin(rl_core *core, rl_opening *o);

/* --- reply.c -------------------------------------------------------------- */

/* Each of these answers and frees `o`, whose link may be gone. */
void rl_parcel_answer(rl_core *core, rl_opening *o,
                      const pn_parcel_answer *answer);
void rl_parcel_status(rl_core *core, rl_opening *o, pn_parcel_status status);
/* Likewise, at the tick of the floor, and counted as a failure. */
void rl_parcel_late(rl_core *core, rl_opening *o, uint8_t status);
void rl_parcel_say_late(rl_core *core, rl_opening *o);
void rl_parcel_busy(rl_core *core, rl_opening *o, uint32_t retry_after_ms);
/* Remember the answer first. */
void rl_parcel_remember(rl_core *core, rl_opening *o,
                        const pn_parcel_answer *answer);
void rl_parcel_remembered(rl_core *core, rl_opening *o, const rl_result *r);

/* Answers without an opening. */
void rl_parcel_say_busy(rl_link *link, uint64_t id, uint32_t retry_after_ms);
void rl_parcel_say_refused(rl_link *link, uint64_t id, const rl_onion *use);
void rl_parcel_say_done(rl_link *link, uint64_t id, pn_bytes reply);

#endif
