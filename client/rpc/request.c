/* From a line to a checked request. Nothing here trusts the line: its size is
 * the caller's bound, its depth is counted before a parser recurses into it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/rpc/rpc.h"

static bool refuse(rpc_error *why, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(rpc_error *why, int code, const char *fmt, ...)
{
    va_list va;
    va_start(va, fmt);
    (void)vsnprintf(why->text, sizeof why->text, fmt, va);
    va_end(va);
    why->code = code;
    return false;
}

static bool is_shallow(const char *line, size_t len)
{
    bool in_text = false;
    int depth = 0;
    for (size_t i = 0; i < len; i++) {
        const char c = line[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            if (++depth > RPC_DEPTH_MAX)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static bool check_text(const rpc_param *p, const json_t *value, rpc_error *why)
{
    const size_t len = json_string_length(value);
    if (p->kind == RPC_CHOICE) {
        for (size_t i = 0; p->choices[i] != NULL; i++)
            if (strcmp(p->choices[i], json_string_value(value)) == 0 &&
                strlen(p->choices[i]) == len)
                return true;
        return refuse(why, RPC_E_PARAMS, "%s is not one of its values",
                      p->name);
    }
    if (p->kind == RPC_BYTES) {
        uint8_t *bytes;
        size_t n;
        if (!rpc_base64_read(json_string_value(value), len, p->max, &bytes, &n))
            return refuse(why, RPC_E_PARAMS,
                          "%s is no base64, or of more than %llu bytes",
                          p->name, (unsigned long long)p->max);
        rpc_free(bytes);
        return true;
    }
    if (len > p->max)
        return refuse(why, RPC_E_PARAMS, "%s has %zu bytes; at most %llu",
                      p->name, len, (unsigned long long)p->max);
    if (p->kind == RPC_TEXT &&
        (len == 0 || strlen(json_string_value(value)) != len))
        return refuse(why, RPC_E_PARAMS, "%s is empty, or holds a NUL",
                      p->name);
    return true;
}

static bool check_value(const rpc_param *p, const json_t *value, rpc_error *why)
{
    switch (p->kind) {
    case RPC_TEXT:
    case RPC_BODY:
    case RPC_BYTES:
    case RPC_CHOICE:
        if (!json_is_string(value))
            return refuse(why, RPC_E_PARAMS, "%s has to be a string", p->name);
        return check_text(p, value, why);
    case RPC_UINT:
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            (uint64_t)json_integer_value(value) > p->max)
            return refuse(why, RPC_E_PARAMS,
                          "%s has to be an integer from 0 to %llu", p->name,
                          (unsigned long long)p->max);
        return true;
    case RPC_BOOL:
        if (!json_is_boolean(value))
            return refuse(why, RPC_E_PARAMS, "%s has to be true or false",
                          p->name);
        return true;
    }
    return refuse(why, POSTERN_E_INTERNAL, "%s has no kind", p->name);
}

/* Every member of `params` is a parameter of the method. */
static bool check_names(const rpc_method *method, json_t *params,
                        rpc_error *why)
{
    const char *key;
    json_t *value;
    json_object_foreach(params, key, value)
    {
        const rpc_param *p = method->params;
        while (p->name != NULL && strcmp(p->name, key) != 0)
            p++;
        if (p->name == NULL)
            return refuse(why, RPC_E_PARAMS, "%s has no parameter `%.40s`",
                          method->name, key);
    }
    return true;
}

/* An array by position becomes an object by name. */
static json_t *named(const rpc_method *method, const json_t *params)
{
    const size_t count = json_array_size(params);
    json_t *object = json_object();
    for (size_t i = 0; i < count && object != NULL; i++) {
        if (json_object_set(object, method->params[i].name,
                            json_array_get(params, i)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* json_copy() leaves out what it has no memory for. */
static json_t *copy(const json_t *params)
{
    json_t *object = json_copy((json_t *)(uintptr_t)params);
    if (object != NULL &&
        json_object_size(object) != json_object_size(params)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static size_t param_count(const rpc_method *method)
{
    size_t count = 0;
    while (method->params[count].name != NULL)
        count++;
    return count;
}

bool rpc_params_check(const rpc_method *method, const json_t *params,
                      json_t **out, rpc_error *why)
{
    json_t *object;
    *out = NULL;
    if (params == NULL)
        object = json_object();
    else if (json_is_object(params))
        object = copy(params);
    else if (!json_is_array(params))
        return refuse(why, RPC_E_REQUEST, "params is no object or array");
    else if (json_array_size(params) > param_count(method))
        return refuse(why, RPC_E_PARAMS, "%s takes fewer parameters",
                      method->name);
    else
        object = named(method, params);
    if (object == NULL) {
        rpc_error_of(why, POSTERN_E_NOMEM, NULL);
        return false;
    }
    if (!check_names(method, object, why))
        goto refused;
    for (const rpc_param *p = method->params; p->name != NULL; p++) {
        const json_t *value = json_object_get(object, p->name);
        if (value == NULL || json_is_null(value)) {
            (void)json_object_del(object, p->name);
            if (!p->is_required)
                continue;
            (void)refuse(why, RPC_E_PARAMS, "%s wants %s: %s", method->name,
                         p->name, p->doc);
            goto refused;
        }
        if (!check_value(p, value, why))
            goto refused;
    }
    *out = object;
    return true;
refused:
    json_decref(object);
    return false;
}

static bool read_object(rpc_request *out, json_t *request, rpc_error *why)
{
    json_t *id = json_object_get(request, "id");
    const json_t *method = json_object_get(request, "method");
    const char *version =
        json_string_value(json_object_get(request, "jsonrpc"));
    if (id != NULL && !json_is_string(id) && !json_is_integer(id) &&
        !json_is_null(id))
        return refuse(why, RPC_E_REQUEST, "id is no string or integer");
    out->id = json_incref(id);
    if (version == NULL || strcmp(version, "2.0") != 0)
        return refuse(why, RPC_E_REQUEST, "jsonrpc is not \"2.0\"");
    if (!json_is_string(method))
        return refuse(why, RPC_E_REQUEST, "method is no string");
    out->method = rpc_method_find(json_string_value(method));
    if (out->method == NULL)
        return refuse(why, RPC_E_METHOD,
                      "no method `%.40s`; rpc.discover lists them",
                      json_string_value(method));
    return rpc_params_check(out->method, json_object_get(request, "params"),
                            &out->params, why);
}

bool rpc_is_nomem(const json_error_t *why)
{
    return why->text[0] == '\0' ||
           json_error_code(why) == json_error_out_of_memory;
}

bool rpc_request_read(rpc_request *out, const char *line, size_t len,
                      rpc_error *why)
{
    json_error_t at;
    json_t *request;
    bool is_good;
    *out = (rpc_request){ NULL, NULL, NULL };
    if (!is_shallow(line, len)) {
        out->id = json_null();
        return refuse(why, RPC_E_REQUEST, "nested deeper than %d",
                      RPC_DEPTH_MAX);
    }
    request = json_loadb(
        line, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
        &at);
    if (request == NULL) {
        out->id = json_null();
        if (!rpc_is_nomem(&at))
            return refuse(why, RPC_E_PARSE, "no JSON at byte %d", at.position);
        rpc_error_of(why, POSTERN_E_NOMEM, NULL);
        return false;
    }
    if (!json_is_object(request)) {
        out->id = json_null();
        is_good =
            refuse(why, RPC_E_REQUEST, "a line holds one request, an object");
    } else {
        is_good = read_object(out, request, why);
        /* What is no request is answered even if it seemed a notification. */
        if (!is_good && why->code == RPC_E_REQUEST && out->id == NULL)
            out->id = json_null();
    }
    json_decref(request);
    return is_good;
}

void rpc_request_free(rpc_request *request)
{
    json_decref(request->id);
    json_decref(request->params);
    *request = (rpc_request){ NULL, NULL, NULL };
}

json_t *rpc_answer(json_t *id, json_t *result)
{
    return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result",
                     result);
}

json_t *rpc_answer_error(json_t *id, const rpc_error *why)
{
    return json_pack("{s:s, s:O, s:{s:i, s:o}}", "jsonrpc", "2.0", "id", id,
                     "error", "code", why->code, "message",
                     rpc_text(why->text));
}
