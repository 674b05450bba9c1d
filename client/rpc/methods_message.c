/* Sending, the outbox, kept messages, events. */
#include <string.h>

#include "client/rpc/rpc.h"

static const char *text(const json_t *p, const char *key)
{
    return json_string_value(json_object_get(p, key));
}

static uint64_t number(const json_t *p, const char *key, uint64_t otherwise)
{
    const json_t *value = json_object_get(p, key);
    return value == NULL ? otherwise : (uint64_t)json_integer_value(value);
}

int rpc_send(postern_client *client, const json_t *p, json_t **out)
{
    postern_send_options o = POSTERN_SEND_OPTIONS_INIT;
    const json_t *body = json_object_get(p, "text");
    const json_t *file = json_object_get(p, "file_base64");
    const char *priority = text(p, "priority");
    uint8_t *bytes = NULL;
    char id[POSTERN_ID_SIZE];
    int code;
    if ((body == NULL) == (file == NULL) ||
        (file != NULL) != (text(p, "file_name") != NULL))
        return POSTERN_E_ARG;
    if (file != NULL &&
        !rpc_base64_read(json_string_value(file), json_string_length(file),
                         POSTERN_MESSAGE_MAX, &bytes, &o.file_len))
        return POSTERN_E_NOMEM;
    o.text = json_string_value(body);
    o.text_len = json_string_length(body);
    o.file_bytes = bytes;
    o.file_name = text(p, "file_name");
    o.file_type = text(p, "file_type");
    o.id = text(p, "id");
    o.expires_in_ms = number(p, "expires_in_ms", 0);
    if (priority != NULL)
        o.priority = rpc_value(rpc_priorities, priority);
    code = postern_send(client, text(p, "contact"), &o, id);
    rpc_free(bytes);
    if (code == POSTERN_OK)
        *out = json_pack("{s:s}", "id", id);
    return code;
}

int rpc_wait(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_wait(client, text(p, "id"),
                        rpc_value(rpc_message_states, text(p, "state")),
                        (uint32_t)number(p, "timeout_ms", 30000));
}

static json_t *copies_json(const postern_outgoing *o)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o->copy_count; i++)
        (void)json_array_append_new(
            list, json_pack("{s:o, s:b, s:o, s:o}", "relay",
                            rpc_text(o->copies[i].address), "held",
                            (int)o->copies[i].is_held, "reason",
                            rpc_text(o->copies[i].reason), "since",
                            rpc_time(o->copies[i].since_ms)));
    return list;
}

int rpc_outbox_list(postern_client *client, const json_t *p, json_t **out)
{
    postern_list *list;
    const int code = postern_outbox_list(client, &list);
    const postern_outgoing *o;
    (void)p;
    if (code != POSTERN_OK)
        return code;
    *out = json_array();
    for (size_t i = 0; (o = postern_list_outgoing(list, i)) != NULL; i++)
        (void)json_array_append_new(
            *out,
            json_pack(
                "{s:s, s:o, s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:I, "
                "s:o}",
                "id", o->id, "to", rpc_text(o->contact_name), "contact",
                o->contact, "state", rpc_name(rpc_message_states, o->state),
                "reason", rpc_text(o->reason), "since", rpc_time(o->since_ms),
                "priority", rpc_name(rpc_priorities, o->priority), "attempts",
                (json_int_t)o->attempts, "bytes", (json_int_t)o->bytes,
                "created_at", rpc_time(o->created_ms), "expires_at",
                rpc_time(o->expires_ms), "held", (json_int_t)o->held, "copies",
                copies_json(o)));
    postern_list_free(&list);
    return POSTERN_OK;
}

int rpc_outbox_retry(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_outbox_retry(client, text(p, "id"));
}

int rpc_outbox_cancel(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_outbox_cancel(client, text(p, "id"));
}

static json_t *message_object(const postern_message *m)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o}", "id", m->id,
        "direction", m->state == POSTERN_MESSAGE_RECEIVED ? "in" : "out",
        m->state == POSTERN_MESSAGE_RECEIVED ? "from" : "to",
        rpc_text(m->contact_name), "contact", m->contact, "state",
        rpc_name(rpc_message_states, m->state), "priority",
        rpc_name(rpc_priorities, m->priority), "reason", rpc_text(m->reason),
        "sent_at", rpc_time(m->sent_ms), "received_at",
        rpc_time(m->received_ms));
    if (object != NULL && !rpc_set_body(object, m->is_file != 0, m->bytes,
                                        m->len, m->file_name, m->file_type)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int rpc_message_list(postern_client *client, const json_t *p, json_t **out)
{
    postern_list *list;
    const int code = postern_message_list(
        client, text(p, "contact"), (uint32_t)number(p, "limit", 0), &list);
    const postern_message *m;
    if (code != POSTERN_OK)
        return code;
    *out = json_array();
    for (size_t i = 0; (m = postern_list_message(list, i)) != NULL; i++)
        (void)json_array_append_new(*out, message_object(m));
    postern_list_free(&list);
    return POSTERN_OK;
}

int rpc_message_get(postern_client *client, const json_t *p, json_t **out)
{
    postern_list *list;
    const int code = postern_message_get(client, text(p, "id"), &list);
    const postern_message *m;
    if (code != POSTERN_OK)
        return code;
    m = postern_list_message(list, 0);
    *out = m == NULL ? NULL : message_object(m);
    postern_list_free(&list);
    return POSTERN_OK;
}

int rpc_message_delete(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_message_delete(client, text(p, "id"));
}

static const char *event_type(uint32_t kind)
{
    switch (kind) {
    case POSTERN_EVENT_MESSAGE:
    case POSTERN_EVENT_FILE:
        return "message";
    case POSTERN_EVENT_DELIVERED:
        return "delivered";
    case POSTERN_EVENT_FAILED:
        return "failed";
    case POSTERN_EVENT_CONTACT_ADDED:
        return "contact-added";
    case POSTERN_EVENT_IDENTITY_CHANGED:
        return "identity-changed";
    case POSTERN_EVENT_RESYNC:
        return "resync";
    case POSTERN_EVENT_RELAY_STATE:
        return "relay-state";
    default:
        return "unknown";
    }
}

json_t *rpc_event_object(const postern_event *e)
{
    const bool is_mail =
        e->kind == POSTERN_EVENT_MESSAGE || e->kind == POSTERN_EVENT_FILE;
    json_t *object = json_pack(
        "{s:s, s:I, s:b, s:s, s:o, s:s, s:o}", "type", event_type(e->kind),
        "sequence", (json_int_t)e->sequence, "again", (int)e->is_again, "id",
        e->message, "from", rpc_text(e->contact_name), "contact", e->contact,
        is_mail ? "received_at" : "at", rpc_time(e->time_ms));
    bool is_good = object != NULL;
    if (is_good && is_mail)
        is_good = json_object_update_new(
                      object,
                      json_pack("{s:o, s:s}", "sent_at", rpc_time(e->sent_ms),
                                "priority",
                                rpc_name(rpc_priorities, e->priority))) == 0 &&
                  rpc_set_body(object, e->kind == POSTERN_EVENT_FILE, e->bytes,
                               e->len, e->file_name, e->file_type);
    if (is_good && e->kind == POSTERN_EVENT_RELAY_STATE)
        is_good =
            json_object_update_new(
                object,
                json_pack("{s:o, s:s}", "relay", rpc_text(e->relay), "state",
                          rpc_name(rpc_relay_states, e->state))) == 0;
    if (is_good && e->kind == POSTERN_EVENT_FAILED)
        is_good =
            json_object_set_new(object, "error", json_integer(e->error)) == 0;
    if (is_good && e->reason[0] != 0)
        is_good =
            json_object_set_new(object, "reason", rpc_text(e->reason)) == 0;
    if (!is_good) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int rpc_next_event(postern_client *client, const json_t *p, json_t **out)
{
    postern_event *event;
    const int code = postern_next_event(
        client, (uint32_t)number(p, "timeout_ms", 30000), &event);
    if (code == POSTERN_E_TIMEOUT) {
        *out = json_null();
        return POSTERN_OK;
    }
    if (code != POSTERN_OK)
        return code;
    *out = rpc_event_object(event);
    postern_event_free(&event);
    return POSTERN_OK;
}

int rpc_event_ack(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_event_ack(client, number(p, "sequence", 0));
}

int rpc_event_return(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_event_return(client, number(p, "sequence", 0));
}
