"""A person of the second implementation, tests/reference/peer.mjs, and its
checks of a relay; skipped where Node.js or its libraries are missing."""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

from clirig import Homes
from rig import wait_for

ROOM = pathlib.Path(__file__).resolve().parent.parent / "reference"
NODE = os.environ.get("PN_NODE", "")


def missing():
    """Why it cannot run here, or None."""
    if not NODE:
        return "node is not installed"
    if not (ROOM / "node_modules/@noble/post-quantum").is_dir():
        return "run `npm ci` in tests/reference first"
    return None


def main():
    """Run the program's tests; 77 where none of them can."""
    why = missing()
    if why:
        print("skipped:", why)
        sys.exit(77)
    unittest.main()


class Peer:
    """One person; the file outlives the program."""

    def __init__(self, path, name, relays):
        self.path = path
        self.start()
        self.do("create", name=name, relays=[r.address for r in relays])

    def start(self):
        self.program = subprocess.Popen(
            [NODE, ROOM / "peer.mjs", self.path], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def tell(self, what, **words):
        self.program.stdin.write(json.dumps({"do": what, **words}) + "\n")
        self.program.stdin.flush()

    def ask(self, what, **words):
        self.tell(what, **words)
        return json.loads(self.program.stdout.readline())

    def do(self, what, **words):
        answer = self.ask(what, **words)
        if "error" in answer:
            raise AssertionError(f"{what} {words}: {answer['error']}")
        return answer["ok"]

    def end(self):
        """In order."""
        for stream in (self.program.stdin, self.program.stdout):
            stream.close()
        return self.program.wait(20)

    def kill(self):
        """At once, in whatever it does."""
        self.program.kill()
        self.program.wait()
        self.program.stdin.close()
        self.program.stdout.close()

    def restart(self, kill=False):
        if kill:
            self.kill()
        else:
            self.end()
        self.start()
        self.do("open")

    def cut_short(self, seconds, what, **words):
        """Kill it so long after it was told to do this."""
        self.tell(what, **words)
        time.sleep(seconds)
        self.restart(kill=True)

    def send(self, to, *texts, **words):
        ids = [self.do("send", to=to, text=text) for text in texts]
        self.do("flush", **words)
        return ids

    def texts(self, **words):
        return [e["text"] for e in self.do("receive", **words)
                if e["type"] == "message"]


class WithPeer(Homes):
    """Anna runs postern; Jo is of the second implementation. One relay."""

    def setUp(self):
        super().setUp()
        self.jo = self.peer("jo", "Jo", self.relay)

    def peer(self, file, name, *relays):
        peer = Peer(self.dir / file, name, relays)
        self.addCleanup(lambda: peer.program.stdin.closed or peer.kill())
        return peer

    def jo_invites(self):
        link = self.jo.do("invite", name="anna")
        self.run_in(self.anna, "invite", "accept", "-", "--name", "jo",
                    stdin=link)
        # What a slow relay pushes may come after one look.
        wait_for(lambda: self.jo.do("receive") is not None and
                 self.jo.do("contacts") == ["anna"])

    def anna_invites(self):
        link = self.run_in(self.anna, "invite", "create", "--name",
                           "jo").stdout.strip()
        self.jo.do("accept", link=link, name="anna")
        self.fetch(self.anna)

    def anna_sends(self, *texts):
        return [self.run_in(self.anna, "send", "jo", "-m",
                            text).stdout.strip() for text in texts]

    def anna_reads(self, count):
        return [m["text"] for m in self.receive("--count", str(count),
                                                "--timeout", "20s")]

    def anna_waits_for(self):
        """The ids of what nobody has confirmed to her."""
        done = self.run_in(self.anna, "outbox", "list", "--json")
        return [json.loads(line)["id"] for line in done.stdout.splitlines()]
