/* sim: run federations by seed.
 *
 *   sim --seed N [--shape SHAPE] [--trace] [--digest]
 *   sim --seeds A..B [--jobs N] [--shape SHAPE] [--digest]
 *
 * With --first it ends at the first seed that breaks a promise. Else such a
 * seed is run again and again with less in its schedule, until little is left;
 * that is printed, with the command that runs it. Exit code 1 then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/campaign.h"

static int usage(void)
{
    (void)fprintf(stderr,
                  "sim --seed N | --seeds A..B [--jobs N]\n"
                  "    [--shape small|middle|large|year] [--trace] [--digest]\n"
                  "    [--only I,J,...] [--no-minimise] [--first]\n");
    return 2;
}

static bool read_range(const char *word, fed_campaign *c)
{
    char *end;
    c->first = strtoull(word, &end, 10);
    if (strncmp(end, "..", 2) != 0)
        return false;
    c->last = strtoull(end + 2, &end, 10);
    return *end == 0 && c->last >= c->first;
}

int main(int argc, char **argv)
{
    fed_campaign c = { .jobs = 1, .minimises = true };
    bool has_seed = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(word, "--trace") == 0) {
            c.traces = true;
        } else if (strcmp(word, "--digest") == 0) {
            c.digests = true;
        } else if (strcmp(word, "--no-minimise") == 0) {
            c.minimises = false;
        } else if (strcmp(word, "--first") == 0) {
            c.stops = true;
            c.minimises = false;
        } else if (strcmp(word, "--seed") == 0) {
            c.first = c.last = strtoull(value, NULL, 10);
            has_seed = true;
            i++;
        } else if (strcmp(word, "--seeds") == 0) {
            has_seed = read_range(value, &c);
            i++;
        } else if (strcmp(word, "--jobs") == 0) {
            c.jobs = (unsigned)strtoul(value, NULL, 10);
            i++;
        } else if (strcmp(word, "--only") == 0) {
            c.only = value;
            i++;
        } else if (strcmp(word, "--shape") == 0) {
            c.has_shape = fed_shape_read(value, &c.shape);
            if (!c.has_shape)
                return usage();
            i++;
        } else {
            return usage();
        }
    }
    if (!has_seed || c.jobs < 1)
        return usage();
    return fed_campaign_run(&c);
}
