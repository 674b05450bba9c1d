/* The inside of a link, for the files of this room and for tests.
 *
 * A link is always in one phase. Each phase takes its input in units of a
 * fixed size and has one function for a whole unit; a table in link.c says
 * which. What only the handshake needs lives in a block of its own.
 */
#ifndef POSTERN_PROTO_LINK_LINK_INTERNAL_H
#define POSTERN_PROTO_LINK_LINK_INTERNAL_H

#include "proto/link/gate.h"
#include "proto/link/hello.h"
#include "proto/link/link.h"
#include "proto/link/noise.h"
#include "proto/link/outq.h"

typedef enum pn_link_phase {
    PN_PHASE_DIALLED,  /* initiator: waits for message 2, or a retry */
    PN_PHASE_SOLVING,  /* initiator: works on a puzzle in pn_link_tick() */
    PN_PHASE_ACCEPTED, /* responder: waits for message 1 */
    PN_PHASE_CONFIRM,  /* responder: waits for the first record */
    PN_PHASE_OPEN,
    PN_PHASE_SILENT,
    PN_PHASE_DEAD,
    PN_PHASE_COUNT,
} pn_link_phase;

/* Initiator, until open. */
typedef struct pn_link_dialled {
    pn_noise noise;
    pn_link_offer offer;
    pn_hello_keys keys;
    pn_puzzle puzzle;
    unsigned retries;
    uint8_t hello[PN_LINK_HELLO_BYTES]; /* message 1, to send it again */
} pn_link_dialled;

/* Responder, until open. */
typedef struct pn_link_accepted {
    uint8_t peer[PN_GATE_PEER_BYTES];
    unsigned retries;
    uint64_t began_ms;
} pn_link_accepted;

/* Either end, while keys are being renewed. */
typedef struct pn_link_roll {
    pn_noise noise;        /* initiator: between messages 1 and 2 */
    pn_cipher next_recv;   /* responder: between message 2 and `done` */
    uint8_t next_hash[32]; /* likewise */
} pn_link_roll;

struct pn_link {
    const pn_env *env;
    pn_gate *gate;                /* responder, else NULL */
    const pn_link_identity *self; /* dialling relay, else NULL */
    pn_link_phase phase;
    pn_link_role role;
    pn_err fault;
    bool more_input;    /* the last feed left bytes for the next one */
    uint16_t unit_have; /* bytes gathered of the next unit */
    uint8_t *unit;      /* owned: gathers a unit, then holds its plaintext */
    uint32_t unit_size; /* allocated bytes of it */
    pn_bytes plain;     /* of the opened record, not yet framed */
    pn_bytes ready;     /* a frame found, not yet given out */
    pn_framer framer;
    pn_outq out;
    pn_cipher send;
    pn_cipher recv;
    pn_link_terms terms;
    uint8_t relay_key[PN_LINK_KEY_BYTES];
    uint8_t binding[32];     /* h of the first handshake */
    uint8_t hash[32];        /* h of the handshake whose keys are in use */
    uint8_t peer_static[32]; /* responder, IKhfs */
    uint64_t keyed_ms;       /* when those keys came into use */
    uint64_t deadline_ms;    /* of the handshake or the silence */
    pn_link_dialled *dialled;
    pn_link_accepted *accepted;
    pn_link_roll *roll;
};

/* End the link: wipe keys and buffers, remember why. Returns `why`. */
pn_err pn_link_die(pn_link *link, pn_err why);
/* Eat input until the deadline that holds already, so that the peer cannot see
 * that anything happened; `why` is for pn_link_fault(). */
void pn_link_fall_silent(pn_link *link, pn_err why);
/* The noise setup of this link's pattern for one side. */
pn_noise_setup pn_link_noise_setup(const pn_link *link, pn_bytes prologue);
/* The relay's X25519 key from its Ed25519 key. PN_E_CRYPTO. */
PN_MUST_USE pn_err pn_link_noise_key(uint8_t out[32],
                                     const uint8_t relay_key[32]);

/* One whole unit of input, by phase (link_handshake.c, link.c). */
PN_MUST_USE pn_err pn_link_on_answer(pn_link *link, pn_bytes unit);
PN_MUST_USE pn_err pn_link_on_hello(pn_link *link, pn_bytes unit);
PN_MUST_USE pn_err pn_link_on_confirm(pn_link *link, pn_bytes unit);
PN_MUST_USE pn_err pn_link_on_record(pn_link *link, pn_bytes unit);
/* A slice of work on the puzzle. */
PN_MUST_USE pn_err pn_link_solve(pn_link *link);
/* Drop what only the handshake needed. */
void pn_link_forget_handshake(pn_link *link);

/* Rollover (link_rollover.c): a control frame has arrived. */
PN_MUST_USE pn_err pn_link_on_control(pn_link *link, pn_frame_kind kind,
                                      pn_bytes body);
/* Begin a rollover, or end an overdue link, if it is time. */
PN_MUST_USE pn_err pn_link_check_keys(pn_link *link);
/* When pn_link_check_keys() is due. */
uint64_t pn_link_keys_deadline(const pn_link *link);
void pn_link_forget_roll(pn_link *link);

/* What must always hold. */
bool pn_link_ok(const pn_link *link);

#endif
