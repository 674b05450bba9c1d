#!/usr/bin/env python3
"""What a client costs with few and with many contacts.

    bench_contacts.py BUILD_DIR [CONTACTS...]

BUILD_DIR is one of preset release, CONTACTS 1 1000 10000 unless said. For each
a fresh relay, two stores (bench_contacts.c), the figures of the engine, then
the command line: the best wall time and CPU time of five runs each, without
the passphrase's key derivation, which these stores have cheap.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from servers import CONFIG

BUILD = pathlib.Path(sys.argv[1]).resolve()
COUNTS = sys.argv[2:] or ["1", "1000", "10000"]
DAEMON = BUILD / "relay/posternd"
POSTERN = BUILD / "client/postern"
BENCH = BUILD / "tests/bench/bench_contacts"
RUNS, MESSAGES = 5, "50"


def relay_in(directory):
    done = subprocess.run([DAEMON, "init", "--dir", directory, "--listen",
                           "127.0.0.1:0"], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with open(directory / "relay.conf", "a", encoding="utf-8") as f:
        f.write(CONFIG)
    log = directory / "log"
    with open(log, "w", encoding="utf-8") as f:
        relay = subprocess.Popen([DAEMON, "run", "--dir", directory], stderr=f)
    while "ready" not in log.read_text():
        if relay.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.01)
    return relay, done.stdout.splitlines()[-1]


def timed(directory, home, *words, fine=(0,)):
    """Best wall and CPU time, in milliseconds."""
    wall, cpu = [], []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.monotonic()
        done = subprocess.run(
            [POSTERN, *words, "--no-input", "--home", directory / home,
             "--passphrase-file", directory / "secret"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        wall.append((time.monotonic() - begun) * 1e3)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append((after.ru_utime + after.ru_stime - before.ru_utime
                    - before.ru_stime) * 1e3)
        if done.returncode not in fine:
            raise SystemExit(f"{words}: {done.stderr.decode()}")
    return round(min(wall), 1), round(min(cpu), 1)


def main():
    for count in COUNTS:
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as d:
            directory = pathlib.Path(d)
            (directory / "relay").mkdir(mode=0o700)
            secret = directory / "secret"
            secret.write_text("bench\n")
            secret.chmod(0o600)
            relay, address = relay_in(directory / "relay")
            try:
                subprocess.run([BENCH, "make", directory, address, count],
                               check=True)
                done = subprocess.run([BENCH, "measure", directory, MESSAGES],
                                      check=True, stdout=subprocess.PIPE)
                figures = json.loads(done.stdout)
                figures["cli_list"] = timed(directory, "a", "contact", "list")
                figures["cli_send"] = timed(directory, "a", "send",
                                            "contact 0", "-m", "hello")
                figures["cli_receive"] = timed(directory, "b", "receive",
                                               "--count", "1")
                print(json.dumps(figures), flush=True)
            finally:
                relay.terminate()
                relay.wait()


if __name__ == "__main__":
    main()
