"""The store in trouble: shared, damaged, on a full disk, under a wrong clock.
"""

import json
import os
import shutil
import subprocess
import unittest

from clirig import POSTERN_QUICK, Homes, objects, secret_file
from rig import SANITIZED, run

CLOCKSHIFT = os.environ["CLOCKSHIFT"]
YEAR = 365 * 86400


class Shared(Homes):
    def test_many_processes_at_once(self):
        """They take turns, or go through the one that stays: none fails."""
        self.meet()
        pipe = subprocess.PIPE
        follower = self.start(self.ben, "receive", "--follow", "--json",
                              stdout=pipe, stderr=subprocess.DEVNULL)
        senders = [self.start(self.anna, "send", "ben", "-m", f"m{i}",
                              stdout=pipe) for i in range(6)]
        senders += [self.start(self.ben, "send", "anna", "-m", f"m{i}",
                               stdout=pipe) for i in range(6)]
        self.assertEqual([s.wait(60) for s in senders], [0] * len(senders))
        wanted = {f"m{i}" for i in range(6)}
        got = {json.loads(follower.stdout.readline())["text"]
               for _ in range(6)}
        self.assertEqual(got, wanted)
        got = {m["text"] for m in self.receive("--count", "6")}
        self.assertEqual(got, wanted)


class Damaged(Homes):
    def damage(self, path):
        data = bytearray(path.read_bytes())
        for at in range(len(data) // 3, len(data), 97):
            data[at] ^= 0x55
        path.write_bytes(data)

    def test_told_with_the_file(self):
        """Never a crash, never another content; the file is named, and the
        directory stays as it is for who can mend it."""
        self.meet()
        whole = self.dir / "whole"
        shutil.copytree(self.anna, whole)
        files = [p.name for p in whole.iterdir() if p.stat().st_size > 0]
        self.assertGreaterEqual(len(files), 4)
        for name in files:
            shutil.rmtree(self.anna)
            shutil.copytree(whole, self.anna)
            self.damage(self.anna / name)
            done = self.run_in(self.anna, "status", check=None)
            # What only one of two copies says may be mended.
            self.assertIn(done.returncode, (0, 74, 77), done.stderr)
            if done.returncode == 74:
                self.assertRegex(done.stderr, "keyslots|device|keys|database|"
                                 "vault|record")
                self.assertEqual(sorted(files), sorted(
                    p.name for p in self.anna.iterdir()
                    if p.stat().st_size > 0))
        for name in ("keyslots", "device"):
            shutil.rmtree(self.anna)
            shutil.copytree(whole, self.anna)
            (self.anna / name).write_bytes(b"")
            self.run_in(self.anna, "status", check=74)


@unittest.skipIf(os.geteuid() != 0 or run("unshare", "-m", "true").returncode,
                 "needs a mount namespace")
class FullDisk(Homes):
    def test_refused_and_nothing_lost(self):
        self.meet()
        self.send("-m", "arrives later")
        big = self.dir / "big"
        big.write_bytes(os.urandom(59000))
        mount = self.dir / "m"
        mount.mkdir()
        secret_file(self.dir / "full.pass")
        script = f"""
            set -e
            mount -t tmpfs -o size=4m,mode=700 none {mount}
            cp -a {self.anna}/. {mount}
            p() {{ {POSTERN_QUICK} "$@" --home {mount} \\
                --passphrase-file {self.anna}.pass; }}
            dd if=/dev/zero of={mount}/rest bs=1k count=800 2>/dev/null
            n=0
            while p send ben --file {big} --wait queued --id k$n >/dev/null
            do n=$((n+1)); test $n -lt 200; done 2>{self.dir}/why || true
            echo $n >{self.dir}/count
            dd if=/dev/zero of={mount}/more bs=1k 2>/dev/null || true
            p send ben -m x --wait queued 2>>{self.dir}/why >/dev/null \\
                && exit 9 || echo $? >{self.dir}/code
            p outbox list --json >{self.dir}/waiting
            p receive --timeout 3s 2>>{self.dir}/why || true
            rm {mount}/rest {mount}/more
            # What waits would be sealed, and fill the disk again.
            for id in $(sed -n 's/.*"id":"\\([0-9a-f]*\\)".*/\\1/p' \\
                {self.dir}/waiting)
            do p outbox cancel "$id"; done
            p receive --json --count 1 --timeout 20s >{self.dir}/got
        """
        run("unshare", "-m", "sh", "-c", script, check=0, timeout=150)
        self.assertEqual((self.dir / "code").read_text(), "74\n")
        self.assertIn("no room", (self.dir / "why").read_text())
        count = int((self.dir / "count").read_text())
        waiting = objects((self.dir / "waiting").read_text())
        self.assertGreater(count, 3)
        self.assertEqual(len(waiting), count)
        got = objects((self.dir / "got").read_text())
        self.assertEqual([m["text"] for m in got], ["arrives later"])


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class Clock(Homes):
    def at(self, years, home, *words, **kwargs):
        return self.run_in(home, *words, env={
            "LD_PRELOAD": CLOCKSHIFT,
            "POSTERN_CLOCK_SHIFT": str(int(years * YEAR))}, **kwargs)

    def test_mail_flows_both_ways(self):
        """A clock that is years off is told by doctor, and no reason to lose
        anything."""
        self.meet()
        for years in (-10, 10):
            done = self.at(years, self.anna, "doctor", check=78)
            self.assertIn("clock", done.stdout)
            self.at(years, self.anna, "send", "ben", "-m", f"of {years}")
            got = self.receive("--count", "1", home=self.ben)
            self.assertEqual(got[0]["text"], f"of {years}")
            self.send("-m", f"to {years}")
            done = self.at(years, self.anna, "receive", "--json", "--count",
                           "1")
            self.assertEqual(objects(done.stdout)[0]["text"], f"to {years}")
        self.send("-m", "and back to now")
        got = self.receive("--count", "1")
        self.assertEqual(got[0]["text"], "and back to now")


if __name__ == "__main__":
    unittest.main()
