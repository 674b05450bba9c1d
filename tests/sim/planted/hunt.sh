#!/bin/sh
# Whether a simulator finds what was planted in it.
# usage: hunt.sh PROGRAM FIRST..LAST FINDING [ARGUMENT]...
#
# `PROGRAM --seeds FIRST..LAST [ARGUMENT]...` must fail, and say what the extended regular
# expression FINDING matches: a failure of another kind is no finding. The last
# line printed says with which seed it was found.
set -eu

program="$1"
seeds="$2"
finding="$3"
shift 3

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if "$program" --seeds "$seeds" "$@" >"$log" 2>&1; then
    echo "not found with seeds $seeds"
    exit 1
fi
if ! grep -Eq -- "$finding" "$log"; then
    grep -Ev '^seed [0-9]+$' "$log" | tail -n 30
    echo "it failed, and said nothing like: $finding"
    exit 1
fi
grep -E -m 1 -- "$finding" "$log"
echo "found with $(grep -Eo '^seed [0-9]+' "$log" | tail -n 1)"
