/* What is said inside a session (PROTOCOL.md section 6.6): a text, a small
 * file, receipts, where to write to.
 *
 * Decoding is strict in sizes, spelling and order, with one allowance: fields
 * of a later version are passed over and reported, so that nobody believes to
 * have seen everything.
 *
 * Lifetime: a decoded cl_content borrows from its scratch until that is
 * released. Thread rule: plain values; one scratch serves one thread.
 */
#ifndef POSTERN_CLIENT_CORE_CONTENT_H
#define POSTERN_CLIENT_CORE_CONTENT_H

#include "client/core/bundle.h"

enum {
    CL_CONTENT_ID_BYTES = 16,
    CL_RECEIPTS_MAX = 512, /* ids in one message */
    CL_FILE_NAME_MAX = 255,
    CL_FILE_TYPE_MAX = 127,
    CL_CONTENT_MAX = 65088, /* no encoding is longer: it would fit nowhere */
};

typedef enum cl_resync_reason {
    CL_RESYNC_NONE = 0,
    CL_RESYNC_RESTORED = 1,   /* the sender restored a backup */
    CL_RESYNC_UNREADABLE = 2, /* messages did not open */
    CL_RESYNC_ASKED = 3,      /* the peer asked, here it is */
} cl_resync_reason;

typedef struct cl_content {
    uint8_t id[CL_CONTENT_ID_BYTES];
    bool has_sent;
    uint64_t sent_ms; /* the sender's clock, since 1970 */
    pn_bytes text;    /* UTF-8; empty: none */
    bool has_file;
    pn_bytes file_name;  /* one component, safe to show */
    pn_bytes file_type;  /* graphic ASCII, may be empty */
    pn_bytes file_bytes; /* may be empty */
    pn_bytes receipts;   /* CL_CONTENT_ID_BYTES each; empty: none */
    cl_resync_reason resync;
    size_t queue_count;
    cl_queue_ref queues[CL_QUEUES_MAX];
    uint64_t queues_ms;    /* when that list was drawn up, the sender's clock; a
                            * later one has a greater number. 0: not said */
    pn_bytes profile_name; /* empty: none */
    bool wants_thin;       /* its sender wishes the thin profile */
    bool has_more;         /* parts of a later version; decoding only */
} cl_content;

/* Memory of one decode. Start with { 0 }. */
typedef struct cl_content_scratch {
    uint8_t *p; /* owned */
    size_t len;
} cl_content_scratch;

/* Wipe and release. Harmless when empty. */
void cl_content_scratch_release(cl_content_scratch *s);
/* Decode into *out, with *s as memory (released first): at most in.len plus
 * 16 KiB. PN_E_PROTO for anything not well-formed, PN_E_NOMEM. *out is written
 * on success only. */
PN_MUST_USE pn_err cl_content_decode(cl_content *out, cl_content_scratch *s,
                                     pn_bytes in);
/* Encode to the end of *out. PN_E_ARG if cl_content_ok() is false, PN_E_FULL,
 * PN_E_NOMEM. */
PN_MUST_USE pn_err cl_content_encode(pn_out *out, const cl_content *c);
/* Whether the content keeps its rules: what decode gives and encode takes. */
bool cl_content_ok(const cl_content *c);
/* Whether `name` is one component of a path, with nothing in it that a
 * terminal or a file system would take for something else. */
bool cl_file_name_ok(pn_bytes name);

#endif
