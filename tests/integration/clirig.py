"""What the tests of the command line share: two homes, and the program over a
libpostern of files (POSTERN_FAKE), so that no network is needed and every
error can be had.
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

FAKE = os.environ["POSTERN_FAKE"]
RELAY = "postern://key@127.0.0.1:1"


def postern(*words, home=None, check=0, stdin="", env=None, timeout=60):
    """Run to the end; text output. `home` adds --home and the passphrase."""
    words = [str(w) for w in words]
    if home is not None:
        words += ["--home", str(home), "--passphrase-file",
                  str(home) + ".pass"]
    done = subprocess.run([FAKE, *words], capture_output=True, text=True,
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
    """Anna and Ben, who know each other as `ben` and `anna`."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.anna, self.ben = self.dir / "a", self.dir / "b"
        for home, name in ((self.anna, "Anna"), (self.ben, "Ben")):
            secret_file(pathlib.Path(str(home) + ".pass"))
            postern("init", "--name", name, "--relay", RELAY, home=home)

    def meet(self):
        link = postern("invite", "create", "--name", "ben",
                       home=self.anna).stdout.strip()
        postern("invite", "accept", link, "--name", "anna", home=self.ben)
        postern("receive", "--timeout", "100ms", home=self.anna, check=3)

    def send(self, *words, **kwargs):
        """From Ben to Anna; the id."""
        done = postern("send", "anna", *words, home=self.ben, **kwargs)
        return done.stdout.strip()

    def receive(self, *words, check=0, home=None):
        done = postern("receive", "--json", *words, check=check,
                       home=home or self.anna)
        return objects(done.stdout)

    def serve(self, *words, home=None):
        """A `postern rpc` on Anna's home, ended with the test."""
        home = home or self.anna
        server = subprocess.Popen(
            [FAKE, "rpc", *words, "--home", str(home), "--passphrase-file",
             str(home) + ".pass"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stdin.close)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
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

    def close(self):
        self.file.close()
        self.socket.close()


def controls(text):
    """Characters that must not reach a terminal."""
    return re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e"
                      r"\u2066-\u2069\ufeff]", text)
