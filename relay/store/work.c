#include "relay/store/work.h"

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

/* Run one chain and hand it back. */
static void run_chain(rl_worker *w, rl_tasks *chain)
{
    w->run(w->ctx, chain->first);
    (void)pthread_mutex_lock(&w->lock);
    move_all(&w->finished, chain);
    (void)pthread_mutex_unlock(&w->lock);
    if (w->notify != NULL)
        w->notify(w->ctx);
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
        move_all(&chain, &w->queue);
        (void)pthread_mutex_unlock(&w->lock);
        if (chain.first == NULL)
            return NULL; /* ending, and nothing left */
        run_chain(w, &chain);
    }
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
    rl_tasks_init(&w->queue);
    rl_tasks_init(&w->finished);
    if (pthread_mutex_init(&w->lock, NULL) != 0)
        return PN_E_NOMEM;
    if (pthread_cond_init(&w->wake, NULL) != 0) {
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
    (void)pthread_mutex_lock(&w->lock);
    rl_tasks_put(&w->queue, task);
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
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
