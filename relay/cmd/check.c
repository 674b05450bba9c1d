/* posternd check: would `posternd run` start? Changes nothing. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/base/json.h"
#include "proto/base/mem.h"
#include "proto/wire/address.h"
#include "relay/cmd/cmd.h"
#include "relay/sys/privs.h"

/* Whoever may write in the directory may replace the identity. */
static rl_exit check_dir(const rl_args *args)
{
    const size_t room = sizeof((struct sockaddr_un *)0)->sun_path;
    struct stat st;
    if (stat(args->found, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s may be written by others; run `chmod 700 %s`",
                       args->found, args->found);
    if (strlen(args->found) + sizeof "/" RL_FILE_CONTROL > room)
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s is too long a path for the control socket; at most "
                       "%zu bytes are possible",
                       args->found, room - sizeof "/" RL_FILE_CONTROL);
    return RL_EXIT_OK;
}

rl_exit rl_cmd_check(const rl_args *args)
{
    uint8_t seed[RL_SEED_BYTES];
    char address[PN_ADDRESS_TEXT_MAX + 1], line[4096];
    rl_config config;
    rl_exit code = rl_load_config(args, &config);
    if (code == RL_EXIT_OK)
        code = check_dir(args);
    if (code != RL_EXIT_OK)
        return code;
    if (rl_privs_drop() != PN_OK || sodium_init() < 0)
        return rl_fail(args, RL_EXIT_INTERNAL, "cannot start safely");
    code = rl_load_seed(args, seed);
    if (code == RL_EXIT_OK)
        code = rl_load_address(args, &config, seed, address, sizeof address);
    pn_wipe(seed, sizeof seed);
    if (code != RL_EXIT_OK)
        return code;
    if (args->json) {
        pn_json j = pn_json_begin(line, sizeof line);
        pn_json_text(&j, "type", "check");
        pn_json_bool(&j, "ok", true);
        pn_json_text(&j, "address", address);
        if (pn_json_end(&j) != PN_OK)
            return rl_fail(args, RL_EXIT_INTERNAL, "answer too long");
        (void)printf("%s\n", line);
    } else if (!args->quiet) {
        (void)printf("%s: ok\n", args->found);
    }
    return rl_flush(args);
}
