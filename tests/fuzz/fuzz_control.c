#include <string.h>

#include "relay/net/control.h"
#include "tests/fuzz/fuzz.h"

static pn_err count(void *ctx, const pn_json_leaf *leaf)
{
    size_t *leaves = ctx;
    ++*leaves;
    FUZZ_CHECK(strlen(leaf->path) > 0);
    FUZZ_CHECK(strlen(leaf->path) < PN_JSON_PATH_MAX);
    if (leaf->kind == PN_JSON_TEXT)
        FUZZ_CHECK(strlen(leaf->text) < PN_JSON_TEXT_MAX);
    return PN_OK;
}

/* A request that is taken is JSON of exactly two members and one of the known
 * commands, whatever else the bytes are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    rl_control_request request = { 0 };
    size_t leaves = 0;
    const pn_bytes in = { data, len };
    const pn_err read = pn_json_read(in, count, &leaves);
    const pn_err err = rl_control_parse(&request, in);
    FUZZ_CHECK(err == PN_OK || err == PN_E_PROTO || err == PN_E_VERSION ||
               err == PN_E_NOT_FOUND);
    if (err == PN_OK) {
        FUZZ_CHECK(read == PN_OK && leaves == 2);
        FUZZ_CHECK(request.command <= RL_CONTROL_RELOAD);
        FUZZ_CHECK(len <= RL_CONTROL_REQUEST_MAX);
    }
    return 0;
}
