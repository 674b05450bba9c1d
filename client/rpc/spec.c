/* The description of the interface, made of the table that runs it. */
#include <stdio.h>

#include "client/rpc/rpc.h"

static json_t *schema(const rpc_param *p)
{
    json_t *choices;
    switch (p->kind) {
    case RPC_TEXT:
        return json_pack("{s:s, s:i, s:I}", "type", "string", "minLength", 1,
                         "maxLength", (json_int_t)p->max);
    case RPC_BODY:
        return json_pack("{s:s, s:I}", "type", "string", "maxLength",
                         (json_int_t)p->max);
    case RPC_BYTES:
        return json_pack("{s:s, s:s, s:I}", "type", "string", "contentEncoding",
                         "base64", "maxLength",
                         ((json_int_t)p->max + 2) / 3 * 4);
    case RPC_UINT:
        return json_pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0,
                         "maximum", (json_int_t)p->max);
    case RPC_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case RPC_CHOICE:
        choices = json_array();
        for (size_t i = 0; p->choices[i] != NULL; i++)
            (void)json_array_append_new(choices, json_string(p->choices[i]));
        return json_pack("{s:s, s:o}", "type", "string", "enum", choices);
    }
    return NULL;
}

static json_t *describe(const rpc_method *m)
{
    json_t *params = json_array();
    for (const rpc_param *p = m->params; p->name != NULL; p++)
        (void)json_array_append_new(
            params,
            json_pack("{s:s, s:s, s:b, s:o}", "name", p->name, "description",
                      p->doc, "required", p->is_required, "schema", schema(p)));
    return json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:s, s:{}}}", "name",
                     m->name, "summary", m->summary, "paramStructure", "either",
                     "params", params, "result", "name", "result",
                     "description", m->result, "schema");
}

/* JSON-RPC's errors and the library's. */
static json_t *errors(void)
{
    json_t *all = json_object();
    char name[16];
    for (int code = -1; code >= POSTERN_E_NO_STORE; code--) {
        (void)snprintf(name, sizeof name, "E%d", -code);
        (void)json_object_set_new(all, name,
                                  json_pack("{s:i, s:s}", "code", code,
                                            "message", postern_strerror(code)));
    }
    return all;
}

json_t *rpc_spec(void)
{
    json_t *methods = json_array();
    for (size_t i = 0; rpc_method_at(i) != NULL; i++)
        (void)json_array_append_new(methods, describe(rpc_method_at(i)));
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o}}", "openrpc",
                     "1.3.2", "info", "title", "postern rpc", "version",
                     postern_version(), "description",
                     "JSON-RPC 2.0, one object per line, over standard input "
                     "and output or a Unix socket. Times are RFC 3339 in UTC "
                     "or null, bytes base64. Requests of a connection are "
                     "carried out in order; one that waits does not hold up "
                     "those behind it. An event given by next_event is leased "
                     "to the connection: it is kept until event_ack, and goes "
                     "to another if the connection ends before.",
                     "methods", methods, "components", "errors", errors());
}
