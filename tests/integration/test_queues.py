#!/usr/bin/env python3
"""Queues end to end: real relay, real links, the store on disk.

What the relay said it stored survives its violent death, once; what it said
it forgot is gone; and neither its log nor its directory says more than it
must.
"""

import os
import random
import signal
import subprocess
import time
import unittest

import rig

MAIL = os.environ["MAIL"]
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "12"))
QUEUES = 4
CONFIG = {"store_segment_mib": 1, "store_min_free_mib": 16,
          "commands_per_second": 100000, "command_burst": 100000}


class Ledger:
    """What clients were told, by (queue, message)."""

    def __init__(self):
        self.stored, self.acking, self.acked = set(), set(), set()

    def read(self, lines):
        for line in lines:
            verb, queue, message = line.split()
            getattr(self, verb).add((int(queue), message))


class QueueTest(unittest.TestCase):

    def setUp(self):
        self.relay = rig.Relay(**CONFIG)
        self.relay.start()
        self.queues = self.mail("make")

    def tearDown(self):
        self.relay.remove()

    def mail(self, *job):
        done = subprocess.run([MAIL, self.relay.address, str(QUEUES), *job],
                              input=getattr(self, "queues", ""),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def work(self, number):
        return subprocess.Popen(
            [MAIL, self.relay.address, str(QUEUES), "work", str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def check(self, ledger):
        have = [(int(q), m) for _, q, m in
                (line.split() for line in self.mail("list").splitlines())]
        self.assertEqual(len(have), len(set(have)), "a message came twice")
        have = set(have)
        self.assertEqual(ledger.stored - ledger.acking - have, set(),
                         "a stored message is lost")
        self.assertEqual(have & ledger.acked, set(),
                         "an acknowledged message is back")

    def test_crashes_lose_nothing(self):
        ledger = Ledger()
        chance = random.Random(1)
        for number in range(ROUNDS):
            clients = self.work(number)
            clients.stdin.write(self.queues)
            clients.stdin.flush()
            time.sleep(0.05 + chance.random() * 0.4)
            self.relay.process.send_signal(signal.SIGKILL)
            self.relay.process.wait()
            out, err = clients.communicate(timeout=60)
            self.assertEqual(clients.returncode, 0, err)
            ledger.read(out.splitlines())
            self.relay.start()
            self.check(ledger)
        self.assertGreater(len(ledger.stored), 10 * ROUNDS)
        self.assertGreater(len(ledger.acked), ROUNDS)

    def test_orderly_stop_loses_nothing(self):
        ledger = Ledger()
        clients = self.work(1)
        clients.stdin.write(self.queues)
        clients.stdin.flush()
        time.sleep(0.3)
        self.relay.stop()
        out, err = clients.communicate(timeout=60)
        self.assertEqual(clients.returncode, 0, err)
        ledger.read(out.splitlines())
        self.assertGreater(len(ledger.stored), 0)
        self.relay.start()
        self.check(ledger)

    def test_nothing_personal_is_written(self):
        clients = self.work(1)
        clients.stdin.write(self.queues)
        clients.stdin.flush()
        time.sleep(0.3)
        ids = [word for line in self.queues.splitlines()
               for word in line.split()[2:]]
        self.assertEqual(len(ids), 2 * QUEUES)
        self.relay.stop()
        out, _ = clients.communicate(timeout=60)
        messages = [line.split()[2] for line in out.splitlines()]
        self.assertGreater(len(messages), 0)
        log = (self.relay.dir / "log").read_bytes()
        for one in ids + messages:
            self.assertNotIn(one.encode(), log)
            self.assertNotIn(bytes.fromhex(one), log)
        # Nor do bodies lie on the disk in clear. They begin with their id.
        sealed = {m for m in messages}
        for path in (self.relay.dir / "store").iterdir():
            data = path.read_bytes()
            self.assertNotIn(b"127.0.0.1", data, path.name)
            for one in list(sealed)[:50]:
                if path.name.startswith("seg-"):
                    self.assertNotIn(bytes.fromhex(one) + bytes(64), data,
                                     path.name)

    def test_status_counts(self):
        clients = self.work(1)
        clients.stdin.write(self.queues)
        clients.stdin.flush()
        time.sleep(0.3)
        status = rig.json.loads(rig.run(rig.POSTERND, "status", "--json",
                                        "--dir", self.relay.dir,
                                        check=0).stdout)
        clients.terminate()
        clients.communicate(timeout=60)
        self.assertEqual(status["queues"]["stored"], QUEUES)
        self.assertGreater(status["messages"]["stored"], 0)
        self.assertFalse(status["store"]["failed"])


if __name__ == "__main__":
    unittest.main()
