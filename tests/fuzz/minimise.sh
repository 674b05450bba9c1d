#!/usr/bin/env bash
# Take what fuzzing found into the corpora of the repository: of
# build/fuzz-found/NAME/corpus the few small inputs that reach what the corpus
# does not reach yet. Inputs with a name of their own stay as they are; those
# of earlier runs, found_N, are chosen anew, so that a corpus does not grow by
# being fuzzed often.
set -euo pipefail

usage() {
    cat <<'END'
usage: tests/fuzz/minimise.sh [TARGET]...

  TARGET  names without fuzz_; default: all that run.sh has left something of

  FUZZ_KEEP_KIB=N in the environment: what fuzzing found may have so many
  KiB in each corpus, default 100; the smallest stay
END
}

case "${1:-}" in
--help | -h) usage && exit 0 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
found="build/fuzz-found"
most=$((${FUZZ_KEEP_KIB:-100} * 1024))
files_most=250

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(find "$found" -mindepth 2 -maxdepth 2 -name corpus \
        -printf '%P\n' | sed 's|/corpus$||' | sort)
fi
if [ ${#targets[@]} -eq 0 ]; then
    echo "nothing has been found yet: tests/fuzz/run.sh first" >&2
    exit 1
fi

edges_of() {
    sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$1" | tail -n 1
}

# Choose into room/chosen, which holds the named inputs already, the fewest of
# the others that reach every edge they do not (how often is not counted). If
# that is too much, the smallest of them stay.
minimise_one() {
    local name="$1" room="$found/$1" corpus="tests/fuzz/corpus/$1"
    local program="build/fuzz/tests/fuzz/fuzz_$1"
    local input size=0 count=0 edges
    if [ ! -x "$program" ] || [ ! -d "$corpus" ]; then
        echo "FAILED  $name: no such target, or no corpus $corpus"
        return 1
    fi
    rm -rf "$room/named" "$room/chosen"
    mkdir -p "$room/named" "$room/chosen" "$room/corpus"
    for input in "$corpus"/*; do
        case "${input##*/}" in
        found_*) cp "$input" "$room/corpus/" ;;
        *) cp "$input" "$room/named/" ;;
        esac
    done
    cp "$room/named/"* "$room/chosen/"
    if ! "$program" -set_cover_merge=1 -use_counters=0 -timeout=10 -rss_limit_mb=1024 \
        "$room/chosen" "$room/corpus" >"$room/merge.log" 2>&1 </dev/null; then
        echo "FAILED  $name: see $room/merge.log"
        return 1
    fi
    rm -f "$corpus"/found_*
    while read -r input; do
        [ ! -e "$room/named/$input" ] || continue
        size=$((size + $(stat -c %s "$room/chosen/$input")))
        if [ "$size" -gt "$most" ] || [ "$count" -ge "$files_most" ]; then
            break
        fi
        count=$((count + 1))
        cp "$room/chosen/$input" "$(printf '%s/found_%02d' "$corpus" "$count")"
    done < <(find "$room/chosen" -type f -printf '%s %f\n' | sort -n |
        cut -d ' ' -f 2)
    "$program" -runs=0 -timeout=10 "$corpus" >"$room/kept.log" 2>&1 </dev/null
    edges="$(edges_of "$room/kept.log")"
    printf '%-16s %4d kept %6d KiB %6d edges of %d\n' "$name" "$count" \
        "$(($(du -s -k --apparent-size "$corpus" | cut -f 1)))" "$edges" \
        "$(edges_of "$room/log")"
}

status=0
for target in "${targets[@]}"; do
    minimise_one "$target" || status=1
done
exit "$status"
