/* Personal invitations: one link, one person, once (PROTOCOL.md section 7).
 *
 * A link names up to three relays where a sealed prekey bundle lies, and holds
 * the key to it and its hash. The offline form holds the bundle itself. Both
 * are one line of text: "POSTERN:" and upper-case base32, all of it in the
 * alphanumeric set of QR codes.
 * Whoever holds an unanswered invitation can answer it: it is a secret.
 * Thread rule: plain values; wipe what holds secrets.
 */
#ifndef POSTERN_CLIENT_CORE_INVITATION_H
#define POSTERN_CLIENT_CORE_INVITATION_H

#include "client/core/bundle.h"
#include "proto/envelope/envelope.h"

enum {
    CL_LINK_KEY_BYTES = 32,
    CL_LINK_HASH_BYTES = 24, /* of the bundle's hash, the first bytes */
    CL_LINK_BYTES_MAX = 1 + 4 + CL_LINK_KEY_BYTES + CL_LINK_HASH_BYTES + 1 +
                        CL_QUEUES_MAX * (32 + CL_ADDRESS_BYTES_MAX) + 2,
    CL_OFFLINE_BYTES_MAX = 1 + CL_BUNDLE_MAX + 2,
    /* Longest text of either form, without its NUL. */
    CL_INVITATION_TEXT_MAX = 8 + (CL_OFFLINE_BYTES_MAX * 8 + 4) / 5,
    CL_INVITATION_BLOB_MAX = 16256, /* an envelope of class S or M */
};

/* Which of the two forms a text has; its first byte on the wire. */
typedef enum cl_invitation_form {
    CL_INVITATION_LINK = 1,
    CL_INVITATION_OFFLINE = 2,
} cl_invitation_form;

/* What a link says. */
typedef struct cl_link {
    uint32_t expires_hour; /* hours since 1970; the bundle has the exact time */
    uint8_t key[CL_LINK_KEY_BYTES]; /* secret */
    uint8_t bundle_hash[CL_LINK_HASH_BYTES];
    size_t relay_count;             /* 1..CL_QUEUES_MAX */
    uint8_t ids[CL_QUEUES_MAX][32]; /* of the bundle's queue at each */
    pn_address relays[CL_QUEUES_MAX];
} cl_link;

/* Where a stored invitation is in its life. */
typedef enum cl_invitation_state {
    CL_INVITATION_OPEN = 1,
    CL_INVITATION_ANSWERED = 2, /* burned: its secrets are gone */
    CL_INVITATION_REVOKED = 3,  /* likewise, before an answer */
    CL_INVITATION_EXPIRED = 4,  /* likewise */
} cl_invitation_state;

/* The maker's record of one. */
typedef struct cl_invitation {
    cl_invitation_state state;
    uint64_t expires_ms;
    uint8_t link_key[CL_LINK_KEY_BYTES]; /* secret, zeros once burned */
    cl_prekeys keys;                     /* secret, zeros once burned */
} cl_invitation;

/* Make an invitation from *b, of which the caller has set times, queues and
 * name. Writes the encoded bundle to out[0..cap). Draws 32 bytes for the link
 * key, then what cl_bundle_make() draws. Errors as cl_bundle_make(). */
PN_MUST_USE pn_err cl_invitation_make(cl_invitation *inv, cl_bundle *b,
                                      const pn_env *env,
                                      const cl_identity *self, uint8_t *out,
                                      size_t cap, size_t *len);
/* The link to it, with the relays its bundle is left at; the caller sets the
 * ids of its queues there. PN_E_STATE unless open, PN_E_ARG for no relay or too
 * many. */
PN_MUST_USE pn_err cl_invitation_link(const cl_invitation *inv, cl_link *out,
                                      const pn_address *relays, size_t count);
/* Wipe the secrets; the state is why. Later answers find no prekeys. */
void cl_invitation_burn(cl_invitation *inv, cl_invitation_state why);
/* Burn it if its time is over. Returns whether it is open. */
bool cl_invitation_is_open(cl_invitation *inv, uint64_t now_ms);
void cl_invitation_wipe(cl_invitation *inv);

/* The name under which relays keep the blob: it says nothing of the key. */
void cl_link_id(uint8_t id[32], const uint8_t key[CL_LINK_KEY_BYTES]);
/* Seal a bundle into the blob for the relays, in the smallest class from S.
 * Draws 24 bytes. Errors as pn_envelope_seal(). */
PN_MUST_USE pn_err cl_blob_seal(const pn_env *env,
                                const uint8_t key[CL_LINK_KEY_BYTES],
                                pn_bytes bundle, uint8_t *out, size_t cap,
                                size_t *len);
/* Open what a relay gave for the link, check it against the link's hash, and
 * parse. PN_E_CRYPTO if it is not what the link's maker left there; else as
 * cl_bundle_parse(); PN_E_PROTO for another kind of bundle. */
PN_MUST_USE pn_err cl_blob_open(cl_bundle *out, const cl_link *link,
                                pn_bytes blob);

/* Write the text of a link and a NUL. PN_E_FULL, PN_E_ARG. */
PN_MUST_USE pn_err cl_link_format(char *out, size_t cap, const cl_link *link);
/* Write the offline text of an encoded bundle and a NUL. PN_E_FULL. */
PN_MUST_USE pn_err cl_offline_format(char *out, size_t cap, pn_bytes bundle);
/* Which form `text` has; PN_E_PROTO if it is no invitation, has any character
 * too many or was mistyped; PN_E_VERSION for a form of a later version. */
PN_MUST_USE pn_err cl_invitation_form_of(cl_invitation_form *out,
                                         pn_bytes text);
/* Parse a link. Errors as above. The date is the caller's to check. */
PN_MUST_USE pn_err cl_link_parse(cl_link *out, pn_bytes text);
/* Parse an offline invitation. Errors as above and of cl_bundle_parse(). */
PN_MUST_USE pn_err cl_offline_parse(cl_bundle *out, pn_bytes text);

/* Bytes of a stored record. */
enum { CL_INVITATION_BYTES = 1 + 1 + 8 + CL_LINK_KEY_BYTES + CL_PREKEYS_BYTES };
void cl_invitation_write(const cl_invitation *inv, pn_out *out);
/* PN_E_VERSION, PN_E_CORRUPT. */
PN_MUST_USE pn_err cl_invitation_read(cl_invitation *out, pn_bytes in);

#endif
