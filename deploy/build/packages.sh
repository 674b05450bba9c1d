# shellcheck shell=bash disable=SC2034 # the lists are read by who sources it
# What has to be on the machine, in one list, and how to get it there. Sourced
# by deploy/quickstart.sh and tests/run.sh; README.md gives each its reason.
#
# A line is CHECK PACKAGE: what must be present, and the Debian 12 package that
# brings it. CHECK is cmd:PROGRAM, header:FILE, pc:MODULE (as pkg-config knows
# it), or asan:COMPILER (which can link with AddressSanitizer).

# To build what is installed.
PN_NEED_BUILD="
cmd:gcc                gcc
header:stdio.h         libc6-dev
cmd:cmake              cmake
cmd:ninja              ninja-build
cmd:pkg-config         pkg-config
cmd:protoc-c           protobuf-c-compiler
pc:libsodium           libsodium-dev
pc:libuv               libuv1-dev
pc:libprotobuf-c       libprotobuf-c-dev
pc:libseccomp          libseccomp-dev
pc:libcrypto           libssl-dev
pc:jansson             libjansson-dev
pc:libqrencode         libqrencode-dev
pc:zlib                zlib1g-dev
pc:sqlite3             libsqlite3-dev
"

# To build and run the tests.
PN_NEED_TEST="
cmd:clang              clang
asan:clang             libclang-rt-14-dev
cmd:llvm-symbolizer    llvm
cmd:patch              patch
cmd:python3            python3
pc:cmocka              libcmocka-dev
"

# Without these some tests are skipped, and say so.
PN_WANT_TEST="
cmd:clang-format       clang-format
cmd:cppcheck           cppcheck
cmd:g++                g++
cmd:gcovr              gcovr
cmd:shellcheck         shellcheck
cmd:spin               spin
cmd:valgrind           valgrind
"
PN_WANT_REFERENCE="
cmd:node               nodejs
cmd:npm                npm
"

pn_have() {
    local kind="${1%%:*}" name="${1#*:}"
    case "$kind" in
    cmd) command -v "$name" >/dev/null 2>&1 ;;
    pc) pkg-config --exists "$name" >/dev/null 2>&1 ;;
    header) echo "#include <$name>" | gcc -E -xc - >/dev/null 2>&1 ;;
    asan)
        echo 'int main(void) { return 0; }' |
            "$name" -xc -fsanitize=address,undefined -o /dev/null - \
                >/dev/null 2>&1
        ;;
    *) return 1 ;;
    esac
}

# Print the packages of the given lists whose check fails.
pn_missing() {
    local check package
    printf '%s\n' "$@" | while read -r check package; do
        if [ -n "$check" ] && ! pn_have "$check"; then
            printf '%s\n' "$package"
        fi
    done
}

pn_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

pn_can_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" -eq 0 ] || sudo -n true >/dev/null 2>&1
}

# apt-get without questions, three times if the network stumbles.
pn_apt_get() {
    local try
    for try in 1 2 3; do
        if pn_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
            -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" \
            </dev/null; then
            return 0
        fi
        [ "$try" -eq 3 ] || sleep $((try * 5))
    done
    return 1
}

pn_lists_are_fresh=false
pn_update_once() {
    "$pn_lists_are_fresh" || pn_apt_get update || return 1
    pn_lists_are_fresh=true
}

# Install what the lists after LOG lack; apt's words go to the file LOG. The
# status is 0 if everything is there afterwards.
pn_install_missing() {
    local log="$1" packages
    shift
    packages="$(pn_missing "$@" | sort -u)"
    [ -n "$packages" ] || return 0
    pn_can_install || return 1
    # shellcheck disable=SC2086 # one word per package
    {
        pn_update_once &&
            pn_apt_get install --no-install-recommends $packages
    } >>"$log" 2>&1 || return 1
    hash -r
    [ -z "$(pn_missing "$@")" ]
}

# Tell a person what is lacking and how to get it.
pn_explain_missing() {
    local packages
    packages="$(pn_missing "$@" | sort -u | tr '\n' ' ')"
    echo "missing on this machine: $packages"
    echo "install with:            sudo apt-get install $packages"
}
