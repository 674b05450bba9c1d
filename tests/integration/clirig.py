"""What the tests of the command line share: Anna and Ben with homes of their
own, a relay of theirs, and the program.

The program is POSTERN_QUICK, which is `postern` but for one thing: guessing a
passphrase is cheap in the stores it makes, so that a test may open hundreds. A
class that sets `program = POSTERN` runs the one that is installed.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from rig import Relay, wait_for

POSTERN_QUICK = os.environ["POSTERN_QUICK"]


def postern(*words, home=None, check=0, stdin="", env=None, timeout=60,
            program=POSTERN_QUICK):
    """Run to the end; text output. `home` adds --home and the passphrase."""
    words = [str(w) for w in words]
    if home is not None:
        words += ["--home", str(home), "--passphrase-file",
                  str(home) + ".pass"]
    done = subprocess.run([program, *words], capture_output=True, text=True,
                          timeout=timeout, input=stdin,
                          env={**os.environ, **(env or {})})
    if check is not None and done.returncode != check:
        raise AssertionError(f"{words}: exit {done.returncode}, want {check}"
                             f"\n{done.stdout}\n{done.stderr}")
    return done


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def secret_file(path, text="correct horse\n", mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


class Homes(unittest.TestCase):
    """Anna and Ben with a running relay; meet() makes them the contacts `ben`
    and `anna` of each other."""

    program = POSTERN_QUICK
    config = {}

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.relay = Relay(**self.config)
        self.addCleanup(self.relay.remove)
        self.relay.start()
        self.anna, self.ben = self.home("a", "Anna"), self.home("b", "Ben")

    def home(self, name, owner, relay=True):
        """A new store, known to the relay."""
        home = self.dir / name
        secret_file(self.dir / (name + ".pass"))
        self.run_in(home, "init", "--name", owner,
                    *(["--relay", self.relay.address] if relay else []))
        return home

    def run_in(self, home, *words, **kwargs):
        return postern(*words, home=home, program=self.program, **kwargs)

    def meet(self, inviter=None, invited=None, names=("ben", "anna")):
        inviter, invited = inviter or self.anna, invited or self.ben
        link = self.run_in(inviter, "invite", "create", "--name",
                           names[0]).stdout.strip()
        self.run_in(invited, "invite", "accept", "-", "--name", names[1],
                    stdin=link)
        # The inviter has the contact when its first message was fetched, which
        # may have had to wait for the keys of the relay it goes to.
        wait_for(lambda: self.fetch(inviter) == 3 and self.run_in(
            inviter, "contact", "show", names[0], check=None).returncode == 0
            or (self.fetch(invited), False)[1], 60)

    def fetch(self, home, timeout="300ms"):
        return self.run_in(home, "receive", "--timeout", timeout,
                           check=None).returncode

    def send(self, *words, **kwargs):
        """From Ben to Anna; the id."""
        return self.run_in(self.ben, "send", "anna", *words,
                           **kwargs).stdout.strip()

    def receive(self, *words, check=0, home=None):
        done = self.run_in(home or self.anna, "receive", "--json", *words,
                           check=check)
        return objects(done.stdout)

    def show(self, home, name):
        return json.loads(self.run_in(home, "contact", "show", name,
                                      "--json").stdout)

    def start(self, home, *words, **kwargs):
        """A command that goes on, ended with the test."""
        child = subprocess.Popen(
            [self.program, *map(str, words), "--home", str(home),
             "--passphrase-file", str(home) + ".pass"], text=True, **kwargs)
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                self.addCleanup(stream.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def serve(self, *words, home=None):
        """A `postern rpc` on Anna's home, ended with the test."""
        pipe = subprocess.PIPE
        server = self.start(home or self.anna, "rpc", *words, stdin=pipe,
                            stdout=pipe, stderr=pipe)
        if "--stdio" not in words:
            self.assertEqual(server.stderr.readline(), "ready\n")
        return server


class Caller:
    """A connection to the socket of a `postern rpc`."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.next = 0

    def ask(self, method, **params):
        """Send only; the id."""
        self.next += 1
        self.say(json.dumps({"jsonrpc": "2.0", "id": self.next,
                             "method": method, "params": params}))
        return self.next

    def say(self, line):
        self.file.write(line + "\n")
        self.file.flush()

    def read(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def call(self, method, **params):
        number = self.ask(method, **params)
        answer = self.read()
        assert answer["id"] == number, answer
        return answer

    def event(self, **params):
        """The next that is not about a relay, or None."""
        while True:
            event = self.call("next_event", **params)["result"]
            if event is None or event["type"] != "relay-state":
                return event

    def close(self):
        self.file.close()
        self.socket.close()


def controls(text):
    """Characters that must not reach a terminal."""
    return re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e"
                      r"\u2066-\u2069\ufeff]", text)
