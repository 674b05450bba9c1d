#!/usr/bin/env bash
# Run the unit tests of the plain build under valgrind: it sees what the
# sanitizers' clang build does not, the very code gcc made for operators.
# Any error and any lost block fails.
#
#     tests/valgrind.sh [BUILD_DIR]        default build/dev
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build="${1:-build/dev}"

if ! command -v valgrind >/dev/null 2>&1; then
    echo "no valgrind here: apt-get install valgrind" >&2
    exit 1
fi
# The commands as ctest knows them, arguments and all: one NUL-ended line each.
commands() {
    ctest --test-dir "$build" -L '^unit$' --show-only=json-v1 |
        python3 -c '
import json, shlex, sys
for test in json.load(sys.stdin)["tests"]:
    print(test["name"] + " " + shlex.join(test["command"]), end="\0")'
}

check_one() {
    local name="${1%% *}" log
    log="$(mktemp)"
    if eval "valgrind -q --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite,indirect --track-origins=yes \
        ${1#* }" >"$log" 2>&1; then
        echo "clean   $name"
        rm -f "$log"
    else
        echo "FAULTY  $name"
        cat "$log"
        rm -f "$log"
        return 1
    fi
}
export -f check_one

if [ "$(commands | tr -dc '\0' | wc -c)" -eq 0 ]; then
    echo "no unit tests in $build: build preset dev first" >&2
    exit 1
fi
# shellcheck disable=SC2016 # expanded by the inner shell
commands | xargs -0 -n 1 -P "$(nproc)" bash -c 'check_one "$1"' _
