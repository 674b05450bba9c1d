#include "relay/core/gate.h"

/* What an event does besides changing the state. */
typedef enum action {
    NOTHING = 0,
    DIAL,     /* begin an attempt, or wait to be called if we may not */
    LINK,     /* note since when */
    WELCOME,  /* and forget all failures: it lives */
    BACK_OFF, /* one failure more; set the time of the next attempt */
    REST,     /* the same, and not before its hint */
    FORGIVE,  /* forget all failures */
    END,      /* back off if it was our dial, and over at once; else idle */
} action;

typedef struct cell {
    uint8_t next; /* rl_gate_state + 1; 0: not possible, nothing changes */
    uint8_t what; /* action */
} cell;

#define TO(state, action)                      \
    {                                          \
        (uint8_t)(RL_GATE_##state + 1), action \
    }

/* A destination has up to two links, one dialled by either end: LOST and ENDED
 * are said of the last. An attempt may end when the other end's link stands
 * already, so that FAILED and LINKED come late. */
static const cell table[RL_GATE_STATES][RL_GATE_EVENTS] = {
    [RL_GATE_IDLE] = {
        [RL_GATE_WANTED] = TO(DIALLING, DIAL),
        [RL_GATE_LINKED] = TO(PROBING, LINK),
        [RL_GATE_CALLED] = TO(PROBING, WELCOME),
    },
    [RL_GATE_WAITING] = {
        [RL_GATE_UNWANTED] = TO(IDLE, NOTHING),
        [RL_GATE_LINKED] = TO(PROBING, LINK),
        [RL_GATE_CALLED] = TO(PROBING, WELCOME),
        [RL_GATE_DUE] = TO(DIALLING, DIAL),
    },
    [RL_GATE_DIALLING] = {
        [RL_GATE_LINKED] = TO(PROBING, LINK),
        [RL_GATE_CALLED] = TO(PROBING, WELCOME),
        [RL_GATE_FAILED] = TO(WAITING, BACK_OFF),
    },
    [RL_GATE_PROBING] = {
        [RL_GATE_CALLED] = TO(PROBING, WELCOME),
        [RL_GATE_LOST] = TO(WAITING, BACK_OFF),
        [RL_GATE_ENDED] = TO(IDLE, END),
        [RL_GATE_ANSWERED] = TO(OPEN, FORGIVE),
        [RL_GATE_BUSY] = TO(RESTING, REST),
    },
    [RL_GATE_OPEN] = {
        [RL_GATE_LOST] = TO(WAITING, BACK_OFF),
        [RL_GATE_ENDED] = TO(IDLE, NOTHING),
        [RL_GATE_ANSWERED] = TO(OPEN, NOTHING),
        [RL_GATE_BUSY] = TO(RESTING, REST),
    },
    [RL_GATE_RESTING] = {
        [RL_GATE_CALLED] = TO(PROBING, WELCOME),
        [RL_GATE_LOST] = TO(WAITING, BACK_OFF),
        [RL_GATE_ENDED] = TO(WAITING, BACK_OFF),
        [RL_GATE_DUE] = TO(PROBING, NOTHING),
    },
};

void rl_gate_init(rl_gate *gate, bool may_dial)
{
    *gate = (rl_gate){ .due_ms = UINT64_MAX, .may_dial = may_dial };
}

/* Without random bytes all come back together: worse, not wrong. */
static uint64_t jittered(const pn_env *env, uint64_t ms)
{
    const uint32_t spread = 2 * RL_GATE_JITTER + 1;
    uint32_t percent = RL_GATE_JITTER;
    if (pn_random_below(env, spread, &percent) != PN_OK)
        percent = RL_GATE_JITTER;
    return ms * (100 - RL_GATE_JITTER + percent) / 100;
}

/* How long after so many failures in a row; counts one more. */
static uint64_t next_wait(rl_gate *gate, const pn_env *env)
{
    uint64_t wait = RL_GATE_FIRST_MS;
    for (unsigned i = 0; i < gate->failures && wait < RL_GATE_LAST_MS; i++)
        wait *= 2;
    if (gate->failures < UINT8_MAX)
        gate->failures++;
    return jittered(env, wait < RL_GATE_LAST_MS ? wait : RL_GATE_LAST_MS);
}

static void back_off(rl_gate *gate, const pn_env *env, rl_gate_state from)
{
    const uint64_t now = pn_mono_ms(env);
    uint64_t due;
    if (from != RL_GATE_DIALLING && now - gate->linked_ms >= RL_GATE_STOOD_MS)
        gate->failures = 0;
    due = now + next_wait(gate, env);
    /* What it asked for while it rested still holds. */
    if (from != RL_GATE_RESTING || gate->due_ms < due)
        gate->due_ms = due;
}

static void rest(rl_gate *gate, const pn_env *env, uint32_t hint_ms)
{
    const uint64_t now = pn_mono_ms(env);
    uint64_t wait = next_wait(gate, env);
    if (hint_ms > RL_GATE_REST_MAX_MS)
        hint_ms = RL_GATE_REST_MAX_MS;
    gate->due_ms = now + (hint_ms > wait ? hint_ms : wait);
}

static void begin_link(rl_gate *gate, const pn_env *env)
{
    gate->linked_ms = pn_mono_ms(env);
    gate->due_ms = UINT64_MAX;
}

/* Nothing is left to send, which proves no good will: what was to go at once or
 * never is gone with the link. */
static void end(rl_gate *gate, const pn_env *env, rl_gate_state from)
{
    const uint64_t stood = pn_mono_ms(env) - gate->linked_ms;
    gate->due_ms = UINT64_MAX;
    if (gate->called || stood >= RL_GATE_STOOD_MS)
        return;
    gate->state = RL_GATE_WAITING;
    back_off(gate, env, from);
}

/* Returns whether to dial. */
static bool act(rl_gate *gate, const pn_env *env, action what,
                rl_gate_state from, uint32_t hint_ms)
{
    switch (what) {
    case DIAL:
        gate->due_ms = UINT64_MAX;
        if (!gate->may_dial)
            gate->state = RL_GATE_WAITING;
        return gate->may_dial;
    case WELCOME:
        gate->failures = 0;
        gate->called = true;
        begin_link(gate, env);
        break;
    case LINK:
        gate->called = false;
        begin_link(gate, env);
        break;
    case BACK_OFF:
        back_off(gate, env, from);
        break;
    case REST:
        rest(gate, env, hint_ms);
        break;
    case FORGIVE:
        gate->failures = 0;
        break;
    case END:
        end(gate, env, from);
        break;
    case NOTHING:
        if (gate->state != from)
            gate->due_ms = UINT64_MAX;
        break;
    }
    return false;
}

bool rl_gate_take(rl_gate *gate, const pn_env *env, rl_gate_event event,
                  uint32_t hint_ms)
{
    const rl_gate_state from = (rl_gate_state)gate->state;
    const cell c = table[from][event];
    if (c.next == 0)
        return false;
    gate->state = (uint8_t)(c.next - 1);
    return act(gate, env, (action)c.what, from, hint_ms);
}

void rl_gate_set_dial(rl_gate *gate, const pn_env *env, bool may_dial)
{
    gate->may_dial = may_dial;
    if (gate->state != RL_GATE_WAITING)
        return;
    if (!may_dial)
        gate->due_ms = UINT64_MAX;
    else if (gate->due_ms == UINT64_MAX)
        gate->due_ms = pn_mono_ms(env);
}

bool rl_gate_is_up(const rl_gate *gate)
{
    return gate->state == RL_GATE_PROBING || gate->state == RL_GATE_OPEN;
}

const char *rl_gate_state_name(const rl_gate *gate)
{
    static const char *const names[RL_GATE_STATES] = {
        [RL_GATE_IDLE] = "idle",         [RL_GATE_WAITING] = "waiting",
        [RL_GATE_DIALLING] = "dialling", [RL_GATE_PROBING] = "probing",
        [RL_GATE_OPEN] = "open",         [RL_GATE_RESTING] = "resting",
    };
    return names[gate->state];
}

bool rl_gate_ok(const rl_gate *gate)
{
    if (gate->state >= RL_GATE_STATES)
        return false;
    if (gate->state == RL_GATE_RESTING)
        return gate->due_ms != UINT64_MAX;
    if (gate->state == RL_GATE_WAITING)
        return gate->due_ms != UINT64_MAX || !gate->may_dial;
    return gate->due_ms == UINT64_MAX;
}
