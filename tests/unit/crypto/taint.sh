#!/usr/bin/env bash
# ML-KEM's constant time, proved on six builds: gcc and clang at -O1 -O2 -O3.
# Secrets are undefined memory to valgrind; see taint.c.
#
#     tests/unit/crypto/taint.sh WORK_DIR
#
# Exit 77 (skipped) where valgrind or both compilers are missing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work="$1/taint"
mkdir -p "$work"

if ! command -v valgrind >/dev/null 2>&1; then
    echo "skipped: no valgrind here (apt-get install valgrind)"
    exit 77
fi
sources=(proto/crypto/keccak.c proto/crypto/mlkem768*.c proto/base/mem.c
    tests/unit/crypto/taint.c)
failed=0
built=0

# report PROGRAM MODE: whether valgrind reports an error (99) in this mode.
report() {
    local status=0
    valgrind -q --error-exitcode=99 --log-file="$1.$2.log" "$1" "$2" ||
        status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 99 ] || {
        echo "FAILED  $1 $2 ended with $status"
        failed=1
    }
    [ "$status" -eq 99 ]
}

for compiler in gcc clang; do
    if ! command -v "$compiler" >/dev/null 2>&1; then
        echo "note: no $compiler here, its three builds are not proved"
        continue
    fi
    for level in -O1 -O2 -O3; do
        program="$work/$compiler$level"
        "$compiler" -std=c11 -gdwarf-4 "$level" -fPIC -I. -D_DEFAULT_SOURCE \
            -D_POSIX_C_SOURCE=200809L -DPOSTERN_TAINT -fno-strict-aliasing \
            "${sources[@]}" -o "$program"
        built=$((built + 1))
        before=$failed
        failed=0
        for mode in keygen enc dec reject; do
            if report "$program" "$mode"; then
                echo "FAILED  $compiler $level $mode depends on a secret:"
                head -n 20 "$program.$mode.log"
                failed=1
            fi
        done
        for mode in leak-branch leak-index; do
            if ! report "$program" "$mode"; then
                echo "FAILED  $compiler $level $mode was not noticed"
                failed=1
            fi
        done
        [ "$failed" -ne 0 ] || echo "proved  $compiler $level"
        failed=$((failed | before))
    done
done
if [ "$built" -eq 0 ]; then
    echo "skipped: neither gcc nor clang here"
    exit 77
fi
exit "$failed"
