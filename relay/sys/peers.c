#include "relay/sys/peers.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/wire/base32.h"
#include "relay/sys/dir.h"
#include "relay/sys/file.h"

static const char head[] = "# Relays that this one forwards to. `posternd peer "
                           "add` and `remove` write\n"
                           "# it; after a change by hand, `posternd reload`.\n";

void rl_peers_free(rl_peer_list *list)
{
    pn_free(list->at);
    *list = (rl_peer_list){ NULL, 0 };
}

const char *rl_dial_name(rl_dial dial)
{
    static const char *const names[RL_DIALS] = { "auto", "always", "never" };
    return names[dial];
}

/* --- one entry ------------------------------------------------------------ */

static pn_err refuse(const char **why, const char *text)
{
    *why = text;
    return PN_E_PROTO;
}

static pn_err parse_dial(rl_peer_entry *entry, const char *word,
                         const char **why)
{
    entry->dial = entry->has_endpoint ? RL_DIAL_AUTO : RL_DIAL_NEVER;
    if (word == NULL)
        return PN_OK;
    for (int i = 0; i < RL_DIALS; i++) {
        if (strcmp(word, rl_dial_name((rl_dial)i)) != 0)
            continue;
        if (i != RL_DIAL_NEVER && !entry->has_endpoint)
            return refuse(why, "a key alone cannot be dialled: give the whole "
                               "address, or `never`");
        entry->dial = (rl_dial)i;
        return PN_OK;
    }
    return refuse(why, "want auto, always or never");
}

pn_err rl_peer_entry_parse(rl_peer_entry *out, const char *address,
                           const char *dial, const char **why)
{
    const pn_bytes text = { (const uint8_t *)address, strlen(address) };
    rl_peer_entry entry = { .has_endpoint = true };
    pn_address_fault fault = PN_ADDRESS_FINE;
    if (pn_base32_decode(entry.address.relay_key, PN_ADDRESS_KEY_BYTES, text) ==
        PN_OK)
        entry.has_endpoint = false;
    else if (pn_address_parse(&entry.address, text, &fault) != PN_OK)
        return refuse(why, pn_address_error(fault));
    if (crypto_core_ed25519_is_valid_point(entry.address.relay_key) != 1)
        return refuse(why, "the key in it is no relay's key");
    PN_TRY(parse_dial(&entry, dial, why));
    *out = entry;
    return PN_OK;
}

void rl_peer_entry_name(char out[RL_PEER_LINE_MAX], const rl_peer_entry *entry)
{
    const pn_bytes key = { entry->address.relay_key, PN_ADDRESS_KEY_BYTES };
    if (!entry->has_endpoint ||
        pn_address_format(out, RL_PEER_LINE_MAX, &entry->address) != PN_OK)
        pn_base32_encode(out, key);
}

void rl_peer_entry_format(char out[RL_PEER_LINE_MAX],
                          const rl_peer_entry *entry)
{
    size_t len;
    rl_peer_entry_name(out, entry);
    len = strlen(out);
    (void)snprintf(out + len, RL_PEER_LINE_MAX - len, " %s",
                   rl_dial_name(entry->dial));
}

/* --- the list ------------------------------------------------------------- */

rl_peer_entry *rl_peers_find(const rl_peer_list *list, const uint8_t *key)
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->at[i].address.relay_key, key, PN_ADDRESS_KEY_BYTES) ==
            0)
            return &list->at[i];
    return NULL;
}

pn_err rl_peers_put(rl_peer_list *list, const rl_peer_entry *entry)
{
    rl_peer_entry *at = rl_peers_find(list, entry->address.relay_key);
    if (at != NULL) {
        *at = *entry;
        return PN_OK;
    }
    if (list->count == RL_PEERS_MAX)
        return PN_E_FULL;
    at = pn_realloc(list->at, list->count + 1, sizeof *at);
    if (at == NULL)
        return PN_E_NOMEM;
    list->at = at;
    list->at[list->count++] = *entry;
    return PN_OK;
}

pn_err rl_peers_remove(rl_peer_list *list, const uint8_t *key)
{
    rl_peer_entry *at = rl_peers_find(list, key);
    size_t after;
    if (at == NULL)
        return PN_E_NOT_FOUND;
    after = list->count - 1 - (size_t)(at - list->at);
    memmove(at, at + 1, after * sizeof *at);
    list->count--;
    return PN_OK;
}

pn_err rl_peers_copy(rl_peer_list *out, const rl_peer_list *from)
{
    *out = (rl_peer_list){ NULL, 0 };
    for (size_t i = 0; i < from->count; i++) {
        const pn_err err = rl_peers_put(out, &from->at[i]);
        if (err != PN_OK) {
            rl_peers_free(out);
            return err;
        }
    }
    return PN_OK;
}

/* --- the file ------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cut the next word off *line; NULL when there is none. */
static char *next_word(char **line)
{
    char *word = *line;
    while (is_blank(*word))
        word++;
    if (*word == 0)
        return NULL;
    *line = word;
    while (**line != 0 && !is_blank(**line))
        (*line)++;
    if (**line != 0)
        *(*line)++ = 0;
    return word;
}

static pn_err parse_line(rl_peer_list *list, char *line, const char **why)
{
    rl_peer_entry entry;
    const char *address = next_word(&line);
    const char *dial = address != NULL ? next_word(&line) : NULL;
    pn_err err;
    if (address == NULL || address[0] == '#')
        return PN_OK;
    if (next_word(&line) != NULL)
        return refuse(why, "more than an address and how to dial it");
    PN_TRY(rl_peer_entry_parse(&entry, address, dial, why));
    if (rl_peers_find(list, entry.address.relay_key) != NULL)
        return refuse(why, "this relay is listed already");
    err = rl_peers_put(list, &entry);
    return err == PN_E_FULL ? refuse(why, "more relays than are possible")
                            : err;
}

pn_err rl_peers_parse(rl_peer_list *out, pn_bytes text, rl_peers_fault *fault)
{
    pn_err err = PN_OK;
    *out = (rl_peer_list){ NULL, 0 };
    *fault = (rl_peers_fault){ 0, NULL };
    while (text.len > 0 && err == PN_OK) {
        const uint8_t *end = memchr(text.p, '\n', text.len);
        const size_t len = end != NULL ? (size_t)(end - text.p) : text.len;
        char line[RL_PEER_LINE_MAX];
        pn_bytes words;
        fault->line++;
        err = pn_take(&text, len, &words);
        if (err == PN_OK && end != NULL)
            err = pn_take(&text, 1, &(pn_bytes){ NULL, 0 });
        if (err != PN_OK)
            break;
        if (len >= sizeof line || memchr(words.p, 0, len) != NULL) {
            err = refuse(&fault->why, "too long, or no text");
            break;
        }
        (void)snprintf(line, sizeof line, "%.*s", (int)len,
                       (const char *)words.p);
        err = parse_line(out, line, &fault->why);
    }
    if (err != PN_OK)
        rl_peers_free(out);
    return err;
}

pn_err rl_peers_load(rl_peer_list *out, const char *dir, rl_peers_fault *fault)
{
    uint8_t *text = pn_alloc(1, RL_PEERS_BYTES_MAX);
    size_t len = 0;
    pn_err err = PN_E_NOMEM;
    *out = (rl_peer_list){ NULL, 0 };
    *fault = (rl_peers_fault){ 0, NULL };
    if (text != NULL)
        err = rl_file_read(dir, RL_FILE_PEERS, text, RL_PEERS_BYTES_MAX, &len,
                           NULL, NULL);
    if (err == PN_OK)
        err = rl_peers_parse(out, (pn_bytes){ text, len }, fault);
    else if (err == PN_E_NOT_FOUND)
        err = PN_OK;
    else if (err == PN_E_FULL)
        err = refuse(&fault->why, "too large");
    else if (err == PN_E_REFUSED)
        err = refuse(&fault->why, "not a regular file");
    pn_free(text);
    return err;
}

pn_err rl_peers_save(const rl_peer_list *list, const char *dir)
{
    const size_t cap = sizeof head + list->count * (RL_PEER_LINE_MAX + 1);
    uint8_t *text = pn_alloc(1, cap);
    pn_out out = pn_out_over(text, cap);
    pn_err err;
    if (text == NULL)
        return PN_E_NOMEM;
    pn_put(&out, PN_BYTES_LIT(head));
    for (size_t i = 0; i < list->count; i++) {
        char line[RL_PEER_LINE_MAX];
        rl_peer_entry_format(line, &list->at[i]);
        pn_put(&out, (pn_bytes){ (const uint8_t *)line, strlen(line) });
        pn_put_u8(&out, '\n');
    }
    err = pn_out_err(&out);
    if (err == PN_OK)
        err = rl_file_write(dir, RL_FILE_PEERS, pn_out_view(&out));
    pn_free(text);
    return err;
}
