# shellcheck shell=bash
# How a script of this house speaks: steps, reasons, results. Sourced.

strong="" faint="" good="" bad="" plain=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    strong=$'\033[1m' faint=$'\033[2m' plain=$'\033[0m'
    good=$'\033[32m' bad=$'\033[31m'
fi

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
