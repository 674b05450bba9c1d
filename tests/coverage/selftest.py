"""The gates can fail: a report of counts made up here ends as it should."""

import json
import pathlib
import subprocess
import sys
import tempfile

REPORT = pathlib.Path(__file__).with_name("report.py")


def a_file(name, hit, there):
    """A file of which so many of its branches were taken."""
    lines = [{"line_number": n + 1, "count": 1, "gcovr/noncode": False,
              "branches": [{"count": 1 if n < hit else 0}]}
             for n in range(there)]
    return {"file": name, "lines": lines}


def ends_with(files):
    with tempfile.TemporaryDirectory() as room:
        path = pathlib.Path(room) / "coverage.json"
        path.write_text(json.dumps({"files": files}), encoding="utf-8")
        run = subprocess.run([sys.executable, "-B", str(REPORT), str(path)],
                             capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def main():
    good = [a_file("proto/a.c", 9, 10), a_file("relay/core/b.c", 90, 100),
            a_file("client/core/c.c", 10, 10), a_file("relay/net/d.c", 0, 9)]
    failed = []
    if ends_with(good)[0] != 0:
        failed.append("90 of 100 is not enough")
    for i in range(3):
        name = good[i]["file"]
        low = list(good)
        low[i] = a_file(name, 899, 1000)
        status, words = ends_with(low)
        if status == 0 or words.count("BELOW") != 1:
            failed.append("899 of 1000 is enough for " + name)
        if ends_with(good[:i] + good[i + 1:])[0] == 0:
            failed.append("nothing is enough for " + name)
    print("\n".join(failed) or "the gates hold, and give way")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
