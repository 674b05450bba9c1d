"""Every shell script passes shellcheck and stops at its first error; whatever
names its interpreter may be run."""

import os
import re
import shutil
import subprocess

from tree import Lint

SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+|/bin/|/usr/bin/)(?:ba|da)?sh\b")


def is_script(lint, path):
    if path.suffix == ".sh":
        return True
    if path.suffix or (lint.root / path).stat().st_size > 100_000:
        return False
    return SHEBANG.match(lint.read(path)) is not None


def is_locked(lint, path):
    """Whoever follows a document types the name of it, not python3's."""
    file = lint.root / path
    if not file.is_file() or os.access(file, os.X_OK):
        return False
    with file.open("rb") as start:
        return start.read(2) == b"#!"


def main():
    lint = Lint("shell")
    program = shutil.which("shellcheck")
    if program is None:
        lint.skip("no shellcheck (package shellcheck)")
    for path in lint.files():
        if is_locked(lint, path):
            lint.found(path, 1, "wants the mode of a program")
    scripts = [path for path in lint.files() if is_script(lint, path)]
    for path in scripts:
        run = subprocess.run([program, "-x", "-f", "gcc", str(path)],
                             cwd=lint.root, capture_output=True, text=True,
                             check=False)
        for line in run.stdout.splitlines():
            match = re.match(r"[^:]+:(\d+):\d+: (.*)", line)
            lint.found(path, *(match.groups() if match else (1, line)))
        if run.returncode != 0 and not run.stdout:
            lint.found(path, 1, run.stderr.strip())
        text = lint.read(path)
        sourced = not text.startswith("#!")
        if not sourced and not re.search(r"^set -[a-z]*e", text, re.M):
            lint.found(path, 1, "wants 'set -eu' near its top")
    lint.finish()


main()
