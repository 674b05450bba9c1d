#include <stdio.h>
#include <string.h>

#include "client/rpc/rpc.h"

void rpc_error_of(rpc_error *why, int code, postern_client *client)
{
    why->code = code;
    why->text[0] = 0;
    if (client != NULL)
        postern_last_error(client, why->text, sizeof why->text);
    if (why->text[0] == 0)
        (void)snprintf(why->text, sizeof why->text, "%s",
                       postern_strerror(code));
}

int rpc_run(postern_client *client, const rpc_method *method,
            const json_t *params, json_t **out, rpc_error *why)
{
    int code = POSTERN_E_STATE;
    *out = NULL;
    if (client != NULL || (method->flags & RPC_NO_CLIENT) != 0)
        code = method->run(client, params, out);
    if (code == POSTERN_OK && *out == NULL)
        code = POSTERN_E_NOMEM;
    if (code != POSTERN_OK)
        rpc_error_of(why, code,
                     (method->flags & RPC_NO_CLIENT) == 0 &&
                             code != POSTERN_E_NOMEM
                         ? client
                         : NULL);
    return code;
}

int rpc_call(postern_client *client, const char *name, json_t *params,
             json_t **out, rpc_error *why)
{
    const rpc_method *method = rpc_method_find(name);
    json_t *checked = NULL;
    int code;
    *out = NULL;
    if (method == NULL) {
        why->code = RPC_E_METHOD;
        (void)snprintf(why->text, sizeof why->text, "no method `%.40s`", name);
        code = RPC_E_METHOD;
    } else if (!rpc_params_check(method, params, &checked, why)) {
        code = why->code;
    } else {
        code = rpc_run(client, method, checked, out, why);
    }
    json_decref(checked);
    json_decref(params);
    return code;
}
