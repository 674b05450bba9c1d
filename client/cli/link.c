/* The way to the store: opened here, or by a running `postern rpc`, found by
 * the socket it keeps in the store's directory. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/cli.h"

struct cli_link {
    const cli_args *args;
    postern_client *client; /* NULL: somebody else has it open */
    rpc_peer *peer;         /* to them, or to our own server */
    char socket[CLI_PATH_SIZE + 16];
    pthread_t server;
    int server_end; /* of the pair; -1 without a server of our own */
};

enum { LOCK_TRIES = 50, LOCK_PAUSE_MS = 100 };

volatile sig_atomic_t cli_stopping;
static int signal_pipe[2] = { -1, -1 };

static void on_signal(int number)
{
    const int saved = errno;
    const ssize_t n = write(signal_pipe[1], "", 1);
    (void)number;
    (void)n;
    cli_stopping = 1;
    errno = saved;
}

void cli_catch_signals(void)
{
    /* Without SA_RESTART: what waits is to notice. */
    struct sigaction action = { .sa_handler = on_signal };
    if (pipe(signal_pipe) != 0)
        return;
    for (size_t i = 0; i < 2; i++) {
        (void)fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

int cli_signal_fd(void)
{
    return signal_pipe[0];
}

cli_exit cli_home(const cli_args *args, char out[CLI_PATH_SIZE])
{
    const char *given = args->value[OPT_HOME];
    const char *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
    int n;
    if (cli_has(args, OPT_HOME) && given[0] == 0)
        return cli_fail(args, CLI_USAGE, "--home is empty");
    if (cli_has(args, OPT_HOME))
        n = snprintf(out, CLI_PATH_SIZE, "%s", given);
    else if (data != NULL && data[0] == '/')
        n = snprintf(out, CLI_PATH_SIZE, "%s/postern", data);
    else if (user != NULL && user[0] == '/')
        n = snprintf(out, CLI_PATH_SIZE, "%s/.local/share/postern", user);
    else
        return cli_fail(args, CLI_CONFIG,
                        "neither --home nor $XDG_DATA_HOME nor $HOME says "
                        "where the store is");
    if (n < 0 || n >= CLI_PATH_SIZE)
        return cli_fail(args, CLI_USAGE, "the path of the store is too long");
    return CLI_OK;
}

/* Serve the store to other commands while this one stays. */
static void *serve(void *arg)
{
    cli_link *link = arg;
    rpc_server_options options = { .in = link->server_end,
                                   .out = link->server_end,
                                   .stop = -1,
                                   .sockets = { link->socket } };
    rpc_error why;
    if (rpc_serve(link->client, &options, &why) != POSTERN_OK) {
        /* Then alone. */
        options.sockets[0] = NULL;
        (void)rpc_serve(link->client, &options, &why);
    }
    (void)shutdown(link->server_end, SHUT_RDWR);
    return NULL;
}

static cli_exit share(cli_link *link)
{
    sigset_t all, before;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return cli_fail(link->args, CLI_IO, "no socket: %s", strerror(errno));
    (void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
    link->server_end = pair[1];
    link->peer = rpc_peer_on(pair[0]);
    /* Signals are this thread's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (link->peer == NULL ||
        pthread_create(&link->server, NULL, serve, link) != 0) {
        (void)close(pair[1]);
        link->server_end = -1;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return link->server_end >= 0
               ? CLI_OK
               : cli_fail(link->args, CLI_INTERNAL, "no memory, or no thread");
}

static cli_exit refused(const cli_link *link, const char *home, int error,
                        const char *why)
{
    if (error == POSTERN_E_NO_STORE)
        return cli_fail(link->args, CLI_CONFIG,
                        "there is no store in %s; make one with `postern "
                        "init`, or say --home",
                        home);
    if (error == POSTERN_E_LOCKED)
        return cli_fail(link->args, CLI_LOCKED,
                        "another process has %s open and takes no orders; end "
                        "it, or try again",
                        home);
    if (error == POSTERN_E_PASSPHRASE || why[0] == 0)
        why = postern_strerror(error);
    return cli_explain(link->args, error, why, false);
}

static cli_exit try_open(cli_link *link, const char *home, cli_how how,
                         const cli_secret *secret)
{
    const struct timespec pause = { 0, LOCK_PAUSE_MS * 1000000L };
    postern_open_options options = POSTERN_OPEN_OPTIONS_INIT;
    char why[512] = "";
    int error = POSTERN_E_LOCKED;
    sigset_t all, before;
    /* The library's thread is not to take the signals meant for this one. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    options.home = home;
    options.passphrase = secret->bytes;
    options.passphrase_len = secret->len;
    options.flags = how == CLI_OFFLINE ? POSTERN_OPEN_OFFLINE : 0;
    options.why = why;
    options.why_cap = sizeof why;
    for (int i = 0; i < LOCK_TRIES && error == POSTERN_E_LOCKED; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        link->peer = rpc_peer_connect(link->socket);
        if (link->peer != NULL)
            error = POSTERN_OK;
        else
            error = postern_open(&link->client, &options);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == POSTERN_OK ? CLI_OK : refused(link, home, error, why);
}

/* `given` may be NULL: then it is asked for. */
static cli_exit open_store(cli_link *link, const char *home, cli_how how,
                           const cli_secret *given)
{
    cli_secret secret;
    cli_exit code;
    if (given != NULL)
        return try_open(link, home, how, given);
    code = cli_passphrase(link->args, home, false, &secret);
    if (code == CLI_OK)
        code = try_open(link, home, how, &secret);
    cli_secret_wipe(&secret);
    return code;
}

cli_exit cli_open_with(cli_link **out, const cli_args *args, cli_how how,
                       const cli_secret *passphrase)
{
    char home[CLI_PATH_SIZE];
    cli_link *link = rpc_alloc(sizeof *link);
    cli_exit code;
    *out = NULL;
    if (link == NULL)
        return cli_fail(args, CLI_INTERNAL, "no memory");
    *link = (cli_link){ .args = args, .server_end = -1 };
    code = cli_home(args, home);
    if (code == CLI_OK) {
        (void)snprintf(link->socket, sizeof link->socket, "%s/rpc.sock", home);
        link->peer = rpc_peer_connect(link->socket);
        if (link->peer == NULL)
            code = open_store(link, home, how, passphrase);
    }
    if (code == CLI_OK && link->client != NULL && how == CLI_SHARED)
        code = share(link);
    if (code == CLI_OK)
        *out = link;
    else
        cli_close(&link);
    return code;
}

cli_exit cli_open(cli_link **out, const cli_args *args, cli_how how)
{
    return cli_open_with(out, args, how, NULL);
}

cli_exit cli_open_store(postern_client **out, const cli_args *args,
                        const char *home)
{
    cli_link *link = rpc_alloc(sizeof *link);
    cli_exit code;
    *out = NULL;
    if (link == NULL)
        return cli_fail(args, CLI_INTERNAL, "no memory");
    *link = (cli_link){ .args = args, .server_end = -1 };
    (void)snprintf(link->socket, sizeof link->socket, "%s/rpc.sock", home);
    link->peer = rpc_peer_connect(link->socket);
    code =
        link->peer != NULL ? CLI_OK : open_store(link, home, CLI_ONLINE, NULL);
    if (code == CLI_OK && link->peer != NULL)
        code = cli_fail(args, CLI_LOCKED,
                        "a `postern rpc` or `postern receive` serves %s "
                        "already; use its socket %s, or end it",
                        home, link->socket);
    if (code == CLI_OK) {
        *out = link->client;
        link->client = NULL;
    }
    cli_close(&link);
    return code;
}

void cli_close(cli_link **linkp)
{
    cli_link *link = linkp == NULL ? NULL : *linkp;
    if (link == NULL)
        return;
    rpc_peer_free(&link->peer); /* its end is the server's end */
    if (link->server_end >= 0) {
        (void)pthread_join(link->server, NULL);
        (void)close(link->server_end);
    }
    postern_close(&link->client);
    rpc_free(link);
    *linkp = NULL;
}

void cli_set(json_t **params, const char *key, json_t *value)
{
    if (*params == NULL) {
        json_decref(value);
    } else if (json_object_set_new(*params, key, value) != 0) {
        json_decref(*params);
        *params = NULL;
    }
}

int cli_try(cli_link *link, const char *method, json_t *params, json_t **out,
            rpc_error *why)
{
    if (params == NULL) {
        *out = NULL;
        rpc_error_of(why, POSTERN_E_NOMEM, NULL);
        return POSTERN_E_NOMEM;
    }
    if (link->peer != NULL)
        return rpc_peer_call(link->peer, method, params, out, why,
                             signal_pipe[0]);
    return rpc_call(link->client, method, params, out, why);
}

cli_exit cli_ask(cli_link *link, const char *method, json_t *params,
                 json_t **out)
{
    const bool is_about_contact = json_object_get(params, "contact") != NULL;
    rpc_error why;
    const int code = cli_try(link, method, params, out, &why);
    return code == POSTERN_OK
               ? CLI_OK
               : cli_explain(link->args, code, why.text, is_about_contact);
}

cli_exit cli_once(const cli_args *args, cli_how how, const char *method,
                  json_t *params, json_t **out)
{
    cli_link *link;
    cli_exit code = cli_open(&link, args, how);
    *out = NULL;
    if (code != CLI_OK) {
        json_decref(params);
        return code;
    }
    code = cli_ask(link, method, params, out);
    cli_close(&link);
    return code;
}
