#include "proto/link/gate.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

pn_err pn_gate_new(pn_gate **out, const pn_env *env, const pn_link_identity *id)
{
    pn_gate *gate;
    *out = NULL;
    if (sodium_init() < 0)
        return PN_E_RANDOM;
    gate = pn_alloc(1, sizeof *gate);
    if (gate == NULL)
        return PN_E_NOMEM;
    /* Never swapped out; where the system allows no locking, so be it. */
    (void)sodium_mlock(gate, sizeof *gate);
    gate->env = env;
    gate->id = *id;
    pn_wipe(gate->id.sign_sk, sizeof gate->id.sign_sk); /* signs nothing */
    pn_hello_keys_derive(&gate->keys, id->relay_key);
    *out = gate;
    return PN_OK;
}

static void end_epoch(pn_gate_epoch *epoch)
{
    pn_spent_clear(&epoch->spent);
    pn_wipe(epoch, sizeof *epoch);
}

static void end_epochs(pn_gate *gate)
{
    end_epoch(&gate->epochs[0]);
    end_epoch(&gate->epochs[1]);
}

void pn_gate_free(pn_gate **gate)
{
    if (gate == NULL || *gate == NULL)
        return;
    end_epochs(*gate);
    (void)sodium_munlock(*gate, sizeof **gate);
    pn_free_wiped(*gate, sizeof **gate);
    *gate = NULL;
}

void pn_gate_set_difficulty(pn_gate *gate, unsigned bits)
{
    if (bits > PN_LINK_DIFFICULTY_MAX)
        bits = PN_LINK_DIFFICULTY_MAX;
    gate->difficulty = bits;
    /* The memory goes, and the secrets with it: what was spent under them can
     * never be presented again. */
    if (bits == 0)
        end_epochs(gate);
}

void pn_gate_set_terms(pn_gate *gate, uint64_t features,
                       const uint8_t descriptor_hash[32])
{
    gate->features = features;
    memcpy(gate->descriptor_hash, descriptor_hash,
           sizeof gate->descriptor_hash);
}

pn_gate_stats pn_gate_read_stats(const pn_gate *gate)
{
    return gate->stats;
}

void pn_gate_hash_peer(uint8_t out[PN_GATE_PEER_BYTES], pn_bytes peer_tag)
{
    (void)crypto_generichash(out, PN_GATE_PEER_BYTES, peer_tag.p, peer_tag.len,
                             NULL, 0);
}

/* The current epoch becomes the one before, and a new one begins. */
static pn_err turn_epoch(pn_gate *gate, uint64_t now)
{
    pn_gate_epoch next = { .live = true, .began_ms = now };
    PN_TRY(pn_random(gate->env, next.secret, sizeof next.secret));
    end_epoch(&gate->epochs[1]);
    gate->epochs[1] = gate->epochs[0];
    gate->epochs[0] = next;
    pn_wipe(&next, sizeof next);
    return PN_OK;
}

static pn_err refresh_epochs(pn_gate *gate)
{
    const uint64_t now = pn_mono_ms(gate->env);
    pn_gate_epoch *e = gate->epochs;
    if (e[1].live && now - e[1].began_ms >= 2 * (uint64_t)PN_GATE_EPOCH_MS)
        end_epoch(&e[1]);
    if (e[0].live && now - e[0].began_ms < PN_GATE_EPOCH_MS)
        return PN_OK;
    if (e[0].live && now - e[0].began_ms >= 2 * (uint64_t)PN_GATE_EPOCH_MS)
        end_epoch(&e[0]);
    return turn_epoch(gate, now);
}

static void challenge_of(const pn_gate_epoch *epoch, const uint8_t *peer,
                         uint8_t out[PN_PUZZLE_CHALLENGE_BYTES])
{
    (void)crypto_generichash(out, PN_PUZZLE_CHALLENGE_BYTES, peer,
                             PN_GATE_PEER_BYTES, epoch->secret,
                             sizeof epoch->secret);
}

/* Names a solution in the memory; keyed, so that a peer who grinds solutions
 * cannot choose where they land. */
static uint64_t spent_tag(const pn_gate_epoch *epoch, const uint8_t *output)
{
    uint8_t hash[16];
    pn_bytes view = { hash, sizeof hash };
    uint64_t tag = 0;
    (void)crypto_generichash(hash, sizeof hash, output, PN_PUZZLE_OUTPUT_BYTES,
                             epoch->secret, sizeof epoch->secret);
    return pn_take_u64(&view, &tag) == PN_OK ? tag : 0;
}

/* Look for a solution under one epoch; *verdict stays PN_GATE_ASK if it is
 * none, or cannot be remembered. */
static pn_err try_epoch(pn_gate *gate, pn_gate_epoch *epoch,
                        const uint8_t *peer, pn_puzzle *puzzle,
                        pn_gate_verdict *verdict)
{
    uint8_t output[PN_PUZZLE_OUTPUT_BYTES];
    pn_err err;
    challenge_of(epoch, peer, puzzle->challenge);
    pn_puzzle_output(puzzle, output);
    if (!pn_puzzle_meets(output, gate->difficulty))
        return PN_OK;
    err = pn_spent_add(&epoch->spent, spent_tag(epoch, output));
    if (err == PN_E_FULL) {
        if (epoch == &gate->epochs[0])
            return turn_epoch(gate, pn_mono_ms(gate->env));
        return PN_OK;
    }
    if (err == PN_E_EXISTS)
        *verdict = PN_GATE_REPLAY;
    else if (err == PN_OK)
        *verdict = PN_GATE_PASS;
    else
        return err;
    return PN_OK;
}

static pn_err judge_solution(pn_gate *gate, const uint8_t *hello,
                             const uint8_t *peer, pn_gate_verdict *verdict)
{
    pn_puzzle puzzle;
    *verdict = PN_GATE_ASK;
    PN_TRY(refresh_epochs(gate));
    pn_hello_digest(puzzle.digest, hello);
    memcpy(puzzle.solution, hello + PN_HELLO_SOLUTION_AT,
           sizeof puzzle.solution);
    /* The older one first: a turn would move it. */
    for (size_t i = 2; i-- > 0 && *verdict == PN_GATE_ASK;)
        if (gate->epochs[i].live)
            PN_TRY(try_epoch(gate, &gate->epochs[i], peer, &puzzle, verdict));
    return PN_OK;
}

pn_err pn_gate_judge(pn_gate *gate, const uint8_t hello[PN_LINK_HELLO_BYTES],
                     const uint8_t peer[PN_GATE_PEER_BYTES], pn_link_role *role,
                     pn_gate_verdict *verdict)
{
    *verdict = PN_GATE_PASS;
    if (pn_hello_check_mac1(&gate->keys, hello, role) != PN_OK)
        *verdict = PN_GATE_STRANGER;
    else if (gate->difficulty > 0)
        PN_TRY(judge_solution(gate, hello, peer, verdict));
    if (*verdict == PN_GATE_STRANGER)
        gate->stats.strangers++;
    if (*verdict == PN_GATE_REPLAY)
        gate->stats.replays++;
    return PN_OK;
}

pn_err pn_gate_ask(pn_gate *gate, const uint8_t hello[PN_LINK_HELLO_BYTES],
                   const uint8_t peer[PN_GATE_PEER_BYTES],
                   uint8_t retry[PN_LINK_HELLO_BYTES])
{
    uint8_t nonce[PN_RETRY_NONCE_BYTES];
    uint8_t challenge[PN_PUZZLE_CHALLENGE_BYTES];
    PN_TRY(refresh_epochs(gate));
    PN_TRY(pn_random(gate->env, nonce, sizeof nonce));
    challenge_of(&gate->epochs[0], peer, challenge);
    pn_hello_retry_seal(retry, &gate->keys, hello, nonce, challenge,
                        gate->difficulty);
    gate->stats.retries++;
    return PN_OK;
}
