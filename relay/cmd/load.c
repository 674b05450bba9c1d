#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/base/mem.h"
#include "proto/link/link.h"
#include "proto/wire/address.h"
#include "relay/cmd/cmd.h"
#include "relay/sys/file.h"

static pn_err fault_text(rl_config_fault *fault, pn_err err, const char *text)
{
    fault->line = 0;
    (void)snprintf(fault->text, sizeof fault->text, "%s", text);
    return err;
}

pn_err rl_load_config_quietly(const char *dir, rl_config *out,
                              rl_config_fault *fault)
{
    size_t len = 0;
    uint8_t *text = pn_alloc(1, RL_CONFIG_BYTES_MAX);
    pn_err err;
    if (text == NULL)
        return fault_text(fault, PN_E_NOMEM, "out of memory");
    err = rl_file_read(dir, RL_FILE_CONFIG, text, RL_CONFIG_BYTES_MAX, &len,
                       NULL, NULL);
    if (err == PN_OK)
        err = rl_config_parse(out, (pn_bytes){ text, len }, fault);
    else if (err == PN_E_FULL)
        err = fault_text(fault, PN_E_PROTO, "larger than 64 KiB");
    else if (err == PN_E_REFUSED)
        err = fault_text(fault, PN_E_PROTO, "not a regular file");
    else if (err == PN_E_IO)
        err = fault_text(fault, err, strerror(errno));
    else if (err == PN_E_NOT_FOUND)
        err = fault_text(fault, err, "missing");
    pn_free(text);
    return err;
}

rl_exit rl_load_config(const rl_args *args, rl_config *out)
{
    rl_config_fault fault = { 0 };
    const pn_err err = rl_load_config_quietly(args->found, out, &fault);
    const char *dir = args->found;
    switch ((int)err) {
    case PN_OK:
        return RL_EXIT_OK;
    case PN_E_NOT_FOUND:
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s/" RL_FILE_CONFIG
                       " is missing; make one with `posternd init --dir %s`",
                       dir, dir);
    case PN_E_PROTO:
        if (fault.line == 0)
            return rl_fail(args, RL_EXIT_CONFIG, "%s/" RL_FILE_CONFIG ": %s",
                           dir, fault.text);
        return rl_fail(args, RL_EXIT_CONFIG, "%s/" RL_FILE_CONFIG ":%u: %s",
                       dir, fault.line, fault.text);
    default:
        return rl_fail(args, RL_EXIT_IO,
                       "cannot read %s/" RL_FILE_CONFIG ": %s", dir,
                       fault.text);
    }
}

/* Whoever may write in the directory may replace the identity. */
rl_exit rl_load_dir(const rl_args *args)
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

rl_exit rl_load_seed(const rl_args *args, uint8_t seed[RL_SEED_BYTES])
{
    const char *dir = args->found;
    const pn_err err = rl_identity_load(dir, seed);
    switch ((int)err) {
    case PN_OK:
        return RL_EXIT_OK;
    case PN_E_NOT_FOUND:
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s/" RL_FILE_IDENTITY
                       " is missing; restore it from a backup, or make a new "
                       "identity with `posternd init --dir %s` (clients of "
                       "the old one will not follow)",
                       dir, dir);
    case PN_E_REFUSED:
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s/" RL_FILE_IDENTITY
                       " must be a file of the user who runs the relay, "
                       "readable by nobody else; check its owner and run "
                       "`chmod 600 %s/" RL_FILE_IDENTITY "`",
                       dir, dir);
    case PN_E_CORRUPT:
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s/" RL_FILE_IDENTITY
                       " is damaged; restore it from a backup",
                       dir);
    default:
        return rl_fail(args, RL_EXIT_IO,
                       "cannot read %s/" RL_FILE_IDENTITY ": %s", dir,
                       strerror(errno));
    }
}

rl_exit rl_load_address(const rl_args *args, const rl_config *config,
                        const uint8_t seed[RL_SEED_BYTES], char *out,
                        size_t cap)
{
    /* The text form is the address's own: build it once with the key, then
     * let the parser judge host and port. */
    const char *endpoint = rl_config_endpoint(config);
    pn_link_identity identity;
    pn_address address = { .kind = PN_HOST_IPV4, .port = 1, .host = "0.0.0.0" };
    char text[PN_ADDRESS_TEXT_MAX + 1];
    size_t at;
    if (pn_link_identity_from_seed(&identity, seed) != PN_OK)
        return rl_fail(args, RL_EXIT_INTERNAL, "the identity gives no key");
    memcpy(address.relay_key, identity.relay_key, sizeof address.relay_key);
    pn_wipe(&identity, sizeof identity);
    if (pn_address_format(text, sizeof text, &address) != PN_OK)
        return rl_fail(args, RL_EXIT_INTERNAL, "cannot write the address");
    at = strcspn(text, "@") + 1;
    (void)snprintf(text + at, sizeof text - at, "%s", endpoint);
    if (pn_address_parse_text(&address, text, NULL) != PN_OK ||
        pn_address_format(out, cap, &address) != PN_OK)
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s/" RL_FILE_CONFIG
                       ": `%s` cannot stand in an address; set `advertise`",
                       args->found, endpoint);
    return RL_EXIT_OK;
}
