/* libpostern: the endpoint of the Postern messaging network, as a library.
 *
 * In short: open a client over a home directory, give it relays, exchange an
 * invitation, send, and take events:
 *
 *     postern_open -> postern_relay_add -> postern_invite_create / _accept
 *     -> postern_send ... postern_next_event -> postern_event_ack -> close
 *
 * Conventions. Functions return POSTERN_OK or a negative postern_error; those
 * numbers never change their meaning. Structures the caller provides begin
 * with `size`, set by their _INIT, so that an older program works with a newer
 * library; structures the library lends begin with it too, and only grow.
 * Texts are UTF-8 and end with a NUL. Identifiers are 32 lower-case hex digits.
 * Times are milliseconds since 1970, 0 for "none". The library never writes to
 * standard output or error, never ends the process and changes no signal
 * handler.
 *
 * Ownership. What is handed in is copied. What comes out through a
 * `postern_X **out` is the caller's until the function that frees an X; any
 * pointer inside lives as long as it. What comes out in a structure of the
 * caller holds no pointer.
 *
 * Durability. A function that changes something returns when the change is on
 * disk. A message given by an event is kept at the relay until the
 * application has acknowledged the event; after a crash it comes again.
 *
 * Thread rule: any function, from any thread, at any time; postern_close()
 * when no other call on that client is running.
 */
#ifndef POSTERN_POSTERN_H
#define POSTERN_POSTERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define POSTERN_API __attribute__((visibility("default")))
#define POSTERN_MUST_USE __attribute__((warn_unused_result))
#else
#define POSTERN_API
#define POSTERN_MUST_USE
#endif

typedef enum postern_error {
    POSTERN_OK = 0,
    POSTERN_E_NOMEM = -1,       /* no memory */
    POSTERN_E_ARG = -2,         /* a NULL, or a structure without its size */
    POSTERN_E_ADDRESS = -3,     /* not the address of a relay */
    POSTERN_E_RESOLVE = -4,     /* the host name has no address */
    POSTERN_E_CONNECT = -5,     /* nobody listens there, or no way there */
    POSTERN_E_TIMEOUT = -6,     /* no proper answer in time */
    POSTERN_E_CLOSED = -7,      /* the relay ended the link early; it is full,
                                   stops, or is somebody else */
    POSTERN_E_PROTOCOL = -8,    /* an answer that is none of the protocol */
    POSTERN_E_VERSION = -9,     /* no protocol version in common */
    POSTERN_E_AUTH = -10,       /* who answers does not hold the relay's key */
    POSTERN_E_SYSTEM = -11,     /* the operating system refused */
    POSTERN_E_INTERNAL = -12,   /* a fault of this library */
    POSTERN_E_STATE = -13,      /* not possible in the present state */
    POSTERN_E_NOT_FOUND = -14,  /* no such contact, message or other thing */
    POSTERN_E_EXISTS = -15,     /* there is one of that name already */
    POSTERN_E_LOCKED = -16,     /* another process has this store open */
    POSTERN_E_PASSPHRASE = -17, /* the passphrase is wrong */
    POSTERN_E_CORRUPT = -18,    /* the store or file is damaged */
    POSTERN_E_IO = -19,         /* a file could not be read or written */
    POSTERN_E_FULL = -20,       /* a limit is reached; the text says which */
    POSTERN_E_MALFORMED = -21,  /* no invitation, or one mistyped */
    POSTERN_E_EXPIRED = -22,    /* its time is over */
    POSTERN_E_USED = -23,       /* the invitation was answered or revoked */
    POSTERN_E_REFUSED = -24,    /* the relay does not grant this */
    POSTERN_E_BLOCKED = -25,    /* contact blocked, or its identity changed */
    POSTERN_E_PENDING = -26,    /* not done yet; kept, and tried on */
    POSTERN_E_NO_RELAY = -27,   /* no relay is known: add one */
    POSTERN_E_TOO_BIG = -28,    /* larger than a message can be */
    POSTERN_E_NO_STORE = -29    /* there is no store in that directory */
} postern_error;

/* A sentence for a person, in English: static, never NULL, no trailing dot.
 * Any number may be asked about. */
POSTERN_API const char *postern_strerror(int error);

/* The library's version, "MAJOR.MINOR.PATCH": static. */
POSTERN_API const char *postern_version(void);
/* The newest protocol version it speaks. */
POSTERN_API uint32_t postern_protocol_version(void);

/* What postern_relay_test() found out. */
typedef struct postern_relay_report {
    uint32_t size;               /* of this structure; POSTERN_..._INIT */
    uint32_t protocol_version;   /* of the commands the relay speaks */
    uint32_t link_version;       /* of the encrypted link */
    uint32_t record_size;        /* bytes of every record on the wire */
    uint32_t frame_max;          /* bytes of the largest frame it takes */
    uint32_t reserved;           /* 0 */
    uint64_t features;           /* bits of what the link may be used for */
    uint64_t handshake_us;       /* from the start to the proven relay: name,
                                    connection and handshake, microseconds */
    uint64_t roundtrip_us;       /* one question and its answer, after that */
    int64_t clock_difference_ms; /* the relay's clock minus ours */
    uint8_t relay_key[32];       /* proven */
    char software[40];           /* as the relay names itself */
    char version[40];
} postern_relay_report;

#define POSTERN_RELAY_REPORT_INIT            \
    {                                        \
        .size = sizeof(postern_relay_report) \
    }

/* Connect to the relay at `address` (postern://KEY@HOST:PORT), let it prove
 * that it holds the key, ask what it is, and leave. Blocks for at most
 * timeout_ms (1 to 3600000) and a moment. `report` is filled on POSTERN_OK
 * only. Any error above. */
POSTERN_API POSTERN_MUST_USE int
postern_relay_test(const char *address, uint32_t timeout_ms,
                   postern_relay_report *report);

/* ---- A client ---------------------------------------------------------- */

/* One identity with its contacts, messages and links to relays. */
typedef struct postern_client postern_client;

enum {
    POSTERN_ID_SIZE = 33,        /* an identifier and its NUL */
    POSTERN_NAME_SIZE = 65,      /* a contact's name and its NUL */
    POSTERN_ADDRESS_SIZE = 1024, /* a relay's address and its NUL */
    POSTERN_REASON_SIZE = 160,   /* why something waits, and its NUL */
    POSTERN_SAFETY_SIZE = 61,    /* a safety number and its NUL */
    POSTERN_FILE_NAME_SIZE = 256,
    POSTERN_FILE_TYPE_SIZE = 128,
    POSTERN_INVITATION_SIZE = 6144, /* an invitation's text and its NUL */
    POSTERN_MESSAGE_MAX = 60000     /* bytes of a text, or of a file with its
                                       name and type */
};

/* Who drives the client's work. */
typedef enum postern_drive {
    POSTERN_DRIVE_THREAD = 0, /* a thread of the library */
    POSTERN_DRIVE_POLL = 1,   /* the caller: postern_fd(), _timeout(),
                                 _dispatch() */
} postern_drive;

enum {
    POSTERN_OPEN_CREATE = 1,  /* make the store if there is none */
    POSTERN_OPEN_OFFLINE = 2, /* dial no relay */
    POSTERN_OPEN_NEW = 4      /* make the store; EXISTS if there is one, which
                                 is left untouched */
};

typedef struct postern_open_options {
    uint32_t size;     /* of this structure; POSTERN_..._INIT */
    uint32_t flags;    /* POSTERN_OPEN_... */
    uint32_t drive;    /* postern_drive */
    uint32_t reserved; /* 0 */
    const char *home;  /* directory; made, with mode 0700, by CREATE */
    const uint8_t *passphrase;
    size_t passphrase_len; /* 1 to 4096 */
    const char *name; /* what CREATE calls the owner towards contacts; may be
                         NULL */
    char *why;        /* receives what was wrong and what to do, if it fails;
                         may be NULL */
    size_t why_cap;   /* bytes of it; 400 hold any */
} postern_open_options;

#define POSTERN_OPEN_OPTIONS_INIT            \
    {                                        \
        .size = sizeof(postern_open_options) \
    }

/* Open the store and begin to work. Blocks for the passphrase's key derivation
 * (about a second). NO_STORE without CREATE; PASSPHRASE, LOCKED, CORRUPT, IO,
 * VERSION, ARG, NOMEM, SYSTEM. On an error *out is NULL.
 * The duress passphrase, if one is set, opens an empty store with a new
 * identity, and by then what was there is destroyed. */
POSTERN_API POSTERN_MUST_USE int
postern_open(postern_client **out, const postern_open_options *options);
/* Keep what came, leave the relays, wipe the keys, free and null *client: what
 * a list or a contact showed is there when the store is opened again. Waits
 * for the library's thread, a second at most for the network. Accepts NULL and
 * a null *client. */
POSTERN_API void postern_close(postern_client **client);
/* What the last failed call on this client, on any thread, had to say: what
 * was wrong and what to do. Copies at most `cap` bytes with the NUL. */
POSTERN_API void postern_last_error(postern_client *client, char *out,
                                    size_t cap);

/* Destroy the keys of the store in `home`, now, without a passphrase: nothing
 * in it can ever be read again. Not even an open client keeps it: its process
 * finds its store gone. NO_STORE, IO. */
POSTERN_API POSTERN_MUST_USE int postern_panic(const char *home);
/* Replace the passphrase. PASSPHRASE if `old` is wrong. */
POSTERN_API POSTERN_MUST_USE int
postern_passphrase_change(postern_client *client, const uint8_t *old,
                          size_t old_len, const uint8_t *fresh,
                          size_t fresh_len);
/* Set the duress passphrase, in place of any other; with `len` 0 there is none
 * any more. Who opens the store with it destroys what is in it, as
 * postern_panic() does, and finds an empty store. Nothing on the disk tells
 * whether one is set. EXISTS if it is the store's passphrase, IO. */
POSTERN_API POSTERN_MUST_USE int postern_duress_set(postern_client *client,
                                                    const uint8_t *passphrase,
                                                    size_t len);

/* Write a copy of the store to a new file, sealed under its own passphrase.
 * EXISTS, IO. */
POSTERN_API POSTERN_MUST_USE int
postern_backup_create(postern_client *client, const char *file,
                      const uint8_t *passphrase, size_t len);
/* Whether the file is a whole backup that the passphrase opens. PASSPHRASE,
 * CORRUPT, IO. */
POSTERN_API POSTERN_MUST_USE int
postern_backup_verify(const char *file, const uint8_t *passphrase, size_t len);
/* Make a store in `home` from a backup; the store has the backup's passphrase.
 * Every session begins anew, and contacts are told: keys that were used since
 * the backup must not be used again. EXISTS if `home` has a store;
 * PASSPHRASE, CORRUPT, IO. */
POSTERN_API POSTERN_MUST_USE int
postern_backup_restore(const char *home, const char *file,
                       const uint8_t *passphrase, size_t len);

/* How much is sent for how little. */
typedef enum postern_profile {
    POSTERN_PROFILE_AUTO = 0,   /* of a contact: the client's; or thin, if the
                                   contact says that its link is so */
    POSTERN_PROFILE_NORMAL = 1, /* most is 4 KiB long, keys are always fresh */
    POSTERN_PROFILE_THIN = 2,   /* most is 1 KiB; new post-quantum keys daily,
                                   or every 50 messages */
} postern_profile;

/* The profile for all contacts that no other was chosen for, and for links
 * from the next one on. Contacts are told with the next message. ARG unless
 * NORMAL or THIN. */
POSTERN_API POSTERN_MUST_USE int postern_set_profile(postern_client *client,
                                                     uint32_t profile);

/* A moment's view of the client. */
typedef struct postern_status {
    uint32_t size;
    uint32_t contacts;
    uint32_t relays;
    uint32_t relays_online;
    uint32_t outbox;      /* messages not yet delivered, expired or failed */
    uint32_t events;      /* waiting to be taken or acknowledged */
    uint32_t invitations; /* open */
    uint32_t profile;     /* postern_profile */
    char identity[65];    /* hex of the identity's hash */
    char name[POSTERN_NAME_SIZE];
    uint32_t relays_own;       /* ours; `relays` counts contacts' too */
    uint32_t relays_wanted;    /* for each contact: postern_relay_policy() */
    uint64_t replace_after_ms; /* likewise */
    uint32_t route;            /* a postern_route */
    uint32_t relays_two_faced; /* of all: see postern_relay */
} postern_status;

#define POSTERN_STATUS_INIT            \
    {                                  \
        .size = sizeof(postern_status) \
    }

POSTERN_API POSTERN_MUST_USE int postern_get_status(postern_client *client,
                                                    postern_status *out);

/* ---- Driving it oneself (POSTERN_DRIVE_POLL) ---------------------------- */

/* A descriptor that is readable when postern_dispatch() has something to do;
 * -1 with the library's thread. It stays the client's. */
POSTERN_API int postern_fd(postern_client *client);
/* Milliseconds after which postern_dispatch() is to be called even if the
 * descriptor is silent; -1 for never. Ask again after every call of this
 * library on the client. */
POSTERN_API int postern_timeout(postern_client *client);
/* Do what can be done now; never blocks on the network. STATE with the
 * library's thread. Calls that wait (timeout_ms > 0) dispatch by themselves. */
POSTERN_API POSTERN_MUST_USE int postern_dispatch(postern_client *client);

/* ---- Lists -------------------------------------------------------------- */

/* A snapshot. Its items are lent until postern_list_free(). */
typedef struct postern_list postern_list;
POSTERN_API size_t postern_list_count(const postern_list *list);
/* Wipe, free and null *list. Accepts NULL and a null *list. */
POSTERN_API void postern_list_free(postern_list **list);

/* ---- Relays ------------------------------------------------------------- */

typedef enum postern_relay_state {
    POSTERN_RELAY_OFFLINE = 0, /* `reason` says why */
    POSTERN_RELAY_CONNECTING = 1,
    POSTERN_RELAY_ONLINE = 2
} postern_relay_state;

typedef struct postern_relay {
    uint32_t size;
    uint32_t state;    /* postern_relay_state */
    uint64_t since_ms; /* of this state */
    uint32_t is_own;   /* 1: our queues are made there; 0: a contact's */
    uint32_t queues;   /* of ours on it */
    char address[POSTERN_ADDRESS_SIZE];
    char reason[POSTERN_REASON_SIZE]; /* "" unless offline */
    uint64_t failing_since_ms;        /* while others answer; 0: it is not */
    uint32_t is_given_up;  /* 1: it fails for so long that its queues are being
                            * replaced by queues elsewhere */
    uint32_t is_two_faced; /* 1: it has signed two descriptors under one number:
                            * it lies, or came back from an old copy. No mail
                            * leaves by it while another works. Removing it and
                            * adding it anew forgets this */
} postern_relay;

/* Use this relay for new queues. EXISTS, ADDRESS, FULL. */
POSTERN_API POSTERN_MUST_USE int postern_relay_add(postern_client *client,
                                                   const char *address);
/* The same for a relay that serves only who knows a secret, which its operator
 * hands out: 1 to 64 bytes, kept in the store. Of a relay in use it replaces
 * the secret. ARG, ADDRESS, FULL. */
POSTERN_API POSTERN_MUST_USE int
postern_relay_add_secret(postern_client *client, const char *address,
                         const uint8_t *secret, size_t len);
/* Make no new queues there, and forget its secret. Those it has are replaced by
 * queues at another relay, if one is in use, and read until nothing comes there
 * any more. NOT_FOUND. */
POSTERN_API POSTERN_MUST_USE int postern_relay_remove(postern_client *client,
                                                      const char *address);
POSTERN_API POSTERN_MUST_USE int postern_relay_list(postern_client *client,
                                                    postern_list **out);
/* NULL past the end, or if the list is of something else; so for all below. */
POSTERN_API const postern_relay *postern_list_relay(const postern_list *list,
                                                    size_t index);

/* On how many relays each contact's mail is to lie (1 to 3; 2 at first; as many
 * as are in use, if those are fewer), and for how long one of them may fail
 * before its queues are replaced (ten seconds to a year; a day at first). 0
 * leaves a choice as it is. ARG. */
POSTERN_API POSTERN_MUST_USE int
postern_relay_policy(postern_client *client, uint32_t relays,
                     uint64_t replace_after_ms);

/* How mail reaches the relays where it is to lie. */
typedef enum postern_route {
    POSTERN_ROUTE_AUTO = 0,   /* through another relay of ours, so that the one
                                 where it lies does not learn where we are; one
                                 of another operator is waited for, 2 minutes
                                 urgent, 15 normal, an hour bulk, and then any
                                 will do. Straight if a single one is known */
    POSTERN_ROUTE_DIRECT = 1, /* always straight there */
    POSTERN_ROUTE_APART = 2,  /* only through one of another operator than
                                 where it goes: without one it waits */
} postern_route;

/* Choose it; AUTO at first. ARG for another value. */
POSTERN_API POSTERN_MUST_USE int postern_relay_route(postern_client *client,
                                                     uint32_t route);

/* ---- Invitations -------------------------------------------------------- */

typedef enum postern_invite_state {
    POSTERN_INVITE_PREPARING = 0, /* a relay has yet to take it */
    POSTERN_INVITE_OPEN = 1,
    POSTERN_INVITE_ANSWERED = 2,
    POSTERN_INVITE_REVOKED = 3,
    POSTERN_INVITE_EXPIRED = 4,
    POSTERN_INVITE_FAILED = 5 /* `reason` says why */
} postern_invite_state;

typedef struct postern_invite {
    uint32_t size;
    uint32_t state; /* postern_invite_state */
    uint64_t created_ms;
    uint64_t expires_ms;
    uint32_t is_offline;
    uint32_t reserved;
    char id[POSTERN_ID_SIZE];
    char name[POSTERN_NAME_SIZE];  /* who will be the contact; may be "" */
    char contact[POSTERN_ID_SIZE]; /* once answered */
    char reason[POSTERN_REASON_SIZE];
    char text[POSTERN_INVITATION_SIZE]; /* the invitation: a secret. "" unless
                                           open */
} postern_invite;

#define POSTERN_INVITE_INIT            \
    {                                  \
        .size = sizeof(postern_invite) \
    }

typedef struct postern_invite_options {
    uint32_t size;
    uint32_t is_offline;    /* 1: the text holds everything, about 2800
                               characters for a file; 0: a link, about 200 */
    uint64_t expires_in_ms; /* from now; 0: 30 days. At most 90 days */
    const char *name;       /* for the contact to be; NULL: what it calls
                               itself */
} postern_invite_options;

#define POSTERN_INVITE_OPTIONS_INIT            \
    {                                          \
        .size = sizeof(postern_invite_options) \
    }

/* Make an invitation for one person, once; `options` may be NULL. Waits until
 * the relay has what it needs, at most timeout_ms; then POSTERN_E_PENDING: it
 * is kept, made when the relay answers, and postern_invite_get() has it.
 * NO_RELAY, EXISTS (a contact of that name), REFUSED, FULL, ARG. */
POSTERN_API POSTERN_MUST_USE int
postern_invite_create(postern_client *client,
                      const postern_invite_options *options,
                      uint32_t timeout_ms, postern_invite *out);
/* NOT_FOUND. */
POSTERN_API POSTERN_MUST_USE int
postern_invite_get(postern_client *client, const char *id, postern_invite *out);
POSTERN_API POSTERN_MUST_USE int postern_invite_list(postern_client *client,
                                                     postern_list **out);
POSTERN_API const postern_invite *postern_list_invite(const postern_list *list,
                                                      size_t index);
/* Take it back: an answer that comes later is refused. NOT_FOUND, USED if it
 * was answered. */
POSTERN_API POSTERN_MUST_USE int postern_invite_revoke(postern_client *client,
                                                       const char *id);

typedef struct postern_contact {
    uint32_t size;
    uint32_t is_verified; /* its owner compared the safety number */
    uint32_t is_blocked;  /* by our user */
    uint32_t is_changed;  /* another identity answers: sending waits for
                             postern_contact_accept_identity() */
    uint32_t is_ready;    /* 0: the first answer has not come yet */
    uint32_t outbox;      /* messages on the way to it */
    uint64_t created_ms;
    uint64_t seen_ms; /* when something last came from it */
    char id[POSTERN_ID_SIZE];
    char name[POSTERN_NAME_SIZE];     /* ours for it, unique */
    char own_name[POSTERN_NAME_SIZE]; /* what it calls itself, "" unknown */
    char safety[POSTERN_SAFETY_SIZE]; /* "" unknown */
    char safety_changed[POSTERN_SAFETY_SIZE]; /* of the other identity */
    uint32_t profile;                         /* chosen: a postern_profile */
    uint32_t is_thin;                         /* in effect, for what we send */
} postern_contact;

#define POSTERN_CONTACT_INIT            \
    {                                   \
        .size = sizeof(postern_contact) \
    }

/* Answer an invitation of either form. `name` (may be NULL) is what the contact
 * is called here. Waits until there is a contact, at most timeout_ms; then
 * POSTERN_E_PENDING: it is kept, tried on, and CONTACT_ADDED or FAILED tells.
 * With a contact up to five seconds more, and no longer than timeout_ms, until
 * relays hold what tells it that we have accepted: else that goes later.
 * MALFORMED, EXPIRED, USED, EXISTS, NO_RELAY, REFUSED. `out` may be NULL. */
POSTERN_API POSTERN_MUST_USE int
postern_invite_accept(postern_client *client, const char *text, size_t len,
                      const char *name, uint32_t timeout_ms,
                      postern_contact *out);

/* ---- Contacts ----------------------------------------------------------- */

/* A contact is named by its name or its id. All: NOT_FOUND. */
POSTERN_API POSTERN_MUST_USE int postern_contact_list(postern_client *client,
                                                      postern_list **out);
POSTERN_API const postern_contact *
postern_list_contact(const postern_list *list, size_t index);
POSTERN_API POSTERN_MUST_USE int postern_contact_get(postern_client *client,
                                                     const char *contact,
                                                     postern_contact *out);
/* EXISTS, ARG for a name that is empty, too long or no text. */
POSTERN_API POSTERN_MUST_USE int postern_contact_rename(postern_client *client,
                                                        const char *contact,
                                                        const char *name);
/* Compare the safety number both sides see: 60 digits, spaces ignored. NULL
 * says that a person has compared it. REFUSED if it is another. */
POSTERN_API POSTERN_MUST_USE int postern_contact_verify(postern_client *client,
                                                        const char *contact,
                                                        const char *safety);
/* 1: send nothing, drop what comes; 0: no longer. */
POSTERN_API POSTERN_MUST_USE int postern_contact_block(postern_client *client,
                                                       const char *contact,
                                                       uint32_t block);
/* Choose its profile, a postern_profile; ARG for another value. */
POSTERN_API POSTERN_MUST_USE int
postern_contact_set_profile(postern_client *client, const char *contact,
                            uint32_t profile);
/* Forget contact, session and outbox; its queues are deleted at the relay. Its
 * messages stay until deleted. */
POSTERN_API POSTERN_MUST_USE int postern_contact_remove(postern_client *client,
                                                        const char *contact);
/* A person says that the changed identity is right, or (accept 0) that it is
 * not and the old one stands. `safety` is the number of the new identity the
 * person compared, or NULL. STATE if nothing changed, REFUSED if it is another
 * number. */
POSTERN_API POSTERN_MUST_USE int
postern_contact_accept_identity(postern_client *client, const char *contact,
                                const char *safety, uint32_t accept);

/* ---- Sending ------------------------------------------------------------ */

typedef enum postern_priority {
    POSTERN_PRIORITY_NORMAL = 0,
    POSTERN_PRIORITY_URGENT = 1,
    POSTERN_PRIORITY_BULK = 2
} postern_priority;

/* How far a message is. From RELAYED it can fall back to QUEUED, when it has to
 * be sent anew. */
typedef enum postern_message_state {
    POSTERN_MESSAGE_QUEUED = 0,    /* on disk here; `reason` says what for */
    POSTERN_MESSAGE_RELAYED = 1,   /* durable at a relay */
    POSTERN_MESSAGE_DELIVERED = 2, /* durable at the contact, it says */
    POSTERN_MESSAGE_EXPIRED = 3,   /* no confirmation in its time */
    POSTERN_MESSAGE_FAILED = 4,    /* `reason` says why */
    POSTERN_MESSAGE_CANCELLED = 5,
    POSTERN_MESSAGE_RECEIVED = 6 /* it came from the contact */
} postern_message_state;

typedef struct postern_send_options {
    uint32_t size;
    uint32_t priority; /* postern_priority */
    const char *text;  /* this, or the file */
    size_t text_len;
    const char *file_name; /* one component; NULL for a text */
    const char *file_type; /* media type; may be NULL */
    const uint8_t *file_bytes;
    size_t file_len;
    const char *id; /* NULL: drawn. 1 to 128 bytes: sending again with the same
                       one to the same contact sends nothing twice */
    uint64_t expires_in_ms; /* from now; 0: 21 days. At most 90 days */
} postern_send_options;

#define POSTERN_SEND_OPTIONS_INIT            \
    {                                        \
        .size = sizeof(postern_send_options) \
    }

/* Put a message into the outbox; it is durable on POSTERN_OK, and leaves as
 * soon as it can. `id` receives its identifier. NOT_FOUND, TOO_BIG, BLOCKED,
 * FULL (the outbox), ARG (no text, or a name with a path). */
POSTERN_API POSTERN_MUST_USE int
postern_send(postern_client *client, const char *contact,
             const postern_send_options *options, char id[POSTERN_ID_SIZE]);
/* Wait until the message is at least RELAYED or DELIVERED, as `state` says, at
 * most timeout_ms. TIMEOUT: it is not, yet, and stays in the outbox;
 * EXPIRED, REFUSED (failed or cancelled), NOT_FOUND. */
POSTERN_API POSTERN_MUST_USE int postern_wait(postern_client *client,
                                              const char *id, uint32_t state,
                                              uint32_t timeout_ms);

/* A message of ours at one of its contact's relays. */
typedef struct postern_copy {
    uint32_t size;
    uint32_t is_held;  /* 1: that relay has it, durably */
    uint64_t since_ms; /* held, or waiting for the same thing */
    char address[POSTERN_ADDRESS_SIZE];
    char reason[POSTERN_REASON_SIZE]; /* why it waits: "relay unreachable", ...
                                       */
    uint32_t is_in_custody; /* 1: not there yet, but a relay of ours has it,
                               durably, and brings it there */
} postern_copy;

/* A message of ours that is on its way. */
typedef struct postern_outgoing {
    uint32_t size;
    uint32_t state; /* postern_message_state */
    uint32_t priority;
    uint32_t attempts; /* times it was sealed */
    uint64_t created_ms;
    uint64_t expires_ms;
    uint64_t since_ms; /* of this state and reason */
    uint64_t bytes;    /* of the text or file */
    char id[POSTERN_ID_SIZE];
    char contact[POSTERN_ID_SIZE];
    char contact_name[POSTERN_NAME_SIZE];
    char reason[POSTERN_REASON_SIZE]; /* why it waits: "relay unreachable",
                                         "held by relay", ... */
    uint32_t held;                    /* relays that have it */
    uint32_t copy_count;              /* relays that are to have it */
    const postern_copy *copies;       /* as long as the list lives */
} postern_outgoing;

POSTERN_API POSTERN_MUST_USE int postern_outbox_list(postern_client *client,
                                                     postern_list **out);
POSTERN_API const postern_outgoing *
postern_list_outgoing(const postern_list *list, size_t index);
/* Try now what waits: one message, or all with a NULL id. A message that all
 * its relays hold is sent anew; the contact sees it once. */
POSTERN_API POSTERN_MUST_USE int postern_outbox_retry(postern_client *client,
                                                      const char *id);
/* Stop sending it. What a relay has already may still arrive. NOT_FOUND,
 * STATE if it is done. */
POSTERN_API POSTERN_MUST_USE int postern_outbox_cancel(postern_client *client,
                                                       const char *id);

/* ---- Messages kept ------------------------------------------------------ */

typedef struct postern_message {
    uint32_t size;
    uint32_t state; /* postern_message_state */
    uint32_t priority;
    uint32_t is_file;
    uint64_t sent_ms;     /* by the sender's clock */
    uint64_t received_ms; /* by ours; 0 for our own */
    const uint8_t *bytes; /* of the text (NUL follows) or file */
    size_t len;
    char id[POSTERN_ID_SIZE];
    char contact[POSTERN_ID_SIZE];
    char contact_name[POSTERN_NAME_SIZE]; /* "" if removed */
    char file_name[POSTERN_FILE_NAME_SIZE];
    char file_type[POSTERN_FILE_TYPE_SIZE];
    char reason[POSTERN_REASON_SIZE];
} postern_message;

/* Oldest first; of one contact, or of all with NULL. With `limit` the newest
 * so many; 0 for all. Files are listed without their bytes (bytes is NULL, len
 * is right). */
POSTERN_API POSTERN_MUST_USE int postern_message_list(postern_client *client,
                                                      const char *contact,
                                                      uint32_t limit,
                                                      postern_list **out);
/* A list of that one message, whole. NOT_FOUND. */
POSTERN_API POSTERN_MUST_USE int
postern_message_get(postern_client *client, const char *id, postern_list **out);
POSTERN_API const postern_message *
postern_list_message(const postern_list *list, size_t index);
/* Forget it here. STATE while its event is not acknowledged, or while it is in
 * the outbox. */
POSTERN_API POSTERN_MUST_USE int postern_message_delete(postern_client *client,
                                                        const char *id);

/* ---- Events ------------------------------------------------------------- */

typedef enum postern_event_kind {
    POSTERN_EVENT_MESSAGE = 1,          /* a text came */
    POSTERN_EVENT_FILE = 2,             /* a file came */
    POSTERN_EVENT_DELIVERED = 3,        /* ours has reached the contact */
    POSTERN_EVENT_FAILED = 4,           /* ours, or an acceptance, will not */
    POSTERN_EVENT_CONTACT_ADDED = 5,    /* an invitation led to a contact */
    POSTERN_EVENT_IDENTITY_CHANGED = 6, /* sending to it stopped: decide */
    POSTERN_EVENT_RESYNC = 7,           /* the session began anew; tell */
    POSTERN_EVENT_RELAY_STATE = 8       /* needs no acknowledgement */
} postern_event_kind;

/* Made by the library; read only. Fields without meaning for the kind are 0. */
typedef struct postern_event {
    uint32_t size;
    uint32_t kind;     /* postern_event_kind; pass over those not known */
    uint64_t sequence; /* for postern_event_ack(); 0: needs none */
    uint64_t time_ms;  /* of receipt, or of what happened */
    uint64_t sent_ms;  /* MESSAGE, FILE: by the sender's clock */
    uint32_t priority;
    uint32_t state;       /* RELAY_STATE: postern_relay_state */
    int32_t error;        /* FAILED: a postern_error */
    uint32_t is_again;    /* 1: was given before, and not acknowledged */
    const uint8_t *bytes; /* of the text (NUL follows) or file */
    size_t len;
    char message[POSTERN_ID_SIZE]; /* the message's id; on FAILED of an
                                      acceptance "" */
    char contact[POSTERN_ID_SIZE];
    char contact_name[POSTERN_NAME_SIZE];
    char file_name[POSTERN_FILE_NAME_SIZE]; /* one component, safe to show */
    char file_type[POSTERN_FILE_TYPE_SIZE];
    char relay[POSTERN_ADDRESS_SIZE];
    char reason[POSTERN_REASON_SIZE];
} postern_event;

/* Give the next event, waiting for at most timeout_ms. Each is given once while
 * the client is open; the order within a contact is that of sending, as far as
 * it is known. TIMEOUT if there is none; IO if the store can keep nothing at
 * present, as on a full disk: what comes then stays at the relays. */
POSTERN_API POSTERN_MUST_USE int postern_next_event(postern_client *client,
                                                    uint32_t timeout_ms,
                                                    postern_event **out);
/* Wipe, free and null *event: not an acknowledgement. Accepts NULL. */
POSTERN_API void postern_event_free(postern_event **event);
/* The application has the event safe: it never comes again, and the relay may
 * drop the message. Durable on return. NOT_FOUND for a number that was not
 * given; acknowledging twice is harmless. */
POSTERN_API POSTERN_MUST_USE int postern_event_ack(postern_client *client,
                                                   uint64_t sequence);
/* The application could not take it: give it again, after the others. */
POSTERN_API POSTERN_MUST_USE int postern_event_return(postern_client *client,
                                                      uint64_t sequence);
/* Make a postern_next_event() or other waiting call return TIMEOUT now, from
 * any thread; also from a signal handler. */
POSTERN_API void postern_interrupt(postern_client *client);

#ifdef __cplusplus
}
#endif

#endif
