/* What people do: meet, write, read, acknowledge, and remember. What they
 * remember outlives their process, and is what a run is judged by.
 */
#ifndef POSTERN_TESTS_SIM_FED_APP_H
#define POSTERN_TESTS_SIM_FED_APP_H

#include "tests/sim/fed/person.h"

enum { FED_MARKER_BYTES = 24, FED_MAIL_MAX = 3000, FED_BODY_MAX = 30000 };

typedef enum fed_told {
    FED_TOLD_NOTHING,
    FED_TOLD_DELIVERED,
    FED_TOLD_FAILED,
} fed_told;

/* One message somebody wants to send. */
typedef struct fed_mail {
    uint16_t from, to;
    uint8_t priority;
    uint32_t size;
    uint64_t expires_in_ms; /* 0: as the engine sees fit */
    uint64_t wanted_ms;     /* since when */
    bool is_sent;           /* the engine has it for good */
    bool is_void;           /* the two never met */
    bool is_frail;          /* its sender knew one relay to leave it at */
    uint8_t id[CL_ID_BYTES];
    uint32_t given; /* how often to who reads it */
    bool taken;     /* acknowledged: never to come again */
    uint64_t taken_ms;
    fed_told told;
    cl_failure failure;
} fed_mail;

typedef enum fed_stage {
    FED_STAGE_WANTED,
    FED_STAGE_MADE,     /* a has an invitation, perhaps not ready */
    FED_STAGE_HANDED,   /* b has its text */
    FED_STAGE_ACCEPTED, /* b is answering */
    FED_STAGE_MET,
    FED_STAGE_FAILED,
} fed_stage;

/* Two people who meet by a's invitation. */
typedef struct fed_pair {
    uint16_t a, b;
    cl_invitation_form form;
    fed_stage stage;
    bool is_known; /* a has b as a contact, too */
    uint64_t wanted_ms;
    uint8_t invite[CL_ID_BYTES];
    uint8_t accept[CL_ID_BYTES];
    cl_failure failure;
    char *text; /* owned */
} fed_pair;

/* Do what there is to do; returns in how many ms to come again, UINT64_MAX:
 * when something changes. */
uint64_t fed_app_turn(fed_person *p);
/* The body of a message, into out[0..mail->size). */
void fed_mail_body(const fed_world *w, size_t number, uint8_t *out);
/* Whether nothing is left to be done about it. */
bool fed_mail_is_done(const fed_mail *m);

#endif
