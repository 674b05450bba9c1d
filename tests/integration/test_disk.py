#!/usr/bin/env python3
"""A disk that fails, and one that is full, under the real relay: what was not
stored is never called so, what was is there, and a full relay still gives."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import rig

MAIL = os.environ["MAIL"]
FAILSYNC = os.environ["FAILSYNC"]
QUEUES = 4
CONFIG = {"store_segment_mib": 1, "commands_per_second": 100000,
          "command_burst": 100000, "queue_messages": 100000,
          "queue_kib": 1000000}


def mail(relay, job, *words, stdin="", check=0):
    done = subprocess.run([MAIL, relay.address, str(QUEUES), job, *words],
                          input=stdin, capture_output=True, text=True,
                          timeout=120)
    if check is not None and done.returncode != check:
        raise AssertionError(f"mail {job}: {done.stderr}")
    return done.stdout


def said(lines, verb):
    """The messages of which `verb` was said, as (queue, message)."""
    return {tuple(line.split()[1:]) for line in lines.splitlines()
            if line.startswith(verb + " ")}


class FailingSync(unittest.TestCase):
    """After one sync that fails nothing is promised any more, though all later
    ones succeed; and with the next start everything promised is there."""

    def break_at(self, after, **env):
        relay = rig.Relay(store_min_free_mib=16, **CONFIG)
        self.addCleanup(relay.remove)
        relay.start()
        queues = mail(relay, "make")
        relay.stop()
        relay.start(env={"LD_PRELOAD": FAILSYNC, "FAILSYNC": str(after),
                         **env})
        # Its deposits are refused in the end, so it ends with an error.
        work = mail(relay, "work", "1", stdin=queues, check=None)
        rig.wait_for(lambda: relay.status()["store"]["failed"])
        self.assertIn("a commit failed", relay.read_log())
        stored, acking = said(work, "stored"), said(work, "acking")
        acked = said(work, "acked")
        # What is durable is still given, by the relay that failed...
        have = said(mail(relay, "list", stdin=queues), "have")
        self.assertEqual(stored - acking - have, set())
        # ... and nothing is taken in, nor ever called stored.
        again = mail(relay, "fill", "2", stdin=queues)
        self.assertEqual(said(again, "stored"), set())
        relay.stop()
        relay.start()
        self.assertFalse(relay.status()["store"]["failed"])
        have = said(mail(relay, "list", stdin=queues), "have")
        self.assertEqual(stored - acking - have, set(), "mail is lost")
        self.assertEqual(have & acked, set(), "acknowledged mail is back")
        rig.run(rig.POSTERND, "check", "--dir", relay.dir, check=0)
        return len(stored)

    @unittest.skipIf(rig.SANITIZED, "a sanitizer wants to be loaded first")
    def test_promises_outlive_it(self):
        stored = 0
        for after in (5, 6, 8, 12, 25, 60):
            stored += self.break_at(after)
            stored += self.break_at(after, FAILSYNC_KEEP="1")
        self.assertGreater(stored, 0)


    @unittest.skipIf(rig.SANITIZED, "a sanitizer wants to be loaded first")
    def test_a_start_may_fail(self):
        relay = rig.Relay(store_min_free_mib=16, **CONFIG)
        self.addCleanup(relay.remove)
        for _ in range(2):  # the first makes the store
            done = rig.run(rig.POSTERND, "run", "--dir", relay.dir, check=74,
                           env={"LD_PRELOAD": FAILSYNC, "FAILSYNC": "1"})
            self.assertIn("cannot open the store", done.stderr)
            relay.start()
            relay.stop()


class DamagedBody(unittest.TestCase):
    """One byte of one body, in the middle of a segment."""

    def test_check_says_so(self):
        relay = rig.Relay(store_min_free_mib=16, **CONFIG)
        self.addCleanup(relay.remove)
        relay.start()
        queues = mail(relay, "make")
        work = subprocess.Popen([MAIL, relay.address, str(QUEUES), "work", "1"],
                                stdin=subprocess.PIPE, text=True,
                                stdout=subprocess.DEVNULL)
        self.addCleanup(work.wait)
        self.addCleanup(work.kill)
        self.addCleanup(work.stdin.close)
        work.stdin.write(queues)
        work.stdin.flush()
        rig.wait_for(lambda: relay.status()["messages"]["stored"] > 200, 60)
        relay.stop()
        check = [rig.POSTERND, "check", "--dir", relay.dir]
        rig.run(*check, check=0)
        damaged = 0
        for path in sorted((relay.dir / "store").glob("seg-*")):
            good = path.read_bytes()
            for at in range(0, len(good), 4096):
                # A frame with a body to its end: its header stands in clear.
                size = int.from_bytes(good[at + 32:at + 36], "little")
                if good[at:at + 4] != b"PNF1" or size < 1000:
                    continue
                bad = bytearray(good)
                bad[at + size - 100] ^= 1
                path.write_bytes(bad)
                done = rig.run(*check)
                path.write_bytes(good)
                if done.returncode == 0:
                    continue  # what lay there was acknowledged already
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertIn("damaged", done.stderr)
                damaged += 1
                if damaged == 3:
                    break
        self.assertGreater(damaged, 0)
        rig.run(*check, check=0)


@unittest.skipUnless(rig.private_mounts(), "needs root, for a file system "
                                           "of its own")
class FullDisk(unittest.TestCase):

    def small_disk(self, mib):
        """A small file system, on which relays are made from now on."""
        rig.small_disk(self, mib)
        # What the relay says must not stop for want of space.
        self.log = tempfile.NamedTemporaryFile(dir="/tmp")
        self.addCleanup(self.log.close)

    def make_relay(self):
        relay = rig.Relay(store_min_free_mib=4, **CONFIG)
        self.addCleanup(relay.remove)
        (relay.dir / "log").symlink_to(self.log.name)
        return relay

    def fill(self, relay, queues):
        """Deposit until the disk is low; returns what was stored."""
        stored = set()

        def is_low():
            # Now and then busy only means that a file is being made.
            self.rounds = getattr(self, "rounds", 0) + 1
            stored.update(said(mail(relay, "fill", str(self.rounds),
                                    stdin=queues), "stored"))
            return relay.status()["store"]["disk_low"]
        rig.wait_for(is_low, 60)
        return stored

    def test_gives_takes_and_frees(self):
        self.small_disk(20)
        relay = self.make_relay()
        relay.start()
        queues = mail(relay, "make")
        for _ in range(3):
            stored = self.fill(relay, queues)
            self.assertGreater(len(stored), 500)
            have = said(mail(relay, "list", stdin=queues), "have")
            self.assertEqual(stored, have)
            # A crash while it is full changes nothing.
            relay.process.kill()
            relay.process.wait()
            relay.start()
            have = said(mail(relay, "list", stdin=queues), "have")
            self.assertEqual(stored, have)
            acked = said(mail(relay, "empty", stdin=queues), "acked")
            self.assertEqual(stored, acked)
            rig.wait_for(
                lambda: not relay.status()["store"]["disk_low"], 30)
            self.assertFalse(relay.status()["store"]["failed"])
        self.assertIn("disk low", relay.read_log())

    def test_others_fill_it(self):
        self.small_disk(24)
        relay = self.make_relay()
        relay.start()
        queues = mail(relay, "make")
        ballast = pathlib.Path(tempfile.tempdir) / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        stored = said(mail(relay, "fill", "99", stdin=queues), "stored")
        have = said(mail(relay, "list", stdin=queues), "have")
        self.assertEqual(stored, have)
        acked = said(mail(relay, "empty", stdin=queues), "acked")
        self.assertEqual(stored, acked)
        # It starts on a full disk too: what it needs is there already.
        relay.stop()
        relay.start()
        self.assertEqual(mail(relay, "list", stdin=queues), "")
        ballast.unlink()
        rig.wait_for(lambda: not relay.status()["store"]["disk_low"], 30)
        self.assertGreater(len(self.fill(relay, queues)), 500)

    def test_no_space_for_a_first_start(self):
        self.small_disk(1)
        relay = self.make_relay()
        done = rig.run(rig.POSTERND, "run", "--dir", relay.dir, check=74)
        self.assertIn("no disk space", done.stderr)
        # With space it starts as if nothing had been.
        subprocess.run(["mount", "-o", "remount,size=40m", tempfile.tempdir],
                       check=True)
        relay.start()
        mail(relay, "make")


if __name__ == "__main__":
    unittest.main()
