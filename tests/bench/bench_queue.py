#!/usr/bin/env python3
"""Run bench_queue against a relay of its own, in several shapes.

    bench_queue.py BUILD_DIR [CLASS:LINKS:WINDOW:COUNT]...

Prints one line of JSON per phase, with the bytes the store wrote.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1])
SHAPES = sys.argv[2:] or ["XS:1:1:5000", "XS:64:1:60000", "XS:64:32:200000",
                          "XS:1000:1:60000", "S:64:32:60000", "M:64:32:20000"]
CONFIG = """
commands_per_second = 1000000
command_burst = 1000000
creates_per_minute = 1000000
creates_per_hour = 100000000
max_links_per_address = 5000
max_half_open = 5000
puzzle_bits_max = 0
queue_messages = 1000000
queue_kib = 4194303
store_min_free_mib = 512
"""


def status(directory):
    out = subprocess.run([BUILD / "relay/posternd", "status", "--json",
                          "--dir", directory], capture_output=True, text=True,
                         check=True).stdout
    return json.loads(out)


def run(shape):
    name, links, window, count = shape.split(":")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as d:
        address = subprocess.run(
            [BUILD / "relay/posternd", "init", "--dir", d, "--listen",
             "127.0.0.1:0"], capture_output=True, text=True,
            check=True).stdout.split()[-1]
        with open(pathlib.Path(d) / "relay.conf", "a") as f:
            f.write(CONFIG)
        with open(pathlib.Path(d) / "log", "w") as log:
            relay = subprocess.Popen([BUILD / "relay/posternd", "run", "--dir",
                                      d], stderr=log)
        try:
            while "ready" not in (pathlib.Path(d) / "log").read_text():
                if relay.poll() is not None:
                    raise SystemExit((pathlib.Path(d) / "log").read_text())
                time.sleep(0.05)
            before = status(d)["store"]["bytes_written"]
            subprocess.run([BUILD / "tests/bench/bench_queue", address,
                            str(relay.pid), name, links, window, count],
                           check=True)
            after = status(d)["store"]
            print(json.dumps({"shape": shape, "commits": after["commits"],
                              "written_per_message":
                              (after["bytes_written"] - before)
                              // (2 * int(count))}), flush=True)
        finally:
            relay.terminate()
            relay.wait()


for each in SHAPES:
    run(each)
