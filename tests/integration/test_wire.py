"""What a text costs on the wire: bytes counted between the real client and the
real relay, on a link that is open."""

import pathlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from clirig import Caller
from rig import POSTERN, Relay, federate, wait_for

TEXT = "x" * 500
ROUNDS = 5


class Counter(threading.Thread):
    """Passes bytes on to the relay and back, and counts those of each link."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to = ("127.0.0.1", port)
        self.links = []  # [up, down]
        self.ends = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.quit, self.told = socket.socketpair()
        self.start()

    def run(self):
        pairs = {}
        while True:
            for s in select.select([self.listener, self.told, *pairs], [],
                                   [])[0]:
                if s is self.told:
                    return
                if s is self.listener:
                    a, _ = s.accept()
                    b = socket.create_connection(self.to)
                    count = [0, 0]
                    self.links.append(count)
                    pairs[a], pairs[b] = (b, count, 0), (a, count, 1)
                    self.ends += [a, b]
                elif s in pairs:
                    self.move(s, pairs)

    def move(self, s, pairs):
        other, count, way = pairs[s]
        try:
            data = s.recv(65536)
            count[way] += len(data)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (s, other):
                del pairs[end]
                end.close()

    def still(self, seconds=0.2):
        """The counts, once nothing has moved for a while."""
        before = None
        while before != (now := [tuple(link) for link in self.links]):
            before = now
            time.sleep(seconds)
        return before

    def close(self):
        self.quit.send(b"x")
        self.join()
        for s in (self.listener, self.quit, self.told, *self.ends):
            s.close()


class Wire(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.relay = Relay()
        self.addCleanup(self.relay.remove)
        self.relay.start()
        self.secret = self.dir / "secret"
        self.secret.write_text("correct horse battery\n")
        self.secret.chmod(0o600)

    def words(self, home, *words):
        return [POSTERN, *map(str, words), "--no-input", "--home",
                str(self.dir / home), "--passphrase-file", str(self.secret)]

    def serve(self, home, profile):
        """A new client on its link, kept open: a connection to it."""
        path = self.dir / (home + ".s")
        subprocess.run(self.words(home, "init", "--profile", profile, "--relay",
                                  self.address), check=True, timeout=120,
                       capture_output=True)
        server = subprocess.Popen(
            self.words(home, "rpc", "--socket", path),
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertEqual(server.stderr.readline(), "ready\n")
        caller = Caller(path)
        caller.socket.settimeout(90)
        self.addCleanup(caller.close)
        wait_for(lambda: caller.call("status")["result"]["relays_online"], 30)
        return caller

    def take(self, caller):
        """The next text, acknowledged."""
        while True:
            event = caller.call("next_event", timeout_ms=60000)["result"]
            self.assertIsNotNone(event)
            caller.call("event_ack", sequence=event["sequence"])
            if event["type"] == "message":
                return event["text"]

    def talk(self, profile):
        """The bytes (up, down) of each text sent, and of each received and
        acknowledged."""
        counter = Counter(self.relay.port)
        self.addCleanup(counter.close)
        self.address = self.relay.address.replace(str(self.relay.port),
                                                  str(counter.port))
        anna, ben = self.serve("anna", profile), self.serve("ben", profile)
        self.assertEqual(len(counter.links), 2)
        return self.meet(anna, ben, counter)

    def talk_far(self, profile):
        """The same where Anna sends through a relay of hers to Ben's; only her
        line is counted."""
        near = Relay()
        self.addCleanup(near.remove)
        federate(near.start(), self.relay)
        counter = Counter(near.port)
        self.addCleanup(counter.close)
        self.address = near.address.replace(str(near.port), str(counter.port))
        anna = self.serve("anna", profile)
        self.address = self.relay.address
        ben = self.serve("ben", profile)
        return self.meet(anna, ben, counter)[0]

    def meet(self, anna, ben, counter):
        link = anna.call("invite_create", name="ben",
                         timeout_ms=60000)["result"]["link"]
        ben.call("invite_accept", invitation=link, name="anna",
                 timeout_ms=60000)
        ben.call("send", contact="anna", text="hello")
        self.assertEqual(self.take(anna), "hello")
        anna.call("send", contact="ben", text="good day")
        self.assertEqual(self.take(ben), "good day")
        return self.measure(anna, ben, counter)

    def measure(self, anna, ben, counter):
        sent, received = [], []
        for _ in range(ROUNDS):
            before = counter.still()
            anna.call("send", contact="ben", text=TEXT)
            self.assertEqual(self.take(ben), TEXT)
            after = counter.still()
            spent = [(now[0] - was[0], now[1] - was[1])
                     for was, now in zip(before, after)]
            sent.append(spent[0])
            received.append(spent[-1])
        # Receipts and the like go when they are due: the median is the text's.
        return sorted(sent)[ROUNDS // 2], sorted(received)[ROUNDS // 2]

    def test_normal(self):
        sent, received = self.talk("normal")
        self.assertEqual(sent, (4096, 4096))  # one record, and its answer
        self.assertEqual(received, (4096, 8192))
        self.assertLessEqual(sum(sent), 8 * 1024)

    def test_two_relays(self):
        sent = self.talk_far("normal")
        print("through an entry relay:", sent, file=sys.stderr)
        self.assertLessEqual(sum(sent), 12 * 1024)

    def test_two_relays_thin(self):
        sent = self.talk_far("thin")
        print("through an entry relay, thin:", sent, file=sys.stderr)
        self.assertLessEqual(sum(sent), 4 * 1024)

    def test_thin(self):
        sent, received = self.talk("thin")
        self.assertEqual(sent, (1024, 1024))
        self.assertEqual(received, (1024, 2048))
        self.assertLessEqual(sum(sent), 2.5 * 1024)


if __name__ == "__main__":
    unittest.main()
