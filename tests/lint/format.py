"""Every .c and .h file is as clang-format 14 writes it, by .clang-format."""

import re
import shutil
import subprocess

from tree import Lint

VERSION = "14"


def formatter(lint):
    for name in (f"clang-format-{VERSION}", "clang-format"):
        program = shutil.which(name)
        if program is None:
            continue
        told = subprocess.run([program, "--version"], capture_output=True,
                              text=True, check=True).stdout
        if re.search(rf"version {VERSION}\.", told):
            return program
    lint.skip(f"no clang-format {VERSION}; other versions write other text")


def main():
    lint = Lint("format")
    program = formatter(lint)
    paths = [str(path) for path in lint.files(".c", ".h")
             if lint.excused(path) is None]
    for start in range(0, len(paths), 50):
        run = subprocess.run(
            [program, "--dry-run", "-Werror", "--style=file",
             *paths[start : start + 50]],
            cwd=lint.root, capture_output=True, text=True, check=False)
        places = re.findall(r"^(\S+?):(\d+):\d+: error:", run.stderr, re.M)
        for path, line in dict(reversed(places)).items():  # its first place
            lint.found(path, line, "run clang-format -i on it")
        if run.returncode != 0 and not places:
            lint.found(paths[start], 1, run.stderr.strip())
    lint.finish()


main()
