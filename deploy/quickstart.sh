#!/usr/bin/env bash
# From a fresh clone to mail that survives the loss of a relay: install what is
# missing, build, start three relays of three operators on this machine, let a
# defender and an embassy meet, write to each other, kill one relay in the middle
# and see that everything arrives, once.
# Everything but the build happens in a temporary directory, on the loopback
# interface, and is gone afterwards. Running it again is harmless.
set -euo pipefail

usage() {
    cat <<'END'
usage: deploy/quickstart.sh [--help]

Builds Postern into build/release and shows that it works here. NO_COLOR=1
switches colours off. The exit status is 0 if every step did what it should.
END
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/build/packages.sh
. deploy/build/packages.sh
# shellcheck source=deploy/build/telling.sh
. deploy/build/telling.sh

case "${1:-}" in
"") ;;
--help | -h) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

log="build/log"
play=""         # the temporary directory
relays="a b c"  # one of each operator
declare -A pid=()     # of a relay while it runs
declare -A address=() # of a relay
declare -A operator=([a]="North Press" [b]="Harbour Law" [c]="Lantern Fund")

# --- leaving no trace ---------------------------------------------------------

is_alive() {
    [ -n "${pid[$1]:-}" ] && kill -0 "${pid[$1]}" 2>/dev/null
}

# SIGKILL: as when the power fails.
kill_relay() {
    kill -KILL "${pid[$1]}" 2>/dev/null || true
    wait "${pid[$1]}" 2>/dev/null || true
    pid[$1]=""
}

cleanup() {
    local r
    for r in $relays; do
        ! is_alive "$r" || kill_relay "$r"
    done
    [ -z "$play" ] || rm -rf "$play"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Run a step quietly into FILE; its words only if it fails: into FILE COMMAND...
into() {
    local file="$1" r
    shift
    if ! "$@" >"$play/$file" 2>"$play/$file.err"; then
        show_end "$play/$file.err"
        for r in $relays; do show_end "$play/$r.err"; done
        give_up "$(basename "$1") ${*:2:3}"
    fi
}

# Run postern for one of the two: as WHO COMMAND...
as() {
    local who="$1"
    shift
    "$postern" "$@" --no-input --home "$play/$who" \
        --passphrase-file "$play/passphrase"
}

# --- the steps ----------------------------------------------------------------

need() {
    step "What has to be here"
    why "a compiler, cmake; libsodium, libuv, sqlite, protobuf-c, jansson and a few"
    : >"$log/apt.log"
    if ! pn_install_missing "$log/apt.log" "$PN_NEED_BUILD"; then
        show_end "$log/apt.log"
        pn_explain_missing "$PN_NEED_BUILD" | sed 's/^/  /'
        give_up "these could not be installed from here"
    fi
    if [ -s "$log/apt.log" ]; then
        done_with "installed what was missing (log: $log/apt.log)"
    else
        done_with "nothing is missing"
    fi
}

build() {
    step "Build"
    why "hardened and optimised, as an operator would run it"
    local began="$SECONDS"
    if ! {
        cmake --preset release -DPOSTERN_TESTS=OFF &&
            cmake --build --preset release -j "$(nproc)"
    } >"$log/quickstart.build.log" 2>&1; then
        show_end "$log/quickstart.build.log"
        give_up "the build; all of its words are in $log/quickstart.build.log"
    fi
    done_with "build/release, in $((SECONDS - began)) s"
}

# Where the build put a program.
program() {
    local path
    path="$(find build/release -type f -name "$1" -perm -u+x -print -quit)"
    [ -n "$path" ] || give_up "the build has made no program '$1'"
    printf '%s\n' "$PWD/$path"
}

relays_make() {
    step "Make three relays, of three operators"
    why "posternd init draws a key and picks a free port; posternd peer add lets"
    why "each forward to the two others. An address holds the relay's public key:"
    local r other
    play="$(mktemp -d)"
    for r in $relays; do
        into "$r.init" "$posternd" init --dir "$play/$r" \
            --listen 127.0.0.1:0 --operator "${operator[$r]}"
        address[$r]="$(tail -n 1 "$play/$r.init")"
        printf '      %s, %-13s %.44s...\n' \
            "${r^^}" "${operator[$r]}" "${address[$r]}"
    done
    for r in $relays; do
        for other in $relays; do
            [ "$r" = "$other" ] ||
                into peer "$posternd" peer add "${address[$other]}" \
                    --dir "$play/$r"
        done
    done
    done_with "three directories, nothing else"
}

# Until relay $1 says that it is ready.
relay_start() {
    local r="$1"
    "$posternd" run --dir "$play/$r" \
        >"$play/$r.out" 2>"$play/$r.err" </dev/null &
    pid[$r]=$!
    for _ in $(seq 100); do
        ! grep -qx ready "$play/$r.err" || return 0
        is_alive "$r" || break
        sleep 0.1
    done
    show_end "$play/$r.err"
    give_up "relay ${r^^} did not become ready"
}

relays_start() {
    step "Start them, and reach them as a client"
    why "a post-quantum handshake with the key in the address, then a ping"
    local r
    for r in $relays; do
        relay_start "$r"
        into test "$postern" relay test "${address[$r]}"
    done
    done_with "each proved that it holds its key, and answered"
}

people() {
    step "Make a defender and an embassy"
    why "postern init: an identity, sealed under a passphrase of one's own; the"
    why "defender's relay is A, the embassy keeps its mail on B and on C"
    (umask 077 && head -c 18 /dev/urandom | base64 >"$play/passphrase")
    into defender.init as defender init --name Defender --relay "${address[a]}"
    into embassy.init as embassy init --name Embassy \
        --relay "${address[b]}" --relay "${address[c]}"
    done_with "each in a store that nobody else can read"
}

invite() {
    step "Invite"
    why "one link, for one person, once; handed over by a way they trust"
    into link as embassy invite create --name defender
    cut -c 1-66 "$play/link" | sed 's/^/      /; s/$/.../'
    into accept as defender invite accept "$(cat "$play/link")" --name embassy
    done_with "the defender has answered; the link is worthless now"
}

# No word of the file's lines, nor of the others, lies on any disk here.
is_sealed() {
    ! grep -rqF -e "$1" -e "evidence" "$play"/a "$play"/b "$play"/c &&
        ! grep -qF "$1" "$play"/defender/* "$play"/embassy/* 2>/dev/null
}

talk() {
    step "Talk"
    why "a text and a file, both ways: through A, to B and to C, which never see"
    why "the defender's address; A never sees whose mail it is"
    local secret="Nobody else can read this, $RANDOM$RANDOM."
    head -c 20000 /dev/urandom >"$play/evidence"
    mkdir "$play/to-embassy" "$play/to-defender"
    into send as defender send embassy --message "$secret"
    into file as defender send embassy --file "$play/evidence"
    is_sealed "$secret" || give_up "the words are in plain sight on a disk"
    done_with "no word of it in a relay's store, nor in theirs"
    into got as embassy receive --count 2 --timeout 60s --out "$play/to-embassy"
    sed "s|$play/||; s/^/      the embassy sees    /" "$play/got"
    grep -qF "$secret" "$play/got" || give_up "the text is another one"
    cmp -s "$play/evidence" "$play/to-embassy/evidence" ||
        give_up "the file differs"
    into back as embassy send defender --message "It is here."
    into back.got as defender receive --count 1 --timeout 60s \
        --out "$play/to-defender"
    sed "s|$play/||; s/^/      the defender sees   /" "$play/back.got"
    done_with "sent, received, acknowledged, byte for byte"
}

# The embassy receives nothing more.
is_all() {
    local code=0
    as embassy receive --count 1 --timeout 4s \
        >"$play/more" 2>"$play/more.err" || code=$?
    [ "$code" -eq 3 ] && [ ! -s "$play/more" ]
}

lose_one() {
    step "Lose a relay"
    why "the defender writes six times; after the third B is killed (SIGKILL)"
    local n
    for n in 1 2 3 4 5 6; do
        into send as defender send embassy --message "report $n of 6"
        [ "$n" -ne 3 ] || kill_relay b
    done
    into outbox as defender outbox list
    into got as embassy receive --count 6 --timeout 60s
    sed 's/^/      the embassy sees    /' "$play/got"
    for n in 1 2 3 4 5 6; do
        [ "$(grep -cF "report $n of 6" "$play/got")" -eq 1 ] ||
            give_up "report $n did not come exactly once"
    done
    is_all || give_up "something came twice"
    done_with "all six, once each, without B"
    relay_start b
    is_all || give_up "something came twice when B was back"
    done_with "and nothing comes twice when B is back"
}

safety() {
    step "Compare the safety number"
    why "read aloud to each other once, it proves that nobody is in between"
    into one as embassy contact show defender
    into two as defender contact show embassy
    grep -A 1 "^safety number" "$play/one" | sed 's/^/      /'
    [ "$(grep -A 1 "^safety number" "$play/one")" = \
        "$(grep -A 1 "^safety number" "$play/two")" ] ||
        give_up "the two see different numbers"
    done_with "both see the same"
}

status() {
    step "Ask a relay how it is"
    why "over its control socket, which only its own user may open"
    into status "$posternd" status --dir "$play/c"
    head -n 9 "$play/status" | sed 's/^/      /'
    done_with "it counts, and keeps no names of who talks to whom"
}

relays_stop() {
    step "Stop them"
    why "SIGTERM: each finishes what it has begun, then goes"
    local r code
    for r in $relays; do kill -TERM "${pid[$r]}"; done
    for r in $relays; do
        for _ in $(seq 100); do
            is_alive "$r" || break
            sleep 0.1
        done
        ! is_alive "$r" || give_up "relay ${r^^} still runs after 10 s"
        code=0
        wait "${pid[$r]}" || code=$?
        pid[$r]=""
        [ "$code" -eq 0 ] ||
            { show_end "$play/$r.err" && give_up "${r^^} ended with $code"; }
    done
    done_with "ended in order; the temporary directory goes with them"
}

farewell() {
    step "Postern works on this machine."
    cat <<END
  The programs   $posternd
                 $postern
  Your own       posternd init --dir DIR && posternd run --dir DIR
  Read on        README.md
END
}

mkdir -p "$log"
need
build
posternd="$(program posternd)"
postern="$(program postern)"
relays_make
relays_start
people
invite
talk
lose_one
safety
status
relays_stop
farewell
