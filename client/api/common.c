/* Errors, lists and small copies that the whole API uses. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/api/client.h"
#include "proto/base/mem.h"

int cl_error_of(pn_err err)
{
    switch (err) {
    case PN_OK:
        return POSTERN_OK;
    case PN_MORE:
        return POSTERN_E_PENDING;
    case PN_E_NOMEM:
        return POSTERN_E_NOMEM;
    case PN_E_ARG:
        return POSTERN_E_ARG;
    case PN_E_FULL:
        return POSTERN_E_FULL;
    case PN_E_SHORT:
        return POSTERN_E_TOO_BIG;
    case PN_E_PROTO:
    case PN_E_CRYPTO:
        return POSTERN_E_MALFORMED;
    case PN_E_VERSION:
        return POSTERN_E_VERSION;
    case PN_E_STATE:
        return POSTERN_E_STATE;
    case PN_E_IO:
        return POSTERN_E_IO;
    case PN_E_TIMEOUT:
        return POSTERN_E_TIMEOUT;
    case PN_E_CLOSED:
        return POSTERN_E_NO_STORE;
    case PN_E_NOT_FOUND:
        return POSTERN_E_NOT_FOUND;
    case PN_E_EXISTS:
        return POSTERN_E_EXISTS;
    case PN_E_REFUSED:
        return POSTERN_E_REFUSED;
    case PN_E_CORRUPT:
        return POSTERN_E_CORRUPT;
    case PN_E_RANDOM:
        return POSTERN_E_SYSTEM;
    }
    return POSTERN_E_INTERNAL;
}

int cl_fail(postern_client *c, int error, const char *format, ...)
{
    char text[CL_TEXT_MAX];
    va_list args;
    if (c == NULL)
        return error;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)pthread_mutex_lock(&c->text_lock);
    memcpy(c->text, text, sizeof text);
    (void)pthread_mutex_unlock(&c->text_lock);
    return error;
}

int cl_done(postern_client *c, pn_err err, const char *what)
{
    const int error = cl_error_of(err);
    char why[CL_VAULT_FAULT_TEXT] = "";
    if (error == POSTERN_OK)
        return POSTERN_OK;
    if (c != NULL &&
        (err == PN_E_IO || err == PN_E_CORRUPT || err == PN_E_CLOSED)) {
        (void)cl_driver_lock(c->driver);
        cl_copy_text(why, sizeof why, c->store.why);
        cl_driver_unlock(c->driver);
    }
    return cl_fail(c, error, "%s: %s", what,
                   why[0] != 0 ? why : postern_strerror(error));
}

void postern_last_error(postern_client *client, char *out, size_t cap)
{
    if (out == NULL || cap == 0)
        return;
    out[0] = '\0';
    if (client == NULL)
        return;
    (void)pthread_mutex_lock(&client->text_lock);
    cl_copy_text(out, cap, client->text);
    (void)pthread_mutex_unlock(&client->text_lock);
}

void cl_copy_text(char *out, size_t cap, const char *text)
{
    (void)snprintf(out, cap, "%s", text);
}

void cl_copy_id(char out[POSTERN_ID_SIZE], const uint8_t id[CL_ID_BYTES])
{
    static const uint8_t none[CL_ID_BYTES];
    if (memcmp(id, none, CL_ID_BYTES) == 0)
        out[0] = '\0';
    else
        pn_hex(out, (pn_bytes){ id, CL_ID_BYTES });
}

bool cl_parse_id(uint8_t out[CL_ID_BYTES], const char *text)
{
    return text != NULL && pn_unhex(out, CL_ID_BYTES, text) == PN_OK;
}

/* --- lists -------------------------------------------------------------- */

typedef struct slot {
    void *item; /* owned */
    size_t size;
} slot;

struct postern_list {
    cl_list_kind kind;
    size_t count, cap;
    slot *slots; /* owned */
};

postern_list *cl_list_new(cl_list_kind kind)
{
    postern_list *list = pn_alloc(1, sizeof *list);
    if (list != NULL)
        list->kind = kind;
    return list;
}

void *cl_list_add(postern_list *list, size_t size)
{
    void *item;
    if (list->count == list->cap) {
        const size_t cap = list->cap * 2 + 16;
        slot *slots = pn_realloc(list->slots, cap, sizeof *slots);
        if (slots == NULL)
            return NULL;
        list->slots = slots;
        list->cap = cap;
    }
    item = pn_alloc(1, size);
    if (item != NULL)
        list->slots[list->count++] = (slot){ item, size };
    return item;
}

const void *cl_list_at(const postern_list *list, cl_list_kind kind,
                       size_t index)
{
    if (list == NULL || list->kind != kind || index >= list->count)
        return NULL;
    return list->slots[index].item;
}

void cl_list_keep_last(postern_list *list, size_t count)
{
    const size_t drop = list->count > count ? list->count - count : 0;
    for (size_t i = 0; i < drop; i++)
        pn_free_wiped(list->slots[i].item, list->slots[i].size);
    list->count -= drop;
    if (drop > 0 && list->count > 0)
        memmove(list->slots, list->slots + drop, list->count * sizeof(slot));
}

size_t postern_list_count(const postern_list *list)
{
    return list == NULL ? 0 : list->count;
}

void postern_list_free(postern_list **list)
{
    if (list == NULL || *list == NULL)
        return;
    cl_list_keep_last(*list, 0);
    pn_free((*list)->slots);
    pn_free(*list);
    *list = NULL;
}

const postern_relay *postern_list_relay(const postern_list *list, size_t index)
{
    return cl_list_at(list, CL_LIST_RELAYS, index);
}

const postern_invite *postern_list_invite(const postern_list *list,
                                          size_t index)
{
    return cl_list_at(list, CL_LIST_INVITES, index);
}

const postern_contact *postern_list_contact(const postern_list *list,
                                            size_t index)
{
    return cl_list_at(list, CL_LIST_CONTACTS, index);
}

const postern_outgoing *postern_list_outgoing(const postern_list *list,
                                              size_t index)
{
    return cl_list_at(list, CL_LIST_OUTGOING, index);
}

const postern_message *postern_list_message(const postern_list *list,
                                            size_t index)
{
    return cl_list_at(list, CL_LIST_MESSAGES, index);
}
