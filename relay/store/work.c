#include "relay/store/work.h"

#include <time.h>

enum { SECOND_NS = 1000000000 };

void rl_tasks_init(rl_tasks *l)
{
    l->first = NULL;
    l->end = &l->first;
}

void rl_tasks_put(rl_tasks *l, rl_task *task)
{
    task->next = NULL;
    *l->end = task;
    l->end = &task->next;
}

rl_task *rl_tasks_take(rl_tasks *l)
{
    rl_task *task = l->first;
    if (task == NULL)
        return NULL;
    l->first = task->next;
    if (l->first == NULL)
        l->end = &l->first;
    task->next = NULL;
    return task;
}

static void move_all(rl_tasks *to, rl_tasks *from)
{
    if (from->first == NULL)
        return;
    *to->end = from->first;
    to->end = from->end;
    rl_tasks_init(from);
}

/* Run one chain and hand it back. Whoever has not taken what was done before
 * has been told already. */
static void run_together(rl_worker *w, rl_tasks *chain)
{
    bool tell;
    w->run(w->ctx, chain->first);
    (void)pthread_mutex_lock(&w->lock);
    tell = w->finished.first == NULL;
    move_all(&w->finished, chain);
    (void)pthread_mutex_unlock(&w->lock);
    if (tell && w->notify != NULL)
        w->notify(w->ctx);
}

static void run_chain(rl_worker *w, rl_tasks *chain)
{
    rl_task *t;
    if (!w->singly) {
        run_together(w, chain);
        return;
    }
    while ((t = rl_tasks_take(chain)) != NULL) {
        rl_tasks one;
        rl_tasks_init(&one);
        rl_tasks_put(&one, t);
        run_together(w, &one);
    }
}

static bool has_enough(const rl_worker *w)
{
    return w->weight >= w->want || w->ending;
}

/* With the lock held: let more gather, as rl_worker_linger() asked. */
static void linger(rl_worker *w)
{
    struct timespec until;
    if (w->patience_ns == 0 || has_enough(w) ||
        clock_gettime(CLOCK_MONOTONIC, &until) != 0)
        return;
    until.tv_nsec += (long)w->patience_ns;
    until.tv_sec += until.tv_nsec / SECOND_NS;
    until.tv_nsec %= SECOND_NS;
    while (!has_enough(w) &&
           pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0)
        ;
}

static void *thread_main(void *arg)
{
    rl_worker *w = arg;
    for (;;) {
        rl_tasks chain;
        rl_tasks_init(&chain);
        (void)pthread_mutex_lock(&w->lock);
        while (w->queue.first == NULL && !w->ending)
            (void)pthread_cond_wait(&w->wake, &w->lock);
        linger(w);
        move_all(&chain, &w->queue);
        w->weight = 0;
        (void)pthread_mutex_unlock(&w->lock);
        if (chain.first == NULL)
            return NULL; /* ending, and nothing left */
        run_chain(w, &chain);
    }
}

/* A condition whose timed waits go by the monotonic clock. */
static bool make_wake(rl_worker *w)
{
    pthread_condattr_t attr;
    bool ok;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
         pthread_cond_init(&w->wake, &attr) == 0;
    (void)pthread_condattr_destroy(&attr);
    return ok;
}

pn_err rl_worker_start(rl_worker *w, bool threaded,
                       void (*run)(void *ctx, rl_task *all),
                       void (*notify)(void *ctx), void *ctx)
{
    w->run = run;
    w->notify = notify;
    w->ctx = ctx;
    w->threaded = threaded;
    w->ending = false;
    w->singly = false;
    w->weight = 0;
    w->want = 0;
    w->patience_ns = 0;
    rl_tasks_init(&w->queue);
    rl_tasks_init(&w->finished);
    if (pthread_mutex_init(&w->lock, NULL) != 0)
        return PN_E_NOMEM;
    if (!make_wake(w)) {
        (void)pthread_mutex_destroy(&w->lock);
        return PN_E_NOMEM;
    }
    if (threaded && pthread_create(&w->thread, NULL, thread_main, w) != 0) {
        (void)pthread_cond_destroy(&w->wake);
        (void)pthread_mutex_destroy(&w->lock);
        return PN_E_NOMEM;
    }
    return PN_OK;
}

void rl_worker_put(rl_worker *w, rl_task *task)
{
    bool wake;
    (void)pthread_mutex_lock(&w->lock);
    wake = w->queue.first == NULL;
    rl_tasks_put(&w->queue, task);
    w->weight += task->weight;
    /* A worker that lingers is left alone until it has what it wants. */
    wake = wake || w->weight >= w->want;
    (void)pthread_mutex_unlock(&w->lock);
    if (wake)
        (void)pthread_cond_signal(&w->wake);
}

void rl_worker_singly(rl_worker *w)
{
    (void)pthread_mutex_lock(&w->lock);
    w->singly = true;
    (void)pthread_mutex_unlock(&w->lock);
}

void rl_worker_linger(rl_worker *w, uint64_t want, uint64_t patience_ns)
{
    (void)pthread_mutex_lock(&w->lock);
    w->want = want;
    w->patience_ns = patience_ns < SECOND_NS ? patience_ns : SECOND_NS - 1;
    (void)pthread_mutex_unlock(&w->lock);
}

uint64_t rl_worker_weight(rl_worker *w)
{
    uint64_t weight;
    (void)pthread_mutex_lock(&w->lock);
    weight = w->weight;
    (void)pthread_mutex_unlock(&w->lock);
    return weight;
}

void rl_worker_done(rl_worker *w, rl_tasks *out)
{
    (void)pthread_mutex_lock(&w->lock);
    move_all(out, &w->finished);
    (void)pthread_mutex_unlock(&w->lock);
}

void rl_worker_pump(rl_worker *w)
{
    rl_tasks chain;
    if (w->threaded)
        return;
    rl_tasks_init(&chain);
    move_all(&chain, &w->queue);
    w->weight = 0;
    if (chain.first != NULL)
        run_chain(w, &chain);
}

void rl_worker_stop(rl_worker *w)
{
    if (!w->threaded)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->ending = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    w->threaded = false;
}

void rl_worker_free(rl_worker *w)
{
    rl_worker_stop(w);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
}
