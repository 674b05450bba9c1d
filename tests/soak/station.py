"""A relay behind a line that can be cut, and the program that carries all
lines (lines.py)."""

import asyncio
import pathlib
import signal
import subprocess
import sys
import time

import rig

# A small store of small segments, so that within minutes it has to clean, take
# snapshots and use its segments again. Everything else is as installed.
CONFIG = {"store_segment_mib": 2, "store_max_mib": 64,
          "store_min_free_mib": 64}


class Station(rig.Relay):
    """A relay, as the sampler wants it."""

    def __init__(self, name):
        super().__init__()
        self.name, self.home = name, self.dir
        self.life = 0
        self.handled = 0
        self.came_back = 0.0
        self.is_up = asyncio.Event()

    async def begin(self):
        await asyncio.to_thread(self.start)
        self.life += 1
        self.came_back = time.monotonic()
        self.is_up.set()

    async def end(self, number=signal.SIGTERM):
        """Signal it and wait; the exit code."""
        self.is_up.clear()
        return await asyncio.to_thread(self.stop, number, 30)


class Lines:
    """In front of each station; their addresses lead here afterwards."""

    def __init__(self, stations):
        program = pathlib.Path(__file__).with_name("lines.py")
        self.process = subprocess.Popen(
            [sys.executable, "-B", program, *(str(s.port) for s in stations)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for station in stations:
            port = int(self.process.stdout.readline())
            station.configure(advertise=f"127.0.0.1:{port}", **CONFIG)
            station.address = (station.address.rsplit(":", 1)[0] + f":{port}")

    def order(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)
