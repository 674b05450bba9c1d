#include <string.h>

#include "client/rpc/rpc.h"
#include "tests/fuzz/fuzz.h"

/* An answer is one line of JSON in ASCII, with its id. */
static void check_answer(json_t *answer)
{
    size_t len = 0;
    char *line = answer == NULL ? NULL : rpc_dump(answer, &len);
    json_t *again;
    FUZZ_CHECK(line != NULL);
    FUZZ_CHECK(memchr(line, '\n', len) == line + len - 1);
    for (size_t i = 0; i + 1 < len; i++)
        FUZZ_CHECK(line[i] >= 0x20 && line[i] < 0x7f);
    again = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
    FUZZ_CHECK(again != NULL && json_object_get(again, "id") != NULL);
    json_decref(again);
    json_decref(answer);
    rpc_free(line);
}

/* What was taken for a request has a method of the table and parameters that
 * pass its check again, unchanged; what was not has a code to say why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    rpc_request request;
    rpc_error why = { 0, "" };
    json_t *again = NULL;
    if (len > RPC_LINE_MAX)
        return 0;
    if (rpc_request_read(&request, (const char *)data, len, &why)) {
        FUZZ_CHECK(rpc_method_find(request.method->name) == request.method);
        FUZZ_CHECK(
            rpc_params_check(request.method, request.params, &again, &why));
        FUZZ_CHECK(json_equal(again, request.params) == 1);
        for (const rpc_param *p = request.method->params; p->name != NULL; p++)
            FUZZ_CHECK(!p->is_required ||
                       json_object_get(request.params, p->name) != NULL);
        if (request.id != NULL)
            check_answer(rpc_answer(request.id, json_incref(request.params)));
    } else {
        FUZZ_CHECK(why.code < 0 && why.text[0] != 0);
        if (request.id != NULL)
            check_answer(rpc_answer_error(request.id, &why));
    }
    json_decref(again);
    rpc_request_free(&request);
    return 0;
}
