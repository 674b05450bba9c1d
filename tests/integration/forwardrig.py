"""What the tests of forwarding share: a relay, others that behave as they are
told (far.c), clients that forward through it (parcels.c), and bad lines."""

import os
import pathlib
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from rig import POSTERND, Relay, run, wait_for

PARCELS = os.environ["PARCELS"]
FAR = os.environ["FAR"]
PATIENCE = 60


class Program:
    """A program that says one line for each line it is given."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(c) for c in command],
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)
        self.said = b""

    def line(self, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while b"\n" not in self.said:
            left = max(0, end - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            more = self.process.stdout.read(4096) if ready else b""
            if not more:
                raise AssertionError("nothing was said")
            self.said += more
        line, self.said = self.said.split(b"\n", 1)
        return line.decode()

    def counts(self, seconds=PATIENCE):
        words = self.line(seconds).split()
        return {k: int(v) for k, v in zip(words[::2], words[1::2])}

    def ask(self):
        self.process.stdin.write(b"\n")
        return self.counts()

    def end(self, number=None):
        if number is not None:
            self.process.send_signal(number)
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def remove(self):
        if self.process.returncode is None:
            self.end(signal.SIGKILL)


class Proxy:
    """A TCP port in front of another, which can swallow all that comes, or
    let no more than so many bytes a second through."""

    def __init__(self, port):
        self.target = port
        self.swallow = False
        self.rate = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = [self.listener]
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
                other = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.sockets += [one, other]
            for a, b in ((one, other), (other, one)):
                threading.Thread(target=self.carry, args=(a, b),
                                 daemon=True).start()

    def carry(self, source, sink):
        try:
            while True:
                data = source.recv(4096)
                if not data:
                    break
                if self.swallow:
                    continue
                if self.rate:
                    time.sleep(len(data) / self.rate)
                sink.sendall(data)
        except OSError:
            pass
        if not self.swallow:
            for s in (source, sink):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        # Not closed under the thread: its number could become the next test's.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        for s in self.sockets:
            s.close()


class ForwardTest(unittest.TestCase):
    config = {"peer_timeout": "2s", "commands_per_second": 100000,
              "command_burst": 100000, "forwards_per_minute": 1000000,
              "forwards_per_hour": 10000000}

    def setUp(self):
        self.relay = Relay(**self.config)
        self.addCleanup(self.relay.remove)
        self.logs = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(run, "rm", "-r", self.logs)

    def program(self, *command):
        p = Program(*command)
        self.addCleanup(p.remove)
        return p

    def far(self, seed, manner, dial=None):
        """Another relay; its address comes back with it."""
        p = self.program(FAR, seed, self.logs / f"{seed}.log", manner,
                         *([dial] if dial else []))
        return p, p.line()

    def send(self, address, first, count, size="s", priority=2, days=21):
        return self.program(PARCELS, self.relay.address, address, first, count,
                            size, priority, days)

    def peer(self, *words):
        return run(POSTERND, "peer", *words, "--dir", self.relay.dir, check=0)

    def stats(self, address):
        key = address.split("//")[1][:12]
        return self.relay.status()["peers"][key]

    def opened(self, seed):
        """What that relay has opened, in all its lives."""
        log = self.logs / f"{seed}.log"
        return [int(n) for n in log.read_text().split()] if log.exists() else []

    def assert_all(self, seed, first, count):
        """Each of them arrives, once."""
        want = list(range(first, first + count))
        wait_for(lambda: len(self.opened(seed)) >= count, PATIENCE)
        self.assertEqual(sorted(self.opened(seed)), want)

    def log_is_clean(self):
        log = self.relay.read_log()
        self.assertNotIn("error", log)
        self.assertNotIn("warning", log)
