#!/usr/bin/env bash
# Build Postern and run all of its tests: install what is missing, then for
# each preset configure, build and run ctest. The last line of the output is
# `N passed, N failed, N skipped`; the exit status is 0 if nothing failed.
set -euo pipefail

usage() {
    cat <<'END'
usage: tests/run.sh [--fast] [--only LABEL] [--preset NAME]... [--valgrind]
                    [--coverage]

  --fast         preset dev, without what runs whole programs: minutes
  --only LABEL   only tests of this label: unit vectors reference sim planted
                 model store fuzz integration metadata soak api lint
                 (see tests/README.md)
  --preset NAME  dev asan tsan fuzz coverage release; may be repeated.
                 Without it: dev, then asan
  --valgrind     after that, the unit tests of preset dev under valgrind
  --coverage     after that, lines and branches by room and file (preset
                 coverage), which fails below the gates; alone, only this
  --help         this text
END
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/build/packages.sh
. deploy/build/packages.sh

presets=()
only=""
fast=false
valgrind=false
coverage=false
while [ $# -gt 0 ]; do
    case "$1" in
    --fast) fast=true ;;
    --only) only="${2:?--only wants a label}" && shift ;;
    --preset) presets+=("${2:?--preset wants a name}") && shift ;;
    --valgrind) valgrind=true ;;
    --coverage) coverage=true ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
if [ ${#presets[@]} -eq 0 ] && { "$fast" || ! "$coverage"; }; then
    presets=(dev)
    "$fast" || presets+=(asan)
fi

logs="build/log"
mkdir -p "$logs"
jobs="$(nproc)"
passed=0
failed=0
skipped=0
notes=() # one line per test that failed or was skipped

bold="" plain=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' plain=$'\033[0m'
fi

say() {
    printf '%s== %s%s\n' "$bold" "$1" "$plain"
}

finish() {
    say "summary"
    [ ${#notes[@]} -eq 0 ] || printf '%s\n' "${notes[@]}"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
    exit 0
}

fail() {
    failed=$((failed + 1))
    notes+=("failed   $1")
}

install_needed() {
    say "what is needed"
    : >"$logs/apt.log"
    if ! pn_install_missing "$logs/apt.log" \
        "$PN_NEED_BUILD" "$PN_NEED_TEST"; then
        pn_explain_missing "$PN_NEED_BUILD" "$PN_NEED_TEST"
        [ ! -s "$logs/apt.log" ] || tail -n 20 "$logs/apt.log"
        fail "installing what is needed"
        finish
    fi
    local wanted=("$PN_WANT_TEST")
    [ ! -e tests/reference/package.json ] || wanted+=("$PN_WANT_REFERENCE")
    local list
    for list in "${wanted[@]}"; do
        if ! pn_install_missing "$logs/apt.log" "$list"; then
            pn_explain_missing "$list"
            echo "going on: the tests that want it are skipped"
        fi
    done
    echo "everything required is here"
}

# The reference implementations are JavaScript, pinned by their lock file.
install_reference() {
    local room=tests/reference
    [ -e "$room/package-lock.json" ] || return 0
    [ -z "$(pn_missing "$PN_WANT_REFERENCE")" ] || return 0
    if cmp -s "$room/package-lock.json" "$room/node_modules/.installed"; then
        return 0
    fi
    say "reference implementations"
    local try
    for try in 1 2 3; do
        if (cd "$room" && timeout 300 npm ci --ignore-scripts --no-audit \
            --no-fund --no-progress --fetch-retries=1 </dev/null) \
            >"$logs/npm.log" 2>&1; then
            cp "$room/package-lock.json" "$room/node_modules/.installed"
            echo "installed as pinned"
            return 0
        fi
        [ "$try" -eq 3 ] || sleep $((try * 5))
    done
    tail -n 5 "$logs/npm.log"
    echo "npm ci failed: the tests against them are skipped"
}

# Run a step quietly; if it fails, show its words from the first error on.
quietly() {
    local name="$1"
    shift
    if ! "$@" >"$logs/$name.log" 2>&1; then
        { grep -m 1 -A 40 -E '([Ee]rror|fatal|FAILED):? ' "$logs/$name.log" ||
            tail -n 40 "$logs/$name.log"; } | head -n 60
        fail "$name (all of it: $logs/$name.log)"
        return 1
    fi
}

build() {
    local preset="$1" launcher=()
    if command -v ccache >/dev/null 2>&1; then
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    fi
    say "build $preset"
    quietly "configure.$preset" \
        cmake --preset "$preset" "${launcher[@]}" || return 1
    quietly "build.$preset" \
        cmake --build --preset "$preset" -j "$jobs" || return 1
}

# Count what ctest printed: every test has one line `i/n Test #k: NAME ...`.
count() {
    local preset="$1" log="$2" status="$3" line name before="$failed"
    while read -r line; do
        name="$(sed -E 's/^[^:]*: +([^ ]+).*/\1/' <<<"$line")"
        case "$line" in
        *" Passed "*) passed=$((passed + 1)) ;;
        *"***Skipped"* | *"(Disabled)"*)
            skipped=$((skipped + 1))
            notes+=("skipped  $name ($preset)")
            ;;
        *) fail "$name ($preset)" ;;
        esac
    done < <(grep -E '^ *[0-9]+/[0-9]+ Test +#[0-9]+:' "$log")
    if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
        fail "ctest of $preset ended with $status"
    fi
}

run_tests() {
    local preset="$1" log="$logs/test.$1.log" status=0 tests="$1" filter=()
    ! "$fast" || [ "$preset" != dev ] || tests=fast
    [ -z "$only" ] || filter=(-L "^$only\$")
    say "test $preset"
    # One more than there are processors: many tests mostly wait.
    ctest --preset "$tests" -j "$((jobs + 1))" "${filter[@]}" 2>&1 </dev/null |
        tee "$log" || status=$?
    count "$preset" "$log" "$status"
}

run_valgrind() {
    say "valgrind"
    if ! pn_have cmd:valgrind; then
        skipped=$((skipped + 1))
        notes+=("skipped  valgrind is not installed")
    elif tests/valgrind.sh; then
        passed=$((passed + 1))
    else
        fail "valgrind"
    fi
}

run_coverage() {
    local log="$logs/coverage.log"
    if ! pn_have cmd:gcovr; then
        skipped=$((skipped + 1))
        notes+=("skipped  coverage: gcovr is not installed")
        return
    fi
    build coverage || return 0
    say "coverage"
    if COVERAGE_JOBS="$jobs" tests/coverage/run.sh build/coverage 2>&1 |
        tee "$log"; then
        passed=$((passed + 1))
    else
        fail "coverage (all of it: $log)"
    fi
}

started="$SECONDS"
install_needed
install_reference
for preset in "${presets[@]}"; do
    if build "$preset"; then
        run_tests "$preset"
    fi
done
if "$valgrind" && { [ -d build/dev ] || build dev; }; then
    run_valgrind
fi
if "$coverage"; then
    run_coverage
fi
echo "took $((SECONDS - started)) s; logs are in $logs"
finish
