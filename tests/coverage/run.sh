#!/usr/bin/env bash
# Count lines and branches: forget earlier counts, run the tests that are
# programs of their own, and report by room and file. Fails below the gate of
# report.py, or if a test fails.
#
#     tests/coverage/run.sh [BUILD_DIR]        default build/coverage
#
# REPORT_ONLY=1 counts what earlier runs left; COVERAGE_JOBS=n, default 2.
# In BUILD_DIR/coverage afterwards: index.html, coverage.json, table.txt.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root="$PWD"
build="$(cd "${1:-build/coverage}" && pwd)"
report="$build/coverage"

if ! command -v gcovr >/dev/null 2>&1; then
    echo "no gcovr here: apt-get install gcovr" >&2
    exit 1
fi
mkdir -p "$report"
status=0
if [ -z "${REPORT_ONLY:-}" ]; then
    find "$build" -name '*.gcda' -delete
    # Not integration: what only a whole daemon reaches is not yet pinned down.
    # Nor what takes a minute and counts nothing of its own.
    ctest --test-dir "$build" --output-on-failure -j "${COVERAGE_JOBS:-2}" \
        -L '^(unit|vectors|sim|store|fuzz)$' \
        -E '^(vectors\.sha3|unit\.crypto_taint)$' || status=$?
fi
# Left out: generated code, which lies in the build directory, and the failing
# side of an assertion, which ends the program and its counts. Nothing else.
gcovr --root "$root" --object-directory "$build" -j 2 \
    --filter 'proto/' --filter 'relay/' --filter 'client/' --exclude "$build/" \
    --exclude-branches-by-pattern '.*\bassert\(.*' \
    --json "$report/coverage.json" \
    --html-details "$report/index.html" "$build" >"$report/gcovr.log" 2>&1 || {
    cat "$report/gcovr.log" >&2
    exit 1
}
python3 -B tests/coverage/report.py "$report/coverage.json" \
    >"$report/table.txt" || status=$?
cat "$report/table.txt"
echo "each line: $report/index.html"
exit "$status"
