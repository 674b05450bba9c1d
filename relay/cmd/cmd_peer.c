/* posternd peer add|remove|list: the federation list, in DIR/peers. A relay
 * that runs there is told to read it. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "proto/base/mem.h"
#include "proto/link/link.h"
#include "proto/wire/base32.h"
#include "relay/cmd/cmd.h"
#include "relay/sys/peers.h"
#include "relay/sys/privs.h"

static rl_exit load(const rl_args *args, rl_peer_list *list)
{
    rl_peers_fault fault;
    const pn_err err = rl_peers_load(list, args->found, &fault);
    if (err == PN_OK)
        return RL_EXIT_OK;
    if (err == PN_E_PROTO)
        return rl_fail(args, RL_EXIT_CONFIG, "%s/" RL_FILE_PEERS ":%u: %s",
                       args->found, fault.line, fault.why);
    return rl_fail(args, RL_EXIT_IO, "cannot read %s/" RL_FILE_PEERS ": %s",
                   args->found,
                   err == PN_E_IO ? strerror(errno) : pn_strerror(err));
}

static rl_exit save(const rl_args *args, const rl_peer_list *list)
{
    const pn_err err = rl_peers_save(list, args->found);
    if (err == PN_OK)
        return RL_EXIT_OK;
    return rl_fail(args, RL_EXIT_IO, "cannot write %s/" RL_FILE_PEERS ": %s",
                   args->found,
                   err == PN_E_IO ? strerror(errno) : pn_strerror(err));
}

/* Between reading the list and writing it nobody else may. */
static rl_exit take_turn(const rl_args *args, int *fd)
{
    *fd = open(args->found, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd >= 0 && flock(*fd, LOCK_EX) == 0)
        return RL_EXIT_OK;
    return rl_fail(args, RL_EXIT_IO, "cannot open %s: %s", args->found,
                   strerror(errno));
}

static rl_exit take_entry(const rl_args *args, rl_peer_entry *entry)
{
    const char *why;
    if (args->operand == NULL)
        return rl_fail(args, RL_EXIT_USAGE,
                       "want a relay's address, or its key");
    if (rl_peer_entry_parse(entry, args->operand, args->dial, &why) == PN_OK)
        return RL_EXIT_OK;
    return rl_fail(args, RL_EXIT_USAGE, "%.80s: %s", args->operand, why);
}

static rl_exit put(const rl_args *args, rl_peer_list *list,
                   const rl_peer_entry *entry)
{
    uint8_t seed[RL_SEED_BYTES];
    pn_link_identity self;
    pn_err err;
    bool ourselves;
    rl_exit code;
    if (rl_privs_drop() != PN_OK || sodium_init() < 0)
        return rl_fail(args, RL_EXIT_INTERNAL, "cannot start safely");
    code = rl_load_seed(args, seed);
    if (code != RL_EXIT_OK)
        return code;
    err = pn_link_identity_from_seed(&self, seed);
    ourselves = err == PN_OK && memcmp(self.relay_key, entry->address.relay_key,
                                       sizeof self.relay_key) == 0;
    pn_wipe(seed, sizeof seed);
    pn_wipe(&self, sizeof self);
    if (ourselves)
        return rl_fail(args, RL_EXIT_USAGE, "this is the relay itself");
    err = rl_peers_put(list, entry);
    if (err == PN_E_FULL)
        return rl_fail(args, RL_EXIT_OTHER,
                       "%d relays are listed already, as many as are possible",
                       RL_PEERS_MAX);
    return err == PN_OK ? RL_EXIT_OK
                        : rl_fail(args, RL_EXIT_INTERNAL, "out of memory");
}

static rl_exit take_out(const rl_args *args, rl_peer_list *list,
                        const rl_peer_entry *entry)
{
    if (rl_peers_remove(list, entry->address.relay_key) == PN_OK)
        return RL_EXIT_OK;
    return rl_fail(args, RL_EXIT_OTHER,
                   "this relay is not listed; `posternd peer list` shows "
                   "those that are");
}

static rl_exit print_entry(const rl_args *args, const rl_peer_entry *entry)
{
    const pn_bytes key = { entry->address.relay_key, PN_ADDRESS_KEY_BYTES };
    char text[RL_PEER_LINE_MAX], key_text[RL_PEER_KEY_TEXT];
    char line[2 * RL_PEER_LINE_MAX];
    pn_json j = pn_json_begin(line, sizeof line);
    if (!args->json) {
        rl_peer_entry_format(text, entry);
        (void)printf("%s\n", text);
        return RL_EXIT_OK;
    }
    rl_peer_entry_name(text, entry);
    pn_base32_encode(key_text, key);
    pn_json_text(&j, "type", "peer");
    pn_json_text(&j, "key", key_text);
    if (entry->has_endpoint)
        pn_json_text(&j, "address", text);
    pn_json_text(&j, "dial", rl_dial_name(entry->dial));
    if (pn_json_end(&j) != PN_OK)
        return rl_fail(args, RL_EXIT_INTERNAL, "answer too long");
    (void)printf("%s\n", line);
    return RL_EXIT_OK;
}

/* Change the list by `change`, then see that a running relay knows. */
static rl_exit change_list(const rl_args *args,
                           rl_exit (*change)(const rl_args *args,
                                             rl_peer_list *list,
                                             const rl_peer_entry *entry))
{
    rl_peer_list list = { NULL, 0 };
    rl_peer_entry entry;
    bool running;
    int turn = -1;
    rl_exit code = take_entry(args, &entry);
    if (code == RL_EXIT_OK)
        code = take_turn(args, &turn);
    if (code == RL_EXIT_OK)
        code = load(args, &list);
    if (code == RL_EXIT_OK)
        code = change(args, &list, &entry);
    if (code == RL_EXIT_OK)
        code = save(args, &list);
    rl_peers_free(&list);
    if (turn >= 0)
        (void)close(turn);
    if (code == RL_EXIT_OK)
        code = rl_reload_relay(args, &running);
    if (code == RL_EXIT_OK && !running)
        rl_note(args, "no relay is running here; it counts from its start");
    if (code == RL_EXIT_OK && args->json)
        code = print_entry(args, &entry);
    return code == RL_EXIT_OK ? rl_flush(args) : code;
}

rl_exit rl_cmd_peer_add(const rl_args *args)
{
    return change_list(args, put);
}

rl_exit rl_cmd_peer_remove(const rl_args *args)
{
    return change_list(args, take_out);
}

rl_exit rl_cmd_peer_list(const rl_args *args)
{
    rl_peer_list list;
    rl_exit code = load(args, &list);
    for (size_t i = 0; i < list.count && code == RL_EXIT_OK; i++)
        code = print_entry(args, &list.at[i]);
    rl_peers_free(&list);
    return code == RL_EXIT_OK ? rl_flush(args) : code;
}
