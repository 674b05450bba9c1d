/* An input that is read as a script: each byte decides what happens next.
 * Behind its end all bytes are zero, so that every prefix of a script is one.
 */
#ifndef POSTERN_TESTS_FUZZ_SCRIPT_H
#define POSTERN_TESTS_FUZZ_SCRIPT_H

#include "tests/support/coresim.h"

typedef struct script {
    const uint8_t *p; /* borrowed */
    size_t left;
} script;

static inline uint8_t script_next(script *s)
{
    if (s->left == 0)
        return 0;
    s->left--;
    return *s->p++;
}

/* As many bytes as the next one says, or as there are. */
static inline pn_bytes script_bytes(script *s)
{
    const size_t want = script_next(s);
    const pn_bytes bytes = { s->p, want < s->left ? want : s->left };
    s->p += bytes.len;
    s->left -= bytes.len;
    return bytes;
}

/* Give the relay what the script says as a frame of link i, if that link still
 * `may` have one. Anything but PN_OK: the link is to be closed. */
static inline pn_err script_frame(script *s, coresim *w, size_t i, bool may)
{
    pn_msg msg;
    pn_err err = pn_msg_decode(&msg, &w->scratch, script_bytes(s));
    if (err == PN_OK && may)
        err = rl_core_take(w->links[i].link, &msg);
    pn_msg_scratch_release(&w->scratch);
    return err;
}

#endif
