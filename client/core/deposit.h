/* How a copy reaches the relay where it is to lie: straight (deposit.c), or in
 * a parcel through an entry relay (forward.c, destinations.c, ways.c). For the
 * engine's files only; errors and "staged" as in engine_state.h.
 */
#ifndef POSTERN_CLIENT_CORE_DEPOSIT_H
#define POSTERN_CLIENT_CORE_DEPOSIT_H

#include "client/core/engine_state.h"

/* --- deposit.c ----------------------------------------------------------- */

/* The deposit of a sealed copy, borrowing from it and from *id, which is its
 * message id: the same for every try of an epoch. */
void cl_copy_deposit(const cl_engine *e, const cl_copy *copy,
                     uint8_t id[PN_MESSAGE_ID_BYTES], pn_msg_deposit *out);
/* Some relay has it, on its way at least: it cannot be lost by us. Staged. */
pn_err cl_copy_relayed(cl_engine *e, cl_copy *copy);
/* It lies where it is to lie. Staged. */
pn_err cl_copy_stored(cl_engine *e, cl_copy *copy);
/* Not now, for this reason: `first_ms` from now on, or what the reason asks
 * for, then more and more. */
void cl_copy_hold(cl_engine *e, cl_copy *copy, cl_wait wait, uint32_t first_ms);
/* The same when it was said to be relayed before, and is not: staged. */
pn_err cl_copy_refused(cl_engine *e, cl_copy *copy, cl_wait wait,
                       uint32_t first_ms);

/* --- forward.c ----------------------------------------------------------- */

/* Send a sealed copy through the entry relay, or begin with what that takes. */
void cl_copy_forward(cl_engine *e, cl_relay *entry, cl_copy *copy);
/* *kept: the request is not to be freed. */
pn_err cl_forward_result(cl_engine *e, cl_relay *entry, cl_request *req,
                         const pn_msg *msg, bool *kept);
pn_err cl_forward_reply(cl_engine *e, cl_relay *entry, const pn_msg *msg);
/* No answer will come through this entry any more. Frees req. */
void cl_custody_end(cl_engine *e, cl_relay *entry, cl_request *req);

/* --- destinations.c ------------------------------------------------------ */

/* By its relay key; made if need be. NULL: no memory. */
cl_destination *cl_destination_of(cl_engine *e, const uint8_t *relay_key);
/* The onion key to seal to now, or NULL. */
const pn_descriptor_onion *cl_destination_onion(const cl_engine *e,
                                                const cl_destination *d);
/* Ask an entry relay for its descriptor, unless that is good, or asked for. */
void cl_destination_ask(cl_engine *e, cl_relay *entry, cl_destination *d);
pn_err cl_destination_told(cl_engine *e, cl_relay *entry, cl_request *req,
                           const pn_msg *msg);
/* Somebody who must know says that our descriptor of it is of no use. */
void cl_destination_outdated(cl_engine *e, cl_destination *d);

/* --- ways.c --------------------------------------------------------------- */

/* This relay of ours does not forward there, for so long. */
void cl_no_way(cl_engine *e, cl_relay *by, cl_destination *d, uint64_t ms);
/* The same of what the destination may have done itself, so as to be written to
 * by another way: no message takes a worse one before it has waited as long as
 * it would for one that fails. */
void cl_no_way_in_doubt(cl_engine *e, cl_relay *by, cl_destination *d,
                        uint64_t ms);
/* Another copy of its message has just left by this entry, which would see that
 * the two belong together: this one waits a little, at random. */
bool cl_copy_spread(cl_engine *e, const cl_relay *entry, cl_copy *copy);

#endif
