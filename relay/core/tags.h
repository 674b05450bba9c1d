/* Which parcels were carried out and must not be again: creating a queue,
 * rotating, suspending, resuming and deleting one. Shared by the files of this
 * room that open parcels, and by no other.
 *
 * Each such parcel leaves a message in a queue of the relay's own: its id is
 * the parcel's tag, its body the answer as it was sealed for the sender, so
 * that the same parcel gets the same answer, byte for byte, after a crash too.
 * It lives as long as the onion key, and dies with it. In memory a tag takes
 * about 100 bytes. There are tags_max of them at most: at the bound such
 * commands are told to come later, and none is forgotten early.
 *
 * Order: the command, then its tag, then the answer. A crash between the first
 * two leaves a command carried out, not answered, and not remembered; whoever
 * brings the parcel again has it carried out again. By what they mean the
 * second time changes nothing, but for a queue that nobody knows: a client asks
 * for nothing else of the queue before it has the answer (PROTOCOL.md 4.5), and
 * the store knows a rotation whose capability was replaced. All else
 * (deposit, fetch, ack) leaves no tag: a message id is stored once.
 */
#ifndef POSTERN_RELAY_CORE_TAGS_H
#define POSTERN_RELAY_CORE_TAGS_H

#include "relay/core/state.h"

typedef struct rl_tag {
    pn_node node;
    uint64_t seq; /* in the queue; 0: under way */
    uint8_t tag[RL_MESSAGE_ID_BYTES];
    uint8_t key_id[PN_KEY_ID_BYTES];
} rl_tag;

enum {
    /* Of a tag's message: version 1 and the key's id, then the answer. */
    RL_TAG_HEADER = 1 + PN_KEY_ID_BYTES,
    RL_TAG_BYTES = RL_TAG_HEADER + PN_REPLY_STATUS_BYTES,
};

PN_MUST_USE pn_err rl_tags_init(rl_core *core);
void rl_tags_free(rl_core *core);
/* Read what is remembered, as far as that is not done. */
void rl_tags_open(rl_core *core);
void rl_tags_tick(rl_core *core, uint64_t now);
void rl_tags_result(rl_core *core, rl_pending *p, const rl_result *r);
/* Forget those whose key is no more. */
void rl_tags_prune(rl_core *core);

rl_tag *rl_tags_find(const rl_core *core, const uint8_t *tag);
/* A tag under way. NULL: the memory of tags is full or not yet read. */
rl_tag *rl_tags_begin(rl_core *core, const uint8_t *tag, const uint8_t *key_id);
/* It came to nothing: the parcel may come again. */
void rl_tags_drop(rl_core *core, rl_tag *tag);
/* Store the tag with its answer, PN_REPLY_STATUS_BYTES; the result is p's. */
PN_MUST_USE pn_err rl_tags_keep(rl_core *core, rl_pending *p, const rl_tag *tag,
                                const uint8_t *answer);
/* Ask for a tag's message; the result is p's. */
PN_MUST_USE pn_err rl_tags_recall(rl_core *core, rl_pending *p,
                                  const rl_tag *tag);
/* The answer in a stored tag; false if it is none. */
bool rl_tags_read(const rl_envelope *e, const uint8_t *tag, pn_bytes *answer);

#endif
