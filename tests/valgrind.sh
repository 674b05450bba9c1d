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
mapfile -t programs < <(find "$build/tests/unit" -type f -name 'test_*' \
    -perm -u+x | sort)
if [ ${#programs[@]} -eq 0 ]; then
    echo "no unit tests in $build: build preset dev first" >&2
    exit 1
fi

check_one() {
    local log
    log="$(mktemp)"
    if valgrind -q --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite,indirect --track-origins=yes \
        "$1" >"$log" 2>&1; then
        echo "clean   ${1##*/}"
        rm -f "$log"
    else
        echo "FAULTY  ${1##*/}"
        cat "$log"
        rm -f "$log"
        return 1
    fi
}
export -f check_one

# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\0' "${programs[@]}" |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'check_one "$1"' _
