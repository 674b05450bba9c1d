/* What the files of the public API share: the client, its error text, lists.
 * Thread rule: as postern.h. */
#ifndef POSTERN_CLIENT_API_CLIENT_H
#define POSTERN_CLIENT_API_CLIENT_H

#include <pthread.h>

#include "client/include/postern/postern.h"
#include "client/net/driver.h"
#include "client/net/vaultstore.h"
#include "proto/base/env.h"

enum { CL_TEXT_MAX = 400, CL_RELAYS_SEEN = 64 };

struct postern_client {
    pn_env env;
    cl_vault *vault;
    cl_vaultstore store;
    cl_store store_port;
    cl_driver *driver;
    void *loop; /* the caller's, attached; see uv.c */
    pthread_mutex_t text_lock;
    char text[CL_TEXT_MAX];
    /* Under the driver's lock: what RELAY_STATE events have told. */
    uint8_t relay_seen[CL_RELAYS_SEEN];
};

typedef enum cl_list_kind {
    CL_LIST_RELAYS,
    CL_LIST_INVITES,
    CL_LIST_CONTACTS,
    CL_LIST_OUTGOING,
    CL_LIST_MESSAGES,
} cl_list_kind;

/* Note what went wrong and what to do, and return `error`. `c` may be NULL. */
int cl_fail(postern_client *c, int error, const char *format, ...)
    PN_PRINTF(3, 4);
/* The public error of one of ours, where nothing better is known. */
int cl_error_of(pn_err err);
/* Both in one: `what` is what was tried. POSTERN_OK stays silent. Not while
 * the driver is locked. */
int cl_done(postern_client *c, pn_err err, const char *what);

/* An empty list, or NULL. */
postern_list *cl_list_new(cl_list_kind kind);
/* A zeroed item of `size` bytes at its end, or NULL. */
void *cl_list_add(postern_list *list, size_t size);
const void *cl_list_at(const postern_list *list, cl_list_kind kind,
                       size_t index);
/* Forget the first items until `count` are left. */
void cl_list_keep_last(postern_list *list, size_t count);

/* Why a name, or an invitation, was not taken. */
int cl_name_failed(postern_client *c, pn_err err);
/* Text into a field: cut to fit. */
void cl_copy_text(char *out, size_t cap, const char *text);
void cl_copy_id(char out[POSTERN_ID_SIZE], const uint8_t id[CL_ID_BYTES]);
/* Exactly 32 hex digits. */
bool cl_parse_id(uint8_t out[CL_ID_BYTES], const char *text);
void cl_fill_contact(postern_contact *out, const cl_contact_view *view);

#endif
