/* New keys for an open link: a fresh handshake of the same pattern, carried in
 * control frames and bound to the handshake before. Frames keep flowing; each
 * direction changes its key right after its own control frame, at the end of a
 * record:
 *
 *   initiator                                     responder
 *   ROLLOVER_1 (Noise message 1)  ------------->
 *              <-------------  ROLLOVER_2 (message 2), then its new key
 *   ROLLOVER_DONE, then its new key  ---------->
 */
#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/link_internal.h"

static const pn_bytes empty = { NULL, 0 };

static bool is_initiator(const pn_link *link)
{
    return link->gate == NULL;
}

void pn_link_forget_roll(pn_link *link)
{
    pn_free_wiped(link->roll, sizeof *link->roll);
    link->roll = NULL;
}

/* A control frame goes out at once and ends its record. The bound on output
 * does not hold for it: without it keys would grow old while output is full. */
static pn_err send_control(pn_link *link, pn_frame_kind kind, pn_bytes body)
{
    PN_TRY(pn_outq_put_frame(&link->out, &link->send, kind, body));
    return pn_outq_flush(&link->out, &link->send);
}

/* A block for the new handshake, its prologue bound to the one before. */
static pn_err prepare(pn_link *link)
{
    uint8_t prologue[PN_HELLO_PROLOGUE_MAX];
    uint8_t remote[PN_NOISE_KEY_BYTES];
    pn_noise_setup setup = pn_link_noise_setup(
        link,
        pn_hello_prologue(prologue, link->role, link->relay_key, link->hash));
    if (is_initiator(link)) {
        PN_TRY(pn_link_noise_key(remote, link->relay_key));
        setup.remote_static = remote;
    }
    link->roll = pn_alloc(1, sizeof *link->roll);
    if (link->roll == NULL)
        return PN_E_NOMEM;
    return pn_noise_init(&link->roll->noise, &setup);
}

static pn_err write_message(pn_link *link, pn_frame_kind kind)
{
    uint8_t message[PN_CONTROL_MAX];
    pn_out out = pn_out_over(message, sizeof message);
    PN_TRY(pn_noise_write(&link->roll->noise, link->env, empty, &out));
    return send_control(link, kind, pn_out_view(&out));
}

/* A message whose payload is empty. */
static pn_err read_message(pn_link *link, pn_bytes body)
{
    uint8_t payload[PN_CONTROL_MAX];
    size_t len;
    PN_TRY(pn_noise_read(&link->roll->noise, body, payload, &len));
    return len == 0 ? PN_OK : PN_E_PROTO;
}

/* Whether the keys have seen more than this many records or ms. Nonces count
 * the records, for they start anew with the keys. */
static bool keys_past(const pn_link *link, uint64_t records, uint64_t ms)
{
    return link->send.nonce >= records || link->recv.nonce >= records ||
           pn_mono_ms(link->env) - link->keyed_ms >= ms;
}

/* Split into the keys to come, and keep nothing else: from the handshake's
 * chaining key both could be computed again after they have moved on. */
static pn_err split(pn_link_roll *roll, pn_cipher *send, pn_cipher *recv)
{
    PN_TRY(pn_noise_split(&roll->noise, send, recv));
    memcpy(roll->next_hash, pn_noise_handshake_hash(&roll->noise).p,
           sizeof roll->next_hash);
    pn_noise_wipe(&roll->noise);
    return PN_OK;
}

static void keys_are_new(pn_link *link)
{
    memcpy(link->hash, link->roll->next_hash, sizeof link->hash);
    link->keyed_ms = pn_mono_ms(link->env);
    pn_link_forget_roll(link);
}

/* Responder: answer, and send under the new key from the next record on. Only
 * keys of some age are renewed, else one peer could have us do public-key work
 * without end, and no puzzle stands before it. */
static pn_err on_message_1(pn_link *link, pn_bytes body)
{
    if (is_initiator(link) || link->roll != NULL ||
        !keys_past(link, PN_LINK_ROLLOVER_RECORDS / 2, PN_LINK_ROLLOVER_MS / 2))
        return PN_E_PROTO;
    link->gate->stats.handshakes++;
    PN_TRY(prepare(link));
    PN_TRY(read_message(link, body));
    /* The same relay as before, or none. */
    if (link->role == PN_LINK_RELAY &&
        !pn_secret_equal(link->roll->noise.rs, link->peer_static,
                         sizeof link->peer_static))
        return PN_E_CRYPTO;
    PN_TRY(write_message(link, PN_FRAME_ROLLOVER_2));
    return split(link->roll, &link->send, &link->roll->next_recv);
}

/* Initiator: the next record comes under the new key; so does the next one
 * sent after `done`. */
static pn_err on_message_2(pn_link *link, pn_bytes body)
{
    pn_cipher next_send;
    pn_err err;
    if (!is_initiator(link) || link->roll == NULL)
        return PN_E_PROTO;
    PN_TRY(read_message(link, body));
    PN_TRY(split(link->roll, &next_send, &link->recv));
    err = send_control(link, PN_FRAME_ROLLOVER_DONE, empty);
    link->send = next_send;
    pn_wipe(&next_send, sizeof next_send);
    keys_are_new(link);
    return err;
}

static pn_err on_done(pn_link *link, pn_bytes body)
{
    if (is_initiator(link) || link->roll == NULL || body.len != 0)
        return PN_E_PROTO;
    link->recv = link->roll->next_recv;
    keys_are_new(link);
    return PN_OK;
}

pn_err pn_link_on_control(pn_link *link, pn_frame_kind kind, pn_bytes body)
{
    switch (kind) {
    case PN_FRAME_ROLLOVER_1:
        return on_message_1(link, body);
    case PN_FRAME_ROLLOVER_2:
        return on_message_2(link, body);
    case PN_FRAME_ROLLOVER_DONE:
        return on_done(link, body);
    case PN_FRAME_DATA:
    case PN_FRAME_KIND_COUNT:
        break;
    }
    return PN_E_PROTO;
}

/* --- when ----------------------------------------------------------------- */

pn_err pn_link_check_keys(pn_link *link)
{
    if (!keys_past(link, PN_LINK_ROLLOVER_RECORDS, PN_LINK_ROLLOVER_MS))
        return PN_OK;
    /* A peer that does not play its part within the slack is left. */
    if (keys_past(link,
                  (uint64_t)PN_LINK_ROLLOVER_RECORDS + PN_LINK_SLACK_RECORDS,
                  (uint64_t)PN_LINK_ROLLOVER_MS + PN_LINK_SLACK_MS))
        return PN_E_TIMEOUT;
    if (!is_initiator(link) || link->roll != NULL)
        return PN_OK;
    PN_TRY(prepare(link));
    return write_message(link, PN_FRAME_ROLLOVER_1);
}

uint64_t pn_link_keys_deadline(const pn_link *link)
{
    const bool waits = !is_initiator(link) || link->roll != NULL;
    return link->keyed_ms + PN_LINK_ROLLOVER_MS +
           (waits ? (uint64_t)PN_LINK_SLACK_MS : 0);
}
