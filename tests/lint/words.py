"""Text that must not be in the tree: promises to finish later, and paths that
exist on one machine only or that anybody could have planted."""

import re

from tree import LINT_ROOM, Lint

TEXT = {
    ".c", ".h", ".py", ".sh", ".md", ".txt", ".cmake", ".proto", ".mjs",
    ".js", ".yml", ".service", ".conf", ".map", ".in", ".example", "",
}
LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE = re.compile(r"(?<![\w.}/])/(home|root|work|Users)/\w")
# A template of mkdtemp() is no fixed name.
PLANTED = re.compile(r"(?<![\w.}])/(?:var/)?tmp/\w(?![\w.-]*X{6})")


def main():
    lint = Lint("words")
    for path in lint.files():
        # Vectors are other people's data; this room names what it forbids.
        if path.suffix not in TEXT or str(path).startswith("tests/vectors/"):
            continue
        if path.is_relative_to(LINT_ROOM) or path.name == "LICENSE":
            continue
        for number, line in enumerate(lint.read(path).split("\n"), 1):
            for pattern, why in (
                (LATER, "do it, or leave it out"),
                (MACHINE, "a path of one machine"),
                (PLANTED, "a fixed name under /tmp; make one with mktemp"),
            ):
                match = pattern.search(line)
                if match and lint.excused(path, match[0]) is None:
                    lint.found(path, number, f"'{match[0]}': {why}")
    lint.finish()


main()
