#define _POSIX_C_SOURCE 200809L
#include "tests/netlab/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MS_NS = 1000000, SECOND_NS = 1000000000, CERTAIN = 1000 };

uint32_t lab_roll(uint64_t *dice)
{
    uint64_t x = *dice;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *dice = x;
    return (uint32_t)(x >> 32);
}

static bool happens(uint32_t chance, uint64_t *dice)
{
    return chance > 0 && lab_roll(dice) % CERTAIN < chance;
}

static uint64_t arrival(lab_line *line, size_t len, uint64_t now_ns,
                        uint64_t *dice)
{
    const lab_conditions *is = &line->is;
    uint64_t at = now_ns, delay_ms = is->delay;
    if (is->rate > 0) {
        if (line->busy_ns < now_ns)
            line->busy_ns = now_ns;
        line->busy_ns += (uint64_t)len * 8 * SECOND_NS / is->rate;
        at = line->busy_ns;
    }
    if (happens(is->early, dice))
        return at;
    if (is->jitter > 0) {
        delay_ms += lab_roll(dice) % (2 * is->jitter + 1);
        delay_ms = delay_ms > is->jitter ? delay_ms - is->jitter : 0;
    }
    return at + delay_ms * MS_NS;
}

lab_fate lab_line_take(lab_line *line, size_t len, uint64_t now_ns,
                       uint64_t *dice, uint64_t *leaves)
{
    const lab_conditions *is = &line->is;
    const uint32_t room = is->queue > 0 ? is->queue : LAB_QUEUE;
    if (is->down != 0 || happens(is->loss, dice) || line->waiting >= room) {
        line->lost++;
        return LAB_LOST;
    }
    *leaves = arrival(line, len, now_ns, dice);
    if (happens(is->reset, dice))
        return LAB_RESET;
    line->passed++;
    if (!happens(is->twice, dice))
        return LAB_ONCE;
    line->doubled++;
    return LAB_TWICE;
}

static uint32_t *field(lab_conditions *of, const char *name, size_t len)
{
    const struct {
        const char *name;
        uint32_t *at;
    } all[] = { { "down", &of->down },   { "loss", &of->loss },
                { "twice", &of->twice }, { "early", &of->early },
                { "reset", &of->reset }, { "delay", &of->delay },
                { "rate", &of->rate },   { "jitter", &of->jitter },
                { "queue", &of->queue } };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strlen(all[i].name) == len && memcmp(all[i].name, name, len) == 0)
            return all[i].at;
    return NULL;
}

bool lab_conditions_read(lab_conditions *out, char *text)
{
    lab_conditions read = { 0 };
    char *rest = NULL;
    for (char *word = strtok_r(text, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        const char *equals = strchr(word, '=');
        uint32_t *at =
            equals == NULL ? NULL : field(&read, word, (size_t)(equals - word));
        unsigned long value;
        char *end;
        if (at == NULL)
            return false;
        errno = 0;
        value = strtoul(equals + 1, &end, 10);
        if (errno != 0 || end == equals + 1 || *end != 0 || value > UINT32_MAX)
            return false;
        *at = (uint32_t)value;
    }
    *out = read;
    return true;
}
