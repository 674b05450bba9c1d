"""The guide's example is the program that is compiled here."""

import pathlib
import sys

root = pathlib.Path(__file__).resolve().parents[2]
code = (root / "tests/api/example.c").read_text()
guide = (root / "client/README.md").read_text()
if "```c\n" + code + "```\n" not in guide:
    sys.exit("client/README.md and tests/api/example.c differ")
