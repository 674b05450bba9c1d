/* The frame of NIST's ACVP files, shared by the kinds acvp and sha3.
 * A vector set is an object with algorithm, mode, revision, vsId, testGroups,
 * or an array with one such object among others. Questions and answers come
 * together in an internalProjection, or apart as prompt and expectedResults,
 * which belong together by vsId, algorithm, mode and revision. */
#ifndef POSTERN_TESTS_VECTORS_ACVP_H
#define POSTERN_TESTS_VECTORS_ACVP_H

#include "tests/vectors/vectors.h"

/* Whether we have what this group asks for. */
typedef bool acvp_wants_fn(const json_t *set, const json_t *group);
/* Check one case. Fields of its answer come before those of its question,
 * those of the group last. False: count it as skipped. */
typedef bool acvp_case_fn(vec_case *c, const json_t *set);

/* Pair the files up and run every case; broken if a prompt has no answers, an
 * answer no prompt, or a file no case. */
void acvp_run(vec_tally *t, const vec_file *files, size_t count,
              acvp_wants_fn *wants, acvp_case_fn *run);

#endif
