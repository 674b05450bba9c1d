/* How a link comes to be open: both ends, and the silence towards everybody
 * who does not know the relay key. */
#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/link_internal.h"
#include "proto/link/record.h"

enum { OUTPUT_MAX = 256 * 1024, TRIES_PER_TICK = 20000 };

pn_err pn_link_noise_key(uint8_t out[32], const uint8_t relay_key[32])
{
    if (crypto_sign_ed25519_pk_to_curve25519(out, relay_key) != 0)
        return PN_E_CRYPTO;
    return PN_OK;
}

pn_noise_setup pn_link_noise_setup(const pn_link *link, pn_bytes prologue)
{
    const pn_link_identity *own =
        link->gate != NULL ? &link->gate->id : link->self;
    return (pn_noise_setup){
        .pattern =
            link->role == PN_LINK_CLIENT ? PN_NOISE_NKHFS : PN_NOISE_IKHFS,
        .hash = PN_NOISE_SHA256,
        .side = link->gate != NULL ? PN_NOISE_RESPONDER : PN_NOISE_INITIATOR,
        .prologue = prologue,
        .static_pk = own != NULL ? own->noise_pk : NULL,
        .static_sk = own != NULL ? own->noise_sk : NULL,
    };
}

void pn_link_forget_handshake(pn_link *link)
{
    pn_free_wiped(link->dialled, sizeof *link->dialled);
    link->dialled = NULL;
    pn_free_wiped(link->accepted, sizeof *link->accepted);
    link->accepted = NULL;
}

/* --- initiator ------------------------------------------------------------ */

/* Write message 1 into dialled->hello. */
static pn_err write_hello(pn_link *link)
{
    pn_link_dialled *d = link->dialled;
    uint8_t prologue[PN_HELLO_PROLOGUE_MAX];
    uint8_t remote[PN_NOISE_KEY_BYTES];
    uint8_t payload[PN_HELLO_PAYLOAD_MAX];
    const size_t len = pn_hello_offer_len(link->role);
    pn_noise_setup setup;
    pn_out out =
        pn_out_over(d->hello + PN_HELLO_NOISE_AT, PN_HELLO_NOISE_BYTES);
    setup = pn_link_noise_setup(
        link, pn_hello_prologue(prologue, link->role, link->relay_key, NULL));
    PN_TRY(pn_link_noise_key(remote, link->relay_key));
    setup.remote_static = remote;
    PN_TRY(pn_noise_init(&d->noise, &setup));
    pn_hello_offer_write(payload, len, &d->offer);
    PN_TRY(
        pn_noise_write(&d->noise, link->env, (pn_bytes){ payload, len }, &out));
    PN_TRY(pn_random(link->env, d->hello + PN_HELLO_SOLUTION_AT,
                     PN_PUZZLE_SOLUTION_BYTES));
    pn_hello_keys_derive(&d->keys, link->relay_key);
    return PN_OK;
}

/* Send message 1, and wait for what comes. */
static pn_err send_hello(pn_link *link)
{
    pn_link_dialled *d = link->dialled;
    pn_hello_seal_mac1(&d->keys, link->role, d->hello);
    link->phase = PN_PHASE_DIALLED;
    return pn_outq_put_raw(&link->out, (pn_bytes){ d->hello, sizeof d->hello });
}

static pn_err begin(pn_link **out, const pn_env *env, pn_link_phase phase)
{
    pn_link *link = pn_alloc(1, sizeof *link);
    if (link == NULL)
        return PN_E_NOMEM;
    link->env = env;
    link->phase = phase;
    link->deadline_ms = pn_mono_ms(env) + PN_LINK_HANDSHAKE_MS;
    pn_outq_init(&link->out, OUTPUT_MAX);
    *out = link;
    return PN_OK;
}

pn_err pn_link_dial(pn_link **out, const pn_env *env,
                    const uint8_t relay_key[PN_LINK_KEY_BYTES],
                    const pn_link_offer *offer, const pn_link_identity *self)
{
    pn_link *link = NULL;
    pn_err err;
    *out = NULL;
    PN_TRY(pn_hello_offer_check(offer));
    if (sodium_init() < 0)
        return PN_E_RANDOM;
    PN_TRY(begin(&link, env, PN_PHASE_DIALLED));
    link->self = self;
    link->role = self != NULL ? PN_LINK_RELAY : PN_LINK_CLIENT;
    memcpy(link->relay_key, relay_key, sizeof link->relay_key);
    err = PN_E_NOMEM;
    link->dialled = pn_alloc(1, sizeof *link->dialled);
    if (link->dialled == NULL)
        goto out;
    link->dialled->offer = *offer;
    err = write_hello(link);
    if (err == PN_OK)
        err = send_hello(link);
    if (err != PN_OK)
        goto out;
    *out = link; /* ownership moves to the caller */
    link = NULL;
out:
    pn_link_free(&link);
    return err;
}

/* Keys are there: records from now on. */
static void become_keyed(pn_link *link, const pn_noise *noise)
{
    memcpy(link->binding, pn_noise_handshake_hash(noise).p,
           sizeof link->binding);
    memcpy(link->hash, link->binding, sizeof link->hash);
    link->out.size = link->terms.record_size;
    link->keyed_ms = pn_mono_ms(link->env);
}

/* Message 2 ends the handshake. The first record follows at once, for only it
 * shows the relay that message 1 was no replay. */
static pn_err on_message_2(pn_link *link, pn_bytes unit)
{
    pn_link_dialled *d = link->dialled;
    uint8_t payload[PN_LINK_HELLO_BYTES];
    size_t len;
    PN_TRY(pn_noise_read(&d->noise, unit, payload, &len));
    PN_TRY(pn_hello_terms_parse((pn_bytes){ payload, len }, &link->terms));
    PN_TRY(pn_hello_terms_check(&link->terms, &d->offer));
    PN_TRY(pn_noise_split(&d->noise, &link->send, &link->recv));
    become_keyed(link, &d->noise);
    link->phase = PN_PHASE_OPEN;
    pn_link_forget_handshake(link);
    return pn_outq_put_empty(&link->out, &link->send);
}

pn_err pn_link_on_answer(pn_link *link, pn_bytes unit)
{
    pn_link_dialled *d = link->dialled;
    const pn_err err =
        pn_hello_retry_open(unit.p, &d->keys, d->hello, &d->puzzle);
    if (err == PN_E_CRYPTO)
        return on_message_2(link, unit);
    PN_TRY(err);
    if (++d->retries > PN_LINK_RETRIES_MAX)
        return PN_E_PROTO;
    pn_hello_digest(d->puzzle.digest, d->hello);
    memcpy(d->puzzle.solution, d->hello + PN_HELLO_SOLUTION_AT,
           sizeof d->puzzle.solution);
    link->deadline_ms = pn_mono_ms(link->env) + PN_LINK_HANDSHAKE_MS;
    link->phase = PN_PHASE_SOLVING;
    return PN_OK;
}

pn_err pn_link_solve(pn_link *link)
{
    pn_link_dialled *d = link->dialled;
    if (!pn_puzzle_step(&d->puzzle, TRIES_PER_TICK))
        return PN_OK;
    memcpy(d->hello + PN_HELLO_SOLUTION_AT, d->puzzle.solution,
           sizeof d->puzzle.solution);
    return send_hello(link);
}

/* --- responder ------------------------------------------------------------ */

pn_err pn_link_accept(pn_link **out, pn_gate *gate, pn_bytes peer_tag)
{
    const uint32_t span = PN_LINK_SILENCE_MAX_MS - PN_LINK_SILENCE_MIN_MS + 1;
    pn_link *link = NULL;
    uint32_t extra;
    *out = NULL;
    PN_TRY(pn_random_below(gate->env, span, &extra));
    PN_TRY(begin(&link, gate->env, PN_PHASE_ACCEPTED));
    link->gate = gate;
    memcpy(link->relay_key, gate->id.relay_key, sizeof link->relay_key);
    link->accepted = pn_alloc(1, sizeof *link->accepted);
    if (link->accepted == NULL) {
        pn_link_free(&link);
        return PN_E_NOMEM;
    }
    pn_gate_hash_peer(link->accepted->peer, peer_tag);
    /* One time for all strangers, whatever they send, so that it does not tell
     * how much of what they sent was looked at. */
    link->accepted->began_ms = pn_mono_ms(link->env);
    link->deadline_ms =
        link->accepted->began_ms + PN_LINK_SILENCE_MIN_MS + extra;
    *out = link;
    return PN_OK;
}

/* Pick what both can do. PN_E_VERSION if that is nothing. */
static pn_err choose_terms(const pn_link *link, const pn_link_offer *offer,
                           pn_link_terms *out)
{
    const pn_gate *gate = link->gate;
    pn_link_terms t = {
        .version = offer->version_max < PN_LINK_VERSION ? offer->version_max
                                                        : PN_LINK_VERSION,
        .record_size = offer->record_size,
        .features = offer->features & gate->features,
        .relay_wall_ms = pn_wall_ms(link->env),
    };
    if (t.version < offer->version_min)
        return PN_E_VERSION;
    memcpy(t.descriptor_hash, gate->descriptor_hash, sizeof t.descriptor_hash);
    *out = t;
    return PN_OK;
}

/* Read message 1 and write message 2: every public-key operation of the
 * responder happens here. */
static pn_err run_noise(pn_link *link, pn_noise *noise, pn_bytes hello,
                        uint8_t answer[PN_LINK_HELLO_BYTES])
{
    uint8_t prologue[PN_HELLO_PROLOGUE_MAX];
    uint8_t payload[PN_LINK_HELLO_BYTES];
    pn_out out = pn_out_over(answer, PN_LINK_HELLO_BYTES);
    pn_link_offer offer;
    size_t len;
    const pn_noise_setup setup = pn_link_noise_setup(
        link, pn_hello_prologue(prologue, link->role, link->relay_key, NULL));
    PN_TRY(pn_noise_init(noise, &setup));
    link->gate->stats.handshakes++;
    PN_TRY(pn_noise_read(noise, hello, payload, &len));
    PN_TRY(pn_hello_offer_parse((pn_bytes){ payload, len }, &offer));
    PN_TRY(choose_terms(link, &offer, &link->terms));
    len = pn_hello_terms_len();
    pn_hello_terms_write(payload, len, &link->terms);
    PN_TRY(pn_noise_write(noise, link->env, (pn_bytes){ payload, len }, &out));
    return pn_noise_split(noise, &link->send, &link->recv);
}

static pn_err answer_hello(pn_link *link, pn_bytes unit)
{
    const pn_bytes hello = { unit.p + PN_HELLO_NOISE_AT, PN_HELLO_NOISE_BYTES };
    uint8_t answer[PN_LINK_HELLO_BYTES];
    pn_noise noise;
    pn_err err = run_noise(link, &noise, hello, answer);
    if (err == PN_OK) {
        become_keyed(link, &noise);
        memcpy(link->peer_static, noise.rs, sizeof link->peer_static);
        link->phase = PN_PHASE_CONFIRM;
        err = pn_outq_put_raw(&link->out, (pn_bytes){ answer, sizeof answer });
    }
    pn_noise_wipe(&noise);
    return err;
}

/* Whether a fault is the peer's doing, to be met with silence, or our own. */
static bool is_ours(pn_err err)
{
    return err == PN_E_NOMEM || err == PN_E_RANDOM;
}

static pn_err ask_puzzle(pn_link *link, pn_bytes unit)
{
    uint8_t retry[PN_LINK_HELLO_BYTES];
    if (++link->accepted->retries > PN_LINK_RETRIES_MAX) {
        pn_link_fall_silent(link, PN_E_REFUSED);
        return PN_OK;
    }
    PN_TRY(pn_gate_ask(link->gate, unit.p, link->accepted->peer, retry));
    link->deadline_ms = pn_mono_ms(link->env) + PN_LINK_HANDSHAKE_MS;
    return pn_outq_put_raw(&link->out, (pn_bytes){ retry, sizeof retry });
}

pn_err pn_link_on_hello(pn_link *link, pn_bytes unit)
{
    pn_link_accepted *a = link->accepted;
    pn_gate_verdict verdict;
    pn_err err;
    PN_TRY(pn_gate_judge(link->gate, unit.p, a->peer, &link->role, &verdict));
    if (verdict == PN_GATE_ASK)
        return ask_puzzle(link, unit);
    if (verdict != PN_GATE_PASS) {
        pn_link_fall_silent(link, PN_E_CRYPTO);
        return PN_OK;
    }
    err = answer_hello(link, unit);
    if (is_ours(err))
        return err;
    if (err != PN_OK)
        pn_link_fall_silent(link, err);
    else if (a->retries == 0) /* the full time since the link was accepted */
        link->deadline_ms = a->began_ms + PN_LINK_HANDSHAKE_MS;
    return PN_OK;
}

/* The first record shows that the peer holds the keys: not a replay. */
pn_err pn_link_on_confirm(pn_link *link, pn_bytes unit)
{
    const pn_err err = pn_link_on_record(link, unit);
    if (err != PN_OK) {
        if (is_ours(err))
            return err;
        pn_link_fall_silent(link, err);
        return PN_OK;
    }
    link->phase = PN_PHASE_OPEN;
    pn_link_forget_handshake(link);
    return PN_OK;
}
