"""The table of README.md, told from the patches: printed, or with --check
compared with what stands there."""

import pathlib
import re
import sys

ROOM = pathlib.Path(__file__).resolve().parent
HEAD = "| planted | promise broken | found by | within seeds |\n|---|---|---|---|\n"


def field(text, name, patch):
    found = re.findall(rf"^{name}: (.+)$", text, re.MULTILINE)
    if len(found) != 1:
        sys.exit(f"{patch.name}: there is no line `{name}: ...`, or several")
    return found[0]


def table():
    rows = []
    for patch in sorted(ROOM.glob("*.patch")):
        text = patch.read_text().split("\n--- a/")[0]
        if not re.match(r"[A-Z`]", text):
            sys.exit(f"{patch.name}: does not begin with what the error is")
        rows.append(
            f"| `{patch.stem}` | {field(text, 'Breaks', patch)} "
            f"| `{field(text, 'Simulator', patch)}` "
            f"| {field(text, 'Seeds', patch)} |\n"
        )
    return HEAD + "".join(rows)


def main():
    wanted = table()
    if sys.argv[1:] != ["--check"]:
        print(wanted, end="")
    elif wanted not in (ROOM / "README.md").read_text():
        sys.exit("README.md does not have the table that table.py prints")


main()
