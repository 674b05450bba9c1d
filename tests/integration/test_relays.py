"""Two people and three relays, of which some are killed: real programs, and
nothing is lost, shown twice, or left to anybody to repair."""

import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from clirig import POSTERN_QUICK
from rig import POSTERN, SANITIZED, Relay, federate, wait_for

SLOW = 4 if SANITIZED else 1


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


class Relays(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.relays = [Relay() for _ in range(3)]
        for relay in self.relays:
            self.addCleanup(relay.remove)
            relay.start()
        federate(*self.relays)
        self.secret = self.dir / "secret"
        self.secret.write_text("correct horse battery\n")
        self.secret.chmod(0o600)
        self.anna, self.ben = self.dir / "anna", self.dir / "ben"
        for home, name in ((self.anna, "Anna"), (self.ben, "Ben")):
            subprocess.run(
                [POSTERN_QUICK, *self.words(home, "init", "--name", name, *(
                    word for relay in self.relays
                    for word in ("--relay", relay.address)))[1:]],
                check=True, timeout=120, capture_output=True)
            self.run_in(home, "relay", "policy", "--replace-after", "10s")

    def words(self, home, *words):
        return [POSTERN, *map(str, words), "--no-input", "--home", str(home),
                "--passphrase-file", str(self.secret)]

    def run_in(self, home, *words, check=0, stdin=""):
        done = subprocess.run(self.words(home, *words), capture_output=True,
                              text=True, timeout=120, input=stdin)
        self.assertEqual(done.returncode, check,
                         f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def meet(self):
        link = self.run_in(self.anna, "invite", "create", "--name",
                           "ben").stdout.strip()
        self.run_in(self.ben, "invite", "accept", link, "--name", "anna")

    def follow(self, home):
        """Receive for ever; what comes lies in the file it returns."""
        path = self.dir / f"{home.name}.received"
        with path.open("w") as out:
            child = subprocess.Popen(
                self.words(home, "receive", "--follow", "--json"), stdout=out,
                stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_for((home / "rpc.sock").exists, 20 * SLOW)
        return path

    def kill(self, relay):
        relay.process.send_signal(signal.SIGKILL)
        relay.process.wait()

    def texts(self, path):
        return [m["text"] for m in objects(path.read_text())]

    def hosts_of(self, home):
        """Where the contact writes to, as it says itself."""
        self.run_in(home, "send", *(("ben",) if home == self.anna else
                                    ("anna",)), "-m", "probe", "--wait",
                    "queued")
        out = objects(self.run_in(home, "outbox", "list", "--json").stdout)
        return {copy["relay"] for copy in out[-1]["copies"]}

    def test_one_is_killed_in_the_middle(self):
        self.meet()
        sent = self.run_in(self.ben, "send", "anna", "-m", "first", "--json")
        self.assertEqual([objects(sent.stdout)[0][key]
                          for key in ("held", "relays")], [2, 2])
        listed = objects(self.run_in(self.ben, "outbox", "list",
                                     "--json").stdout)
        self.assertEqual([c["held"] for c in listed[0]["copies"]],
                         [True, True])
        used = [c["relay"] for c in listed[0]["copies"]]
        victim = next(r for r in self.relays if r.address == used[0])
        sent = self.run_in(self.ben, "send", "anna", "-m", "second")
        self.assertIn("2 of 2 relays hold it", sent.stderr)
        texts = [f"number {i}" for i in range(60)]
        sender = subprocess.Popen(
            self.words(self.ben, "send", "anna", "--lines"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(sender.stdout.close)
        for i, text in enumerate(texts):
            sender.stdin.write(text + "\n")
            sender.stdin.flush()
            if i == 20:
                sender.stdout.readline()  # the first has arrived there
                self.kill(victim)
        sender.stdin.close()
        sender.stdout.read()
        self.assertEqual(sender.wait(120 * SLOW), 0)
        got = objects(self.run_in(self.anna, "receive", "--json", "--count",
                                  "62", "--timeout", "60s").stdout)
        self.assertEqual(sorted(m["text"] for m in got),
                         sorted(texts + ["first", "second"]))
        self.assertFalse(any(m.get("again") for m in got))
        self.run_in(self.anna, "receive", "--timeout", "1s", check=3)
        victim.start()  # with what it had: nothing comes twice
        self.run_in(self.anna, "receive", "--timeout", "3s", check=3)

    def test_copies_have_nothing_in_common(self):
        """Of one message, on the disks of two relays, no 8 bytes in a row
        are the same, but for those that are nearly all alike anyway."""
        self.meet()
        before = [self.strings(relay) for relay in self.relays]
        sent = self.run_in(self.ben, "send", "anna", "-m", "x" * 500)
        self.assertIn("2 of 2 relays hold it", sent.stderr)
        grown = [self.strings(relay) - old
                 for relay, old in zip(self.relays, before)]
        # More than the message may have come meanwhile: the same holds of it.
        full = [g for g in grown if len(g) > 3000]
        self.assertGreaterEqual(len(full), 2, [len(g) for g in grown])
        for i, one in enumerate(full):
            for other in full[:i]:
                self.assertEqual(sorted(one & other), [])

    @staticmethod
    def strings(relay):
        """All that lies in its store, 8 bytes by 8, but for the word that
        every frame of the store begins with, and what stands beside it."""
        found = set()
        for path in (relay.dir / "store").rglob("*"):
            if path.is_file():
                raw = path.read_bytes().rstrip(b"\0")
                found.update(raw[i:i + 8] for i in range(len(raw) - 7)
                             if len(set(raw[i:i + 8])) > 5
                             and b"PNF1" not in raw[i:i + 8])
        return found

    def test_the_dead_are_replaced(self):
        self.meet()
        before = self.hosts_of(self.ben)
        self.assertEqual(len(before), 2)
        inbox = {self.anna: self.follow(self.anna),
                 self.ben: self.follow(self.ben)}
        wait_for(lambda: "ben" in self.run_in(self.anna, "contact",
                                              "list").stdout, 30 * SLOW)
        victims = [r for r in self.relays if r.address in before]
        spare = next(r for r in self.relays if r.address not in before)
        self.kill(victims[0])
        wait_for(lambda: all(spare.address in self.hosts_of(home)
                             for home in (self.anna, self.ben)), 150 * SLOW)
        listed = objects(self.run_in(self.anna, "relay", "list",
                                     "--json").stdout)
        self.assertEqual([r["address"] for r in listed if r["given_up"]],
                         [victims[0].address])
        self.kill(victims[1])
        # What fails could be of another operator: it is waited for until it
        # is given up, too.
        for home, name, text in ((self.ben, "anna", "over what is left"),
                                 (self.anna, "ben", "and back")):
            self.run_in(home, "send", name, "-m", text, "--wait", "queued")
        wait_for(lambda: "over what is left" in self.texts(inbox[self.anna])
                 and "and back" in self.texts(inbox[self.ben]), 150 * SLOW)
        for path in inbox.values():
            ids = [m["id"] for m in objects(path.read_text())]
            self.assertEqual(len(ids), len(set(ids)))

    def test_people_meet_past_a_dead_relay(self):
        self.kill(self.relays[0])
        self.meet()
        self.run_in(self.ben, "send", "anna", "-m", "hello")
        got = objects(self.run_in(self.anna, "receive", "--json", "--timeout",
                                  "30s").stdout)
        self.assertEqual([m["text"] for m in got], ["hello"])

    def test_one_relay_only_is_warned_of(self):
        for relay in self.relays[1:]:
            self.run_in(self.anna, "relay", "remove", relay.address)
        said = self.run_in(self.anna, "doctor").stdout
        self.assertIn("1 of 2 relays are known", said)
        self.run_in(self.anna, "relay", "add", self.relays[1].address)
        self.assertNotIn("warning", self.run_in(self.anna, "doctor").stdout)
        policy = objects(self.run_in(self.anna, "relay", "policy", "--copies",
                                     "3", "--json").stdout)[0]
        self.assertEqual((policy["relays"], policy["replace_after_ms"]),
                         (3, 10000))
        self.run_in(self.anna, "relay", "policy", "--copies", "4", check=2)


if __name__ == "__main__":
    unittest.main()
