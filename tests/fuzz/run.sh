#!/usr/bin/env bash
# Fuzz every target for a bounded time, starting from the corpus in the
# repository and what earlier runs found. What is new goes to
# build/fuzz-found/NAME/, never into the repository by itself: minimise.sh
# takes over what is worth keeping.
set -euo pipefail

usage() {
    cat <<'END'
usage: tests/fuzz/run.sh [SECONDS] [TARGET]...

  SECONDS  per target, default 60
  TARGET   names without fuzz_; default: all

  FUZZ_JOBS=N in the environment: so many at once, default 2
END
}

case "${1:-}" in
--help | -h) usage && exit 0 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=60
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    seconds="$1"
    shift
fi

jobs="${FUZZ_JOBS:-2}"
found="build/fuzz-found"
export found seconds
mkdir -p "$found"
if ! { cmake --preset fuzz && cmake --build --preset fuzz --target fuzzers; } \
    >"$found/build.log" 2>&1; then
    tail -n 40 "$found/build.log"
    exit 1
fi

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(find build/fuzz -type f -name 'fuzz_*' \
        -perm -u+x -printf '%f\n' | sed 's/^fuzz_//' | sort)
fi
if [ ${#targets[@]} -eq 0 ]; then
    echo "no fuzz target has been built" >&2
    exit 1
fi

fuzz_one() {
    local name="$1" room="$found/$1" program corpus
    program="$(find build/fuzz -type f -name "fuzz_$name" -print -quit)"
    corpus="tests/fuzz/corpus/$name"
    if [ -z "$program" ] || [ ! -d "$corpus" ]; then
        echo "FAILED  $name: no such target, or no corpus $corpus"
        return 1
    fi
    mkdir -p "$room/corpus" "$room/crashes"
    export ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1"
    if timeout $((seconds + 60)) "$program" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$room/crashes/" \
        "$room/corpus" "$corpus" >"$room/log" 2>&1 </dev/null; then
        awk -v name="$name" '
            /number_of_executed_units/ { runs = $NF }
            /average_exec_per_sec/ { rate = $NF }
            /new_units_added/ { added = $NF }
            / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
            END {
                printf "clean   %-16s %9d runs %6d per s", name, runs, rate
                printf " %6d edges %5d new inputs\n", edges, added
            }' "$room/log"
    else
        echo "FAILED  $name: see $room/log, input in $room/crashes/"
        grep -m 1 -E 'ERROR|runtime error|SUMMARY' "$room/log" || true
        return 1
    fi
}
export -f fuzz_one

echo "${#targets[@]} targets, $seconds s each, $jobs at a time"
# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\0' "${targets[@]}" |
    xargs -0 -n 1 -P "$jobs" nice bash -euo pipefail -c 'fuzz_one "$1"' _
