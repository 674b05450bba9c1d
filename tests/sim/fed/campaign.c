#include "tests/sim/fed/campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/fed/minimise.h"
#include "tests/sim/fed/shadow.h"
#include "tests/sim/fed/world.h"

enum { MINIMISE_RUNS = 400 };

/* What a child says of its seeds; shared with the parent. */
typedef struct report {
    fed_note note;
    uint64_t at; /* the seed it is at */
    bool done;
    uint64_t seeds, virtual_ms, wanted, delivered, failed, given_again;
    uint64_t deaths, bytes, conns, promised, found, scanned;
    uint64_t shapes[FED_SHAPES];
} report;

static double cpu_of(int who)
{
    struct rusage u;
    (void)getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- one plan ------------------------------------------------------------- */

static void draw(const fed_campaign *c, uint64_t seed, fed_plan *plan)
{
    fed_plan_draw(plan, seed, c->has_shape ? c->shape : fed_shape_of(seed));
    if (c->only == NULL)
        return;
    /* Keep only what is named. */
    {
        const char *at = c->only;
        size_t kept = 0;
        while (*at != 0) {
            char *end;
            const size_t i = strtoul(at, &end, 10);
            if (i < plan->count && i >= kept)
                plan->actions[kept++] = plan->actions[i];
            at = *end == ',' ? end + 1 : end;
            if (end == at && *end != 0)
                break;
        }
        plan->count = kept;
    }
}

static void count_in(report *r, const fed_world *w)
{
    r->seeds++;
    r->virtual_ms += w->clock.now_ms;
    r->wanted += w->mail_count;
    r->delivered += w->oracle.delivered;
    r->failed += w->oracle.failed;
    r->given_again += w->oracle.given_again;
    r->deaths += w->deaths;
    r->bytes += w->net.bytes;
    r->conns += w->net.conns_made;
    r->scanned += w->oracle.secrets.bodies_scanned;
    r->shapes[w->config.shape]++;
    for (size_t i = 0; i < w->config.relays; i++) {
        r->promised += fed_shadow_promised(w->relays[i].shadow);
        r->found += fed_shadow_found(w->relays[i].shadow);
    }
}

static void run_one(const fed_campaign *c, const fed_plan *plan, report *r)
{
    static fed_world world;
    const double before = cpu_of(RUSAGE_SELF);
    fed_world_run(&world, plan, c->traces ? stdout : NULL);
    count_in(r, &world);
    if (c->digests)
        (void)printf("seed %llu digest %016llx\n",
                     (unsigned long long)plan->seed,
                     (unsigned long long)world.net.digest);
    if (c->first == c->last)
        (void)printf(
            "seed %llu: %s, %zu relays, %zu people, %zu messages, "
            "%.1f days, %llu deaths, %llu streams, %.1f MiB, %.3f s\n",
            (unsigned long long)plan->seed, fed_shape_name(world.config.shape),
            world.config.relays, world.config.people, world.mail_count,
            (double)world.clock.now_ms / (double)FED_DAY,
            (unsigned long long)world.deaths,
            (unsigned long long)world.net.conns_made,
            (double)world.net.bytes / 1048576, cpu_of(RUSAGE_SELF) - before);
    fed_world_free(&world);
}

static void *shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FED_CHECK(p != MAP_FAILED, "the simulator has memory", "shared");
    return p;
}

/* Wait for a child; what ended it otherwise than by a finding is one. */
static void await(pid_t child, fed_note *note)
{
    int status = 0;
    (void)waitpid(child, &status, 0);
    if (note->what[0] != 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return;
    (void)snprintf(note->what, sizeof note->what,
                   WIFSIGNALED(status) ? "a run ends by itself (signal %d)"
                                       : "a run ends by itself (exit code %d)",
                   WIFSIGNALED(status) ? WTERMSIG(status)
                                       : WEXITSTATUS(status));
}

bool fed_plan_holds(const fed_plan *plan, fed_note *note)
{
    const fed_campaign quiet = { .first = 0, .last = 1 };
    report *r = shared(sizeof *r);
    bool holds;
    pid_t child;
    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        fed_fail_to(&r->note);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        run_one(&quiet, plan, r);
        _exit(0);
    }
    await(child, &r->note);
    *note = r->note;
    holds = note->what[0] == 0;
    (void)munmap(r, sizeof *r);
    return holds;
}

/* --- a failure ------------------------------------------------------------ */

typedef struct search {
    const fed_plan *plan;
    char what[FED_WHAT_MAX];
} search;

static bool still_fails(void *ctx, const bool *kept, size_t count)
{
    const search *s = ctx;
    fed_plan less = *s->plan;
    fed_note note;
    bool holds;
    less.actions = malloc((count + 1) * sizeof *less.actions);
    FED_CHECK(less.actions != NULL, "the simulator has memory", "less");
    less.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept[i])
            less.actions[less.count++] = s->plan->actions[i];
    }
    holds = fed_plan_holds(&less, &note);
    free(less.actions);
    return !holds && strcmp(note.what, s->what) == 0;
}

static void tell(const fed_campaign *c, const fed_note *note)
{
    fed_plan plan;
    search s;
    bool *kept;
    size_t left = 0;
    unsigned runs = 0;
    char line[200];
    (void)printf("seed %llu BROKEN at %.3f days: %s\n    %s\n",
                 (unsigned long long)note->seed,
                 (double)note->at_ms / (double)FED_DAY, note->what,
                 note->detail);
    draw(c, note->seed, &plan);
    kept = malloc(plan.count + 1);
    FED_CHECK(kept != NULL, "the simulator has memory", "kept");
    memset(kept, true, plan.count);
    s.plan = &plan;
    (void)snprintf(s.what, sizeof s.what, "%s", note->what);
    if (c->minimises && c->only == NULL)
        runs = fed_minimise(kept, plan.count, still_fails, &s, MINIMISE_RUNS);
    if (runs > 0) {
        (void)printf("least of it, after %u runs:\n", runs);
        for (size_t i = 0; i < plan.count; i++) {
            if (!kept[i])
                continue;
            fed_action_text(&plan.config, &plan.actions[i], line, sizeof line);
            (void)printf("    %4zu  %9.4f days  %s\n", i,
                         (double)plan.actions[i].at_ms / (double)FED_DAY, line);
        }
    }
    (void)printf("again: sim --seed %llu", (unsigned long long)note->seed);
    if (c->has_shape)
        (void)printf(" --shape %s", fed_shape_name(c->shape));
    for (size_t i = 0; runs > 0 && i < plan.count; i++) {
        if (kept[i])
            (void)printf("%s%zu", left++ == 0 ? " --only " : ",", i);
    }
    (void)printf(" --trace\n");
    free(kept);
    fed_plan_free(&plan);
}

/* --- many ----------------------------------------------------------------- */

static void run_some(const fed_campaign *c, report *r, uint64_t first,
                     unsigned step)
{
    fed_fail_to(&r->note);
    for (uint64_t seed = first; seed <= c->last; seed += step) {
        fed_plan plan;
        r->at = r->note.seed = seed;
        draw(c, seed, &plan);
        run_one(c, &plan, r);
        fed_plan_free(&plan);
    }
    r->done = true;
}

static void add(report *all, const report *r)
{
    all->seeds += r->seeds;
    all->virtual_ms += r->virtual_ms;
    all->wanted += r->wanted;
    all->delivered += r->delivered;
    all->failed += r->failed;
    all->given_again += r->given_again;
    all->deaths += r->deaths;
    all->bytes += r->bytes;
    all->conns += r->conns;
    all->promised += r->promised;
    all->found += r->found;
    all->scanned += r->scanned;
    for (int i = 0; i < FED_SHAPES; i++)
        all->shapes[i] += r->shapes[i];
}

static void sum_up(const report *all, unsigned broken)
{
    const double cpu = cpu_of(RUSAGE_CHILDREN);
    (void)printf(
        "%llu seeds (%llu middle, %llu large, %llu of a year), %u broken; "
        "%.1f years of virtual time; %.1f s of CPU, %.3f s each\n",
        (unsigned long long)all->seeds,
        (unsigned long long)all->shapes[FED_SHAPE_MIDDLE],
        (unsigned long long)all->shapes[FED_SHAPE_LARGE],
        (unsigned long long)all->shapes[FED_SHAPE_YEAR], broken,
        (double)all->virtual_ms / (double)FED_DAY / 365, cpu,
        all->seeds > 0 ? cpu / (double)all->seeds : 0);
    (void)printf(
        "%llu messages: %llu delivered, %llu told failed, %llu given again; "
        "%llu deaths, %llu streams, %.1f MiB; %llu bodies stored, %llu "
        "promises, found %llu times\n",
        (unsigned long long)all->wanted, (unsigned long long)all->delivered,
        (unsigned long long)all->failed, (unsigned long long)all->given_again,
        (unsigned long long)all->deaths, (unsigned long long)all->conns,
        (double)all->bytes / 1048576, (unsigned long long)all->scanned,
        (unsigned long long)all->promised, (unsigned long long)all->found);
}

/* One child's seeds from `first` on; begins anew after each that is broken. */
static unsigned run_child(const fed_campaign *c, report *r, report *all,
                          pid_t child, unsigned step)
{
    unsigned broken = 0;
    for (;;) {
        uint64_t next;
        await(child, &r->note);
        add(all, r);
        if (r->done && r->note.what[0] == 0)
            return broken;
        broken++;
        tell(c, &r->note);
        next = r->at + step;
        if (r->done || next > c->last || c->stops)
            return broken;
        memset(r, 0, sizeof *r);
        (void)fflush(NULL);
        child = fork();
        if (child == 0) {
            run_some(c, r, next, step);
            exit(0);
        }
    }
}

int fed_campaign_run(const fed_campaign *c)
{
    report *reports = shared(c->jobs * sizeof *reports);
    report all = { .at = 0 };
    pid_t *children = calloc(c->jobs, sizeof *children);
    unsigned broken = 0;
    FED_CHECK(children != NULL, "the simulator has memory", "children");
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; i < c->jobs; i++) {
        (void)fflush(NULL);
        children[i] = fork();
        if (children[i] == 0) {
            run_some(c, &reports[i], c->first + i, c->jobs);
            exit(0);
        }
    }
    for (unsigned i = 0; i < c->jobs; i++)
        broken += run_child(c, &reports[i], &all, children[i], c->jobs);
    sum_up(&all, broken);
    free(children);
    return broken > 0 ? 1 : 0;
}
