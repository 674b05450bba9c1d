#include "tests/vectors/acvp.h"

#include <string.h>

static const json_t *vector_set(const vec_file *file)
{
    const json_t *part;
    size_t i;
    if (json_is_object(file->json))
        return file->json;
    json_array_foreach(file->json, i,
                       part) if (json_object_get(part, "testGroups") !=
                                 NULL) return part;
    return NULL;
}

/* A file of answers alone says nothing about its groups but their numbers. */
static bool is_answers(const json_t *set)
{
    const json_t *group = json_array_get(json_object_get(set, "testGroups"), 0);
    return json_object_get(group, "testType") == NULL;
}

static bool same_member(const json_t *a, const json_t *b, const char *name)
{
    const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);
    return x == y || (x != NULL && y != NULL && json_equal(x, y) == 1);
}

static bool same_set(const json_t *a, const json_t *b)
{
    return same_member(a, b, "vsId") && same_member(a, b, "algorithm") &&
           same_member(a, b, "mode") && same_member(a, b, "revision");
}

/* The other half of a set, among the files of the wanted sort. */
static const json_t *partner(const vec_file *files, size_t count,
                             const json_t *set, bool answers)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *other = vector_set(&files[i]);
        if (other != NULL && other != set && is_answers(other) == answers &&
            same_set(set, other))
            return other;
    }
    return NULL;
}

/* The element of an array whose member `name` is the same as that of `like`. */
static const json_t *matching(const json_t *array, const char *name,
                              const json_t *like)
{
    const json_t *element;
    size_t i;
    json_array_foreach(
        array, i, element) if (json_object_get(element, name) != NULL &&
                               same_member(element, like, name)) return element;
    return NULL;
}

static void run_group(vec_tally *t, const vec_file *file, const json_t *set,
                      const json_t *group, const json_t *answers, bool wanted,
                      acvp_case_fn *run)
{
    const json_t *group_answers =
        matching(json_object_get(answers, "testGroups"), "tgId", group);
    const json_t *test;
    size_t i;
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        const json_t *answer =
            matching(json_object_get(group_answers, "tests"), "tcId", test);
        vec_case c;
        vec_open(&c, t, file, i, answer != NULL ? answer : test, test, group);
        if (wanted && run(&c, set))
            vec_close(&c);
        else
            vec_skip(&c);
    }
}

void acvp_run(vec_tally *t, const vec_file *files, size_t count,
              acvp_wants_fn *wants, acvp_case_fn *run)
{
    for (size_t f = 0; f < count; f++) {
        const json_t *set = vector_set(&files[f]);
        const json_t *groups = json_object_get(set, "testGroups");
        const size_t before = t->passed + t->failed + t->skipped;
        const json_t *group;
        size_t i;
        if (json_array_size(groups) == 0) {
            vec_broken(t, &files[f], "no ACVP vector set in it");
            continue;
        }
        if (is_answers(set)) {
            if (partner(files, count, set, false) == NULL)
                vec_broken(t, &files[f], "answers without their prompt");
            continue;
        }
        json_array_foreach(groups, i, group)
            run_group(t, &files[f], set, group,
                      partner(files, count, set, true), wants(set, group), run);
        if (t->passed + t->failed + t->skipped == before)
            vec_broken(t, &files[f], "no ACVP case in it");
    }
}
