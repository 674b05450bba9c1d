"""Relative links in Markdown lead somewhere: to a file, and to a heading."""

import re
import urllib.parse

from tree import Lint

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


def without_code(text):
    """Fenced blocks and inline code blanked, lines kept."""
    text = re.sub(r"^(```+|~~~+).*?^\1[^\n]*$",
                  lambda m: "\n" * m[0].count("\n"), text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "``", text)


def anchors(text):
    """The names a renderer gives to headings."""
    seen = {}
    text = re.sub(r"^(```+|~~~+).*?^\1[^\n]*$", "", text, flags=re.S | re.M)
    for title in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", text, re.M):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = seen.get(slug, 0)
        seen[slug] = number + 1
        yield f"{slug}-{number}" if number else slug


def check(lint, path, line, target):
    if ELSEWHERE.match(target):
        return
    name, _, anchor = target.partition("#")
    name = urllib.parse.unquote(name)
    base = lint.root if name.startswith("/") else (lint.root / path).parent
    goal = base / name.lstrip("/") if name else lint.root / path
    if not goal.exists():
        lint.found(path, line, f"{target} leads nowhere")
    elif anchor and goal.suffix == ".md":
        if anchor not in anchors(goal.read_text(encoding="utf-8")):
            lint.found(path, line, f"{target}: no such heading")


def main():
    lint = Lint("links")
    for path in lint.files(".md"):
        for number, line in enumerate(without_code(lint.read(path)).split("\n"),
                                      1):
            for match in (*LINK.finditer(line), *IMAGE.finditer(line)):
                check(lint, path, number, match[1])
    lint.finish()


main()
