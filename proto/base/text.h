/* Text from a peer, before anybody shows it.
 * Thread rule: no state, any thread.
 */
#ifndef POSTERN_PROTO_BASE_TEXT_H
#define POSTERN_PROTO_BASE_TEXT_H

#include "proto/base/bytes.h"

/* Whether `in` is UTF-8 (RFC 3629) without a NUL. */
bool pn_text_ok(pn_bytes in);
/* Whether `in` may be shown in one line as it is: UTF-8 without control
 * characters and without the marks that reorder text (U+202A..202E,
 * U+2066..2069), with which one name is made to look like another. */
bool pn_line_ok(pn_bytes in);

#endif
