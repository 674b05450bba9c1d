/* Messages by table: one description of a message's fields gives its encoder,
 * its strict decoder, its check and its comparison.
 *
 * The wire form is protobuf's, in the one spelling protobuf-c writes: fields
 * in the order of their numbers, each once, shortest varints. As every field
 * is required, that spelling is the only one, and decoding is a walk over the
 * table: no copy, no allocation (but for a list), no second look.
 * Thread rule: tables are constant.
 */
#ifndef POSTERN_PROTO_WIRE_FIELDS_H
#define POSTERN_PROTO_WIRE_FIELDS_H

#include "proto/base/arena.h"
#include "proto/base/bytes.h"

typedef enum pn_field_type {
    PN_FIELD_U32,      /* min..max; enums too */
    PN_FIELD_U32_OR_0, /* 0, or min..max */
    PN_FIELD_BOOL,
    PN_FIELD_BYTES, /* min..max bytes, a multiple of step */
    PN_FIELD_SIZED, /* bytes whose number `fits`; or none, if min is 0 */
    PN_FIELD_LIST,  /* min..max elements of `step` bytes each in memory */
} pn_field_type;

/* The i-th field of a table has the protobuf number i + 1, at most 15. */
typedef struct pn_field {
    pn_field_type type;
    size_t at; /* offset of its member */
    uint32_t min;
    uint32_t max;
    size_t step;
    const struct pn_layout *element; /* of a list */
    bool (*fits)(size_t len);        /* of sized bytes */
} pn_field;

typedef struct pn_layout {
    const pn_field *fields;
    size_t count;
} pn_layout;

/* The member of a PN_FIELD_LIST must have this shape. */
typedef struct pn_field_list {
    const void *p;
    size_t count;
} pn_field_list;

/* Whether every field of the structure `from` is within its bounds. */
bool pn_fields_ok(const pn_layout *layout, const void *from);
bool pn_fields_equal(const pn_layout *layout, const void *a, const void *b);
/* How many bytes the fields take. */
size_t pn_fields_len(const pn_layout *layout, const void *from);
void pn_fields_put(pn_out *out, const pn_layout *layout, const void *from);
/* Read exactly `in` into the structure `to`. Byte views borrow from `in`, lists
 * live in `arena`. PN_E_PROTO, or PN_E_NOMEM from the arena. */
PN_MUST_USE pn_err pn_fields_take(const pn_layout *layout, void *to,
                                  pn_bytes in, pn_arena *arena);

/* Varints in their shortest form; any other is PN_E_PROTO. */
PN_MUST_USE pn_err pn_take_varint(pn_bytes *in, uint64_t *out);
void pn_put_varint(pn_out *out, uint64_t v);
size_t pn_varint_len(uint64_t v);

#endif
