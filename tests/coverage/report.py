"""Lines and branches by room and by file, from what gcovr counted.

    report.py COVERAGE.json [FILE]

Ends with 1 if a gate is not reached. With FILE (or the beginning of a path):
only the lines there of which a branch was never taken.
"""

import collections
import json
import pathlib
import sys

# What cannot be excused by the operating system, and how many of a hundred
# branches the tests must take there.
GATES = {"proto": 90, "relay/core": 90, "client/core": 90}


class Count:
    """Lines and branches, those there and those seen."""

    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0

    def add(self, other):
        self.lines += other.lines
        self.lines_hit += other.lines_hit
        self.branches += other.branches
        self.branches_hit += other.branches_hit

    def row(self, name):
        return "%-36s %s  %s" % (name, share(self.lines_hit, self.lines),
                                 share(self.branches_hit, self.branches))


def share(hit, there):
    if there == 0:
        return "    -            "
    return "%5.1f %% %10s" % (100 * hit / there, "%d/%d" % (hit, there))


def code_lines(record):
    return [line for line in record["lines"] if not line["gcovr/noncode"]]


def count_of(record):
    count = Count()
    for line in code_lines(record):
        count.lines += 1
        count.lines_hit += line["count"] > 0
        count.branches += len(line["branches"])
        count.branches_hit += sum(b["count"] > 0 for b in line["branches"])
    return count


def show_missing(records, begin):
    for record in records:
        if not record["file"].startswith(begin):
            continue
        text = pathlib.Path(record["file"]).read_text(encoding="utf-8")
        for line in code_lines(record):
            there = len(line["branches"])
            hit = sum(b["count"] > 0 for b in line["branches"])
            if hit < there or line["count"] == 0:
                number = line["line_number"]
                print("%s:%d: %d of %d  %s" % (
                    record["file"], number, hit, there,
                    text.split("\n")[number - 1].strip()))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        records = json.load(file)["files"]
    if len(sys.argv) > 2:
        show_missing(records, sys.argv[2])
        return 0
    files = {r["file"]: count_of(r) for r in records}
    rooms = collections.defaultdict(Count)
    gated = collections.defaultdict(Count)
    for name, count in files.items():
        rooms[str(pathlib.PurePosixPath(name).parent)].add(count)
        for gate in GATES:
            if name.startswith(gate + "/"):
                gated[gate].add(count)
    print("%-36s %-18s  %s" % ("", "lines", "branches"))
    for name in sorted(files):
        if any(name.startswith(gate + "/") for gate in GATES):
            print(files[name].row(name))
    print("\n%-36s %-18s  %s" % ("room", "lines", "branches"))
    for name in sorted(rooms):
        print(rooms[name].row(name))
    print("\n%-36s %-18s  %s" % ("gate", "lines", "branches"))
    below = 0
    for name, least in GATES.items():
        count = gated[name]
        low = (count.branches == 0 or
               100 * count.branches_hit < least * count.branches)
        below += low
        print("%s  %s %d %%" % (count.row(name),
                                "BELOW" if low else "at least", least))
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
