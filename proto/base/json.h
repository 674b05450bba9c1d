/* One-line JSON (RFC 8259): a bounded writer, and a strict bounded reader.
 * The writer fills memory it borrows; after the first thing that does not fit
 * everything further is dropped and pn_json_end() says so. The reader visits
 * the members of one object; it neither recurses nor allocates.
 * Thread rule: plain values, no shared state.
 */
#ifndef POSTERN_PROTO_BASE_JSON_H
#define POSTERN_PROTO_BASE_JSON_H

#include "proto/base/bytes.h"

enum {
    PN_JSON_DEPTH_MAX = 4,  /* objects inside one another */
    PN_JSON_PATH_MAX = 128, /* bytes of a dotted path, its NUL included */
    PN_JSON_TEXT_MAX = 1024 /* bytes of one string value, its NUL included */
};

typedef struct pn_json {
    char *p;
    size_t cap;
    size_t len;
    bool comma; /* the next member needs one before it */
    bool full;  /* something did not fit */
} pn_json;

/* Begin one object in p[0..cap) with the member "v":1. */
pn_json pn_json_begin(char *p, size_t cap);
/* One member each. Strings are escaped; bytes that are not UTF-8 become
 * U+FFFD, so that the line is always valid. */
void pn_json_text(pn_json *j, const char *key, const char *value);
void pn_json_u64(pn_json *j, const char *key, uint64_t value);
void pn_json_i64(pn_json *j, const char *key, int64_t value);
void pn_json_bool(pn_json *j, const char *key, bool value);
/* A member that is itself an object, until pn_json_close(). */
void pn_json_open(pn_json *j, const char *key);
void pn_json_close(pn_json *j);
/* Close the object and terminate it with a NUL (no newline). PN_E_FULL if it
 * did not all fit; p then holds an empty string. */
PN_MUST_USE pn_err pn_json_end(pn_json *j);

typedef enum pn_json_kind {
    PN_JSON_NULL,
    PN_JSON_BOOL,
    PN_JSON_INT,
    PN_JSON_TEXT,
} pn_json_kind;

/* One leaf of the object. Borrowed for the visit. */
typedef struct pn_json_leaf {
    const char *path; /* names joined by dots: "limits.links" */
    pn_json_kind kind;
    const char *text; /* PN_JSON_TEXT */
    int64_t number;   /* PN_JSON_INT; 0 or 1 for PN_JSON_BOOL */
} pn_json_leaf;

/* Called for each leaf in order; anything but PN_OK ends the reading. */
typedef pn_err pn_json_visit_fn(void *ctx, const pn_json_leaf *leaf);

/* Read one object of texts, integers, booleans, nulls and objects, with
 * nothing but white space around it. Names are 1..40 bytes of [a-z0-9_].
 * PN_E_PROTO for anything else (arrays, fractions, integers beyond 64 bits,
 * a NUL inside a text, broken UTF-16 escapes), PN_E_FULL past the bounds
 * above; or what `visit` returned. */
PN_MUST_USE pn_err pn_json_read(pn_bytes in, pn_json_visit_fn *visit,
                                void *ctx);

#endif
