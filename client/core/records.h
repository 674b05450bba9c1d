/* The form of every record of the engine, reader and writer of each side by
 * side. Each begins with a version byte. Integers are big-endian.
 * Thread rule: as the engine.
 */
#ifndef POSTERN_CLIENT_CORE_RECORDS_H
#define POSTERN_CLIENT_CORE_RECORDS_H

#include "client/core/engine_state.h"

/* All: PN_E_VERSION, PN_E_CORRUPT, PN_E_NOMEM. What they make is not linked
 * into the engine but for relays. The caller frees with the maker's function;
 * on failure nothing is left. */
pn_err cl_read_self(cl_engine *e, pn_bytes in);
/* A relay of our choice, from its key and value, into the engine. */
pn_err cl_read_relay(cl_engine *e, pn_bytes key, pn_bytes in);
pn_err cl_read_contact(cl_engine *e, pn_bytes in, cl_contact **out);
pn_err cl_read_item(cl_engine *e, pn_bytes in, cl_item **out);
pn_err cl_read_invite(cl_engine *e, pn_bytes in, cl_invite **out);
pn_err cl_read_accept(cl_engine *e, pn_bytes in, cl_accept **out);
pn_err cl_read_event(pn_bytes in, cl_event_entry *out);
pn_err cl_read_doomed(cl_engine *e, pn_bytes in, cl_queue **out);

/* --- parts of records ------------------------------------------------------
 */

enum {
    CL_RECORD_VERSION = 1,
    CL_QUEUE_RECORD_MAX = 6 * 32 + 1 + CL_ADDRESS_BYTES_MAX,
};

/* Stage what was written, and wipe it: records are secret. */
pn_err cl_record_stage(cl_engine *e, cl_table table, pn_bytes key, pn_out *o);
pn_err cl_record_take_version(pn_bytes *in);
/* PN_E_CORRUPT for what is no error of ours: a field that ends early. */
pn_err cl_record_corrupt(pn_err err);
void cl_record_put_text(pn_out *o, const char *text);
pn_err cl_record_take_text(pn_bytes *in, char *out, size_t cap);
pn_err cl_record_take_bool(pn_bytes *in, bool *out);
void cl_record_put_bytes(pn_out *o, const uint8_t *p, size_t len);
/* A copy, which the caller owns; NULL for none. */
pn_err cl_record_take_bytes(pn_bytes *in, uint8_t **out, size_t *len);
/* `q` may be NULL; so may be what is read. */
pn_err cl_record_put_queue(pn_out *o, const cl_queue *q);
pn_err cl_record_take_queue(cl_engine *e, pn_bytes *in, cl_owner owner,
                            void *who, cl_queue **out);

#endif
