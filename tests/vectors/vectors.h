/* What the kinds of official vectors share: reading a file (plain or gzip),
 * reading the fields of one case, counting.
 *
 * A kind reads the published format, not the files we happen to have: what it
 * does not implement it counts as skipped, what it cannot read it reports with
 * vec_broken(). Nothing is passed over in silence.
 */
#ifndef POSTERN_TESTS_VECTORS_VECTORS_H
#define POSTERN_TESTS_VECTORS_VECTORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"

typedef struct vec_file {
    const char *path; /* borrowed from argv */
    char *text;       /* owned; inflated, with a final NUL */
    size_t len;
    json_t *json; /* owned; NULL if the kind is not JSON */
} vec_file;

typedef struct vec_tally {
    size_t passed, failed, skipped;
    bool broken; /* some file could not be read as what it should be */
} vec_tally;

/* Run every case of these files. */
typedef void vec_run_fn(vec_tally *t, const vec_file *files, size_t count);

/* The kinds, each in its kind_NAME.c. */
vec_run_fn kind_acvp;
vec_run_fn kind_cctv;
vec_run_fn kind_hpke;
vec_run_fn kind_noise;
vec_run_fn kind_sha3;
vec_run_fn kind_wycheproof;
vec_run_fn kind_xwing;

/* Say on stderr why this file is not usable; the run will fail. */
void vec_broken(vec_tally *t, const vec_file *file, const char *why);

/* One case being checked. */
typedef struct vec_case {
    vec_tally *tally;
    const vec_file *file;
    char id[48];
    const json_t *look[3]; /* objects that may hold its fields, in order */
    const char *why;       /* the first thing wrong, or NULL */
    pn_arena arena;        /* holds fields and outputs until vec_close() */
} vec_case;

/* Begin a case whose fields are in `test`, else in `more`, else in `group`
 * (each may be NULL). Its id is the field tcId, else `number`. */
void vec_open(vec_case *c, vec_tally *t, const vec_file *file, size_t number,
              const json_t *test, const json_t *more, const json_t *group);
/* End it: passed if nothing was wrong, else failed and said on stderr. */
void vec_close(vec_case *c);
/* End it as skipped. */
void vec_skip(vec_case *c);
/* Note `why` unless ok or something is wrong already. Returns ok. */
bool vec_check(vec_case *c, bool ok, const char *why);

/* The field of that name, or NULL. */
const json_t *vec_field(const vec_case *c, const char *name);
/* A text field, or "" if there is none. */
const char *vec_text(const vec_case *c, const char *name);
/* A whole number 0..max; an absent or other one is a fault of the case. */
uint64_t vec_number(vec_case *c, const char *name, uint64_t max);
/* A field of hex digits; absent or malformed is a fault of the case. */
pn_bytes vec_hex(vec_case *c, const char *name);
/* The same for a value found elsewhere, which may be NULL. */
pn_bytes vec_hex_value(vec_case *c, const json_t *value);
/* Zeroed room for `len` bytes of output; never NULL, ends the program if the
 * case wants absurdly much. */
uint8_t *vec_room(vec_case *c, size_t len);
/* Whether a[0..len) is what the vector expects. */
bool vec_equal(const uint8_t *a, size_t len, pn_bytes expected);

/* The text member `name` of an object, or "". */
const char *vec_member_text(const json_t *obj, const char *name);

#endif
