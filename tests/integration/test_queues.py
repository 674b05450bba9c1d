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
# On a very busy machine fewer rounds will do, unless they were asked for.
SECONDS = float("inf") if "CRASH_ROUNDS" in os.environ else 45
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

    def busy_clients(self, number):
        """Clients some of whose mail is stored already, and they were told."""
        def stored():
            return self.relay.status()["messages"]["stored"]
        before = stored()
        clients = self.work(number)
        clients.stdin.write(self.queues)
        clients.stdin.flush()
        rig.wait_for(lambda: stored() > before + 4 * QUEUES, 60)
        return clients

    def end(self, clients):
        """End them by force; nothing of theirs is under way afterwards."""
        clients.terminate()
        clients.communicate(timeout=60)

        def quiet():
            status = self.relay.status()
            return (status["links"]["open"] == 0
                    and status["store"]["pending"] == 0)
        rig.wait_for(quiet, 60)

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
        # On a busy machine a relay may die before anybody has connected: that
        # counts too, but not as a round with mail, and the next lives longer.
        number = rounds = 0
        most = 0.4
        end = time.monotonic() + SECONDS
        while rounds < ROUNDS and (rounds < 3 or time.monotonic() < end):
            self.assertLess(number, 10 * ROUNDS, "hardly any mail stored")
            before = len(ledger.stored)
            clients = self.work(number)
            clients.stdin.write(self.queues)
            clients.stdin.flush()
            time.sleep(0.05 + chance.random() * most)
            self.relay.process.send_signal(signal.SIGKILL)
            self.relay.process.wait()
            out, err = clients.communicate(timeout=60)
            self.assertEqual(clients.returncode, 0, err)
            ledger.read(out.splitlines())
            self.relay.start()
            self.check(ledger)
            number += 1
            if len(ledger.stored) > before:
                rounds += 1
            else:
                most = min(2 * most, 4)
        print(f"{number} kills, {rounds} with mail, "
              f"{len(ledger.stored)} stored")
        self.assertGreater(len(ledger.stored), rounds)
        self.assertGreater(len(ledger.acked), 0)

    def test_orderly_stop_loses_nothing(self):
        ledger = Ledger()
        clients = self.busy_clients(1)
        self.relay.stop()
        out, err = clients.communicate(timeout=60)
        self.assertEqual(clients.returncode, 0, err)
        ledger.read(out.splitlines())
        self.assertGreater(len(ledger.stored), 0)
        self.relay.start()
        self.check(ledger)

    def test_nothing_personal_is_written(self):
        clients = self.busy_clients(1)
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

    def posternd(self, *words, check=0, **kwargs):
        return rig.run(rig.POSTERND, *words, "--dir", self.relay.dir,
                       check=check, **kwargs).stdout

    def test_operator_sees_and_stops_a_queue(self):
        # Queues are created in no certain order.
        _, number, recv_id = self.queues.split()[:3]
        self.end(self.busy_clients(1))
        self.assertIn(f"have {number} ", self.mail("list"))
        done = rig.json.loads(self.posternd("queue", "purge", "--id", recv_id,
                                            "--json"))
        self.assertTrue(done["ok"])
        self.assertNotIn(f"have {number} ", self.mail("list"))
        self.posternd("queue", "block", "--id", recv_id)
        clients = self.work(2)
        _, err = clients.communicate(self.queues, timeout=60)
        self.assertIn("a deposit was refused", err)
        self.posternd("queue", "unblock", "--id", recv_id)
        self.posternd("queue", "block", "--id", "0" * 64, check=1)
        self.posternd("queue", "block", "--id", "0", check=2)
        self.posternd("queue", "block", check=2)

    def test_backup_and_restore(self):
        clients = self.busy_clients(1)
        self.posternd("store", "verify", check=73)
        self.relay.stop()
        clients.communicate(timeout=60)
        self.relay.start()
        before = sorted(self.mail("list").splitlines())
        self.assertGreater(len(before), 0)
        self.relay.stop()
        backup = subprocess.run(
            [rig.POSTERND, "store", "backup", "--dir", self.relay.dir],
            capture_output=True, check=True).stdout
        self.posternd("store", "verify")
        restore = [rig.POSTERND, "store", "restore", "--dir", self.relay.dir]
        self.assertEqual(subprocess.run(restore, input=backup,
                                        capture_output=True).returncode, 73)
        rig.shutil.rmtree(self.relay.dir / "store")
        cut = subprocess.run(restore, input=backup[:-100], capture_output=True)
        self.assertEqual(cut.returncode, 78, cut.stderr)
        subprocess.run(restore, input=backup, check=True)
        self.relay.start()
        self.assertEqual(sorted(self.mail("list").splitlines()), before)

    def test_lost_store_is_no_silent_empty_start(self):
        self.relay.stop()
        for path in (self.relay.dir / "store").iterdir():
            path.unlink()
        done = rig.run(rig.POSTERND, "run", "--dir", self.relay.dir, check=78)
        self.assertIn("holds no store", done.stderr)

    def test_status_counts(self):
        clients = self.busy_clients(1)
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
