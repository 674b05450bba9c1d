"""Two people and a relay: real programs from the first invitation to the last
acknowledgement."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from rig import POSTERN, ROGUE, SANITIZED, Relay, wait_for

SLOW = 4 if SANITIZED else 1


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


class Pair(unittest.TestCase):
    """Two people who have met, on one relay."""

    INIT = POSTERN

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.relay = Relay()
        self.addCleanup(self.relay.remove)
        self.relay.start()
        self.secret = self.dir / "secret"
        self.secret.write_text("correct horse battery\n")
        self.secret.chmod(0o600)
        self.anna, self.ben = self.dir / "anna", self.dir / "ben"
        for home, name in ((self.anna, "Anna"), (self.ben, "Ben")):
            words = self.words(home, "init", "--name", name, "--relay",
                               self.relay.address)
            subprocess.run([self.INIT, *words[1:]], check=True, timeout=120,
                           capture_output=True)
        link = self.run_in(self.anna, "invite", "create", "--name",
                           "ben").stdout.strip()
        self.run_in(self.ben, "invite", "accept", link, "--name", "anna")

    def words(self, home, *words):
        return [POSTERN, *map(str, words), "--no-input", "--home", str(home),
                "--passphrase-file", str(self.secret)]

    def run_in(self, home, *words, check=0, stdin=""):
        done = subprocess.run(self.words(home, *words), capture_output=True,
                              text=True, timeout=120, input=stdin)
        if check is not None:
            self.assertEqual(done.returncode, check,
                             f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, home, *words, **kwargs):
        child = subprocess.Popen(self.words(home, *words), **kwargs)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def safety(self, home, name):
        return json.loads(self.run_in(home, "contact", "show", name,
                                      "--json").stdout)["safety_number"]


class Talk(Pair):
    """As installed: every command derives the key as a real one does."""

    def test_talk(self):
        out = self.dir / "out"
        out.mkdir()
        content = os.urandom(30000)
        (self.dir / "photo.jpg").write_bytes(content)
        secret = "the plaintext nobody else may see"
        self.run_in(self.ben, "send", "anna", stdin=secret)
        self.run_in(self.ben, "send", "anna", "--file", self.dir / "photo.jpg")
        stored = b"".join(p.read_bytes() for p in self.relay.dir.rglob("*")
                          if p.is_file())
        self.assertNotIn(secret.encode(), stored)
        self.assertNotIn(content[:64], stored)
        self.assertNotIn(b"photo.jpg", stored)
        got = objects(self.run_in(self.anna, "receive", "--json", "--count",
                                  "2", "--out", out).stdout)
        self.assertEqual(got[0]["text"], secret)
        self.assertEqual(got[0]["from"], "ben")
        self.assertEqual((out / "photo.jpg").read_bytes(), content)
        self.run_in(self.anna, "send", "ben", "-m", "back")
        got = objects(self.run_in(self.ben, "receive", "--json").stdout)
        self.assertEqual([m["text"] for m in got], ["back"])
        safety = self.safety(self.anna, "ben")
        self.assertRegex(safety, r"^\d{60}$")
        self.assertEqual(safety, self.safety(self.ben, "anna"))
        self.run_in(self.anna, "contact", "verify", "ben", "--code", safety)
        self.run_in(self.anna, "receive", "--timeout", "1s", check=3)


class People(Pair):
    """What takes hundreds of commands: guessing the passphrase of these stores
    is cheap; everything else is the real thing."""

    INIT = os.environ["POSTERN_QUICK"]

    def test_thin(self):
        """Ben's link is thin: he is written to accordingly, unless Anna has
        chosen otherwise for him."""
        def thin(home, name):
            return json.loads(self.run_in(home, "contact", "show", name,
                                          "--json").stdout)["thin"]
        self.run_in(self.ben, "profile", "thin")
        self.run_in(self.ben, "send", "anna", "-m", "it is slow here")
        self.run_in(self.anna, "receive")
        self.assertTrue(thin(self.ben, "anna"))
        self.assertTrue(thin(self.anna, "ben"))
        self.run_in(self.anna, "send", "ben", "-m", "so I am brief")
        got = objects(self.run_in(self.ben, "receive", "--json").stdout)
        self.assertEqual([m["text"] for m in got], ["so I am brief"])
        self.run_in(self.anna, "contact", "profile", "ben", "normal")
        self.assertFalse(thin(self.anna, "ben"))

    def test_relay_away(self):
        self.run_in(self.anna, "receive", "--timeout", "3s", check=3)
        self.relay.stop()
        done = self.run_in(self.ben, "send", "anna", "-m", "later", "--json",
                           "--timeout", "500ms", check=75)
        number = json.loads(done.stdout)["id"]
        waiting = objects(self.run_in(self.ben, "outbox", "list",
                                      "--json").stdout)
        self.assertEqual([w["id"] for w in waiting], [number])
        self.assertNotEqual(waiting[0]["reason"], "")
        self.relay.start()
        self.run_in(self.ben, "outbox", "retry")
        self.run_in(self.ben, "send", "anna", "-m", "now")
        got = objects(self.run_in(self.anna, "receive", "--json", "--count",
                                  "2").stdout)
        self.assertEqual({m["text"] for m in got}, {"later", "now"})

    def test_forwarding(self):
        server = self.start(self.anna, "rpc", "--socket", self.dir / "s",
                            stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stderr.close)
        self.assertEqual(server.stderr.readline(), "ready\n")
        # No passphrase: who holds the socket holds the store.
        done = subprocess.run([POSTERN, "send", "ben", "-m", "x", "--home",
                               self.anna], capture_output=True, text=True)
        # The invitation is answered only once Anna's side has read it.
        if done.returncode == 4:
            wait_for(lambda: subprocess.run(
                [POSTERN, "send", "ben", "-m", "x", "--home", self.anna],
                capture_output=True).returncode == 0, 20)
        got = objects(self.run_in(self.ben, "receive", "--json").stdout)
        self.assertEqual([m["text"] for m in got], ["x"])
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(20), 0)

    def test_wrong_passphrase(self):
        wrong = self.dir / "wrong"
        wrong.write_text("wrong\n")
        wrong.chmod(0o600)
        done = subprocess.run(
            [POSTERN, "status", "--home", self.anna, "--passphrase-file",
             wrong], capture_output=True, text=True)
        self.assertEqual(done.returncode, 77, done.stderr)

    def test_hostile_relays_harm_themselves_only(self):
        """Five more relays break the protocol, each in another way: mail at
        the honest one goes on, and a person can read what is wrong."""
        for mode in ("wrong_answer", "huge", "cut", "mute", "drip"):
            rogue = subprocess.Popen([ROGUE, "relay", mode], text=True,
                                     stdout=subprocess.PIPE)
            self.addCleanup(rogue.wait)
            self.addCleanup(rogue.kill)
            self.addCleanup(rogue.stdout.close)
            self.run_in(self.anna, "relay", "add",
                        rogue.stdout.readline().strip())
        self.run_in(self.anna, "relay", "policy", "--route", "direct")
        for text in ("one", "two"):
            self.run_in(self.ben, "send", "anna", "-m", text)
            got = objects(self.run_in(self.anna, "receive", "--json").stdout)
            self.assertEqual([m["text"] for m in got], [text])
            self.run_in(self.anna, "send", "ben", "-m", text)
            got = objects(self.run_in(self.ben, "receive", "--json").stdout)
            self.assertEqual([m["text"] for m in got], [text])
        # An invitation waits at one relay or is made at the other.
        done = self.run_in(self.anna, "invite", "create", "--timeout", "2s",
                           check=None)
        self.assertIn(done.returncode, (0, 69, 75), done.stderr)
        self.run_in(self.anna, "status")

    def test_killed_at_any_moment(self):
        """Nothing is lost; what was acknowledged never comes again."""
        self.run_in(self.anna, "receive", "--timeout", "3s", check=3)
        dice = random.Random(7)
        log = self.dir / "log"
        consume = ("x=$(cat); test $(($(date +%N | sed 's/^0*//') / 1000 % 2))"
                   f" = 0 || exit 1; echo $x >>{log}")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # POSTERN_KILLS=N: that many rounds, however long they take.
        least = int(os.environ.get("POSTERN_KILLS", 0))
        end = time.monotonic() + 20
        rounds = 0
        while rounds < least or (not least and time.monotonic() < end):
            words = ("send", "anna", "-m", f"m{rounds}", "--id", f"k{rounds}")
            children = [
                self.start(self.ben, *words, **quiet),
                self.start(self.anna, "receive", "--exec", consume, **quiet)]
            time.sleep(dice.random() * 1.5 * SLOW)
            for child in dice.sample(children, 2):
                child.kill()
                child.wait()
            # Nobody knows whether it went: the same again is harmless.
            self.run_in(self.ben, *words, "--wait", "queued")
            rounds += 1
        self.run_in(self.ben, "outbox", "retry")
        self.run_in(self.ben, "send", "anna", "-m", "last")
        want = {f"m{i}" for i in range(rounds)} | {"last"}
        end = time.monotonic() + 60 * SLOW
        while time.monotonic() < end and (
                not log.exists() or set(log.read_text().split()) != want):
            self.run_in(self.anna, "receive", "--exec", consume, "--timeout",
                        "2s", check=None)
        self.assertEqual(set(log.read_text().split()), want)
        before = log.read_text()
        self.run_in(self.anna, "receive", "--exec", consume, "--timeout", "2s",
                    check=None)
        after = log.read_text().split()[len(before.split()):]
        # At most one was killed between the command's end and its ack.
        self.assertLessEqual(len(after), 1, after)
        # A round's kill may give again what that round's command had taken,
        # and no more than that.
        again = len(before.split()) - len(want)
        self.assertLessEqual(again, rounds)
        print(f"{rounds} rounds, {2 * rounds} kills, {again} given again",
              file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
