#!/usr/bin/env bash
# From a fresh clone to two people talking: install what is missing, build, start
# a relay of one's own on this machine, let two people meet, send each other a
# text and a file and compare their safety number, stop it.
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

case "${1:-}" in
"") ;;
--help | -h) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

log="build/log"
play=""      # the temporary directory
relay_pid="" # of the relay while it runs
address=""   # of that relay

strong="" faint="" good="" bad="" plain=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    strong=$'\033[1m' faint=$'\033[2m' plain=$'\033[0m'
    good=$'\033[32m' bad=$'\033[31m'
fi

# --- telling ------------------------------------------------------------------

step() {
    printf '\n%s%s%s\n' "$strong" "$1" "$plain"
}

why() {
    printf '  %s%s%s\n' "$faint" "$1" "$plain"
}

done_with() {
    printf '  %sok%s  %s\n' "$good" "$plain" "$1"
}

# Show the last lines of a file, indented, in front of an error.
show_end() {
    [ ! -s "$1" ] || tail -n 30 "$1" | sed 's/^/  | /'
}

give_up() {
    printf '  %sfailed%s  %s\n' "$bad" "$plain" "$1" >&2
    exit 1
}

# --- leaving no trace ---------------------------------------------------------

relay_is_alive() {
    [ -n "$relay_pid" ] && kill -0 "$relay_pid" 2>/dev/null
}

cleanup() {
    if relay_is_alive; then
        kill -KILL "$relay_pid" 2>/dev/null || true
        wait "$relay_pid" 2>/dev/null || true
    fi
    [ -z "$play" ] || rm -rf "$play"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

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

relay_make() {
    step "Make a relay"
    why "posternd init draws its key, picks a free port, writes both down"
    play="$(mktemp -d)"
    if ! "$posternd" init --dir "$play/relay" --listen 127.0.0.1:0 \
        >"$play/init.out" 2>"$play/init.err"; then
        show_end "$play/init.err"
        give_up "posternd init"
    fi
    address="$(tail -n 1 "$play/init.out")"
    done_with "its address, which holds its public key:"
    printf '      %s\n' "$address"
}

relay_start() {
    step "Start it"
    why "posternd run, in the foreground of its own process"
    "$posternd" run --dir "$play/relay" \
        >"$play/run.out" 2>"$play/run.err" </dev/null &
    relay_pid=$!
    local tick
    for tick in $(seq 100); do
        if grep -qx ready "$play/run.err"; then
            done_with "ready after at most $((tick * 100)) ms"
            return
        fi
        relay_is_alive || break
        sleep 0.1
    done
    show_end "$play/run.err"
    give_up "the relay did not become ready"
}

reach() {
    step "Reach it as a client"
    why "a post-quantum handshake with the key in the address, then a ping"
    if ! "$postern" relay test "$address" \
        >"$play/test.out" 2>"$play/test.err"; then
        show_end "$play/test.err"
        show_end "$play/run.err"
        give_up "postern relay test"
    fi
    sed 's/^/      /' "$play/test.out"
    done_with "the relay proved that it holds its key, and answered"
}

# Run postern for one of the two: as_anna COMMAND...
as_anna() {
    "$postern" "$@" --no-input --home "$play/anna" \
        --passphrase-file "$play/passphrase"
}
as_ben() {
    "$postern" "$@" --no-input --home "$play/ben" \
        --passphrase-file "$play/passphrase"
}

# Run a step quietly into FILE; its words only if it fails: into FILE COMMAND...
into() {
    local file="$1"
    shift
    if ! "$@" >"$play/$file" 2>"$play/$file.err"; then
        show_end "$play/$file.err"
        show_end "$play/run.err"
        give_up "postern ${*:2:2}"
    fi
}

people() {
    step "Make two people"
    why "postern init: an identity, sealed under a passphrase of one's own"
    (umask 077 && head -c 18 /dev/urandom | base64 >"$play/passphrase")
    into anna.out as_anna init --name Anna --relay "$address"
    into ben.out as_ben init --name Ben --relay "$address"
    done_with "Anna and Ben, each in a store that nobody else can read"
}

invite() {
    step "Invite"
    why "one link, for one person, once; handed over by a way they trust"
    into link as_anna invite create --name ben
    cut -c 1-66 "$play/link" | sed 's/^/      /; s/$/.../'
    into accept.out as_ben invite accept "$(cat "$play/link")" --name anna
    done_with "Ben has answered; the link is worthless now"
}

talk() {
    step "Talk"
    why "a text and a file, both ways; the relay holds them until they are safe"
    local secret="Nobody else can read this, $RANDOM$RANDOM."
    head -c 20000 /dev/urandom >"$play/photo"
    mkdir "$play/to-anna" "$play/to-ben"
    into send.out as_ben send anna --message "$secret"
    into file.out as_ben send anna --file "$play/photo"
    if grep -rqF -e "$secret" -e photo "$play/relay" ||
        grep -qF "$secret" "$play"/anna/* "$play"/ben/* 2>/dev/null; then
        give_up "the words are in plain sight on a disk"
    fi
    done_with "no word of it in the relay's store, nor in theirs"
    into anna.got as_anna receive --count 2 --out "$play/to-anna"
    sed "s|$play/||; s/^/      anna sees   /" "$play/anna.got"
    grep -qF "$secret" "$play/anna.got" || give_up "the text is another one"
    cmp -s "$play/photo" "$play/to-anna/photo" || give_up "the file differs"
    into back.out as_anna send ben --message "It is here."
    into back.file as_anna send ben --file "$play/to-anna/photo"
    into ben.got as_ben receive --count 2 --out "$play/to-ben"
    sed "s|$play/||; s/^/      ben sees    /" "$play/ben.got"
    cmp -s "$play/photo" "$play/to-ben/photo" || give_up "the file differs"
    done_with "sent, received, acknowledged, byte for byte"
}

safety() {
    step "Compare the safety number"
    why "read aloud to each other once, it proves that nobody is in between"
    into anna.ben as_anna contact show ben
    into ben.anna as_ben contact show anna
    grep -A 1 "^safety number" "$play/anna.ben" | sed 's/^/      /'
    [ "$(grep -A 1 "^safety number" "$play/anna.ben")" = \
        "$(grep -A 1 "^safety number" "$play/ben.anna")" ] ||
        give_up "the two see different numbers"
    done_with "both see the same"
}

status() {
    step "Ask it how it is"
    why "over its control socket, which only its own user may open"
    if ! "$posternd" status --dir "$play/relay" \
        >"$play/status.out" 2>"$play/status.err"; then
        show_end "$play/status.err"
        give_up "posternd status"
    fi
    head -n 9 "$play/status.out" | sed 's/^/      /'
    done_with "it counts, and keeps no names of who talks to whom"
}

relay_stop() {
    step "Stop it"
    why "SIGTERM: it finishes what it has begun, then goes"
    local code=0
    kill -TERM "$relay_pid"
    for _ in $(seq 100); do
        relay_is_alive || break
        sleep 0.1
    done
    ! relay_is_alive || give_up "the relay still runs after 10 s"
    wait "$relay_pid" || code=$?
    relay_pid=""
    if [ "$code" -ne 0 ]; then
        show_end "$play/run.err"
        give_up "the relay ended with status $code"
    fi
    done_with "ended in order; the temporary directory goes with it"
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
relay_make
relay_start
reach
people
invite
talk
safety
status
relay_stop
farewell
