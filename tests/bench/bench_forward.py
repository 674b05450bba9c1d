#!/usr/bin/env python3
"""What forwarding costs, with real relays, real links and a real disk.

    bench_forward.py BUILD_DIR [ways|spool|dead ...]

BUILD_DIR is one of preset release; all three unless some are named.

ways   a deposit by parcel over S to R, beside one on a link to R: rates,
       times, processor time of each relay, and what its parts cost alone
spool  PARCELS (a million) parcels for a relay that is not there: memory, disk,
       start; and how fast they go when it is back, beside how fast they came
dead   what DEAD (60) relays that are gone, each with parcels waiting, cost
       the parcels to one that is there

BENCH_DIR says which disk to measure.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from servers import CONFIG

BUILD = pathlib.Path(sys.argv[1]).resolve()
DAEMON = BUILD / "relay/posternd"
FAR = BUILD / "tests/integration/far"
PARCELS = BUILD / "tests/integration/parcels"
COUNT = int(os.environ.get("PARCELS", "1000000"))
DEAD = int(os.environ.get("DEAD", "60"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
TICK = os.sysconf("SC_CLK_TCK")
MORE = """
peer_commands_per_second = 1000000
parcels_per_second = 1000000
forwards_per_minute = 1000000
forwards_per_hour = 100000000
spool_max_parcels = 4000000
spool_max_mib = 100000
"""


def told(*command):
    return subprocess.run([str(c) for c in command], check=True, text=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


class Relay:
    def __init__(self, directory):
        self.dir = directory
        self.process = None
        self.address = told(DAEMON, "init", "--dir", directory, "--listen",
                            "127.0.0.1:0").split()[-1]
        self.key = self.address.split("//")[1].split("@")[0]
        with open(directory / "relay.conf", "a", encoding="utf-8") as f:
            f.write(CONFIG + MORE)

    def know(self, *words):
        told(DAEMON, "peer", "add", *words, "--dir", self.dir)

    def start(self):
        """Seconds until it is ready."""
        log = self.dir / "log"
        begun = time.monotonic()
        with open(log, "w", encoding="utf-8") as f:
            self.process = subprocess.Popen(
                [DAEMON, "run", "--dir", self.dir], stderr=f)
        while "ready" not in log.read_text():
            if self.process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.01)
        return time.monotonic() - begun

    def end(self, kill=False):
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait()

    def status(self):
        return json.loads(told(DAEMON, "status", "--json", "--dir", self.dir))

    def peer(self, address):
        return self.status()["peers"][address.split("//")[1][:12]]

    def cpu(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        words = stat.rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / TICK

    def rss_mib(self):
        statm = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(statm.split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

    def peak_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def disk_mib(self):
        files = [f for f in self.dir.rglob("*") if f.is_file()]
        return sum(f.stat().st_blocks for f in files) * 512 / 2**20


class Program:
    """far.c or parcels.c; said to say something by a line."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(c) for c in command], text=True,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def line(self):
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def far_away(directory, seed):
    """The address of a relay that was there a moment ago."""
    far = Program(FAR, seed, directory / f"{seed}.log", "good")
    address = far.line()
    far.end()
    return address


def send(relay, address, first, count):
    """Parcels of class XS; back when all were accepted."""
    client = Program(PARCELS, relay.address, address, first, count, "xs", 2)
    counts = client.line().split()
    if counts[:2] != ["accepted", str(count)]:
        raise SystemExit(" ".join(counts))
    return client


def load():
    return f"load average {os.getloadavg()[0]:.1f}"


# --- ways ---------------------------------------------------------------------

def parts():
    """Prints what the parts cost alone; microseconds of a decapsulation."""
    names = {"mlkem768 dec": "  of it ML-KEM", "x25519": "  of it X25519",
             "hpke receiver set-up": "HPKE set-up",
             "parcel open, deposit S": "parcel S opened",
             "parcel answer, status": "answer sealed"}
    core = told(BUILD / "tests/bench/bench_forward")
    print(core, end="")
    for line in told(BUILD / "tests/bench/bench_crypto").splitlines():
        m = re.match(r"(.*?)\s+([\d.]+) us\b", line)
        if m and m[1] in names:
            print(f"{names[m[1]]:27} {float(m[2]):8.1f} us, by the clock",
                  flush=True)
    return float(re.search(r"decapsulation\s+([\d.]+) us", core)[1])


def ways(directory, count=20000):
    decapsulation = parts()
    rounds = []
    for i in range(ROUNDS):
        (directory / f"s{i}").mkdir()
        (directory / f"r{i}").mkdir()
        s, r = Relay(directory / f"s{i}"), Relay(directory / f"r{i}")
        r.know(s.key)
        r.start()
        # The ports were chosen at the start.
        s.know(r.status()["address"])
        s.start()
        try:
            out = told(BUILD / "tests/bench/bench_parcels", s.status()
                       ["address"], s.process.pid, r.status()["address"],
                       r.process.pid, r.dir / "descriptor", count)
            stored = r.status()["messages"]["waiting"]
        finally:
            s.end()
            r.end()
        if stored != 2 * count + 2000:
            raise SystemExit(f"{stored} messages are there")
        lines = [json.loads(line) for line in out.splitlines()]
        rounds.append({r["phase"]: s | r
                       for s, r in zip(lines[::2], lines[1::2])})
    for phase in rounds[0]:
        def median(get):
            return statistics.median(get(one[phase]) for one in rounds)
        print(f"{phase:12} {median(lambda x: x['per_s']):8.0f}/s  "
              f"p50 {median(lambda x: x['p50_ms']):.2f} ms  "
              f"p99 {median(lambda x: x['p99_ms']):.2f} ms  CPU us: "
              f"R {median(lambda x: x['cpu_s_per_100k']) * 10:.1f}, "
              f"S {median(lambda x: x['entry_cpu_s_per_100k']) * 10:.1f}")
    ratio = statistics.median(
        one["forward"]["cpu_s_per_100k"] * 10
        / (decapsulation + one["direct"]["cpu_s_per_100k"] * 10)
        for one in rounds)
    print(f"R by parcel / (decapsulation + direct) {ratio:.2f}, {load()}")


# --- spool --------------------------------------------------------------------

def state(what, relay, address):
    spool = relay.peer(address)
    print(f"{what}: {spool['waiting']} waiting, {relay.rss_mib():.1f} MiB "
          f"resident, {relay.peak_mib():.1f} at most, index {relay.status()['store']['index_bytes'] / 2**20:.1f}"
          f", {relay.disk_mib():.0f} MiB on disk, {load()}", flush=True)


def spool(directory):
    relay = Relay(directory)
    address = far_away(directory, 1)
    relay.know(address)
    relay.start()
    print(f"empty: {relay.rss_mib():.1f} MiB resident")
    relay.address = relay.status()["address"]
    begun, cpu = time.monotonic(), relay.cpu()
    client = send(relay, address, 0, COUNT)
    wall, cpu = time.monotonic() - begun, relay.cpu() - cpu
    came = COUNT / wall
    print(f"came in at {came:.0f}/s, CPU {cpu / COUNT * 1e6:.1f} us each")
    client.end()
    state("all in", relay, address)
    for kill in (True, False):
        relay.end(kill)
        seconds = relay.start()
        state(f"ready after {seconds:.2f} s, "
              f"{'SIGKILL' if kill else 'orderly'}", relay, address)
    relay.address = relay.status()["address"]
    begun, cpu = time.monotonic(), relay.cpu()
    far = Program(FAR, 1, directory / "1.log", "good", relay.address)
    far.line()
    while relay.peer(address)["waiting"] > 0:
        time.sleep(0.2)
    wall, cpu = time.monotonic() - begun, relay.cpu() - cpu
    print(f"drained at {COUNT / wall:.0f}/s, CPU {cpu / COUNT * 1e6:.1f} us "
          f"each; ratio to how they came {COUNT / wall / came:.2f}")
    state("all out", relay, address)
    far.end()
    relay.end()


# --- dead ---------------------------------------------------------------------

def dead(directory, count=50000):
    costs = {0: [], DEAD: []}
    relays = {}
    gone = [far_away(directory, 100 + i) for i in range(DEAD)]
    live = far_away(directory, 1)
    for n in costs:
        (directory / str(n)).mkdir()
        relay = relays[n] = Relay(directory / str(n))
        for address in gone[:n] + [live]:
            relay.know(address)
        relay.start()
        relay.address = relay.status()["address"]
        for address in gone[:n]:
            send(relay, address, 0, 20).end()
    far = {n: Program(FAR, 1, directory / f"far{n}.log", "good",
                      relay.address) for n, relay in relays.items()}
    for program in far.values():
        program.line()
    time.sleep(2)
    # What they cost with nothing else to do, attempts and all.
    idle = {n: relay.cpu() for n, relay in relays.items()}
    time.sleep(10)
    idle = {n: (relay.cpu() - idle[n]) / 10 for n, relay in relays.items()}
    for i in range(2 * ROUNDS):
        # Each goes first as often as the other.
        for n in sorted(relays, reverse=i % 2 == 1):
            relay = relays[n]
            begun = relay.cpu()
            client = send(relay, live, i * count, count)
            while relay.peer(live)["waiting"] > 0:
                time.sleep(0.02)
            costs[n].append((relay.cpu() - begun) / count * 1e6)
            client.end()
    for n, relay in relays.items():
        far[n].end()
        relay.end()
        print(f"{n} dead: {statistics.median(costs[n]):.1f} us CPU (from "
              f"{min(costs[n]):.1f} to {max(costs[n]):.1f}) for each "
              f"parcel to the live one; idle {idle[n] * 100:.2f} % of a core")
    more = statistics.median(costs[DEAD]) / statistics.median(costs[0]) - 1
    print(f"{DEAD} dead cost {more * 100:.1f} %, {load()}")


def main():
    for name in sys.argv[2:] or ["ways", "spool", "dead"]:
        print(f"--- {name}", flush=True)
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as d:
            {"ways": ways, "spool": spool,
             "dead": dead}[name](pathlib.Path(d))


if __name__ == "__main__":
    main()
