/* posternd check: would `posternd run` start, and with what? Changes nothing.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/json.h"
#include "proto/base/mem.h"
#include "proto/carrier/sysenv.h"
#include "proto/wire/address.h"
#include "relay/cmd/cmd.h"
#include "relay/cmd/store.h"
#include "relay/net/self.h"
#include "relay/sys/file.h"
#include "relay/sys/peers.h"
#include "relay/sys/privs.h"

static rl_exit load(const rl_args *args, rl_config *config, char *address,
                    size_t cap)
{
    uint8_t seed[RL_SEED_BYTES];
    rl_exit code = rl_load_config(args, config);
    if (code == RL_EXIT_OK)
        code = rl_load_dir(args);
    if (code != RL_EXIT_OK)
        return code;
    if (rl_privs_drop() != PN_OK || sodium_init() < 0)
        return rl_fail(args, RL_EXIT_INTERNAL, "cannot start safely");
    code = rl_load_seed(args, seed);
    if (code == RL_EXIT_OK)
        code = rl_load_address(args, config, seed, address, cap);
    pn_wipe(seed, sizeof seed);
    return code;
}

static rl_exit check_peers(const rl_args *args)
{
    rl_peer_list list;
    rl_peers_fault fault;
    const pn_err err = rl_peers_load(&list, args->found, &fault);
    rl_peers_free(&list);
    if (err == PN_OK)
        return RL_EXIT_OK;
    return rl_fail(args, err == PN_E_PROTO ? RL_EXIT_CONFIG : RL_EXIT_IO,
                   "%s/" RL_FILE_PEERS ":%u: %s", args->found, fault.line,
                   fault.why != NULL ? fault.why : pn_strerror(err));
}

/* The keys that parcels are sealed to. */
static rl_exit check_onions(const rl_args *args, const pn_env *env)
{
    rl_onions onions = { .count = 0 };
    size_t bad = 0;
    const pn_err err =
        rl_onion_files_load(&onions, args->found, UINT16_MAX, env, &bad);
    rl_onions_wipe(&onions);
    if (err != PN_OK)
        return rl_fail(args, RL_EXIT_IO, "cannot read %s/" RL_DIR_ONIONS ": %s",
                       args->found, pn_strerror(err));
    if (bad > 0)
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%zu of the files in %s/" RL_DIR_ONIONS
                       " are damaged, or others may read them: mend or "
                       "destroy them",
                       bad, args->found);
    return RL_EXIT_OK;
}

/* What the relay said of itself last; that it is too old is mended by the next
 * run. */
static rl_exit check_descriptor(const rl_args *args, const char *address)
{
    uint8_t raw[PN_DESCRIPTOR_BYTES_MAX];
    pn_address own;
    pn_descriptor d;
    size_t len = 0;
    pn_err err = rl_file_read(args->found, RL_FILE_DESCRIPTOR, raw, sizeof raw,
                              &len, NULL, NULL);
    if (err == PN_E_NOT_FOUND)
        return RL_EXIT_OK; /* the first run signs one */
    if (err == PN_OK)
        err = pn_descriptor_read(&d, (pn_bytes){ raw, len });
    if (err == PN_OK)
        err = pn_address_parse_text(&own, address, NULL);
    if (err == PN_OK &&
        memcmp(own.relay_key, d.relay_key, sizeof own.relay_key) != 0)
        err = PN_E_REFUSED;
    if (err == PN_OK)
        return RL_EXIT_OK;
    return rl_fail(args, err == PN_E_IO ? RL_EXIT_IO : RL_EXIT_CONFIG,
                   "%s/" RL_FILE_DESCRIPTOR " is %s; remove it, and the next "
                   "run signs another",
                   args->found,
                   err == PN_E_REFUSED ? "another relay's" : "damaged");
}

/* What a person should know of; notes are for `store verify`. */
static void on_finding(void *ctx, rl_severity severity, const char *text)
{
    if (severity != RL_NOTE)
        rl_note(ctx, "store: %s", text);
}

static bool is_damaged(const rl_verify_report *r)
{
    return r->damaged > 0 || r->findings[RL_DAMAGE] > 0;
}

static rl_exit print_json(const rl_args *args, const char *address,
                          rl_store_seen seen, const rl_verify_report *r)
{
    static const char *const words[] = { "none", "skipped", "read" };
    char line[4096];
    pn_json j = pn_json_begin(line, sizeof line);
    pn_json_text(&j, "type", "check");
    pn_json_bool(&j, "ok", !is_damaged(r));
    pn_json_text(&j, "address", address);
    pn_json_open(&j, "store");
    pn_json_text(&j, "state", words[seen]);
    if (seen == RL_STORE_READ) {
        pn_json_u64(&j, "queues", r->queues);
        pn_json_u64(&j, "messages", r->messages);
        pn_json_u64(&j, "damaged", r->damaged);
        pn_json_u64(&j, "damages", r->findings[RL_DAMAGE]);
    }
    pn_json_close(&j);
    if (pn_json_end(&j) != PN_OK)
        return rl_fail(args, RL_EXIT_INTERNAL, "answer too long");
    (void)printf("%s\n", line);
    return rl_flush(args);
}

static rl_exit print_text(const rl_args *args, rl_store_seen seen,
                          const rl_verify_report *r)
{
    if (args->quiet)
        return rl_flush(args);
    if (seen == RL_STORE_SERVED)
        (void)printf("store: not examined, a relay serves it; "
                     "see `posternd status`\n");
    else if (seen == RL_STORE_READ)
        (void)printf("store: %" PRIu64 " queues and %" PRIu64
                     " messages are intact\n",
                     r->queues, r->messages);
    if (!is_damaged(r))
        (void)printf("%s: ok\n", args->found);
    return rl_flush(args);
}

rl_exit rl_cmd_check(const rl_args *args)
{
    const pn_env env = pn_sysenv(NULL, NULL);
    char address[PN_ADDRESS_TEXT_MAX + 1];
    rl_config config;
    rl_store_seen seen;
    rl_verify_report report;
    pn_err err;
    rl_exit code = load(args, &config, address, sizeof address);
    if (code == RL_EXIT_OK)
        code = check_peers(args);
    if (code == RL_EXIT_OK)
        code = check_onions(args, &env);
    if (code == RL_EXIT_OK)
        code = check_descriptor(args, address);
    if (code != RL_EXIT_OK)
        return code;
    err = rl_store_examine(args->found, &config, &env, on_finding,
                           (void *)(uintptr_t)args, &seen, &report);
    if (err != PN_OK)
        return rl_fail(args,
                       err == PN_E_CORRUPT || err == PN_E_NOT_FOUND
                           ? RL_EXIT_CONFIG
                           : RL_EXIT_IO,
                       "cannot open the store: %s; `posternd store verify` "
                       "says more",
                       pn_strerror(err));
    code = args->json ? print_json(args, address, seen, &report)
                      : print_text(args, seen, &report);
    if (code == RL_EXIT_OK && is_damaged(&report))
        code = rl_fail(args, RL_EXIT_CONFIG,
                       "the store is damaged; what is counted is intact");
    return code;
}
