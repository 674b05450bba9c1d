/* What the vector tests share: fields of a JSON object, and the keys and
 * environments that they stand for. All of them assert. */
#ifndef POSTERN_TESTS_UNIT_CLIENT_CORE_VECTOR_H
#define POSTERN_TESTS_UNIT_CLIENT_CORE_VECTOR_H

#include <jansson.h>

#include "client/core/bundle.h"
#include "proto/envelope/envelope.h"
#include "tests/support/scriptenv.h"

enum { ROOM = 70000 };

/* Where the vectors lie; set before the first load(). */
extern const char *directory;
/* Room for what is made. */
extern uint8_t made[ROOM];

/* The list of that name in a file; the caller releases *root. */
json_t *load(const char *name, const char *list, json_t **root);
const char *text(const json_t *o, const char *name);
uint64_t number(const json_t *o, const char *name);
pn_envelope_class pick_class(const json_t *o);
cl_bundle_kind pick_kind(const json_t *o);
/* Hex of any length, at most ROOM. */
pn_bytes bytes_to(uint8_t *out, const json_t *o, const char *name);
/* Hex of exactly `len` bytes. */
void fixed(uint8_t *out, size_t len, const json_t *o, const char *name);
/* `p` is what the vector says. */
void same(const json_t *o, const char *name, const uint8_t *p, size_t len);
/* An environment that draws what the vector says, and no more. */
void script(scriptenv *s, pn_env *env, const json_t *o, const char *name);
void person_of(cl_identity *out, const json_t *o, const char *name);
/* The bundle that a vector's answerer made. */
void bundle_of(cl_bundle *b, cl_prekeys *keys, const cl_identity *owner,
               cl_bundle_kind kind, const json_t *o);

#endif
