#!/usr/bin/env python3
"""A relay's queues under load, beside Redis where it is installed.

    bench_queue.py [--rounds N] [--alone] BUILD_DIR [CLASS:LINKS:WINDOW:COUNT]...

BUILD_DIR is one of preset release. Each shape runs N times (3 unless said) in
turns, ours and Redis' within the same minute, each against a server of its own
on 127.0.0.1 in an empty directory (under BENCH_DIR if that is set). Every run
prints one line of JSON per phase; the end is a table of medians with the ratio
to Redis: above 1 is more per second, or less time and CPU, than Redis needs.
Load from neighbours falls on both, so trust the ratio more than the figure.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

SHAPES = ["XS:64:1:60000", "XS:64:32:200000", "XS:1000:1:60000",
          "M:64:32:20000"]
BODY = {"XS": 896, "S": 3968, "M": 16256}
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
FIGURES = ["per_s", "p50_ms", "p99_ms", "cpu_s_per_100k", "rss_kib"]


def until(ready, process, what):
    for _ in range(400):
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"{what} does not start")


def end(process):
    process.terminate()
    process.wait()


def phases(command):
    out = subprocess.run([str(c) for c in command], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    print(out, end="", flush=True)
    return [json.loads(line) for line in out.splitlines()]


class Postern:
    def __init__(self, build):
        self.daemon = build / "relay/posternd"
        self.loader = build / "tests/bench/bench_queue"

    def status(self, directory):
        out = subprocess.run([self.daemon, "status", "--json", "--dir",
                              directory], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        return json.loads(out)["store"]

    def run(self, directory, name, links, window, count):
        address = subprocess.run(
            [self.daemon, "init", "--dir", directory, "--listen",
             "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, check=True).stdout.split()[-1]
        with open(directory / "relay.conf", "a") as f:
            f.write(CONFIG)
        log = directory / "log"
        with open(log, "w") as f:
            relay = subprocess.Popen([self.daemon, "run", "--dir", directory],
                                     stderr=f)
        try:
            until(lambda: "ready" in log.read_text(), relay, "posternd")
            before = self.status(directory)
            result = phases([self.loader, address, relay.pid, name, links,
                             window, count])
            after = self.status(directory)
            print(json.dumps({
                "commits": after["commits"] - before["commits"],
                "written_per_message":
                (after["bytes_written"] - before["bytes_written"])
                // (2 * int(count))}), flush=True)
            return result
        finally:
            end(relay)


class Redis:
    def __init__(self, build):
        self.daemon = shutil.which("redis-server")
        self.loader = build / "tests/bench/bench_redis"

    def run(self, directory, name, links, window, count):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        server = subprocess.Popen(
            [self.daemon, "--port", str(port), "--bind", "127.0.0.1", "--dir",
             directory, "--appendonly", "yes", "--appendfsync", "always",
             "--save", "", "--auto-aof-rewrite-percentage", "0"],
            stdout=subprocess.DEVNULL)
        try:
            until(lambda: self.answers(port), server, "redis-server")
            return phases([self.loader, port, server.pid, BODY[name], links,
                           window, count])
        finally:
            end(server)

    @staticmethod
    def answers(port):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.sendall(b"PING\r\n")
                return s.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def table(results):
    """results: {(shape, phase): {peer: [line...]}}"""
    print(f"\n{'shape':17} {'phase':8} {'figure':15} {'postern':>10}"
          f" {'redis':>10} {'ratio':>6}")
    for (shape, phase), peers in results.items():
        for figure in FIGURES:
            m = {p: statistics.median(line[figure] for line in lines)
                 for p, lines in peers.items()}
            ours, theirs = m["postern"], m.get("redis")
            ratio = ""
            if theirs and ours:
                more = ours / theirs if figure == "per_s" else theirs / ours
                ratio = f"{more:.2f}"
            shown = "-" if theirs is None else f"{theirs:.6g}"
            print(f"{shape:17} {phase:8} {figure:15} {ours:>10.6g}"
                  f" {shown:>10} {ratio:>6}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("shapes", nargs="*", default=SHAPES)
    args = parser.parse_args()
    servers = [Postern(args.build)]
    if shutil.which("redis-server") and not args.alone:
        servers.append(Redis(args.build))
    results = {}
    for shape in args.shapes:
        for _ in range(args.rounds):
            for server in servers:
                with tempfile.TemporaryDirectory(
                        dir=os.environ.get("BENCH_DIR")) as d:
                    lines = server.run(pathlib.Path(d), *shape.split(":"))
                for line in lines:
                    peers = results.setdefault((shape, line["phase"]), {})
                    peers.setdefault(line["peer"], []).append(line)
    table(results)


if __name__ == "__main__":
    main()
