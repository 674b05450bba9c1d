/* A worker: one thread that takes tasks in order and gives them back done.
 * Without threads the same tasks run when pumped, so that tests see every
 * step in one order. Thread rule: put, done, pump and stop belong to the
 * owner; run is called by the worker, or by pump.
 */
#ifndef POSTERN_RELAY_STORE_WORK_H
#define POSTERN_RELAY_STORE_WORK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

typedef struct rl_task {
    struct rl_task *next;
    uint32_t weight; /* what it counts against the worker's wish for more */
} rl_task;

typedef struct rl_tasks {
    rl_task *first;
    rl_task **end;
} rl_tasks;
void rl_tasks_init(rl_tasks *l);
void rl_tasks_put(rl_tasks *l, rl_task *task);
rl_task *rl_tasks_take(rl_tasks *l); /* the first, or NULL */

typedef struct rl_worker {
    void (*run)(void *ctx, rl_task *all); /* everything queued, as a chain */
    void (*notify)(void *ctx);            /* something is done */
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    rl_tasks queue;
    rl_tasks finished;
    uint64_t weight; /* of the queue */
    /* What rl_worker_linger() last said. */
    uint64_t want;
    uint64_t patience_ns;
    bool singly;
    bool threaded;
    bool ending;
} rl_worker;

/* PN_E_NOMEM if no thread can be had. */
PN_MUST_USE pn_err rl_worker_start(rl_worker *w, bool threaded,
                                   void (*run)(void *ctx, rl_task *all),
                                   void (*notify)(void *ctx), void *ctx);
void rl_worker_put(rl_worker *w, rl_task *task);
/* Move all that is done to the end of *out. */
void rl_worker_done(rl_worker *w, rl_tasks *out);
/* Run what is queued, when there is no thread. */
void rl_worker_pump(rl_worker *w);
/* Run each task by itself and hand it back at once, so that the owner is at
 * work on the first while the next is done. Call it before the first put. */
void rl_worker_singly(rl_worker *w);
/* From within run: before the next one, wait until tasks of `want` weight are
 * queued, for `patience_ns` after the first at most. Zeros: do not wait. */
void rl_worker_linger(rl_worker *w, uint64_t want, uint64_t patience_ns);
/* Weight of what is queued. From within run. */
uint64_t rl_worker_weight(rl_worker *w);
/* Finish what is queued and end the thread; from then on it runs when pumped.
 * What is done stays to be taken. */
void rl_worker_stop(rl_worker *w);
/* Stop, and release all but the tasks, which are the owner's. */
void rl_worker_free(rl_worker *w);

#endif
