#!/usr/bin/env python3
"""How long a relay with many queues takes to start, and its memory.

    bench_start.py BUILD_DIR [QUEUES]

BUILD_DIR is one of preset release, QUEUES a million unless said. bench_store
fills the store, leaving 100000 messages in it; then the real posternd starts
on it, three times after an orderly stop and three times after SIGKILL.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1])
QUEUES = sys.argv[2] if len(sys.argv) > 2 else "1000000"
DAEMON = BUILD / "relay/posternd"


def start(directory):
    log = directory / "log"
    begun = time.monotonic()
    with open(log, "w") as f:
        relay = subprocess.Popen([DAEMON, "run", "--dir", directory], stderr=f)
    while "ready" not in log.read_text():
        if relay.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.01)
    return relay, time.monotonic() - begun


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as d:
        directory = pathlib.Path(d)
        subprocess.run([DAEMON, "init", "--dir", d, "--listen", "127.0.0.1:0"],
                       check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        subprocess.run([BUILD / "tests/bench/bench_store", directory / "store",
                        QUEUES], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "BENCH_SECONDS": "0.05"})
        for name, stop in (("an orderly stop", subprocess.Popen.terminate),
                           ("SIGKILL", subprocess.Popen.kill)):
            times = []
            for _ in range(4):
                relay, seconds = start(directory)
                times.append(seconds)
                status = json.loads(subprocess.run(
                    [DAEMON, "status", "--json", "--dir", d], check=True,
                    stdout=subprocess.PIPE).stdout)
                stop(relay)
                relay.wait()
            queues = status["queues"]["stored"]
            messages = (status["messages"]["waiting"]
                        + status["messages"]["remembered"])
            bound = (64 << 20) + 200 * queues + 64 * messages
            # The first of four followed another kind of end.
            print(f"after {name}: {statistics.median(times[1:]):.2f} s, "
                  f"{queues} queues, {messages} messages known, "
                  f"index {status['store']['index_bytes'] >> 20} MiB, "
                  f"resident {status['resident_bytes'] >> 20} MiB "
                  f"(goal {bound >> 20})", flush=True)


if __name__ == "__main__":
    main()
