"""Every shell script passes shellcheck and stops at its first error."""

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


def main():
    lint = Lint("shell")
    program = shutil.which("shellcheck")
    if program is None:
        lint.skip("no shellcheck (package shellcheck)")
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
