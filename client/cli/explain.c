/* From an error to an exit code and what to do next. */
#include <string.h>

#include "client/cli/cli.h"

typedef struct advice {
    cli_exit code;
    const char *next; /* NULL: the text says it all */
} advice;

static advice of_network(int error)
{
    switch (error) {
    case POSTERN_E_ADDRESS:
        return (advice){ CLI_MALFORMED, "want postern://KEY@HOST:PORT, as "
                                        "`posternd address` prints it" };
    case POSTERN_E_RESOLVE:
    case POSTERN_E_CONNECT:
        return (advice){ CLI_UNREACHABLE, "check the address, the network, and "
                                          "that the relay runs" };
    case POSTERN_E_TIMEOUT:
        return (advice){ CLI_UNREACHABLE,
                         "a relay with another key keeps silent, so check the "
                         "address, or try a longer --timeout" };
    case POSTERN_E_CLOSED:
        return (advice){ CLI_UNREACHABLE,
                         "it may be full or stopping: try again later" };
    case POSTERN_E_PROTOCOL:
    case POSTERN_E_VERSION:
    case POSTERN_E_AUTH:
        return (advice){ CLI_PROTOCOL, "check the address, and update the "
                                       "older of the two ends" };
    default:
        return (advice){ CLI_INTERNAL, NULL };
    }
}

static advice of_store(int error)
{
    switch (error) {
    case POSTERN_E_LOCKED:
        return (advice){ CLI_LOCKED, "end the other process, or try again" };
    case POSTERN_E_PASSPHRASE:
        return (advice){ CLI_REFUSED,
                         "check the keyboard and the file it comes from" };
    case POSTERN_E_CORRUPT:
        return (advice){ CLI_IO, "keep it as it is; `postern backup restore` "
                                 "into a new --home" };
    case POSTERN_E_NO_STORE:
        return (advice){ CLI_CONFIG,
                         "make one with `postern init`, or say --home" };
    case POSTERN_E_SYSTEM:
    case POSTERN_E_IO:
        return (advice){ CLI_IO, NULL };
    case POSTERN_E_NO_RELAY:
        return (advice){ CLI_CONFIG, "`postern relay add ADDRESS`" };
    default:
        return (advice){ CLI_INTERNAL, NULL };
    }
}

static advice of_matter(int error)
{
    switch (error) {
    case POSTERN_E_ARG:
    case RPC_E_PARAMS:
        return (advice){ CLI_USAGE, NULL };
    case POSTERN_E_STATE:
    case POSTERN_E_NOT_FOUND:
    case POSTERN_E_EXISTS:
        return (advice){ CLI_OTHER, NULL };
    case POSTERN_E_MALFORMED:
        return (advice){ CLI_MALFORMED, "copy it again, whole" };
    case POSTERN_E_TOO_BIG:
        return (advice){ CLI_MALFORMED, "split it" };
    case POSTERN_E_EXPIRED:
    case POSTERN_E_USED:
        return (advice){ CLI_REFUSED, "ask for a new one" };
    case POSTERN_E_FULL:
    case POSTERN_E_REFUSED:
        return (advice){ CLI_REFUSED, NULL };
    case POSTERN_E_BLOCKED:
        return (advice){ CLI_REFUSED, "`postern contact show` says which; "
                                      "`contact verify`, or `contact block "
                                      "--undo`" };
    case POSTERN_E_PENDING:
        return (advice){ CLI_KEPT, "it is kept, and tried on whenever the "
                                   "store is open" };
    default:
        return (advice){ CLI_INTERNAL, NULL };
    }
}

cli_exit cli_explain(const cli_args *args, int code, const char *text,
                     bool is_about_contact)
{
    advice a = of_network(code);
    if (a.code == CLI_INTERNAL)
        a = of_store(code);
    if (a.code == CLI_INTERNAL)
        a = of_matter(code);
    if (code == POSTERN_E_NOT_FOUND && is_about_contact)
        a = (advice){ CLI_UNKNOWN_CONTACT, "`postern contact list` has them" };
    /* The library's own words say what to do, its general ones do not; of
     * commands it knows nothing. */
    if (a.next == NULL ||
        (strcmp(text, postern_strerror(code)) != 0 &&
         a.code != CLI_UNKNOWN_CONTACT && code != POSTERN_E_NO_RELAY))
        return cli_fail(args, a.code, "%s", text);
    return cli_fail(args, a.code, "%s; %s", text, a.next);
}
