"""Parcels between real relays: a queue on R that is only ever reached through
S, what each of the two can see of it, and R's death at any moment."""

import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from rig import POSTERND, Relay, SANITIZED, run, wait_for

SEALED = os.environ["SEALED"]
WINDOW = 8  # bytes that two copies of nothing share by chance


class ParcelTest(unittest.TestCase):
    def setUp(self):
        self.entry = self.relay()
        self.far = self.relay(operator="Far away", queue_messages=10000)
        key = self.entry.address.split("//")[1].split("@")[0]
        self.peer(self.entry, "add", self.far.address)
        self.peer(self.far, "add", key)
        self.entry.start()
        self.far.start()
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(run, "rm", "-r", self.files)

    def relay(self, **config):
        relay = Relay(peer_timeout="2s", store_segment_mib=1,
                      store_max_mib=64, store_min_free_mib=0, **config)
        self.addCleanup(relay.remove)
        return relay

    @staticmethod
    def peer(relay, *words):
        run(POSTERND, "peer", *words, "--dir", relay.dir, check=0)

    def sealed(self, *words, by=None, to=None, queue="queue"):
        task, *rest = words
        done = run(SEALED, (by or self.entry).address,
                   (to or self.far).address, task, self.files / queue, *rest,
                   check=0, timeout=120)
        return [line.split() for line in done.stdout.splitlines()]

    def know(self):
        """S learns R's descriptor as soon as a link with it stands; the file
        that it keeps it in."""
        self.peer(self.entry, "add", self.far.address, "--dial", "always")
        key = self.far.address.split("//")[1].split("@")[0]
        known = self.entry.dir / "known" / key
        wait_for(known.exists, 20)
        return known

    @staticmethod
    def got(lines):
        return [int(value) for name, value in lines if name == "got"]


class Way(ParcelTest):
    def test_through_the_entry(self):
        """S is asked for R's descriptor; R hears of no client."""
        self.know()
        self.sealed("create")
        self.sealed("deposit", 0, 5)
        self.assertEqual(self.got(self.sealed("fetch")), [0, 1, 2, 3, 4])
        self.assertEqual(self.got(self.sealed("fetch")), [])
        status = self.far.status()
        self.assertEqual(status["links"]["open"], 1)  # that with S
        self.assertEqual(status["parcels"]["done"], 13)
        self.assertEqual(status["parcels"]["refused"], 0)
        # And by bringing them to R itself.
        self.sealed("deposit", 5, 2, by=self.far)
        self.assertEqual(self.got(self.sealed("fetch")), [5, 6])

    def test_descriptors_outlive_the_link(self):
        self.know()
        self.far.stop()
        self.entry.stop(signal.SIGKILL)
        self.entry.start()
        self.far.start()
        self.sealed("create")

    def test_a_new_descriptor_is_taken(self):
        known = self.know()
        before = known.read_bytes()
        self.far.stop()
        self.far.configure(peer_timeout="2s", operator="Still far away",
                           store_segment_mib=1, store_max_mib=64,
                           store_min_free_mib=0)
        self.far.start()
        wait_for(lambda: known.read_bytes() != before, 60)
        self.assertIn(b"Still far away", known.read_bytes())


class Check(ParcelTest):
    def check(self, code):
        return run(POSTERND, "check", "--dir", self.far.dir, check=code).stderr

    def test_what_check_says(self):
        self.far.stop()
        self.check(0)
        key = next((self.far.dir / "onion").iterdir())
        key.chmod(0o640)
        self.assertIn("/onion", self.check(78))
        key.chmod(0o600)
        good = key.read_bytes()
        key.write_bytes(good[:20] + bytes([good[20] ^ 1]) + good[21:])
        self.check(78)
        # The relay goes on without it, and says so.
        self.far.start()
        self.assertIn("is left out", self.far.read_log())
        self.far.stop()
        key.write_bytes(good)
        self.check(0)
        own = self.far.dir / "descriptor"
        good = own.read_bytes()
        own.write_bytes(good[:60] + bytes([good[60] ^ 1]) + good[61:])
        self.assertIn("/descriptor is damaged", self.check(78))
        own.write_bytes((self.entry.dir / "descriptor").read_bytes())
        self.assertIn("another relay's", self.check(78))
        own.unlink()
        self.far.start()
        self.far.stop()
        self.check(0)


class Sight(ParcelTest):
    """Everything a relay has written: its store as a backup gives it, opened,
    and every file of its directory, log included."""

    def written(self, relay):
        relay.stop()
        backup = subprocess.run([POSTERND, "store", "backup", "--dir",
                                 relay.dir], capture_output=True, check=True)
        files = [p for p in relay.dir.rglob("*") if p.is_file()]
        return backup.stdout + b"".join(p.read_bytes() for p in files)

    def test_what_each_can_see(self):
        self.know()
        self.sealed("create")
        lines = self.sealed("deposit", 0, 1)
        sent = {name: bytes.fromhex(value) for name, value in lines}
        entry, far = self.written(self.entry), self.written(self.far)
        # S carried it and holds nothing of what is inside.
        for what in ("envelope", "message_id", "send_id"):
            self.assertFalse(sent[what] in entry, what)
        # The test would see it: R has it.
        for what in ("message_id", "send_id", "envelope"):
            self.assertTrue(sent[what] in far, what)
        # R holds the message, as it must, and nothing of the parcel it came
        # in, nor of who brought it.
        self.assertFalse(sent["parcel"][:WINDOW] in far)
        for relay in (self.entry, self.far):
            log = relay.read_log()
            self.assertNotIn(sent["send_id"].hex(), log)
            for line in log.splitlines():
                if "listening" not in line:
                    self.assertNotIn("127.0.0.1", line)


class Death(ParcelTest):
    def test_killed_again_and_again(self):
        """R dies at random moments: every message is there, once."""
        each = 10 if SANITIZED else 40
        count = 10 * each
        # R calls as soon as it is back, which ends S's patience.
        self.peer(self.far, "add", self.entry.address, "--dial", "always")
        self.sealed("create")
        done = []
        # An entry gives every answer its time: who wants many asks at once.
        senders = [threading.Thread(
            target=lambda at=at: done.append(self.sealed("deposit", at, each)))
            for at in range(0, count, each)]
        for sender in senders:
            sender.start()
        kills = 0
        while any(s.is_alive() for s in senders) and kills < 6:
            time.sleep(0.3)
            self.far.stop(signal.SIGKILL)
            self.far.start()
            kills += 1
        for sender in senders:
            sender.join(120)
        self.assertEqual(len(done), len(senders))
        self.assertGreater(kills, 0)
        self.assertEqual(sorted(self.got(self.sealed("fetch"))),
                         list(range(count)))


if __name__ == "__main__":
    unittest.main()
