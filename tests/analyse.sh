#!/usr/bin/env bash
# Static analysis of all product C by four tools, each finding mended or given
# a reason in tests/analyse.reasons. It installs nothing. Exit status: 0 clean,
# 1 findings without a reason or reasons without a finding, 2 not run.
set -euo pipefail

usage() {
    cat <<'END'
usage: tests/analyse.sh [--only PATH]... [--jobs N] [TOOL]...

  TOOL         gcc (-fanalyzer), tidy (clang-tidy), cppcheck, scan (the path
               analyser of clang, as scan-build runs it), or all, the default
  --only PATH  only files whose path begins so: proto/link, relay/core/core.c
  --jobs N     so many at once, default 2
END
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/build/packages.sh
. deploy/build/packages.sh

tools=()
options=()
while [ $# -gt 0 ]; do
    case "$1" in
    gcc | tidy | cppcheck | scan) tools+=("$1") ;;
    all) tools+=(cppcheck scan gcc tidy) ;;
    --only | --jobs) options+=("$1" "${2:?$1 wants a value}") && shift ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
[ ${#tools[@]} -gt 0 ] || tools=(cppcheck scan gcc tidy)

needed=""
for tool in "${tools[@]}"; do
    case "$tool" in
    gcc) needed+="cmd:gcc gcc"$'\n' ;;
    tidy) needed+="cmd:clang-tidy clang-tidy"$'\n' ;;
    cppcheck) needed+="cmd:cppcheck cppcheck"$'\n' ;;
    scan) needed+="cmd:clang clang"$'\n' ;;
    esac
done
if [ -n "$(pn_missing "$needed" "$PN_NEED_BUILD")" ]; then
    pn_explain_missing "$needed" "$PN_NEED_BUILD"
    exit 2
fi

# The compile commands, and the headers that protobuf-c makes.
log="build/log/analyse.build.log"
mkdir -p build/log
if ! { cmake --preset dev && cmake --build --preset dev \
    --target pn_schema_link pn_schema_content; } >"$log" 2>&1; then
    tail -n 20 "$log"
    exit 2
fi
exec nice python3 -B tests/lint/analyse.py --root . --build build/dev \
    "${options[@]}" "${tools[@]}"
