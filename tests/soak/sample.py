"""What the processes and disks hold, read from /proc and the file system every
few seconds, into CSV files of one header line each."""

import asyncio
import csv
import json
import os
import time

from person import run
from rig import POSTERND
from tables import TABLES

SAMPLED = ("processes", "relays", "people", "machine")
TICK_MS = 1000 // os.sysconf("SC_CLK_TCK")


def process(pid):
    """Resident, proportional and private memory in KiB, open descriptors,
    threads, CPU time in ms; None if it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            sizes = {line.split(":")[0]: int(line.split()[1])
                     for line in f if line.endswith("kB\n")}
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            stat = f.read().rsplit(")", 1)[1].split()
        return [sizes["Rss"], sizes["Pss"], sizes["Anonymous"],
                len(os.listdir(f"/proc/{pid}/fd")), int(stat[17]),
                (int(stat[11]) + int(stat[12])) * TICK_MS]
    except (OSError, KeyError, IndexError):
        return None


def disk(directory):
    """KiB that its files take, and those of a write-ahead log alone."""
    whole = wal = 0
    for base, _, names in os.walk(directory):
        for name in names:
            try:
                size = os.stat(os.path.join(base, name)).st_blocks / 2
            except OSError:
                continue
            whole += size
            wal += size * name.endswith("-wal")
    return [int(whole), int(wal)]


class Sampler:
    """Writes until stopped. `relays` and `people` are the world's."""

    def __init__(self, out, start, relays, people):
        self.start, self.relays, self.people = start, relays, people
        self.files = {}
        self.rows = {}
        for name in SAMPLED:
            f = open(out / f"{name}.csv", "w", encoding="utf-8", newline="",
                     buffering=1)
            f.write(TABLES[name] + "\n")
            self.files[name] = f
            self.rows[name] = csv.writer(f, lineterminator="\n")

    def row(self, name, *cells):
        self.rows[name].writerow(
            [f"{time.monotonic() - self.start:.1f}", *cells])

    def close(self):
        for f in self.files.values():
            f.close()

    def read(self):
        """Everything that does not ask a program."""
        for who in (*self.relays, *self.people):
            found = None
            if who.is_up.is_set():
                found = process(who.process.pid)
            if found is not None:
                self.row("processes", who.name, who.life, *found, who.handled,
                         *disk(who.home))
        with open("/proc/meminfo", encoding="ascii") as f:
            free = next(int(line.split()[1]) // 1024 for line in f
                        if line.startswith("MemAvailable"))
        self.row("machine", f"{os.getloadavg()[0]:.2f}", free)

    async def ask(self):
        for relay in self.relays:
            status = await self.status(relay)
            if status is None:
                continue
            relay.handled = status["messages"]["stored"]
            self.row("relays", relay.name, relay.life, status["links"]["open"],
                     status["queues"]["stored"], status["messages"]["waiting"],
                     status["messages"]["remembered"],
                     status["store"]["index_bytes"] // 1024,
                     status["store"]["bytes_used"] // 1024,
                     status["store"]["bytes_written"] // 1024,
                     status["store"]["commits"],
                     status["forwards"]["accepted"],
                     status["parcels"]["remembered"])
        for person in self.people:
            try:
                status = await person.call("status")
                self.row("people", person.name, status["outbox"],
                         status["events"], status["contacts"],
                         status["relays_online"])
            except ConnectionError:
                pass

    @staticmethod
    async def status(relay):
        """None if it ends meanwhile."""
        if not relay.is_up.is_set():
            return None
        life = relay.life
        try:
            status = json.loads(await run(POSTERND, "status", "--json",
                                          "--dir", relay.home))
            return status if "links" in status else None  # it starts, or ends
        except SystemExit:
            if relay.is_up.is_set() and relay.life == life:
                raise
            return None

    async def go_on(self, every):
        """Until cancelled; programs are asked every other time."""
        count = 0
        while True:
            await asyncio.to_thread(self.read)
            if count % 2 == 0:
                await self.ask()
            count += 1
            await asyncio.sleep(every)
