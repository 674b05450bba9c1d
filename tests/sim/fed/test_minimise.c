/* The minimiser, on predicates whose answer is known. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "tests/sim/fed/minimise.h"

enum { COUNT = 200 };

typedef struct fake {
    size_t needed[4];
    size_t needed_count;
    unsigned runs;
} fake;

/* It fails with all that is needed, whatever else there is. */
static bool fails(void *ctx, const bool *kept, size_t count)
{
    fake *f = ctx;
    f->runs++;
    for (size_t i = 0; i < f->needed_count; i++) {
        if (f->needed[i] >= count || !kept[f->needed[i]])
            return false;
    }
    return true;
}

static size_t left(const bool *kept)
{
    size_t n = 0;
    for (size_t i = 0; i < COUNT; i++)
        n += kept[i] ? 1 : 0;
    return n;
}

/* What is left is what is needed, and nothing else. */
static void what_is_needed_stays(void **state)
{
    const fake cases[] = {
        { .needed = { 7 }, .needed_count = 1 },
        { .needed = { 0, 199 }, .needed_count = 2 },
        { .needed = { 3, 4, 120, 121 }, .needed_count = 4 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake f = cases[i];
        bool kept[COUNT];
        unsigned runs;
        memset(kept, true, sizeof kept);
        runs = fed_minimise(kept, COUNT, fails, &f, 1000);
        assert_true(fails(&f, kept, COUNT));
        assert_int_equal(left(kept), f.needed_count);
        assert_int_equal(runs, f.runs - 1);
        assert_true(runs < COUNT);
    }
}

/* What fails without anything is left with nothing. */
static void nothing_may_be_left(void **state)
{
    fake f = { .needed_count = 0 };
    bool kept[COUNT];
    (void)state;
    memset(kept, true, sizeof kept);
    (void)fed_minimise(kept, COUNT, fails, &f, 1000);
    assert_int_equal(left(kept), 0);
}

/* It stops when it is told to, and what it has then still fails. */
static void runs_are_bounded(void **state)
{
    fake f = { .needed = { 1, 50, 100, 150 }, .needed_count = 4 };
    bool kept[COUNT];
    (void)state;
    memset(kept, true, sizeof kept);
    assert_int_equal(fed_minimise(kept, COUNT, fails, &f, 9), 9);
    assert_true(fails(&f, kept, COUNT));
    assert_true(left(kept) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_needed_stays),
        cmocka_unit_test(nothing_may_be_left),
        cmocka_unit_test(runs_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
