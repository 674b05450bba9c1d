/* postern invite ...: how two people become contacts. */
#include <string.h>
#include <strings.h>

#include "client/cli/cli.h"

#define DAY_MS ((uint64_t)86400 * 1000)

enum { WAIT_MS = 30000 };

static cli_exit print_invitation(const cli_args *args, json_t *v)
{
    const char *link = cli_text(v, "link");
    const char *qr = args->value[OPT_QR];
    cli_exit code = CLI_OK;
    if (cli_has(args, OPT_OFFLINE)) {
        const char *path = args->value[OPT_OFFLINE];
        code = cli_write_new(args, path, (const uint8_t *)link, strlen(link));
        (void)json_object_set_new(v, "written_to", rpc_text(path));
    }
    if (code == CLI_OK && cli_has(args, OPT_QR))
        code = qr[0] == 0 ? cli_qr_terminal(args, link)
                          : cli_qr_png(args, link, qr + strlen("png:"));
    if (code != CLI_OK)
        return code;
    if (args->json)
        code = cli_print_json(args, stdout, "invite", v);
    else if (cli_has(args, OPT_OFFLINE))
        cli_note(args, "Written to %s. It is a secret, for one person, once.",
                 args->value[OPT_OFFLINE]);
    else
        (void)printf("%s\n", link);
    return code == CLI_OK ? cli_flush(args) : code;
}

cli_exit cli_invite_create(const cli_args *args)
{
    const char *qr = args->value[OPT_QR];
    uint64_t expires_ms, wait_ms;
    json_t *params, *v;
    cli_exit code;
    if (cli_has(args, OPT_QR) && qr[0] != 0 &&
        (strncmp(qr, "png:", 4) != 0 || qr[4] == 0))
        return cli_fail(args, CLI_USAGE,
                        "--qr stands alone, or is "
                        "--qr=png:FILE");
    code = cli_duration_of(args, OPT_EXPIRES, 90 * DAY_MS, 0, &expires_ms);
    if (code == CLI_OK)
        code = cli_duration_of(args, OPT_TIMEOUT, RPC_WAIT_MAX_MS, WAIT_MS,
                               &wait_ms);
    if (code != CLI_OK)
        return code;
    params =
        json_pack("{s:I, s:I, s:b}", "expires_in_ms", (json_int_t)expires_ms,
                  "timeout_ms", (json_int_t)wait_ms, "offline",
                  cli_has(args, OPT_OFFLINE) ? 1 : 0);
    if (cli_has(args, OPT_NAME))
        cli_set(&params, "name", rpc_text(args->value[OPT_NAME]));
    code = cli_once(args, CLI_ONLINE, "invite_create", params, &v);
    if (code == CLI_OK)
        code = print_invitation(args, v);
    json_decref(v);
    return code;
}

/* A link is long, and no file is called so. */
static cli_exit read_invitation(const cli_args *args, json_t **out)
{
    const char *word = args->words[0];
    uint8_t *bytes;
    size_t len;
    cli_exit code;
    if (strncasecmp(word, "postern:", 8) == 0) {
        *out = rpc_text(word);
        return CLI_OK;
    }
    code = cli_read(args, word, POSTERN_INVITATION_SIZE - 1, &bytes, &len);
    if (code != CLI_OK)
        return code;
    while (len > 0 && strchr(" \r\n\t", bytes[len - 1]) != NULL)
        len--;
    if (len > 0 && rpc_is_utf8(bytes, len))
        *out = json_stringn((const char *)bytes, len);
    else
        code = cli_fail(args, CLI_MALFORMED,
                        "%s holds no invitation; copy it again, whole",
                        strcmp(word, "-") == 0 ? "standard input" : word);
    rpc_free(bytes);
    return code;
}

cli_exit cli_invite_accept(const cli_args *args)
{
    json_t *invitation = NULL, *contact, *params;
    uint64_t wait_ms;
    cli_exit code =
        cli_duration_of(args, OPT_TIMEOUT, RPC_WAIT_MAX_MS, WAIT_MS, &wait_ms);
    if (code == CLI_OK)
        code = read_invitation(args, &invitation);
    if (code != CLI_OK)
        return code;
    params = json_pack("{s:o, s:I}", "invitation", invitation, "timeout_ms",
                       (json_int_t)wait_ms);
    if (cli_has(args, OPT_NAME))
        cli_set(&params, "name", rpc_text(args->value[OPT_NAME]));
    code = cli_once(args, CLI_ONLINE, "invite_accept", params, &contact);
    if (code != CLI_OK)
        return code;
    if (!args->json && !args->quiet) {
        cli_field("contact", cli_text(contact, "name"));
        cli_field("safety number", cli_text(contact, "safety_number"));
    }
    return cli_done(args, "contact", contact);
}

cli_exit cli_invite_list(const cli_args *args)
{
    json_t *list, *v;
    size_t i;
    const cli_exit code =
        cli_once(args, CLI_OFFLINE, "invite_list", json_object(), &list);
    if (code != CLI_OK)
        return code;
    json_array_foreach(list, i, v)
    {
        /* The secret of an invitation is shown once, when it is made. */
        (void)json_object_del(v, "link");
        if (args->json) {
            (void)cli_print_json(args, stdout, "invite", v);
            continue;
        }
        (void)printf("%s  %-9s  until %s  ", cli_text(v, "id"),
                     cli_text(v, "state"), cli_text(v, "expires_at"));
        cli_puts(cli_text(v, "name"));
        cli_puts(cli_text(v, "reason"));
        (void)putchar('\n');
    }
    json_decref(list);
    return cli_flush(args);
}

cli_exit cli_invite_revoke(const cli_args *args)
{
    json_t *result;
    const cli_exit code =
        cli_once(args, CLI_ONLINE, "invite_revoke",
                 json_pack("{s:o}", "id", rpc_text(args->words[0])), &result);
    json_decref(result);
    if (code != CLI_OK)
        return code;
    return cli_done(args, "invite-revoked",
                    json_pack("{s:o}", "id", rpc_text(args->words[0])));
}
