"""What every lint shares: the files of the tree, C text without comments and
strings, the list of exceptions, and one way to report.

A lint is a program `NAME.py --root DIR [--build DIR]`. It prints one line
`file:line: what is wrong` per finding and ends with 0 (clean), 1 (findings)
or 77 (cannot run here; the reason is on stderr).
"""

import argparse
import os
import pathlib
import re
import sys

SKIPPED = 77
SHOWN = 50  # findings; one fault of a common kind drowns nobody
LINT_ROOM = pathlib.PurePosixPath("tests/lint")
# Never ours: products, other people's code, version control.
PRUNED = {".git", "node_modules", "__pycache__", ".cache", ".venv"}


class Lint:
    """One run of one lint over one tree."""

    def __init__(self, name, arguments=()):
        parser = argparse.ArgumentParser(prog=name)
        parser.add_argument("--root", type=pathlib.Path, required=True)
        parser.add_argument("--build", type=pathlib.Path)
        for argument in arguments:
            parser.add_argument(argument)
        self.args = parser.parse_args()
        self.name = name
        self.root = self.args.root.resolve()
        self.count = 0
        self.exceptions = read_exceptions(self.root, name)
        self.used = set()

    def files(self, *suffixes):
        """Paths relative to the root, in order; all files if no suffix."""
        for folder, dirs, names in os.walk(self.root):
            here = pathlib.Path(folder)
            dirs[:] = sorted(d for d in dirs if not self.is_pruned(here / d))
            for name in sorted(set(names) - PRUNED):
                path = (here / name).relative_to(self.root)
                if not suffixes or path.suffix in suffixes:
                    yield path

    def is_pruned(self, path):
        if path.name in PRUNED:
            return True
        if path.parent == self.root and path.name.startswith("build"):
            return True
        return (path / ".git").exists()  # another work tree inside this one

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def excused(self, path, what=None):
        """The exception for this file (and this thing), or None."""
        for key in ((str(path), what), (str(path), None)):
            if key in self.exceptions:
                self.used.add(key)
                return self.exceptions[key]
        return None

    def found(self, path, line, message):
        self.count += 1
        if self.count <= SHOWN:
            print(f"{path}:{line}: {message}")
        elif self.count == SHOWN + 1:
            print("...and more")

    def skip(self, reason):
        print(f"{self.name}: skipped: {reason}", file=sys.stderr)
        sys.exit(SKIPPED)

    def finish(self):
        for (path, what), entry in self.exceptions.items():
            if (path, what) not in self.used:
                self.found(
                    LINT_ROOM / "exceptions.txt",
                    entry["line"],
                    f"nothing needs the exception '{self.name} {path}' any "
                    "more; remove it",
                )
        print(f"{self.name}: {self.count} findings")
        sys.exit(1 if self.count else 0)


def read_exceptions(root, name):
    """Lines `LINT PATH [WHAT] : REASON`; a reason is required."""
    entries = {}
    path = root / LINT_ROOM / "exceptions.txt"
    if not path.exists():
        return entries
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head, colon, reason = line.partition(" : ")
        words = head.split()
        if not colon or not reason.strip() or len(words) not in (2, 3):
            sys.exit(f"{path}:{number}: want 'LINT PATH [WHAT] : REASON'")
        if words[0] == name:
            what = words[2] if len(words) == 3 else None
            entries[(words[1], what)] = {"line": number, "reason": reason}
    return entries


_C_TOKEN = re.compile(
    r"""(?P<block>/\*.*?\*/)|(?P<line>//[^\n]*)"""
    r"""|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.S | re.X,
)


def bare_c(text, keep_includes=False):
    """C text with comments and literals blanked, lines kept as they are.

    Line comments become a lone `//`, so that they can still be found.
    """

    def blank(match):
        token = match.group()
        if match.lastgroup == "line":
            return "//"
        if match.lastgroup == "text":
            start = text.rfind("\n", 0, match.start()) + 1
            before = text[start : match.start()]
            if keep_includes and re.match(r"\s*#\s*include\s*$", before):
                return token
            return token[0] * 2
        return "\n" * token.count("\n") or " "

    return _C_TOKEN.sub(blank, text)
