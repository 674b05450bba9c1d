#!/bin/sh
# Search every state of the model in one configuration.
# usage: check.sh holds|inv1|inv2|inv6|live [-DNAME[=VALUE]]...
#
# With `holds` nothing may be found; with the name of a promise, a violation of
# just that one must be. Works in the present directory and leaves nothing but
# what a reader of a failure wants: the report, and the trail that
# `spin -k mail.pml.trail -p -g -D... mail.pml` replays. Ends with 77 if there
# is no spin here.
set -eu

here="$(cd "$(dirname "$0")" && pwd)"
wanted="$1"
shift

for program in spin gcc; do
    if ! command -v "$program" >/dev/null 2>&1; then
        echo "skipped: $program is not installed"
        exit 77
    fi
done

# A claim about whole runs needs the search for cycles; the rest need not.
kind=-DSAFETY
cycles=
for option; do
    if [ "$option" = -DLIVE ]; then
        kind=-DNOFAIR
        cycles=-a
    fi
done

# What is planted is found at once: then compiling is most of the time.
speed=-O0
[ "$wanted" != holds ] || speed=-O1

rm -f ./*.trail pan pan.*
spin -a "$@" "$here/mail.pml" >spin.log 2>&1 || {
    cat spin.log
    exit 1
}
# What spin writes is its own affair: -w. Every step here reads and writes what
# others see, so there is nothing that reducing by their order could spare.
gcc "$speed" -w "$kind" -DNOREDUCE -DMEMLIM=1024 -o pan pan.c
# No deeper than any run is, or the report says that the search was cut short.
nice -n 10 ./pan ${cycles:+"$cycles"} -m200000 >report.txt 2>&1 || true
rm -f pan pan.* spin.log

states="$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' report.txt)"
errors="$(sed -n 's/.*, errors: \([0-9]*\)$/\1/p' report.txt)"
found="$(sed -n \
    -e 's/^pan:1: assertion violated \([a-z0-9]*\) .*/\1/p' \
    -e 's/^pan:1: acceptance cycle .*/live/p' report.txt)"

# A search that did not end says nothing of what it did not see.
if [ -z "$states" ] || [ -z "$errors" ] ||
    grep -q -e '^Warning: Search not completed' -e 'too small' \
        -e 'out of memory' report.txt && [ -z "$found" ]; then
    cat report.txt
    echo "the search did not end"
    exit 1
fi

[ "$errors" -eq 0 ] || [ -n "$found" ] || found="something else"
: "${found:=holds}"
echo "$found, $states states"
if [ "$found" != "$wanted" ]; then
    cat report.txt
    echo "wanted: $wanted"
    exit 1
fi
