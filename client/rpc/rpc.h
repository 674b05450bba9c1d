/* libpostern as JSON-RPC 2.0: what the files of this room share, and what the
 * command line uses of it.
 *
 * One table (table.c) lists every method with its parameters. Dispatch, the
 * check of parameters and the OpenRPC description all come from it, so that
 * none can say what another does not do. Methods are named as the functions of
 * postern.h, results as its structures; bytes are base64, times are RFC 3339
 * in UTC or null. The code of an error is a postern_error or one of JSON-RPC's.
 *
 * Not here: any policy. Whoever may open the socket may do everything.
 */
#ifndef POSTERN_CLIENT_RPC_RPC_H
#define POSTERN_CLIENT_RPC_RPC_H

#include <jansson.h>
#include <postern/postern.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RPC_LINE_MAX = 512 * 1024, /* bytes of a request, its newline included: a
                                  full message, every byte of it escaped */
    RPC_ANSWER_MAX = 256 * 1024 * 1024,
    RPC_DEPTH_MAX = 8, /* of nesting; ours need three */
    RPC_PARAMS_MAX = 10,
    RPC_TEXT_SIZE = 512,
    RPC_WAIT_MAX_MS = 3600000
};

/* JSON-RPC's own codes. */
enum {
    RPC_E_PARSE = -32700,
    RPC_E_REQUEST = -32600,
    RPC_E_METHOD = -32601,
    RPC_E_PARAMS = -32602
};

typedef struct rpc_error {
    int code; /* a postern_error or RPC_E_... */
    char text[RPC_TEXT_SIZE];
} rpc_error;

typedef enum rpc_kind {
    RPC_TEXT,  /* 1 to `max` bytes of UTF-8 without NUL */
    RPC_BODY,  /* the same with NUL; may be empty */
    RPC_BYTES, /* base64 of at most `max` bytes */
    RPC_UINT,  /* 0 to `max` */
    RPC_BOOL,
    RPC_CHOICE /* one of `choices` */
} rpc_kind;

typedef struct rpc_param {
    const char *name; /* NULL ends the list */
    rpc_kind kind;
    bool is_required;
    uint64_t max;
    const char *const *choices; /* NULL ends them */
    const char *doc;
} rpc_param;

enum {
    RPC_NO_CLIENT = 1, /* needs no open store */
    RPC_WAITS = 2,     /* may take its timeout_ms; others pass it meanwhile */
    RPC_EVENTS = 4     /* a server leases events to connections by itself */
};

typedef struct rpc_method {
    const char *name;
    const char *summary;
    const char *result;
    unsigned flags;
    /* Carry it out; `params` passed the check. *out is the caller's on
     * POSTERN_OK. `client` is NULL only with RPC_NO_CLIENT. */
    int (*run)(postern_client *client, const json_t *params, json_t **out);
    rpc_param params[RPC_PARAMS_MAX];
} rpc_method;

/* --- table.c -------------------------------------------------------------- */

const rpc_method *rpc_method_at(size_t index); /* NULL past the end */
const rpc_method *rpc_method_find(const char *name);

/* --- request.c ------------------------------------------------------------ */

typedef struct rpc_request {
    const rpc_method *method;
    json_t *id;     /* NULL for a notification, which gets no answer */
    json_t *params; /* an object, checked */
} rpc_request;

/* Whether jansson failed for want of memory, of which it says little. */
bool rpc_is_nomem(const json_error_t *why);
/* Read one line, without its newline. On false *why says what to answer, and
 * only out->id is set (null if it could not be read). Free it in any case. */
bool rpc_request_read(rpc_request *out, const char *line, size_t len,
                      rpc_error *why);
void rpc_request_free(rpc_request *request);
/* Check params (an object or an array by position; NULL for none) and make an
 * object of them. *out is the caller's; false: *why. */
bool rpc_params_check(const rpc_method *method, const json_t *params,
                      json_t **out, rpc_error *why);
/* The answers; each is a new reference, NULL without memory. `id` is borrowed,
 * `result` taken. */
json_t *rpc_answer(json_t *id, json_t *result);
json_t *rpc_answer_error(json_t *id, const rpc_error *why);

/* --- dispatch.c ----------------------------------------------------------- */

/* Carry out a checked request. POSTERN_OK and *out, or the error and *why. */
int rpc_run(postern_client *client, const rpc_method *method,
            const json_t *params, json_t **out, rpc_error *why);
/* The same by name, for a caller in this process. `params` is taken, and may be
 * NULL. */
int rpc_call(postern_client *client, const char *name, json_t *params,
             json_t **out, rpc_error *why);
/* Fill *why for `code`, with what the client (may be NULL) has to say. */
void rpc_error_of(rpc_error *why, int code, postern_client *client);

/* --- spec.c --------------------------------------------------------------- */

/* The OpenRPC 1.3 description; NULL without memory. */
json_t *rpc_spec(void);

/* --- value.c -------------------------------------------------------------- */

/* All return a new reference, NULL without memory. */
json_t *rpc_time(uint64_t ms); /* RFC 3339 with milliseconds; null for 0 */
/* Text that should be UTF-8; bytes that are not become `?`. */
json_t *rpc_text(const char *text);
bool rpc_is_utf8(const uint8_t *bytes, size_t len);
json_t *rpc_base64(const uint8_t *bytes, size_t len);
/* The bytes of a base64 text (padding required), *out from rpc_alloc(); false
 * if it is none or too long. */
bool rpc_base64_read(const char *text, size_t text_len, size_t max,
                     uint8_t **out, size_t *len);
/* "text" for text; "file" for a file, with "base64" if `bytes` is not NULL.
 * Set in `to`; false without memory. */
bool rpc_set_body(json_t *to, bool is_file, const uint8_t *bytes, size_t len,
                  const char *name, const char *type);
extern const char *const rpc_routes[];     /* by postern_route; NULL ends */
extern const char *const rpc_profiles[];   /* by postern_profile; NULL ends */
extern const char *const rpc_priorities[]; /* by postern_priority; NULL ends */
extern const char *const rpc_message_states[];
extern const char *const rpc_relay_states[];
extern const char *const rpc_invite_states[];
/* The name of a value; "unknown" past the end. */
const char *rpc_name(const char *const *names, uint32_t value);
/* The value of a name of such a list, which has it. */
uint32_t rpc_value(const char *const *names, const char *name);

/* --- the methods, which the table lists; see rpc_method.run --------------- */

typedef int rpc_run_fn(postern_client *client, const json_t *p, json_t **out);
rpc_run_fn rpc_version, rpc_discover, rpc_status, rpc_passphrase_change,
    rpc_duress_set, rpc_backup_create, rpc_backup_verify;
rpc_run_fn rpc_relay_list, rpc_relay_add, rpc_relay_remove, rpc_relay_policy,
    rpc_relay_test;
rpc_run_fn rpc_invite_create, rpc_invite_get, rpc_invite_list,
    rpc_invite_revoke, rpc_invite_accept;
rpc_run_fn rpc_contact_list, rpc_contact_get, rpc_contact_rename,
    rpc_contact_verify, rpc_contact_block, rpc_contact_remove,
    rpc_contact_set_profile, rpc_set_profile, rpc_contact_accept_identity;
rpc_run_fn rpc_send, rpc_wait, rpc_outbox_list, rpc_outbox_retry,
    rpc_outbox_cancel, rpc_message_list, rpc_message_get, rpc_message_delete;
rpc_run_fn rpc_next_event, rpc_event_ack, rpc_event_return;
/* An event as the result of next_event. */
json_t *rpc_event_object(const postern_event *event);

/* --- memory.c ------------------------------------------------------------- */

/* Make every JSON value be wiped before its memory goes back. Once, before
 * anything else here. */
void rpc_memory_setup(void);
/* One line of JSON with its newline; ASCII only, so that nothing in it can
 * disturb a terminal. Free with rpc_free(). NULL without memory. */
char *rpc_dump(const json_t *value, size_t *len);
void *rpc_alloc(size_t size);
/* Wipes; accepts NULL. */
void rpc_free(void *memory);

#endif
