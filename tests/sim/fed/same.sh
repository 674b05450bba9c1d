#!/bin/sh
# The same seed is the same run, byte for byte: alone or after others, in this
# process or in that one, which has its memory elsewhere.
#   same.sh SIM FIRST LAST
set -eu

sim=$1 first=$2 last=$3
together=$("$sim" --seeds "$first..$last" --digest | grep digest)
split=$("$sim" --seeds "$first..$last" --jobs 2 --digest | grep digest | sort)
alone=$(
    seed=$first
    while [ "$seed" -le "$last" ]; do
        "$sim" --seed "$seed" --digest | grep digest
        seed=$((seed + 1))
    done
)
[ "$together" = "$alone" ] || {
    echo "one after the other: $together"
    echo "each by itself: $alone"
    exit 1
}
[ "$(echo "$together" | sort)" = "$split" ] || {
    echo "in one process: $together"
    echo "in two: $split"
    exit 1
}
# And different seeds are different runs.
[ "$(echo "$together" | sed 's/.* //' | sort -u | wc -l)" -eq \
    $((last - first + 1)) ]
