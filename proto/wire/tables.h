/* Short names for the lines of a field table whose structure is pn_msg.u. For
 * the .c files that hold such tables, and nobody else.
 */
#ifndef POSTERN_PROTO_WIRE_TABLES_H
#define POSTERN_PROTO_WIRE_TABLES_H

#include "proto/wire/fields.h"
#include "proto/wire/msg.h"

#define AT(member) offsetof(pn_msg, u.member) - offsetof(pn_msg, u)
#define U32(member, least, most)                                              \
    {                                                                         \
        .type = PN_FIELD_U32, .at = AT(member), .min = (least), .max = (most) \
    }
#define U32_OR_0(member, least, most)                                \
    {                                                                \
        .type = PN_FIELD_U32_OR_0, .at = AT(member), .min = (least), \
        .max = (most)                                                \
    }
#define FLAG(member)                            \
    {                                           \
        .type = PN_FIELD_BOOL, .at = AT(member) \
    }
#define BYTES(member, least, most, multiple)                      \
    {                                                             \
        .type = PN_FIELD_BYTES, .at = AT(member), .min = (least), \
        .max = (most), .step = (multiple)                         \
    }
#define EXACT(member, len) BYTES(member, len, len, 1)
#define SIZED(member, least, sizes)                               \
    {                                                             \
        .type = PN_FIELD_SIZED, .at = AT(member), .min = (least), \
        .fits = (sizes)                                           \
    }
#define LAYOUT(table)                             \
    {                                             \
        (table), sizeof(table) / sizeof(table)[0] \
    }

#endif
