"""Names are kept to their room: static libraries define only names with the
room's prefix, and libpostern exports postern_* and nothing else."""

import pathlib
import re
import shutil
import subprocess

from tree import Lint

# Library, or folder of libraries, in the build tree -> prefixes of what it may define. What
# protobuf-c generates is called after its package: pn__...
STATIC = {
    # One archive with all that a program needs, protocol included.
    "client/libpostern.a": r"pn_|cl_|postern_(?!_)",
    "proto/": r"pn_",
    "relay/": r"rl_",
    # The endpoint's own schema is generated into its core.
    "client/core/": r"cl_|pn__content__",
    "client/cli/": r"cli_",
    "client/rpc/": r"rpc_",
    "client/": r"cl_",
}
SHARED = r"postern_(?!_)"


def names(nm, library, *options):
    run = subprocess.run([nm, *options, "--defined-only", str(library)],
                         capture_output=True, text=True, check=True)
    for line in run.stdout.splitlines():
        parts = line.split()
        # `A` are the versions of a version script, not symbols.
        if len(parts) == 3 and parts[1] != "A":
            yield parts[2].partition("@")[0]


def check(lint, library, symbols, allowed):
    for name in sorted(set(symbols)):
        if name.startswith("__"):  # the compiler's own
            continue
        if not re.match(allowed, name) and lint.excused(library, name) is None:
            lint.found(library, 1, f"defines {name}, wants {allowed}")


def main():
    lint = Lint("symbols")
    nm = shutil.which("nm")
    if nm is None:
        lint.skip("no nm (package binutils)")
    if not lint.args.build:
        lint.skip("no --build directory")
    seen = 0
    for path in sorted(lint.args.build.rglob("*.a")):
        inner = path.relative_to(lint.args.build)
        for folder, allowed in STATIC.items():
            if str(inner).startswith(folder):
                check(lint, inner, names(nm, path, "-g"), allowed)
                seen += 1
                break
    for path in sorted(lint.args.build.rglob("libpostern.so*")):
        if not path.is_symlink():
            inner = pathlib.Path(path.relative_to(lint.args.build))
            check(lint, inner, names(nm, path, "-D"), SHARED)
            seen += 1
    if seen == 0:
        lint.found(lint.args.build, 1, "holds no library of ours: build first")
    lint.finish()


main()
