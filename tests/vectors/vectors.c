#include "tests/vectors/vectors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_MAX = 256 << 20 }; /* bytes of fields and outputs of one case */

void vec_broken(vec_tally *t, const vec_file *file, const char *why)
{
    fprintf(stderr, "%s: %s\n", file->path, why);
    t->broken = true;
}

void vec_open(vec_case *c, vec_tally *t, const vec_file *file, size_t number,
              const json_t *test, const json_t *more, const json_t *group)
{
    const json_t *id;
    *c = (vec_case){ .tally = t, .file = file, .look = { test, more, group } };
    pn_arena_init(&c->arena, CASE_MAX, NULL, 0);
    id = vec_field(c, "tcId");
    if (json_is_integer(id))
        snprintf(c->id, sizeof c->id, "tcId %" JSON_INTEGER_FORMAT,
                 json_integer_value(id));
    else
        snprintf(c->id, sizeof c->id, "case %zu", number);
}

void vec_close(vec_case *c)
{
    if (c->why == NULL) {
        c->tally->passed++;
    } else {
        c->tally->failed++;
        fprintf(stderr, "FAILED %s %s: %s\n", c->file->path, c->id, c->why);
    }
    pn_arena_reset(&c->arena);
}

void vec_skip(vec_case *c)
{
    c->tally->skipped++;
    pn_arena_reset(&c->arena);
}

bool vec_check(vec_case *c, bool ok, const char *why)
{
    if (!ok && c->why == NULL)
        c->why = why;
    return ok;
}

const json_t *vec_field(const vec_case *c, const char *name)
{
    for (size_t i = 0; i < sizeof c->look / sizeof c->look[0]; i++) {
        const json_t *v = json_object_get(c->look[i], name);
        if (v != NULL)
            return v;
    }
    return NULL;
}

const char *vec_text(const vec_case *c, const char *name)
{
    const char *s = json_string_value(vec_field(c, name));
    return s != NULL ? s : "";
}

const char *vec_member_text(const json_t *obj, const char *name)
{
    const char *s = json_string_value(json_object_get(obj, name));
    return s != NULL ? s : "";
}

uint64_t vec_number(vec_case *c, const char *name, uint64_t max)
{
    const json_t *v = vec_field(c, name);
    const json_int_t n = json_integer_value(v);
    if (!vec_check(c, json_is_integer(v) && n >= 0 && (uint64_t)n <= max,
                   "a number is missing or out of range"))
        return 0;
    return (uint64_t)n;
}

uint8_t *vec_room(vec_case *c, size_t len)
{
    uint8_t *p = pn_arena_alloc(&c->arena, len + 1);
    if (p == NULL) {
        fprintf(stderr, "%s %s: wants too much memory\n", c->file->path, c->id);
        exit(2);
    }
    memset(p, 0, len + 1);
    return p;
}

pn_bytes vec_hex(vec_case *c, const char *name)
{
    return vec_hex_value(c, vec_field(c, name));
}

pn_bytes vec_hex_value(vec_case *c, const json_t *value)
{
    const char *hex = json_string_value(value);
    const size_t digits = hex != NULL ? strlen(hex) : 0;
    uint8_t *p;
    if (!vec_check(c, hex != NULL && digits % 2 == 0,
                   "a field is missing or not hex"))
        return (pn_bytes){ NULL, 0 };
    p = vec_room(c, digits / 2);
    if (!vec_check(c, pn_unhex(p, digits / 2, hex) == PN_OK,
                   "a field is not hex"))
        return (pn_bytes){ NULL, 0 };
    return (pn_bytes){ p, digits / 2 };
}

bool vec_equal(const uint8_t *a, size_t len, pn_bytes expected)
{
    return pn_bytes_equal((pn_bytes){ a, len }, expected);
}
