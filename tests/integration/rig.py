"""What every integration test shares: a relay of one's own in a directory of
one's own on a free loopback port, and the programs under test.

The programs come from the environment (POSTERND, POSTERN,
PEERS, ROGUE), as ctest
sets it. Python's standard library only.
"""

import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

POSTERND = os.environ["POSTERND"]
POSTERN = os.environ["POSTERN"]
PEERS = os.environ["PEERS"]
ROGUE = os.environ["ROGUE"]
SANITIZED = "asan" in POSTERND or "tsan" in POSTERND
CLONE_NEWNS = 0x00020000


def run(*command, check=None, env=None, stdin=None, timeout=60):
    """Run to the end; text output. With `check`, insist on the exit code."""
    done = subprocess.run([str(c) for c in command], capture_output=True,
                          text=True, timeout=timeout, input=stdin,
                          env={**os.environ, **(env or {})})
    if check is not None and done.returncode != check:
        raise AssertionError(f"{command}: exit {done.returncode}, want {check}"
                             f"\n{done.stdout}\n{done.stderr}")
    return done


def wait_for(what, seconds=10):
    """Poll until what() is true; returns it."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen in {seconds} s")
        time.sleep(0.05)


def reserve_port():
    """A port for as long as this process lives, and what holds it: a name
    that no other test can take. Not one that the system gives to outgoing
    connections, for one of those could have it while a relay restarts."""
    while True:
        port = random.randrange(10000, 32000)
        held = socket.socket(socket.AF_UNIX)
        probe = socket.socket()
        try:
            held.bind(f"\0postern-test-port-{port}")
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port, held
        except OSError:
            held.close()
        finally:
            probe.close()


class Relay:
    """One relay directory; start() makes it a running relay. It listens on
    loopback, or at `at`, an address of a host on another network."""

    def __init__(self, at=None, **config):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.process = None
        self.log = None
        self.host = at or "127.0.0.1"
        self.port, self.held = reserve_port()
        done = run(POSTERND, "init", "--dir", self.dir, "--listen",
                   f"{self.host}:{self.port}", check=0)
        self.address = done.stdout.splitlines()[-1]
        self.configure(**config)

    def configure(self, **config):
        text = f"listen = {self.host}:{self.port}\n"
        text += "".join(f"{k} = {v}\n" for k, v in config.items())
        (self.dir / "relay.conf").write_text(text)

    def start(self, *options, prefix=(), env=None):
        if self.log is not None:
            self.log.close()
        self.log = open(self.dir / "log", "a+")
        at = self.log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [*prefix, POSTERND, "run", "--dir", self.dir, *options],
            stdout=subprocess.DEVNULL, stderr=self.log,
            env={**os.environ, **(env or {})})

        def ready():
            if self.process.poll() is not None:
                raise AssertionError("relay ended: " + self.read_log())
            self.log.seek(at)
            return "ready\n" in self.log.readlines()
        wait_for(ready, 20)
        return self

    def read_log(self):
        return (self.dir / "log").read_text()

    def status(self):
        return json.loads(run(POSTERND, "status", "--json", "--dir", self.dir,
                              check=0).stdout)

    def test(self, *options, check=0):
        return run(POSTERN, "relay", "test", self.address, *options,
                   check=check)

    def stop(self, number=signal.SIGTERM, timeout=20):
        """Signal, wait, return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def remove(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if self.log is not None:
            self.log.close()
        self.held.close()
        shutil.rmtree(self.dir)

    def connect(self, source=None):
        """A raw TCP connection, nothing sent."""
        return socket.create_connection(
            ("127.0.0.1", self.port), timeout=40,
            source_address=(source, 0) if source else None)


def federate(*relays):
    """Each forwards to the others, and has heard what they say of
    themselves."""
    for relay in relays:
        for other in relays:
            if other is not relay:
                run(POSTERND, "peer", "add", other.address, "--dir", relay.dir,
                    check=0)


def private_mounts():
    """Whether this process now has mounts of its own, and may make some."""
    libc = ctypes.CDLL(None, use_errno=True)
    return (os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0 and
            subprocess.run(["mount", "--make-rprivate", "/"],
                           capture_output=True).returncode == 0)


def small_disk(test, mib):
    """A file system of that size until the test ends, where temporary files
    and relays are made from now on. Needs private_mounts()."""
    place = tempfile.mkdtemp(prefix="postern-disk-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none",
                    place], check=True)
    test.addCleanup(os.rmdir, place)
    test.addCleanup(subprocess.run, ["umount", place], check=True)
    before, tempfile.tempdir = tempfile.tempdir, place
    test.addCleanup(setattr, tempfile, "tempdir", before)
    return pathlib.Path(place)


class Peers:
    """The `peers` program: links of one kind to one relay."""

    def __init__(self, relay, mode, count, sources=1):
        self.process = subprocess.Popen(
            [PEERS, relay.address, mode, str(count), str(sources)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def report(self):
        """The first time: when all links are open or ended."""
        words = self.process.stdout.readline().split()
        return {k: int(v) for k, v in zip(words[::2], words[1::2])}

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.report()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(20)


class RelayTest(unittest.TestCase):
    """A test with a relay of its own; peers() and the relay end with it."""

    config = {}

    def setUp(self):
        self.relay = Relay(**self.config)
        self.addCleanup(self.relay.remove)

    def peers(self, *args, **kwargs):
        peers = Peers(self.relay, *args, **kwargs)
        self.addCleanup(peers.process.wait)
        self.addCleanup(peers.process.kill)
        self.addCleanup(peers.process.stdout.close)
        self.addCleanup(peers.process.stdin.close)
        return peers

    def connect(self, source=None):
        """A raw TCP connection, nothing sent; closed with the test."""
        raw = self.relay.connect(source)
        self.addCleanup(raw.close)
        return raw

    def assert_alive(self):
        """Whatever happened, an honest client is served."""
        self.relay.test("--timeout", "10s")
