"""The emulated network does to packets what it says."""

import subprocess
import sys
import time
import unittest

from netlab import CONDITIONS, SKIPPED, Net, Refused

# Echoes datagrams, and a connection's bytes when it says it is done.
SERVER = """
import socket, sys, threading
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind(("", 7000))
t = socket.create_server(("", 7000))
def datagrams():
    while True:
        data, peer = u.recvfrom(2000)
        u.sendto(data, peer)
threading.Thread(target=datagrams, daemon=True).start()
print("ready", flush=True)
while True:
    one, _ = t.accept()
    n = 0
    try:
        while data := one.recv(65536):
            n += len(data)
        one.sendall(b"%d" % n)
    except OSError:
        pass
    one.close()
"""
# The numbers of datagrams that came back, with their times in ms, in the order
# of arrival.
DATAGRAMS = """
import select, socket, sys, time
peer, count, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
u = socket.socket(type=socket.SOCK_DGRAM)
sent = []
def read(seconds):
    while select.select([u], [], [], seconds)[0]:
        i = int(u.recv(2000)[:6])
        print(i, round((time.monotonic() - sent[i]) * 1000))
for i in range(count):
    sent.append(time.monotonic())
    u.sendto(b"%06d" % i + bytes(94), (peer, 7000))
    read(0.001)
read(patience)
"""
# Bytes that arrived and seconds it took, or why not.
STREAM = """
import socket, sys, time
began = time.monotonic()
try:
    s = socket.create_connection((sys.argv[1], 7000), float(sys.argv[3]))
    s.sendall(bytes(int(sys.argv[2])))
    s.shutdown(socket.SHUT_WR)
    print(int(s.recv(100)), time.monotonic() - began)
except OSError as error:
    print(type(error).__name__, time.monotonic() - began)
"""


class Conditions(unittest.TestCase):
    def setUp(self):
        self.net = Net(2)
        self.addCleanup(self.net.close)
        server = subprocess.Popen(
            [*self.net.inside(1), sys.executable, "-c", SERVER],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertEqual(server.stdout.readline(), "ready\n")

    def run_on(self, program, *words):
        return subprocess.run(
            [*self.net.inside(0), sys.executable, "-c", program,
             self.net.address(1), *map(str, words)], capture_output=True,
            text=True, timeout=60, check=True).stdout

    def datagrams(self, count, patience):
        lines = self.run_on(DATAGRAMS, count, patience).splitlines()
        return [tuple(map(int, line.split())) for line in lines]

    def stream(self, count, patience=20):
        what, seconds = self.run_on(STREAM, count, patience).split()
        return what, float(seconds)

    def test_clean(self):
        self.assertEqual(len(self.datagrams(50, 0.2)), 50)
        self.assertEqual(self.stream(1000000)[0], "1000000")
        self.assertEqual(self.net.counts(0)["up"]["lost"], 0)

    def test_slow(self):
        self.net.set(0, "slow")
        (_, ms), = self.datagrams(1, 2)
        self.assertGreaterEqual(ms, 600)
        arrived, seconds = self.stream(12000)
        self.assertEqual(arrived, "12000")
        self.assertGreater(seconds, 12000 * 8 / 64000 + 1.2)

    def test_lossy(self):
        self.net.set(0, "lossy")
        arrived = len(self.datagrams(1000, 0.3))
        self.assertTrue(730 < arrived < 890, arrived)  # 810 expected

    def test_one_way(self):
        before = self.net.counts(1)["down"]["passed"]
        self.net.set(0, "mute")
        self.assertEqual(self.datagrams(5, 0.3), [])
        self.assertEqual(self.net.counts(1)["down"]["passed"], before)
        self.net.set(0, "deaf")
        self.assertEqual(self.datagrams(5, 0.3), [])
        self.assertEqual(self.net.counts(1)["down"]["passed"], before + 5)
        self.net.set(0, "blackout")
        self.assertEqual(self.stream(10, 1)[0], "TimeoutError")
        self.net.heal()
        self.assertEqual(self.stream(10)[0], "10")

    def test_censored(self):
        """Both ends believe the reset at once: nobody waits for a timeout."""
        self.net.tell("0 up reset=1000")
        what, seconds = self.stream(1000)
        self.assertIn(what, ("ConnectionResetError", "BrokenPipeError"))
        self.assertLess(seconds, 5)
        self.assertGreater(self.net.counts(0)["up"]["resets"], 0)
        self.net.heal()
        self.assertEqual(self.stream(1000)[0], "1000")

    def test_disorder(self):
        self.net.set(0, "disorder")
        order = [i for i, _ in self.datagrams(500, 0.3)]
        self.assertEqual(set(order), set(range(500)))
        self.assertGreater(len(order), 505)  # some twice
        self.assertGreater(sum(b < a for a, b in zip(order, order[1:])), 50)

    def test_only_known_words(self):
        for line in ("0 up los=1", "0 up loss", "0 up loss=x", "9 up loss=1",
                     "0 loss=1", ""):
            with self.assertRaises(AssertionError):
                self.net.tell(line)
        for name in CONDITIONS:
            self.net.set(1, name)

    def test_a_seed_is_a_fate(self):
        """Same seed, same packets: the same are lost."""
        lost = []
        for seed in (5, 5, 6):
            net = Net(2, seed)
            net.tell("0 up loss=500")
            subprocess.run(
                [*net.inside(0), sys.executable, "-c", """
import socket, sys
u = socket.socket(type=socket.SOCK_DGRAM)
for _ in range(400):
    u.sendto(b"x", (sys.argv[1], 7000))
""", net.address(1)], check=True)
            end = time.monotonic() + 10
            while time.monotonic() < end:
                n = net.counts(0)["up"]
                if n["lost"] + n["passed"] >= 400:
                    break
            lost.append(n["lost"])
            net.close()
        self.assertEqual(lost[0], lost[1])
        self.assertTrue(140 < lost[0] < 260, lost)


if __name__ == "__main__":
    try:
        Net(1).close()
    except Refused as refused:
        print(f"skipped: {refused}")
        sys.exit(SKIPPED)
    unittest.main()
