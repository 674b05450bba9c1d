#include "tests/sim/fed/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static fed_note *note_of;
static uint64_t seed_of;
static const uint64_t *now_of;

void fed_fail_to(fed_note *note)
{
    note_of = note;
}

void fed_fail_at(uint64_t seed, const uint64_t *now_ms)
{
    seed_of = seed;
    now_of = now_ms;
    if (note_of != NULL)
        *note_of = (fed_note){ .seed = seed };
}

_Noreturn void fed_fail(const char *what, const char *fmt, ...)
{
    fed_note own = { .seed = seed_of };
    fed_note *note = note_of != NULL ? note_of : &own;
    va_list args;
    note->seed = seed_of;
    note->at_ms = now_of != NULL ? *now_of : 0;
    (void)snprintf(note->what, sizeof note->what, "%s", what);
    va_start(args, fmt);
    (void)vsnprintf(note->detail, sizeof note->detail, fmt, args);
    va_end(args);
    if (note_of == NULL)
        (void)fprintf(stderr, "seed %llu: %s: %s\n",
                      (unsigned long long)note->seed, note->what, note->detail);
    (void)fflush(NULL);
    _exit(FED_EXIT);
}
