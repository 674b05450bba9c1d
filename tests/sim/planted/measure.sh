#!/bin/sh
# With how many seeds each planted error is found: over three ranges that have
# no seed in common, the worst last. Run by hand, after a build.
# usage: measure.sh BUILD [NAME]...
set -eu

here="$(cd "$(dirname "$0")" && pwd)"
programs="$1/tests/sim/planted"
shift
most=300

[ $# -gt 0 ] || set -- "$here"/*.patch
for patch; do
    name="$(basename "$patch" .patch)"
    finding="$(sed -n 's/^Finding: *//p' "$here/$name.patch")"
    # What the simulator is given besides, as in CMakeLists.txt.
    set --
    if grep -q '^Simulator: fed$' "$here/$name.patch"; then
        set -- --first --shape small
    fi
    worst=0
    line=
    for first in 1 100001 200001; do
        said="$("$here/hunt.sh" "$programs/planted_$name" \
            "$first..$((first + most - 1))" "$finding" "$@" 2>&1 | tail -n 1)"
        case "$said" in
        'found with seed '*)
            tries=$((${said##* } - first + 1))
            line="$line $tries"
            [ "$tries" -le "$worst" ] || worst="$tries"
            ;;
        *)
            line="$line -"
            worst=-
            break
            ;;
        esac
    done
    echo "$name:$line; worst $worst"
done
