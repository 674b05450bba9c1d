/* What the engine's files offer each other; no other file includes this. Their
 * structures: engine_types.h. Errors are those of the store (store.h) and
 * PN_E_NOMEM besides what is said; on PN_OK, what is "staged" is in the open
 * transaction.
 */
#ifndef POSTERN_CLIENT_CORE_ENGINE_STATE_H
#define POSTERN_CLIENT_CORE_ENGINE_STATE_H

#include "client/core/engine_types.h"

/* --- records.c: every record's form ------------------------------------- */

pn_err cl_put_self(cl_engine *e);
pn_err cl_save_relay(cl_engine *e, const cl_relay *r);
pn_err cl_save_contact(cl_engine *e, const cl_contact *c);
pn_err cl_save_item(cl_engine *e, const cl_item *item);
pn_err cl_save_invite(cl_engine *e, const cl_invite *invite);
pn_err cl_save_accept(cl_engine *e, const cl_accept *accept);
pn_err cl_save_event(cl_engine *e, const cl_event_entry *entry);
pn_err cl_save_message(cl_engine *e, const cl_message *m);
pn_err cl_save_doomed(cl_engine *e, const cl_queue *q);
pn_err cl_read_message(cl_message *out, pn_bytes value);
/* Stage. */
pn_err cl_put(cl_engine *e, cl_table table, pn_bytes key, pn_bytes value);
pn_err cl_del(cl_engine *e, cl_table table, pn_bytes key);
/* The session of a contact, read; the caller frees it. cl_is_damaged() says
 * that the record is of no use, which must not stop anybody else's mail. */
bool cl_is_damaged(pn_err err);
pn_err cl_load_session(cl_engine *e, const cl_contact *c, cl_session **out);
/* Stage it, and the contact if the state changed. */
pn_err cl_save_session(cl_engine *e, cl_contact *c, const cl_session *s);

/* --- load.c ------------------------------------------------------------- */

pn_err cl_load(cl_engine *e);
/* The same when the store failed: no event is given twice. */
pn_err cl_load_again(cl_engine *e);

/* --- engine.c ----------------------------------------------------------- */

/* End of a command: commit on PN_OK, else undo what it staged. */
pn_err cl_finish(cl_engine *e, pn_err err);
/* Start of a command: what events staged is committed apart. */
pn_err cl_begin(cl_engine *e);
uint64_t cl_mono(const cl_engine *e);
uint64_t cl_wall(const cl_engine *e);
void cl_forget_all(cl_engine *e);

/* --- clock.c ------------------------------------------------------------ */

/* Notice that the clock was set back, also since the last time the program
 * ran: what waits for a date that was never right has its time from now on.
 * Staged. */
pn_err cl_clock_tick(cl_engine *e);

/* --- chores.c ----------------------------------------------------------- */

pn_err cl_load_chores(cl_engine *e);
/* Once a day, in small portions: forget what is too old. Staged. */
pn_err cl_chores(cl_engine *e);
uint64_t cl_chores_deadline(const cl_engine *e);

/* --- destinations.c ------------------------------------------------------ */

void cl_destinations_forget(cl_engine *e);
/* Let refusals run out. */
void cl_destinations_tick(cl_engine *e);
uint64_t cl_destinations_deadline(const cl_engine *e);
/* The relay through which a copy for this contact goes to `to`: one of ours, or
 * `to` itself where that is chosen or we know no other; NULL if there is no way
 * now. The same until cl_ways_changed(). */
cl_relay *cl_way_choose(cl_engine *e, const cl_contact *c, cl_relay *to);
/* Place everything anew. */
void cl_ways_changed(cl_engine *e);
pn_err cl_read_descriptor(cl_engine *e, pn_bytes key, pn_bytes in);

/* --- relays.c, links.c ------------------------------------ */

cl_relay *cl_relay_by_number(const cl_engine *e, uint32_t number);
/* The relay of this address; made if need be. NULL: no memory. */
cl_relay *cl_relay_of(cl_engine *e, const pn_address *address);
/* Relays for a new contact's queues, at most as many as are wanted, those that
 * answer first; returns their number. */
size_t cl_relays_choose(const cl_engine *e, cl_relay *out[CL_QUEUES_MAX]);
/* The best one of ours that has none of the keys of `taken`, or NULL. */
cl_relay *cl_relay_pick(const cl_engine *e, cl_relay *const *taken,
                        size_t count);
/* It fails for so long, while others do not, that it is not waited for. */
bool cl_relay_is_dead(const cl_engine *e, const cl_relay *r);
/* When it is (wall), if it goes on like this; UINT64_MAX if that is dealt with
 * already. */
uint64_t cl_relay_dies(const cl_engine *e, const cl_relay *r);
/* Something came of it, or nothing did. The next pump stages it. */
void cl_relay_answers(cl_relay *r);
void cl_relay_fails(cl_engine *e, cl_relay *r);
/* On the relay's list from the start. Nobody waits for it once it is freed. */
cl_request *cl_request_new(cl_relay *r, cl_ask kind, size_t batch);
void cl_request_free(cl_request *req);
pn_err cl_relay_send(cl_engine *e, cl_relay *r, pn_msg *msg, cl_request *req);
void cl_relay_down(cl_engine *e, cl_relay *r, const char *why);
void cl_relays_pump(cl_engine *e);
uint64_t cl_relays_deadline(const cl_engine *e);
void cl_relay_release(cl_engine *e, cl_relay *r);

/* --- queues.c, queues_ask.c
 * ----------------------------------------------------------- */

/* A queue with fresh keys, not yet created. */
pn_err cl_queue_new(cl_engine *e, cl_relay *r, cl_owner owner, cl_queue **out);
/* A queue whose keys follow from a link key. */
pn_err cl_queue_of_link(cl_engine *e, cl_relay *r, cl_owner owner,
                        const uint8_t link_key[32], cl_queue **out);
/* An empty one at the relay, whose fields the caller fills. NULL: no memory. */
cl_queue *cl_queue_blank(cl_relay *r, cl_owner owner);
void cl_queue_free(cl_engine *e, cl_queue **q);
/* Give it another deposit capability, and tell the contact it belongs to: who
 * may have seen the old one may then write no more. The caller saves it. */
pn_err cl_queue_rotate(cl_engine *e, cl_queue *q);
/* Let the relay delete it, for as long as that takes. Staged; takes *q. */
pn_err cl_queue_doom(cl_engine *e, cl_queue **q);
/* The same for one whose record says so already. Takes *q. */
void cl_queue_doomed(cl_engine *e, cl_queue **q);
/* Where others write to it. */
void cl_queue_ref_of(cl_queue_ref *out, const cl_queue *q);
/* Put it where it waits for what it wants, after any change of it. */
void cl_queue_place(cl_engine *e, cl_queue *q);
/* Find it by its recv_id from now on. PN_E_PROTO if another has that. */
pn_err cl_queue_index(cl_engine *e, cl_queue *q);
/* Send what the relay's queues want: create, open, acknowledge, delete. */
void cl_queues_pump(cl_engine *e, cl_relay *r);
pn_err cl_queues_answer(cl_engine *e, cl_relay *r, cl_request *req,
                        const pn_msg *msg);
void cl_queue_closed(cl_engine *e, cl_relay *r, const pn_msg *msg);
void cl_queue_ack(cl_engine *e, cl_queue *q, const uint8_t *message_id);
cl_queue *cl_queue_by_recv_id(const cl_engine *e, const uint8_t *recv_id);

/* --- upkeep.c: each contact's queues, on as many relays as are wanted ------
 */

pn_err cl_upkeep_tick(cl_engine *e);
uint64_t cl_upkeep_deadline(const cl_engine *e);
/* Look after this contact's queues at the next pump. */
void cl_upkeep_due(cl_engine *e, cl_contact *c);
void cl_upkeep_all(cl_engine *e);
/* The clock was set back to `now`: nothing is of a later time. */
void cl_upkeep_set_back(cl_engine *e, uint64_t now);
/* Where it is to write: at most CL_QUEUES_MAX. Returns their number. The caller
 * wipes them. */
size_t cl_list_of(const cl_contact *c, cl_queue_ref refs[CL_QUEUES_MAX]);
/* It is another list than it was: the contact is told. Staged. */
pn_err cl_list_changed(cl_engine *e, cl_contact *c);
/* Give the contact another queue; it owns it. PN_E_FULL. */
pn_err cl_contact_add_queue(cl_engine *e, cl_contact *c, cl_queue *q);
/* It is not the contact's any more, and has no owner. */
void cl_contact_lose_queue(cl_contact *c, const cl_queue *q);

/* --- contacts_life.c ---------------------------------------------------------
 */

cl_contact *cl_contact_find(const cl_engine *e, const char *name_or_id);
cl_contact *cl_contact_by_id(const cl_engine *e, const uint8_t *id);
cl_contact *cl_contact_by_peer(const cl_engine *e, const uint8_t *peer);
bool cl_name_is_free(const cl_engine *e, const char *name,
                     const cl_contact *but);
/* Make one; `wish` (may be "") becomes its name, changed until unique. */
cl_contact *cl_contact_blank(void);
pn_err cl_contact_new(cl_engine *e, const char *wish, cl_contact **out);
pn_err cl_contact_link(cl_engine *e, cl_contact *c);
void cl_contact_free(cl_engine *e, cl_contact **c);
/* The profile for what we send it, and whether we wish the thin one of it. */
cl_profile cl_contact_profile(const cl_engine *e, const cl_contact *c);
bool cl_contact_wants_thin(const cl_engine *e, const cl_contact *c);
/* Free them all. Their items are gone. */
void cl_contacts_forget(cl_engine *e);
/* PN_E_EXISTS: somebody has that name. */
pn_err cl_contact_set_name(cl_engine *e, cl_contact *c, const char *name);
pn_err cl_contact_set_peer(cl_engine *e, cl_contact *c,
                           const uint8_t peer[CL_IDENTITY_ID_BYTES]);
/* At which times it has to do something: after any change of what is owed. */
void cl_contact_times(cl_engine *e, cl_contact *c);
/* That, and what its items wait for: after any change of session, routes or
 * block. */
void cl_contact_place(cl_engine *e, cl_contact *c);
void cl_contact_drop(cl_engine *e, cl_contact *c);
/* Write to these from now on, and to no others. What is not confirmed goes to
 * the new ones, too. `list_ms` says of when the list is; the caller has seen
 * that it is not an older one. */
pn_err cl_contact_set_routes(cl_engine *e, cl_contact *c,
                             const cl_queue_ref *refs, size_t count,
                             uint64_t list_ms);

/* --- outbox.c, place.c, seal.c
 * -------------------------------------------------------*/

/* A new item, linked and staged. The id is drawn if NULL. */
pn_err cl_item_new(cl_engine *e, cl_contact *c, cl_item_kind kind,
                   pn_priority priority, const uint8_t *id, uint64_t expires_ms,
                   cl_item **out);
cl_item *cl_item_by_id(const cl_engine *e, const uint8_t *id);
/* Make it one of the engine's and its contact's; the caller owns it still if
 * that fails. */
pn_err cl_item_link(cl_engine *e, cl_item *item);
/* Put it where it waits, after any change of it. */
void cl_item_place(cl_engine *e, cl_item *item);
/* What it waits for, at this moment. */
cl_wait cl_item_wait(const cl_engine *e, const cl_item *item);
void cl_item_free(cl_engine *e, cl_item *item);
/* It is done, as `state` says: record, event, end. Staged. */
pn_err cl_item_end(cl_engine *e, cl_item *item, cl_item_state state,
                   cl_failure failure);
/* Send it anew: the relay's copy, if any, counts for nothing. Staged. */
pn_err cl_item_again(cl_engine *e, cl_item *item);
pn_err cl_items_again(cl_engine *e, const cl_contact *c);
/* Tell the contact soon who and where we are: one such item is enough. */
pn_err cl_hello_owe(cl_engine *e, cl_contact *c, pn_priority priority);
/* The contact has the message of this content id. Staged. */
pn_err cl_item_confirmed(cl_engine *e, cl_contact *c, const uint8_t *id);
/* Note it in its message, if it has one. Staged. */
pn_err cl_item_mark(cl_engine *e, const cl_item *item, cl_item_state state,
                    cl_failure failure);
/* Throw away what was sealed of it. */
void cl_item_unseal(cl_engine *e, cl_item *item);
/* Only what all copies have in common. */
void cl_item_drop_inner(cl_engine *e, cl_item *item);
/* Whether every relay of the contact holds it. */
bool cl_item_is_everywhere(const cl_item *item);
/* The contact's route at this place goes, or another comes: the item's copy
 * there begins anew. */
void cl_copy_reset(cl_engine *e, cl_copy *copy);
/* Expire and resend what is due. */
pn_err cl_outbox_tick(cl_engine *e);
/* Seal what can leave now: spends keys, staged. */
pn_err cl_outbox_seal(cl_engine *e);
/* Send what is sealed and committed. */
void cl_outbox_transmit(cl_engine *e);
/* Where it goes to; its relay is NULL if nothing is there. */
const cl_route *cl_copy_route(const cl_copy *copy);
/* The relay through which it leaves. */
cl_relay *cl_copy_via(const cl_copy *copy);
/* What it waits for, at this moment. */
cl_wait cl_copy_wait(const cl_engine *e, const cl_copy *copy);
pn_err cl_outbox_answer(cl_engine *e, cl_request *req, const pn_msg *msg);
uint64_t cl_outbox_deadline(const cl_engine *e);
void cl_item_reason(const cl_engine *e, const cl_item *item,
                    char out[CL_REASON_MAX + 1]);
bool cl_relay_has_work(const cl_relay *r);
/* Seal a copy into its envelope; its item in the session before, if that was
 * not done for another copy. The item may be gone after it. */
pn_err cl_copy_seal(cl_engine *e, cl_copy *copy);
/* Why one copy waits, or that it is held. */
void cl_copy_reason(const cl_engine *e, const cl_copy *copy,
                    char out[CL_REASON_MAX + 1]);

/* --- inbox.c
 * ----------------------------------------------------------------*/

pn_err cl_inbox_deliver(cl_engine *e, cl_relay *r, const pn_msg_deliver *d);

/* A person said no to this identity of the contact: its envelopes go. */
pn_err cl_inbox_reject(cl_engine *e, const cl_contact *c,
                       const cl_identity_public *who);

/* --- receipts.c
 * -------------------------------------------------------------*/

/* Owe the contact a receipt. Staged with the contact. */
pn_err cl_receipt_owe(cl_engine *e, cl_contact *c, const uint8_t *content_id);
/* Make items of what is due. */
pn_err cl_receipts_tick(cl_engine *e);
/* Let the item carry up to `max` of what is owed. */
pn_err cl_receipts_carry(cl_engine *e, cl_item *item, size_t max);
/* The item ends: what it was to carry, and no relay has, is owed as before. */
pn_err cl_receipts_return(cl_engine *e, const cl_item *item);
uint64_t cl_receipts_deadline(const cl_engine *e);

/* --- events.c
 * ---------------------------------------------------------------*/

/* Add one: staged. `source` may be NULL. */
pn_err cl_event_add(cl_engine *e, cl_event_kind kind, cl_failure failure,
                    const uint8_t *contact, const uint8_t *message,
                    cl_event_entry **out);
cl_event_entry *cl_event_by_sequence(const cl_engine *e, uint64_t sequence);
cl_event_entry *cl_event_of_message(const cl_engine *e, const uint8_t *id);
/* Whether a message that came from this queue under this id waits for the
 * application. */
bool cl_event_waits_for(const cl_engine *e, const uint8_t *recv_id,
                        const uint8_t *message_id);
/* The same of any message there. */
bool cl_event_waits_at(const cl_engine *e, const uint8_t *recv_id);
/* Make it one of the engine's; the caller owns it still if that fails. */
pn_err cl_event_link(cl_engine *e, cl_event_entry *entry);
/* The message came here, too: acknowledge that with the rest. */
void cl_event_also(cl_event_entry *entry, cl_queue *q,
                   const uint8_t *message_id);
/* The application has it, now. */
void cl_event_give(cl_engine *e, cl_event_entry *entry);
void cl_event_drop(cl_engine *e, cl_event_entry *entry);

/* --- invites.c, accepts.c
 * ----------------------------------------------------*/

pn_err cl_invites_tick(cl_engine *e);
void cl_invites_transmit(cl_engine *e, cl_relay *r);
/* Its next step, if what that takes is there. */
pn_err cl_invite_advance(cl_engine *e, cl_invite *invite);
pn_err cl_invite_queue_created(cl_engine *e, cl_invite *invite);
pn_err cl_invite_blob_answer(cl_engine *e, cl_request *req, const pn_msg *msg);
/* The relay will not have this queue of it, or has lost it. Frees q. */
pn_err cl_invite_refused(cl_engine *e, cl_invite *invite, cl_queue *q);
/* Its answer came: the contact takes the reply queue. Staged. */
pn_err cl_invite_answered(cl_engine *e, cl_invite *invite, cl_contact *c);
/* Put it where it waits, after any change of it. */
void cl_invite_place(cl_engine *e, cl_invite *invite);
void cl_invite_free(cl_engine *e, cl_invite *invite);
uint64_t cl_invites_deadline(const cl_engine *e);

pn_err cl_accepts_tick(cl_engine *e);
pn_err cl_accept_fetched(cl_engine *e, cl_accept *accept, pn_bytes envelope);
/* The relay knows no such queue, or nothing lies there. Frees q. */
pn_err cl_accept_missing(cl_engine *e, cl_accept *accept, cl_queue *q);
/* The relay will not have this queue of ours. Frees q. */
pn_err cl_accept_refused(cl_engine *e, cl_accept *accept, cl_queue *q);
uint64_t cl_accepts_deadline(const cl_engine *e);
pn_err cl_accept_hello_stored(cl_engine *e, const cl_item *item);
void cl_accept_free(cl_engine *e, cl_accept *accept);

#endif
