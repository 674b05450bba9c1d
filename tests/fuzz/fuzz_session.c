#include "relay/core/session.h"
#include "tests/fuzz/fuzz.h"

/* Any sequence of messages and pauses: the invariant holds, each message has
 * at most one answer with its own id, nothing follows a close, and the rate
 * limit lets no more through than it may. Two bytes are one step: the message
 * kind, and how many ms pass before it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const rl_relay relay = { .software = PN_BYTES_LIT("posternd"),
                             .version = PN_BYTES_LIT("1"),
                             .frame_max = 1024,
                             .commands = { 20, 5 } };
    const uint64_t start = 1000;
    uint64_t now = start, blocked_until = 0, taken = 0;
    bool closed = false;
    rl_session s;
    rl_session_init(&s);
    for (size_t i = 0; i + 1 < len; i += 2) {
        pn_msg msg = { .id = i + 1, .kind = PN_MSG_PING };
        rl_effects fx;
        pn_err err;
        now += data[i + 1];
        if (now < blocked_until)
            now = blocked_until; /* as the network does: it reads no sooner */
        msg.kind = (pn_msg_kind)(PN_MSG_PING +
                                 data[i] % (PN_MSG_ERROR - PN_MSG_PING + 1));
        err = rl_session_take(&s, &relay, &msg, now, now, &fx);
        FUZZ_CHECK(rl_session_ok(&s));
        FUZZ_CHECK(err == PN_OK || (err == PN_E_PROTO && fx.count == 0));
        FUZZ_CHECK(!closed || err == PN_E_PROTO);
        FUZZ_CHECK(fx.count <= RL_EFFECTS_MAX);
        if (err != PN_OK)
            continue;
        taken++;
        for (size_t k = 0; k < fx.count; k++) {
            const rl_effect *e = &fx.at[k];
            FUZZ_CHECK(!closed);
            if (e->kind == RL_EFFECT_REPLY) {
                FUZZ_CHECK(k == 0 && e->u.reply.id == msg.id);
                FUZZ_CHECK(pn_msg_ok(&e->u.reply));
            } else if (e->kind == RL_EFFECT_PAUSE) {
                FUZZ_CHECK(e->u.resume_ms > now);
                FUZZ_CHECK(e->u.resume_ms <= now + 51);
                blocked_until = e->u.resume_ms;
            } else {
                closed = true;
            }
        }
        /* The burst, what time earned, one borrowed, and Bye is free. */
        FUZZ_CHECK(taken <= 5 + (now - start) * 20 / 1000 + 2);
    }
    return 0;
}
