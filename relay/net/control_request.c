/* The request parser of control.h, apart from any socket. */
#include <stdio.h>
#include <string.h>

#include "relay/net/control.h"

typedef struct fields {
    bool has_version;
    bool has_command;
    int64_t version;
    char command[32];
    bool has_id;
    char id[65];
} fields;

static pn_err visit(void *ctx, const pn_json_leaf *leaf)
{
    fields *f = ctx;
    if (strcmp(leaf->path, "v") == 0) {
        if (f->has_version || leaf->kind != PN_JSON_INT)
            return PN_E_PROTO;
        f->has_version = true;
        f->version = leaf->number;
        return PN_OK;
    }
    if (strcmp(leaf->path, "command") == 0) {
        if (f->has_command || leaf->kind != PN_JSON_TEXT)
            return PN_E_PROTO;
        f->has_command = true;
        /* A name too long for this is no command's; cut, it stays none. */
        (void)snprintf(f->command, sizeof f->command, "%s", leaf->text);
        return PN_OK;
    }
    if (strcmp(leaf->path, "id") == 0) {
        if (f->has_id || leaf->kind != PN_JSON_TEXT ||
            strlen(leaf->text) != sizeof f->id - 1)
            return PN_E_PROTO;
        f->has_id = true;
        memcpy(f->id, leaf->text, sizeof f->id);
        return PN_OK;
    }
    return PN_E_PROTO;
}

pn_err rl_control_parse(rl_control_request *out, pn_bytes line)
{
    static const struct {
        const char *name;
        rl_control_command command;
        bool with_id;
    } commands[] = {
        { "status", RL_CONTROL_STATUS, false },
        { "reload", RL_CONTROL_RELOAD, false },
        { "queue-count", RL_CONTROL_QUEUE_COUNT, false },
        { "queue-block", RL_CONTROL_QUEUE_BLOCK, true },
        { "queue-unblock", RL_CONTROL_QUEUE_UNBLOCK, true },
        { "queue-purge", RL_CONTROL_QUEUE_PURGE, true },
    };
    fields f = { 0 };
    if (line.len > RL_CONTROL_REQUEST_MAX ||
        pn_json_read(line, visit, &f) != PN_OK || !f.has_version ||
        !f.has_command)
        return PN_E_PROTO;
    if (f.version != 1)
        return PN_E_VERSION;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(f.command, commands[i].name) == 0) {
            rl_control_request r = { .command = commands[i].command };
            if (f.has_id != commands[i].with_id ||
                (f.has_id && pn_unhex(r.id, sizeof r.id, f.id) != PN_OK))
                return PN_E_PROTO;
            *out = r;
            return PN_OK;
        }
    }
    return PN_E_NOT_FOUND;
}
