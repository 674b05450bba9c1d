/* What a client with many contacts costs:
 *   bench_contacts make DIR ADDRESS CONTACTS   two stores that know each other
 *   bench_contacts measure DIR COUNT           figures of the first, as JSON
 *   bench_contacts send HOME COUNT             part of `measure`
 * bench_contacts.py runs it against a relay. The stores DIR/a and DIR/b have
 * CONTACTS contacts each, the i-th of one being the i-th of the other; all have
 * real sessions, and real queues at the relay. Their keys are derived cheaply
 * from the passphrase `bench`. CPU time is that of the process, all threads.
 */
#include <inttypes.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/core/engine_state.h"
#include "client/net/driver.h"
#include "client/net/vaultstore.h"
#include "proto/carrier/sysenv.h"
#include "tests/bench/bench.h"
#include "tests/bench/process.h"
#include "tests/support/couple.h"

enum { WAIT_MS = 120 * 1000, LOOK_MS = 20, PORTION = 500 };

static const pn_bytes passphrase = { (const uint8_t *)"bench", 5 };

/* A store, and who works on it: an engine alone, or a driver. */
typedef struct side {
    pn_env env;
    cl_vaultstore store;
    cl_store port;
    cl_engine *engine;
    cl_driver *driver;
} side;

static void must(pn_err err, const char *what)
{
    if (err == PN_OK)
        return;
    fprintf(stderr, "bench_contacts: %s: %s\n", what, pn_strerror(err));
    exit(1);
}

static double cpu_ms(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static double wall_ms(void)
{
    const uint64_t ns = bench_now_ns();
    return (double)ns / 1e6;
}

static void side_open(side *s, const char *home, bool create)
{
    s->env = pn_sysenv(NULL, NULL);
    if (create)
        must(cl_vault_create(&s->store.vault, home, passphrase,
                             CL_VAULT_KDF_TEST, NULL),
             home);
    else
        must(cl_vault_open(&s->store.vault, home, passphrase, NULL), home);
    s->port = cl_vaultstore_port(&s->store);
}

static void side_close(side *s)
{
    cl_driver_free(&s->driver);
    cl_engine_free(&s->engine);
    cl_vault_close(&s->store.vault);
}

/* An engine that is never pumped. */
static void side_engine(side *s)
{
    const cl_sink sink = { .ctx = NULL };
    must(cl_engine_open(&s->engine, &s->env, &s->port, &sink), "engine");
}

/* --- waiting ------------------------------------------------------------ */

static pn_err all_created(void *ctx, cl_engine *e)
{
    (void)ctx;
    for (size_t i = 0; i < e->contact_count; i++) {
        if (!e->contacts[i]->queues[0]->created)
            return PN_MORE;
    }
    return PN_OK;
}

static pn_err all_open(void *ctx, cl_engine *e)
{
    size_t *at = ctx; /* those before are open */
    for (; *at < e->contact_count; (*at)++) {
        if (e->contacts[*at]->queues[0]->state != CL_QUEUE_OPEN)
            return PN_MORE;
    }
    return PN_OK;
}

static pn_err is_relayed(void *ctx, cl_engine *e)
{
    cl_item_state state;
    PN_TRY(cl_item_state_of(e, ctx, &state));
    return state == CL_ITEM_QUEUED ? PN_MORE : PN_OK;
}

static pn_err has_event(void *ctx, cl_engine *e)
{
    const pn_err err = cl_event_next(e, ctx);
    return err == PN_E_NOT_FOUND ? PN_MORE : err;
}

/* Queues tell nobody that they are ready: look again and again. */
static void wait_until(side *s, pn_err (*check)(void *ctx, cl_engine *e),
                       void *ctx, const char *what)
{
    const double end = wall_ms() + WAIT_MS;
    pn_err err;
    do
        err = cl_driver_wait(s->driver, LOOK_MS, check, ctx);
    while (err == PN_E_TIMEOUT && wall_ms() < end);
    must(err, what);
}

/* --- make --------------------------------------------------------------- */

static void add_contact(side *s, size_t i, const cl_session *session)
{
    cl_engine *e = s->engine;
    char name[CL_NAME_MAX + 1];
    cl_contact *c;
    (void)snprintf(name, sizeof name, "contact %zu", i);
    must(cl_contact_new(e, name, &c), "contact");
    must(pn_random(&e->env, c->peer, sizeof c->peer), "random");
    must(cl_queue_new(e, PN_ENTRY(e->relays.next, cl_relay, in_engine),
                      CL_OWNER_CONTACT, &c->queues[0]),
         "queue");
    c->queue_count = 1;
    c->queues[0]->who.contact = c;
    must(cl_save_session(e, c, session), "session");
    must(cl_save_contact(e, c), "contact");
    if (i % PORTION == PORTION - 1)
        must(cl_engine_commit(e), "commit");
}

static void create_queues(side *s)
{
    cl_engine_free(&s->engine);
    must(cl_driver_new(&s->driver, &s->env, &s->port, CL_DRIVE_THREAD, false),
         "driver");
    wait_until(s, all_created, NULL, "queues");
    cl_driver_free(&s->driver);
    side_engine(s);
}

/* Each learns where the other is; what would have told it is not needed. */
static void introduce(side *s, const side *to)
{
    cl_engine *e = s->engine;
    for (size_t i = 0; i < e->contact_count; i++) {
        cl_contact *c = e->contacts[i];
        cl_queue_ref ref;
        cl_queue_ref_of(&ref, to->engine->contacts[i]->queues[0]);
        must(cl_contact_set_routes(e, c, &ref, 1, c->peer_list_ms), "routes");
        c->knows_us = c->list_known = true;
        must(cl_save_contact(e, c), "contact");
    }
    while (!pn_list_is_empty(&e->items))
        must(cl_item_end(e, PN_ENTRY(e->items.next, cl_item, in_engine),
                         CL_ITEM_CANCELLED, CL_FAILURE_NONE),
             "hello");
    must(cl_engine_commit(e), "commit");
}

static int make(const char *dir, const char *address, size_t contacts)
{
    static couple two;
    side s[2] = { { .engine = NULL } };
    pn_address relay;
    must(pn_address_parse_text(&relay, address, NULL), "address");
    for (size_t k = 0; k < 2; k++) {
        char home[512];
        (void)snprintf(home, sizeof home, "%s/%c", dir, (int)('a' + k));
        side_open(&s[k], home, true);
        must(cl_engine_create(&s[k].env, &s[k].port, "bench"), "identity");
        side_engine(&s[k]);
        must(cl_relay_add(s[k].engine, &relay), "relay");
    }
    for (size_t i = 0; i < contacts; i++) {
        couple_init(&two, i + 1, CL_PROFILE_NORMAL);
        couple_meet(&two);
        add_contact(&s[0], i, two.a.session);
        add_contact(&s[1], i, two.b.session);
        couple_free(&two);
    }
    for (size_t k = 0; k < 2; k++) {
        must(cl_engine_commit(s[k].engine), "commit");
        create_queues(&s[k]);
    }
    introduce(&s[0], &s[1]);
    introduce(&s[1], &s[0]);
    side_close(&s[0]);
    side_close(&s[1]);
    return 0;
}

/* --- measure ------------------------------------------------------------ */

static void start(side *s)
{
    size_t at = 0;
    must(cl_driver_new(&s->driver, &s->env, &s->port, CL_DRIVE_THREAD, false),
         "driver");
    wait_until(s, all_open, &at, "opening");
}

/* One text to somebody, until the relay has it. */
static void say(side *s, uint32_t n)
{
    static uint8_t text[500];
    const cl_send what = { .text = CL_VIEW(text),
                           .priority = PN_PRIORITY_NORMAL };
    uint8_t id[CL_ID_BYTES];
    char name[CL_NAME_MAX + 1];
    cl_engine *e = cl_driver_lock(s->driver);
    const size_t to = (size_t)n * 7919 % e->contact_count;
    memset(text, 'x', sizeof text);
    (void)snprintf(name, sizeof name, "contact %zu", to);
    must(cl_outbox_send(e, name, &what, id), "send");
    cl_driver_unlock(s->driver);
    must(cl_driver_wait(s->driver, WAIT_MS, is_relayed, id), "stored");
}

static int send_some(const char *home, uint32_t count)
{
    side s = { .engine = NULL };
    side_open(&s, home, false);
    start(&s);
    for (uint32_t n = 0; n < count; n++)
        say(&s, n);
    side_close(&s);
    return 0;
}

static pid_t spawn_sender(const char *self, const char *dir, const char *count)
{
    char home[512];
    char *argv[] = { (char *)(uintptr_t)self, (char *)(uintptr_t) "send", home,
                     (char *)(uintptr_t)count, NULL };
    pid_t pid;
    (void)snprintf(home, sizeof home, "%s/b", dir);
    if (posix_spawn(&pid, self, NULL, NULL, argv, NULL) != 0)
        must(PN_E_IO, "spawn");
    return pid;
}

/* Take and acknowledge `count` messages. */
static void take(side *s, uint32_t count)
{
    while (count > 0) {
        cl_event event;
        must(cl_driver_wait(s->driver, WAIT_MS, has_event, &event), "event");
        if (event.kind == CL_EVENT_MESSAGE)
            count--;
        must(cl_event_ack(cl_driver_lock(s->driver), event.sequence), "ack");
        cl_driver_unlock(s->driver);
    }
}

static int measure(const char *self, const char *dir, const char *count_text)
{
    const uint32_t count = (uint32_t)strtoul(count_text, NULL, 10);
    side s = { .engine = NULL };
    double cpu = cpu_ms(), wall = wall_ms();
    unsigned long rss = bench_rss_kib(getpid());
    char home[512];
    pid_t sender;
    (void)snprintf(home, sizeof home, "%s/a", dir);
    side_open(&s, home, false);
    printf("{\"vault_cpu_ms\": %.1f", cpu_ms() - cpu);
    cpu = cpu_ms();
    side_engine(&s);
    printf(", \"engine_cpu_ms\": %.1f, \"contacts\": %zu", cpu_ms() - cpu,
           s.engine->contact_count);
    cl_engine_free(&s.engine);
    printf(", \"start_wall_ms\": %.1f", wall_ms() - wall);
    cpu = cpu_ms();
    wall = wall_ms();
    start(&s);
    printf(", \"open_cpu_ms\": %.1f, \"open_wall_ms\": %.1f", cpu_ms() - cpu,
           wall_ms() - wall);
    printf(", \"rss_kib\": %lu", bench_rss_kib(getpid()) - rss);
    cpu = cpu_ms();
    wall = wall_ms();
    for (uint32_t n = 0; n < count; n++)
        say(&s, n);
    printf(", \"send_cpu_ms\": %.3f, \"send_wall_ms\": %.3f",
           (cpu_ms() - cpu) / count, (wall_ms() - wall) / count);
    (void)fflush(stdout);
    sender = spawn_sender(self, dir, count_text);
    cpu = cpu_ms();
    take(&s, count);
    printf(", \"receive_cpu_ms\": %.3f}\n", (cpu_ms() - cpu) / count);
    (void)waitpid(sender, NULL, 0);
    side_close(&s);
    return 0;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return 1;
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        return make(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "measure") == 0)
        return measure(argv[0], argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "send") == 0)
        return send_some(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    (void)fputs("see the head of tests/bench/bench_contacts.c\n", stderr);
    return 2;
}
