"""Disks that are slow, and disks that are full, under people and the relays of
their mail: everything waits, says why, and nothing is lost or hung up on."""

import os
import time
import unittest

from clirig import Homes, objects
from faultrig import Fault
from rig import (SANITIZED, Relay, federate, private_mounts, small_disk,
                 wait_for)

CONFIG = {"store_segment_mib": 1}


def fill(directory):
    """Take all the space that is left there; removing the file gives it
    back."""
    ballast = directory / "ballast"
    with open(ballast, "ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    return ballast


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class Slow(Homes):
    config = CONFIG

    def assert_patient(self, status):
        """Nobody was hung up on: links ended as people had done."""
        for why in ("timeout", "slow", "idle", "proto", "nomem"):
            self.assertEqual(status["closed"][why], 0, why)

    def test_relay(self):
        """Half a second for each sync. Bulk is under way, and urgent passes it."""
        self.meet()
        self.relay.stop()
        with Fault("sync", nth=1, count=0, path="/seg-", slow_ms=500,
                   arm=self.relay.dir / "arm") as fault:
            self.relay.start(env=fault.env)
            (self.relay.dir / "arm").touch()
            file = self.dir / "file"
            file.write_bytes(os.urandom(50000))
            for _ in range(12):
                self.send("--file", file, "--priority", "bulk", "--wait",
                          "queued")
            self.start(self.ben, "receive", "--follow", "--quiet")
            wait_for((self.ben / "rpc.sock").exists)
            time.sleep(1)
            before = self.relay.status()["links"]["opened"]
            began = time.monotonic()
            self.send("-m", "now", "--priority", "urgent", "--timeout", "30s")
            self.assertLess(time.monotonic() - began, 15)
            got = self.receive("--count", "1", "--timeout", "30s")
            got += self.receive("--count", "12", "--timeout", "60s")
            self.assertEqual(len(got), 13)
            self.assertIn("now", [m.get("text") for m in got])
            self.assertGreater(len(fault.hits()), 2)
            status = self.relay.status()
            self.assert_patient(status)
            # Ben's stands; one comes for each command of Anna's.
            self.assertEqual(status["links"]["opened"] - before, 2)

    def test_people(self):
        """A fifth of a second for each sync of their own."""
        self.meet()
        with Fault("sync", nth=1, count=0, slow_ms=200) as fault:
            for i in range(3):
                self.send("-m", f"m{i}", env=fault.env)
            done = self.run_in(self.anna, "receive", "--json", "--count", "3",
                               env=fault.env)
            self.assertEqual([m["text"] for m in objects(done.stdout)],
                             ["m0", "m1", "m2"])
            self.assertGreater(len(fault.hits()), 6)
        self.assert_patient(self.relay.status())


@unittest.skipUnless(private_mounts(), "needs root, for a file system of its "
                                       "own")
class Full(Homes):
    config = {**CONFIG, "store_min_free_mib": 4}

    def setUp(self):
        self.disk = small_disk(self, 64)
        super().setUp()
        self.second = Relay(**self.config)
        self.addCleanup(self.second.remove)
        self.second.start()
        federate(self.relay, self.second)
        for home in (self.anna, self.ben):
            self.run_in(home, "relay", "add", self.second.address)

    def test_a_command_that_failed(self):
        """What could not be accepted is said once; when there is room again,
        nothing is wrong with what comes."""
        self.meet()
        self.send("-m", "x")
        self.receive("--count", "1", "--timeout", "5s")
        self.start(self.ben, "rpc", "--socket", self.ben / "rpc.sock")
        wait_for((self.ben / "rpc.sock").exists)
        self.run_in(self.ben, "receive", "--timeout", "5s", check=None)
        time.sleep(3)  # with nothing on its way
        ballast = fill(self.disk)
        self.run_in(self.ben, "send", "anna", "-m", "y" * 50000, "--wait",
                    "queued", check=74)
        ballast.unlink()
        wait_for(lambda: self.run_in(self.ben, "receive", "--timeout", "1s",
                                     check=None).returncode == 3, 60)

    def test_everywhere(self):
        """Both relays of a contact and the sender's own disk are full: what
        was stored is given, what was not is refused, and with space all goes
        on."""
        self.meet()
        self.send("-m", "before")
        ballast = fill(self.disk)
        # Its own store first: nothing is accepted.
        done = self.run_in(self.ben, "send", "anna", "-m", "no room",
                           check=None)
        self.assertIn(done.returncode, (74, 75), done.stderr)
        if done.returncode == 74:
            self.assertIn("no room", done.stderr)
        # What lies at the relays cannot be kept, which is not "nothing came".
        done = self.run_in(self.anna, "receive", "--timeout", "2s", check=74)
        self.assertIn("no room", done.stderr)
        before = []
        os.truncate(ballast, ballast.stat().st_size - (2 << 20))
        # Then only its relays.
        done = self.run_in(self.ben, "send", "anna", "-m", "waits",
                           "--timeout", "3s", check=None)
        # The room it got back may be theirs, too.
        self.assertIn(done.returncode, (0, 75), done.stderr)
        if done.returncode == 75:
            self.assertRegex(done.stdout + done.stderr,
                             "overloaded|in custody")
        self.run_in(self.ben, "send", "anna", "-m", "too", "--wait", "queued")
        ballast.unlink()
        wait_for(lambda: not any(r.status()["store"]["disk_low"]
                                 for r in (self.relay, self.second)), 30)
        self.run_in(self.ben, "outbox", "retry")
        self.run_in(self.ben, "send", "anna", "-m", "after")
        want = {"before", "waits", "too", "after"}

        def arrived():
            self.fetch(self.ben, "1s")
            before.extend(m["text"] for m in objects(self.run_in(
                self.anna, "receive", "--json", "--timeout", "1s",
                check=None).stdout) if not m["again"])
            return want <= set(before)
        wait_for(arrived, 60)
        self.assertLessEqual(set(before), want | {"no room"})


if __name__ == "__main__":
    unittest.main()
