/* Threads for requests that wait. They touch the job they hold and the client,
 * nothing else of the server without its lock. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/rpc/server_internal.h"
#include "proto/base/mem.h"

void rpc_wake(rpc_server *s)
{
    const char byte = 0;
    /* A full pipe wakes as well. */
    const ssize_t n = write(s->wake[1], &byte, 1);
    (void)n;
}

static void *work(void *arg)
{
    rpc_server *s = arg;
    (void)pthread_mutex_lock(&s->lock);
    for (;;) {
        rpc_job *job;
        s->idle++;
        while (s->todo == NULL && !s->is_stopping)
            (void)pthread_cond_wait(&s->todo_cond, &s->lock);
        s->idle--;
        if (s->is_stopping)
            break;
        job = s->todo;
        s->todo = job->next;
        (void)pthread_mutex_unlock(&s->lock);
        job->why.code = rpc_run(s->client, job->request.method,
                                job->request.params, &job->result, &job->why);
        (void)pthread_mutex_lock(&s->lock);
        job->next = s->done;
        s->done = job;
        rpc_wake(s);
    }
    s->threads_alive--;
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static unsigned todo_count(const rpc_server *s)
{
    unsigned n = 0;
    for (const rpc_job *j = s->todo; j != NULL; j = j->next)
        n++;
    return n;
}

bool rpc_jobs_push(rpc_server *s, rpc_conn *c, rpc_request *request)
{
    rpc_job *job = pn_alloc(1, sizeof *job), **end;
    bool is_served = true;
    if (job == NULL)
        return false;
    job->conn = c->id;
    job->request = *request;
    (void)pthread_mutex_lock(&s->lock);
    for (end = &s->todo; *end != NULL; end = &(*end)->next)
        continue;
    *end = job;
    if (s->idle < todo_count(s) && s->workers < RPC_WORKERS_MAX &&
        pthread_create(&s->worker[s->workers], NULL, work, s) == 0) {
        s->workers++;
        s->threads_alive++;
    }
    if (s->workers == 0) {
        *end = NULL;
        is_served = false;
    }
    (void)pthread_cond_signal(&s->todo_cond);
    (void)pthread_mutex_unlock(&s->lock);
    if (!is_served) {
        pn_free(job);
        return false;
    }
    *request = (rpc_request){ NULL, NULL, NULL };
    c->underway++;
    return true;
}

static void answer(rpc_server *s, rpc_job *job)
{
    rpc_conn *c = rpc_conn_find(s, job->conn);
    rpc_server_note(s, job->why.code);
    if (c != NULL) {
        c->underway--;
        if (job->request.id == NULL)
            c = NULL;
    }
    if (c != NULL && job->why.code != POSTERN_OK)
        rpc_conn_say(s, c, rpc_answer_error(job->request.id, &job->why));
    else if (c != NULL)
        rpc_conn_say(s, c, rpc_answer(job->request.id, job->result));
    else
        json_decref(job->result);
    rpc_request_free(&job->request);
    pn_free(job);
}

void rpc_jobs_collect(rpc_server *s)
{
    rpc_job *job, *next;
    (void)pthread_mutex_lock(&s->lock);
    job = s->done;
    s->done = NULL;
    (void)pthread_mutex_unlock(&s->lock);
    for (; job != NULL; job = next) {
        next = job->next;
        answer(s, job);
    }
}

void rpc_jobs_stop(rpc_server *s)
{
    const struct timespec moment = { 0, 10 * 1000000L };
    (void)pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    (void)pthread_cond_broadcast(&s->todo_cond);
    (void)pthread_cond_broadcast(&s->want_cond);
    /* An interruption is lost on a thread that does not wait yet: repeat. */
    while (s->threads_alive > 0) {
        (void)pthread_mutex_unlock(&s->lock);
        postern_interrupt(s->client);
        (void)nanosleep(&moment, NULL);
        (void)pthread_mutex_lock(&s->lock);
    }
    (void)pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->workers; i++)
        (void)pthread_join(s->worker[i], NULL);
    if (s->has_fetcher)
        (void)pthread_join(s->fetcher, NULL);
    while (s->todo != NULL) {
        rpc_job *job = s->todo;
        s->todo = job->next;
        rpc_request_free(&job->request);
        pn_free(job);
    }
}
