"""A wide-area network on this machine, with conditions by name: see README.md
beside this. Python's standard library only; the emulator is WANEMU."""

import os
import subprocess

WANEMU = os.environ["WANEMU"]
SKIPPED = 77

# What each does to one direction of a host's line; see line.h.
PERFECT = ""
CONDITIONS = {
    "clean": (PERFECT, PERFECT),
    "slow": ("rate=64000 delay=300",) * 2,
    "lossy": ("loss=100 delay=25",) * 2,
    "mute": ("down=1", PERFECT),
    "deaf": (PERFECT, "down=1"),
    "blackout": ("down=1",) * 2,
    "censored": ("reset=20 delay=10", "delay=10"),
    "disorder": ("delay=50 jitter=40 twice=30 early=50",) * 2,
}


class Refused(Exception):
    """This system does not let us; says why."""


class Net:
    """So many hosts, 10.77.0.1 and on, until close() or our own end."""

    def __init__(self, hosts, seed=1):
        self.emulator = subprocess.Popen(
            [WANEMU, str(hosts), str(seed)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        words = self.emulator.stdout.readline().split()
        if not words:
            why = self.emulator.stderr.read().strip()
            code = self.emulator.wait()
            self.close()
            if code == SKIPPED:
                raise Refused(why)
            raise AssertionError(f"wanemu: exit {code}, {why}")
        self.spaces = words[1:]

    def inside(self, host):
        """What a command line begins with to run on that host; the process
        that it starts is the program itself."""
        return ("nsenter", f"--net=/proc/{self.emulator.pid}/fd/"
                           f"{self.spaces[host]}")

    def address(self, host):
        return f"10.77.0.{host + 1}"

    def tell(self, line):
        self.emulator.stdin.write(line + "\n")
        self.emulator.stdin.flush()
        answer = self.emulator.stdout.readline().strip()
        if answer in ("", "not understood"):
            raise AssertionError(f"{line}: {answer}")
        return answer

    def set(self, host, name):
        """From now on that host's line is so."""
        for way, conditions in zip(("up", "down"), CONDITIONS[name]):
            self.tell(f"{host} {way} {conditions}")

    def heal(self):
        for host in range(len(self.spaces)):
            self.set(host, "clean")

    def counts(self, host):
        """Of packets, since the start, by what happened on its line."""
        n = [int(word) for word in self.tell(f"{host} counts").split()]
        names = ("passed", "lost", "doubled", "resets")
        return {"up": dict(zip(names, n)), "down": dict(zip(names, n[4:]))}

    def close(self):
        """All that still runs on a host is without a network after this."""
        self.emulator.stdin.close()
        self.emulator.wait(20)
        self.emulator.stdout.close()
        self.emulator.stderr.close()
