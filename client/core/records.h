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
pn_err cl_read_contact(cl_engine *e, pn_bytes in, cl_contact **out);
pn_err cl_read_item(cl_engine *e, pn_bytes in, cl_item **out);
pn_err cl_read_invite(cl_engine *e, pn_bytes in, cl_invite **out);
pn_err cl_read_accept(cl_engine *e, pn_bytes in, cl_accept **out);
pn_err cl_read_event(pn_bytes in, cl_event_entry *out);
pn_err cl_read_doomed(cl_engine *e, pn_bytes in, cl_queue **out);

#endif
