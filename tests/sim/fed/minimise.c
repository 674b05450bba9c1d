#include "tests/sim/fed/minimise.h"

#include <stdlib.h>
#include <string.h>

static size_t count_kept(const bool *kept, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += kept[i] ? 1 : 0;
    return n;
}

/* Leave out the `size` kept ones from the `from`-th kept one on. */
static void leave_out(const bool *kept, size_t count, size_t from, size_t size,
                      bool *out)
{
    size_t nth = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = kept[i] && (nth < from || nth >= from + size);
        nth += kept[i] ? 1 : 0;
    }
}

unsigned fed_minimise(bool *kept, size_t count, fed_still_fails *fails,
                      void *ctx, unsigned runs_max)
{
    bool *less = malloc(count + 1);
    unsigned runs = 0;
    size_t size = count_kept(kept, count) / 2;
    while (less != NULL && size > 0 && runs < runs_max) {
        bool has_shrunk = false;
        for (size_t from = 0;
             from < count_kept(kept, count) && runs < runs_max;) {
            leave_out(kept, count, from, size, less);
            runs++;
            if (fails(ctx, less, count)) {
                memcpy(kept, less, count);
                has_shrunk = true;
            } else {
                from += size;
            }
        }
        if (!has_shrunk || size > 1)
            size = size == 1 && !has_shrunk ? 0 : size > 1 ? size / 2 : 1;
    }
    free(less);
    return runs;
}
