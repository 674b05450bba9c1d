#include "tests/support/seeds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

static uint64_t first, last;
static seeds_fn *run_one;

bool seeds_asked(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "--seeds") == 0;
}

static bool read_range(const char *text)
{
    char *end = NULL;
    first = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0)
        return false;
    text = end + 2;
    last = strtoull(text, &end, 10);
    return end != text && *end == '\0' && first <= last && last < UINT64_MAX;
}

static void every_seed_ends_well(void **state)
{
    (void)state;
    for (uint64_t seed = first; seed <= last; seed++) {
        (void)fprintf(stderr, "seed %" PRIu64 "\n", seed);
        run_one(seed);
    }
}

int seeds_run(int argc, char **argv, seeds_fn *run)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_ends_well),
    };
    if (argc != 3 || !read_range(argv[2])) {
        (void)fprintf(stderr, "usage: %s --seeds FIRST..LAST\n", argv[0]);
        return 2;
    }
    run_one = run;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
