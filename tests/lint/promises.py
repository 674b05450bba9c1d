"""Which test guards which promise, as tests/README.md has it, is so: each test
that a document names exists, and each test has a row of that table.

A test is named in backquotes, `unit.wire_ip` or `fuzz.*`; in the table "label
`store`" names all of a label.
"""

import fnmatch
import json
import re
import shutil
import subprocess

from tree import Lint

HOME = "tests/README.md"
TABLE = re.compile(r"^## Which test guards which promise$(.*?)(?=^## |\Z)",
                   re.S | re.M)
NAMED = re.compile(r"`([a-z]+\.[a-z0-9_.*]+)`")
LABEL = re.compile(r"\blabel `([a-z]+)`")
FILE = re.compile(r".*\.(c|h|py|mjs|sh|md|txt|json|cmake|pml|proto|conf|sock)$")


def read_tests(lint):
    """{name: labels} of what this build registers."""
    if lint.args.build is None or not shutil.which("ctest"):
        lint.skip("no build, or no ctest")
    run = subprocess.run(
        ["ctest", "--test-dir", lint.args.build, "--show-only=json-v1"],
        capture_output=True, text=True, check=True)
    tests = {}
    for test in json.loads(run.stdout)["tests"]:
        labels = [p["value"] for p in test.get("properties", [])
                  if p["name"] == "LABELS"]
        tests[test["name"]] = labels[0] if labels else []
    if not tests:
        lint.skip("this build has no tests")
    return tests


def optional(lint):
    """Tests and labels that the sources name: some are not for every build."""
    for path in lint.files(".txt"):
        if path.name == "CMakeLists.txt":
            text = lint.read(path)
            yield from re.findall(r"\bNAME ([a-z]+\.\w+)", text)
            yield from re.findall(r"\bLABELS? ([a-z]+)\b", text)
            for name in re.findall(r"\bpn_unit_test\((\w+)", text):
                yield f"unit.{name}"


def table_of(text):
    match = TABLE.search(text)
    rows = match[1] if match else ""
    return "\n".join(row for row in rows.split("\n") if row.startswith("|"))


def main():
    lint = Lint("promises")
    tests = read_tests(lint)
    rooms = {name.partition(".")[0] for name in tests}
    elsewhere, labels = set(), set()
    for name in optional(lint):
        (elsewhere if "." in name else labels).add(name)
    for of_one in tests.values():
        labels.update(of_one)
    for path in lint.files(".md"):
        for number, line in enumerate(lint.read(path).split("\n"), 1):
            for name in NAMED.findall(line):
                if name.partition(".")[0] not in rooms or FILE.match(name):
                    continue
                if not fnmatch.filter(tests, name) and name not in elsewhere:
                    lint.found(path, number, f"there is no test {name}")
            for name in LABEL.findall(line):
                if name not in labels:
                    lint.found(path, number, f"there is no label {name}")
    table = table_of(lint.read(HOME))
    named = NAMED.findall(table)
    whole = set(LABEL.findall(table))
    for test in sorted(tests):
        if not any(fnmatch.fnmatchcase(test, name) for name in named) \
                and not whole.intersection(tests[test]):
            lint.found(HOME, 1, f"no row says what {test} guards")
    lint.finish()


main()
