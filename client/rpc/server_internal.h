/* What the files of the server share. */
#ifndef POSTERN_CLIENT_RPC_SERVER_INTERNAL_H
#define POSTERN_CLIENT_RPC_SERVER_INTERNAL_H

#include <pthread.h>

#include "client/rpc/server.h"

enum {
    RPC_CONNS_MAX = 64,
    RPC_UNDERWAY_MAX = 64,        /* waiting requests of a connection */
    RPC_WORKERS_MAX = 16,         /* threads for them, of all */
    RPC_LEASES_MAX = 256,         /* events given and not acknowledged */
    RPC_BACKLOG_MAX = 1024 * 1024 /* bytes of answers not yet taken; above,
                                     no more requests are read */
};

typedef struct rpc_conn {
    uint64_t id; /* 0: free */
    int in, out; /* the same, for a socket */
    bool is_first;
    bool is_ended; /* no more input */
    unsigned underway;
    char *line; /* RPC_LINE_MAX bytes */
    size_t line_len;
    char *answers;
    size_t answers_len, answers_at, answers_cap;
} rpc_conn;

/* A request that waits, in a thread of its own. Ids and parameters belong to
 * the loop until it is pushed and again when it is done. */
typedef struct rpc_job {
    struct rpc_job *next;
    uint64_t conn;
    rpc_request request;
    json_t *result;
    rpc_error why;
} rpc_job;

typedef struct rpc_waiter {
    struct rpc_waiter *next;
    uint64_t conn;
    json_t *id;
    uint64_t until_ms;
} rpc_waiter;

typedef struct rpc_lease {
    struct rpc_lease *next;
    postern_event *event;
    uint64_t conn; /* 0: nobody's */
    bool is_again;
} rpc_lease;

typedef struct rpc_server {
    postern_client *client;
    const rpc_server_options *options;
    int wake[2];
    int listeners[RPC_SOCKETS_MAX];
    uint64_t next_conn;
    rpc_conn conns[RPC_CONNS_MAX];
    rpc_waiter *waiters;
    rpc_lease *leases;
    size_t lease_count;
    bool is_gone; /* the store: nothing is left to serve */

    /* Under the lock: */
    pthread_mutex_t lock;
    pthread_cond_t todo_cond, want_cond;
    rpc_job *todo, *done;
    unsigned workers, idle, threads_alive;
    bool is_stopping;
    bool wants_event;
    postern_event *fetched;
    int fetch_error;
    pthread_t worker[RPC_WORKERS_MAX], fetcher;
    bool has_fetcher;
} rpc_server;

uint64_t rpc_now(void); /* monotonic ms */

/* Take note of an error that ends the server. */
void rpc_server_note(rpc_server *s, int code);

/* --- conn.c --- */
rpc_conn *rpc_conn_find(rpc_server *s, uint64_t id);
/* A free place, made into a connection; NULL if all are taken. */
rpc_conn *rpc_conn_new(rpc_server *s, int in, int out);
void rpc_conn_end(rpc_server *s, rpc_conn *c);
/* Queue an answer for the connection; `answer` is taken. Ends the connection
 * without memory. */
void rpc_conn_say(rpc_server *s, rpc_conn *c, json_t *answer);
bool rpc_conn_is_reading(const rpc_conn *c);
/* Read what there is, once. */
void rpc_conn_read(rpc_server *s, rpc_conn *c);
/* Carry out the whole lines that were read, as long as there is room for what
 * they lead to. */
void rpc_conn_take(rpc_server *s, rpc_conn *c);
bool rpc_conn_has_line(const rpc_conn *c);
void rpc_conn_write(rpc_server *s, rpc_conn *c);

/* --- jobs.c --- */
/* Hand a request (taken) to a thread. False without memory. */
bool rpc_jobs_push(rpc_server *s, rpc_conn *c, rpc_request *request);
/* Answer what is done. */
void rpc_jobs_collect(rpc_server *s);
/* Make every thread end. */
void rpc_jobs_stop(rpc_server *s);
void rpc_wake(rpc_server *s);

/* --- lease.c --- */
/* next_event, event_ack, event_return: answered now, or kept as a waiter. */
void rpc_lease_request(rpc_server *s, rpc_conn *c, const rpc_request *request);
/* Give what the fetcher brought to who waits; answer who waited too long. */
void rpc_lease_pump(rpc_server *s);
/* When the next waiter has waited long enough; UINT64_MAX: never. */
uint64_t rpc_lease_deadline(const rpc_server *s);
/* What the connection held is free again. */
void rpc_lease_drop(rpc_server *s, uint64_t conn);
void rpc_lease_free(rpc_server *s);

#endif
