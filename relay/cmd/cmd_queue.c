/* posternd queue count|block|unblock|purge: asked of the running relay. */
#include <stdio.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "relay/cmd/cmd.h"
#include "relay/net/control.h"

enum { ID_DIGITS = 64 };

static rl_exit on_queue(const rl_args *args, const char *what)
{
    char request[RL_CONTROL_REQUEST_MAX], answer[RL_CONTROL_ANSWER_MAX];
    uint8_t id[ID_DIGITS / 2];
    rl_exit code;
    if (args->id == NULL || strlen(args->id) != ID_DIGITS ||
        pn_unhex(id, sizeof id, args->id) != PN_OK)
        return rl_fail(args, RL_EXIT_USAGE,
                       "want --id and the 64 hex digits of a queue's id");
    (void)snprintf(request, sizeof request,
                   "{\"v\":1,\"command\":\"queue-%s\",\"id\":\"%s\"}\n", what,
                   args->id);
    code = rl_ask_relay(args, request, "queue", answer, sizeof answer);
    return code == RL_EXIT_OK ? rl_print_answer(args, answer) : code;
}

rl_exit rl_cmd_queue_count(const rl_args *args)
{
    char answer[RL_CONTROL_ANSWER_MAX];
    const rl_exit code =
        rl_ask_relay(args, "{\"v\":1,\"command\":\"queue-count\"}\n", "queues",
                     answer, sizeof answer);
    return code == RL_EXIT_OK ? rl_print_answer(args, answer) : code;
}

rl_exit rl_cmd_queue_block(const rl_args *args)
{
    return on_queue(args, "block");
}

rl_exit rl_cmd_queue_unblock(const rl_args *args)
{
    return on_queue(args, "unblock");
}

rl_exit rl_cmd_queue_purge(const rl_args *args)
{
    return on_queue(args, "purge");
}
