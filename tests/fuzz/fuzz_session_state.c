/* A stored session: what reads keeps the invariants, is written again to the
 * same bytes, and can be used. */
#include <string.h>

#include "client/core/session_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/simenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[CL_IDENTITY_SECRET_BYTES] = { 2 };
    uint8_t out[8192];
    simenv sim;
    pn_env env;
    cl_identity me;
    cl_session *s;
    uint8_t *again;
    pn_out o;
    size_t len;
    pn_err err;
    if (cl_session_read(&s, (pn_bytes){ data, size }) != PN_OK)
        return 0;
    FUZZ_CHECK(cl_session_ok(s));
    FUZZ_CHECK(cl_session_size(s) == size);
    again = malloc(size);
    FUZZ_CHECK(again != NULL);
    o = pn_out_over(again, size);
    cl_session_write(s, &o);
    FUZZ_CHECK(pn_out_err(&o) == PN_OK && o.len == size);
    FUZZ_CHECK(memcmp(again, data, size) == 0);
    free(again);
    simenv_init(&sim, 1);
    env = simenv_env(&sim);
    err = cl_session_seal(s, &env, PN_BYTES_LIT("x"), out, sizeof out, &len);
    FUZZ_CHECK((err == PN_OK) == (len > 0));
    FUZZ_CHECK(cl_session_ok(s));
    cl_session_expire(s, sim.wall_ms + UINT64_C(400) * 86400000);
    FUZZ_CHECK(cl_session_ok(s));
    cl_identity_from_secret(&me, secret);
    if (cl_session_lost(s, &env) == PN_OK) {
        err = cl_session_resync(s, &env, &me, NULL, 0, out, sizeof out, &len);
        FUZZ_CHECK((err == PN_OK) == (len > 0));
    }
    FUZZ_CHECK(cl_session_ok(s));
    cl_session_free(&s);
    return 0;
}
