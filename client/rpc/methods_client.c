/* The client as a whole, relays and invitations. */
#include <stdio.h>
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

int rpc_version(postern_client *client, const json_t *p, json_t **out)
{
    (void)client;
    (void)p;
    *out = json_pack("{s:s, s:I}", "version", postern_version(), "protocol",
                     (json_int_t)postern_protocol_version());
    return POSTERN_OK;
}

int rpc_discover(postern_client *client, const json_t *p, json_t **out)
{
    (void)client;
    (void)p;
    *out = rpc_spec();
    return POSTERN_OK;
}

int rpc_status(postern_client *client, const json_t *p, json_t **out)
{
    postern_status s = POSTERN_STATUS_INIT;
    const int code = postern_get_status(client, &s);
    (void)p;
    if (code == POSTERN_OK)
        *out = json_pack(
            "{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, "
            "s:s, s:I}",
            "identity", s.identity, "name", rpc_text(s.name), "relays",
            (json_int_t)s.relays, "relays_online", (json_int_t)s.relays_online,
            "contacts", (json_int_t)s.contacts, "outbox", (json_int_t)s.outbox,
            "events", (json_int_t)s.events, "invitations",
            (json_int_t)s.invitations, "profile",
            rpc_name(rpc_profiles, s.profile), "relays_own",
            (json_int_t)s.relays_own, "relays_wanted",
            (json_int_t)s.relays_wanted, "replace_after_ms",
            (json_int_t)s.replace_after_ms, "route",
            rpc_name(rpc_routes, s.route), "relays_two_faced",
            (json_int_t)s.relays_two_faced);
    return code;
}

int rpc_set_profile(postern_client *client, const json_t *p, json_t **out)
{
    const char *name = json_string_value(json_object_get(p, "profile"));
    *out = json_true();
    return postern_set_profile(client, rpc_value(rpc_profiles, name));
}

/* Run `with` on a passphrase of the parameters, and wipe it. */
static uint8_t *secret(const json_t *p, const char *key, size_t *len)
{
    const json_t *value = json_object_get(p, key);
    uint8_t *bytes = NULL;
    *len = 0;
    (void)rpc_base64_read(json_string_value(value), json_string_length(value),
                          1024, &bytes, len);
    return bytes;
}

int rpc_passphrase_change(postern_client *client, const json_t *p, json_t **out)
{
    size_t old_len, fresh_len;
    uint8_t *old = secret(p, "old", &old_len);
    uint8_t *fresh = secret(p, "new", &fresh_len);
    int code = POSTERN_E_NOMEM;
    if (old != NULL && fresh != NULL)
        code =
            postern_passphrase_change(client, old, old_len, fresh, fresh_len);
    rpc_free(old);
    rpc_free(fresh);
    if (code == POSTERN_OK)
        *out = json_true();
    return code;
}

int rpc_duress_set(postern_client *client, const json_t *p, json_t **out)
{
    size_t len;
    uint8_t *bytes = secret(p, "passphrase", &len);
    int code = POSTERN_E_NOMEM;
    if (json_object_get(p, "passphrase") == NULL)
        code = postern_duress_set(client, NULL, 0);
    else if (bytes != NULL && len == 0)
        code = POSTERN_E_ARG; /* taking it away is said otherwise */
    else if (bytes != NULL)
        code = postern_duress_set(client, bytes, len);
    rpc_free(bytes);
    if (code == POSTERN_OK)
        *out = json_true();
    return code;
}

int rpc_backup_create(postern_client *client, const json_t *p, json_t **out)
{
    size_t len;
    uint8_t *bytes = secret(p, "passphrase", &len);
    int code = POSTERN_E_NOMEM;
    if (bytes != NULL)
        code = postern_backup_create(client, text(p, "file"), bytes, len);
    rpc_free(bytes);
    if (code == POSTERN_OK)
        *out = json_true();
    return code;
}

int rpc_backup_verify(postern_client *client, const json_t *p, json_t **out)
{
    size_t len;
    uint8_t *bytes = secret(p, "passphrase", &len);
    int code = POSTERN_E_NOMEM;
    (void)client;
    if (bytes != NULL)
        code = postern_backup_verify(text(p, "file"), bytes, len);
    rpc_free(bytes);
    if (code == POSTERN_OK)
        *out = json_true();
    return code;
}

int rpc_relay_list(postern_client *client, const json_t *p, json_t **out)
{
    postern_list *list;
    const int code = postern_relay_list(client, &list);
    const postern_relay *r;
    (void)p;
    if (code != POSTERN_OK)
        return code;
    *out = json_array();
    for (size_t i = 0; (r = postern_list_relay(list, i)) != NULL; i++)
        (void)json_array_append_new(
            *out,
            json_pack("{s:o, s:b, s:s, s:o, s:I, s:o, s:o, s:b, s:b}",
                      "address", rpc_text(r->address), "own", (int)r->is_own,
                      "state", rpc_name(rpc_relay_states, r->state), "since",
                      rpc_time(r->since_ms), "queues", (json_int_t)r->queues,
                      "reason", rpc_text(r->reason), "failing_since",
                      r->failing_since_ms == 0 ? json_null()
                                               : rpc_time(r->failing_since_ms),
                      "given_up", (int)r->is_given_up, "two_faced",
                      (int)r->is_two_faced));
    postern_list_free(&list);
    return POSTERN_OK;
}

int rpc_relay_add(postern_client *client, const json_t *p, json_t **out)
{
    size_t len;
    uint8_t *bytes;
    int code = POSTERN_E_NOMEM;
    *out = json_true();
    if (json_object_get(p, "access_secret") == NULL)
        return postern_relay_add(client, text(p, "address"));
    bytes = secret(p, "access_secret", &len);
    if (bytes != NULL)
        code = postern_relay_add_secret(client, text(p, "address"), bytes, len);
    rpc_free(bytes);
    return code;
}

int rpc_relay_remove(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_relay_remove(client, text(p, "address"));
}

int rpc_relay_policy(postern_client *client, const json_t *p, json_t **out)
{
    postern_status s = POSTERN_STATUS_INIT;
    const json_t *route = json_object_get(p, "route");
    int code = postern_relay_policy(client, (uint32_t)number(p, "relays", 0),
                                    number(p, "replace_after_ms", 0));
    if (code == POSTERN_OK && route != NULL)
        code = postern_relay_route(
            client, rpc_value(rpc_routes, json_string_value(route)));
    if (code == POSTERN_OK)
        code = postern_get_status(client, &s);
    if (code == POSTERN_OK)
        *out =
            json_pack("{s:I, s:I, s:s}", "relays", (json_int_t)s.relays_wanted,
                      "replace_after_ms", (json_int_t)s.replace_after_ms,
                      "route", rpc_name(rpc_routes, s.route));
    return code;
}

int rpc_relay_test(postern_client *client, const json_t *p, json_t **out)
{
    postern_relay_report r = POSTERN_RELAY_REPORT_INIT;
    const uint32_t wait = (uint32_t)number(p, "timeout_ms", 10000);
    char key[65];
    int code;
    (void)client;
    code = postern_relay_test(text(p, "address"), wait > 0 ? wait : 1, &r);
    if (code != POSTERN_OK)
        return code;
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(key + 2 * i, 3, "%02x", (unsigned)r.relay_key[i]);
    *out = json_pack(
        "{s:f, s:f, s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I}",
        "handshake_ms", (double)r.handshake_us / 1000, "roundtrip_ms",
        (double)r.roundtrip_us / 1000, "relay_key", key, "protocol",
        (json_int_t)r.protocol_version, "link_version",
        (json_int_t)r.link_version, "software", rpc_text(r.software), "version",
        rpc_text(r.version), "features", (json_int_t)r.features,
        "clock_difference_ms", (json_int_t)r.clock_difference_ms, "record_size",
        (json_int_t)r.record_size, "frame_max", (json_int_t)r.frame_max);
    return POSTERN_OK;
}

static json_t *invite_object(const postern_invite *v)
{
    return json_pack("{s:s, s:s, s:o, s:b, s:o, s:o, s:s, s:o, s:o}", "id",
                     v->id, "state", rpc_name(rpc_invite_states, v->state),
                     "name", rpc_text(v->name), "offline", (int)v->is_offline,
                     "created_at", rpc_time(v->created_ms), "expires_at",
                     rpc_time(v->expires_ms), "contact", v->contact, "reason",
                     rpc_text(v->reason), "link", rpc_text(v->text));
}

int rpc_invite_create(postern_client *client, const json_t *p, json_t **out)
{
    postern_invite_options o = POSTERN_INVITE_OPTIONS_INIT;
    postern_invite v = POSTERN_INVITE_INIT;
    int code;
    o.name = text(p, "name");
    o.expires_in_ms = number(p, "expires_in_ms", 0);
    o.is_offline = json_is_true(json_object_get(p, "offline")) ? 1 : 0;
    code = postern_invite_create(client, &o,
                                 (uint32_t)number(p, "timeout_ms", 30000), &v);
    if (code == POSTERN_OK)
        *out = invite_object(&v);
    explicit_bzero(&v, sizeof v);
    return code;
}

int rpc_invite_get(postern_client *client, const json_t *p, json_t **out)
{
    postern_invite v = POSTERN_INVITE_INIT;
    const int code = postern_invite_get(client, text(p, "id"), &v);
    if (code == POSTERN_OK)
        *out = invite_object(&v);
    explicit_bzero(&v, sizeof v);
    return code;
}

int rpc_invite_list(postern_client *client, const json_t *p, json_t **out)
{
    postern_list *list;
    const int code = postern_invite_list(client, &list);
    const postern_invite *v;
    (void)p;
    if (code != POSTERN_OK)
        return code;
    *out = json_array();
    for (size_t i = 0; (v = postern_list_invite(list, i)) != NULL; i++)
        (void)json_array_append_new(*out, invite_object(v));
    postern_list_free(&list);
    return POSTERN_OK;
}

int rpc_invite_revoke(postern_client *client, const json_t *p, json_t **out)
{
    *out = json_true();
    return postern_invite_revoke(client, text(p, "id"));
}
