"""Who may include whom, by layers.table; and includes are written from the
root of the repository, or in angle brackets for what is not ours."""

import pathlib
import re

from tree import Lint, bare_c

LIBC = set(
    "assert.h ctype.h errno.h inttypes.h limits.h math.h stdalign.h stdarg.h "
    "stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h "
    "string.h strings.h".split()
)
OS = set(
    "dirent.h dlfcn.h err.h fcntl.h fnmatch.h getopt.h glob.h grp.h ifaddrs.h "
    "langinfo.h locale.h netdb.h poll.h pthread.h pwd.h sched.h semaphore.h "
    "signal.h sysexits.h syslog.h termios.h time.h ucred.h unistd.h wchar.h"
    .split()
)
OS_FOLDERS = ("sys/", "netinet/", "arpa/", "net/", "linux/", "asm/")
PUBLIC = "client/include/"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def read_table(path):
    rooms = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        room, colon, allowed = line.partition(":")
        if not colon:
            raise SystemExit(f"{path}:{number}: want 'ROOM : ALLOWED...'")
        rooms[room.strip()] = allowed.split()
    return rooms


def is_in(path, room):
    return path == room or path.startswith(room.rstrip("/") + "/")


def room_of(path, rooms):
    fitting = [room for room in rooms if is_in(path, room)]
    return max(fitting, key=len, default=None)


def allows(allowed, room, target):
    if is_in(target, room) or "*" in allowed:
        return True
    for right in allowed:
        if right == "@libc" and target in LIBC:
            return True
        if right == "@os" and (target in OS or target.startswith(OS_FOLDERS)):
            return True
        if right == "@generated" and target.endswith(".pb-c.h"):
            return True
        if is_in(target, right):
            return True
    return False


def resolve(lint, quote, target):
    """Where an include leads, as a path from the root; None if nowhere."""
    if quote == "<":
        if target.startswith("postern/"):
            return PUBLIC + target
        return target
    if (lint.root / target).exists() or target.endswith(".pb-c.h"):
        return target
    return None


def main():
    lint = Lint("layers")
    table = lint.root / "tests/lint/layers.table"
    if not table.exists():
        table = pathlib.Path(__file__).with_name("layers.table")
    rooms = read_table(table)
    for path in lint.files(".c", ".h"):
        room = room_of(str(path), rooms)
        if room is None:
            lint.found(path, 1, "lies in no room of layers.table")
            continue
        text = bare_c(lint.read(path), keep_includes=True)
        for match in INCLUDE.finditer(text):
            quote, target = match.groups()
            line = text.count("\n", 0, match.start(1)) + 1
            where = resolve(lint, quote, target)
            if where is None:
                lint.found(path, line, f'"{target}" is no path from the root')
            elif quote == "<" and (lint.root / target).exists():
                lint.found(path, line, f'<{target}> is ours: write "{target}"')
            elif not allows(rooms[room], room, where):
                if lint.excused(path, target) is None:
                    lint.found(path, line, f"{room} may not include {target}")
    lint.finish()


main()
