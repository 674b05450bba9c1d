#include <string.h>

#include "client/rpc/rpc.h"

static const char *text(const json_t *p, const char *key)
{
    return json_string_value(json_object_get(p, key));
}

static json_t *contact_object(const postern_contact *c)
{
    return json_pack(
        "{s:s, s:o, s:o, s:b, s:b, s:b, s:b, s:I, s:o, s:o, s:o, "
        "s:o, s:s, s:b}",
        "id", c->id, "name", rpc_text(c->name), "own_name",
        rpc_text(c->own_name), "ready", (int)c->is_ready, "verified",
        (int)c->is_verified, "blocked", (int)c->is_blocked, "changed",
        (int)c->is_changed, "outbox", (json_int_t)c->outbox, "created_at",
        rpc_time(c->created_ms), "seen_at", rpc_time(c->seen_ms),
        "safety_number", rpc_text(c->safety), "changed_safety_number",
        rpc_text(c->safety_changed), "profile",
        rpc_name(rpc_profiles, c->profile), "thin", (int)c->is_thin);
}

int rpc_invite_accept(postern_client *client, const json_t *p, json_t **out)
{
    const json_t *invitation = json_object_get(p, "invitation");
    const json_t *wait = json_object_get(p, "timeout_ms");
    postern_contact c = POSTERN_CONTACT_INIT;
    const int code = postern_invite_accept(
        client, json_string_value(invitation), json_string_length(invitation),
        text(p, "name"),
        wait == NULL ? 30000 : (uint32_t)json_integer_value(wait), &c);
    if (code == POSTERN_OK)
        *out = contact_object(&c);
    return code;
}

int rpc_contact_list(postern_client *client, const json_t *p, json_t **out)
{
    postern_list *list;
    const int code = postern_contact_list(client, &list);
    const postern_contact *c;
    (void)p;
    if (code != POSTERN_OK)
        return code;
    *out = json_array();
    for (size_t i = 0; (c = postern_list_contact(list, i)) != NULL; i++)
        (void)json_array_append_new(*out, contact_object(c));
    postern_list_free(&list);
    return POSTERN_OK;
}

int rpc_contact_get(postern_client *client, const json_t *p, json_t **out)
{
    postern_contact c = POSTERN_CONTACT_INIT;
    const int code = postern_contact_get(client, text(p, "contact"), &c);
    if (code == POSTERN_OK)
        *out = contact_object(&c);
    return code;
}

int rpc_contact_rename(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_contact_rename(client, text(p, "contact"), text(p, "name"));
}

int rpc_contact_verify(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_contact_verify(client, text(p, "contact"),
                                  text(p, "safety_number"));
}

int rpc_contact_block(postern_client *client, const json_t *p, json_t **out)
{
    const json_t *block = json_object_get(p, "block");
    *out = json_true();
    return postern_contact_block(client, text(p, "contact"),
                                 json_is_false(block) ? 0 : 1);
}

int rpc_contact_set_profile(postern_client *client, const json_t *p,
                            json_t **out)
{
    *out = json_true();
    return postern_contact_set_profile(
        client, text(p, "contact"),
        rpc_value(rpc_profiles, text(p, "profile")));
}

int rpc_contact_remove(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_contact_remove(client, text(p, "contact"));
}

int rpc_contact_accept_identity(postern_client *client, const json_t *p,
                                json_t **out)
{
    const json_t *accept = json_object_get(p, "accept");
    *out = json_true();
    return postern_contact_accept_identity(client, text(p, "contact"),
                                           text(p, "safety_number"),
                                           json_is_false(accept) ? 0 : 1);
}
