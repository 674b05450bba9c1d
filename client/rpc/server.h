/* The server: one loop that reads, writes and carries out what does not wait;
 * threads for what does; one thread that fetches events while somebody asks.
 *
 * An event is leased to the connection it was given to. Acknowledged, it is
 * gone; when the connection ends first, it goes to whoever asks next, before
 * newer ones. Bounded: connections, bytes per line, requests under way, leases;
 * full means that the server stops reading, or answers FULL.
 */
#ifndef POSTERN_CLIENT_RPC_SERVER_H
#define POSTERN_CLIENT_RPC_SERVER_H

#include <postern/postern.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "client/rpc/rpc.h"

enum { RPC_SOCKETS_MAX = 2 };

typedef struct rpc_server_options {
    int in, out; /* a first connection, with whose end of input the server ends;
                    -1: none. Stay the caller's */
    int stop;    /* readable: end. -1: never */
    const char *sockets[RPC_SOCKETS_MAX]; /* paths to listen at; NULL: none */
    /* Told when the sockets listen; may be NULL. */
    void (*on_ready)(void *ctx);
    void *ctx;
} rpc_server_options;

/* Serve until told to stop, then take the sockets away. Blocks; wants the
 * client driven by its own thread. POSTERN_OK, or POSTERN_E_SYSTEM or _NOMEM
 * with *why. What was asked before the end is carried out, except waiting. */
int rpc_serve(postern_client *client, const rpc_server_options *options,
              rpc_error *why);

/* --- peer.c: the other end ------------------------------------------------ */

typedef struct rpc_peer rpc_peer;

/* Fill the address of a socket. Paths of any length: what is too long for an
 * address goes by way of an open directory, *dir_fd then (-1 otherwise), to
 * close after use. */
bool rpc_socket_address(const char *path, struct sockaddr_un *out, int *dir_fd);
/* Connect to a server of this user. NULL if nobody is there. */
rpc_peer *rpc_peer_connect(const char *path);
/* The same over a connected descriptor, which is taken. */
rpc_peer *rpc_peer_on(int fd);
void rpc_peer_free(rpc_peer **peer);
/* Like rpc_call(). POSTERN_E_CLOSED if the server goes away; when `stop` (a
 * descriptor, or -1) is readable first, POSTERN_E_TIMEOUT. */
int rpc_peer_call(rpc_peer *peer, const char *name, json_t *params,
                  json_t **out, rpc_error *why, int stop);

#endif
