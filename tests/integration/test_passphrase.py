"""The passphrases of a store: changed, wrong, under duress; and panic."""

import json
import subprocess
import unittest

from clirig import Caller, Homes, objects, postern, secret_file
from rig import wait_for


class Passphrase(Homes):
    def setUp(self):
        super().setUp()
        self.meet()
        self.other = secret_file(self.dir / "other", "battery staple\n")

    def with_other(self, *words, **kwargs):
        """At Anna's, with the other passphrase."""
        return postern(*words, "--home", self.anna, "--passphrase-file",
                       self.other, **kwargs)

    def contacts(self, done):
        return [c["name"] for c in objects(done.stdout)]

    def set_duress(self, *words, **kwargs):
        return self.run_in(self.anna, "passphrase", "duress", *words,
                           "--new-passphrase-file", self.other, **kwargs)

    def test_change(self):
        wrong = self.with_other("status", check=77)
        self.assertIn("passphrase is wrong", wrong.stderr)
        change = ("passphrase", "change", "--new-passphrase-file", self.other)
        postern(*change, "--home", self.anna, "--passphrase-file", self.other,
                check=77)
        self.run_in(self.anna, *change)
        self.run_in(self.anna, "status", check=77)
        done = self.with_other("contact", "list", "--json")
        self.assertEqual(self.contacts(done), ["ben"])
        self.with_other("send", "ben", "-m", "as before")
        got = self.receive("--count", "1", home=self.ben)
        self.assertEqual(got[0]["text"], "as before")

    def test_change_while_served(self):
        self.serve("--socket", self.dir / "s")
        change = ("passphrase", "change", "--new-passphrase-file", self.other)
        # The server needs none to open; to change it, the old one is proven.
        postern(*change, "--home", self.anna, "--passphrase-file", self.other,
                check=77)
        self.run_in(self.anna, *change)
        self.run_in(self.ben, "send", "anna", "-m", "still there")
        got = objects(postern("receive", "--json", "--home",
                              self.anna).stdout)
        self.assertEqual([m["text"] for m in got], ["still there"])

    def test_duress(self):
        self.run_in(self.ben, "send", "anna", "-m", "compromising")
        self.receive("--count", "1")
        before = sorted(p.name for p in self.anna.iterdir())
        sizes = (self.anna / "keyslots").stat().st_size
        self.set_duress()
        # Nothing on the disk tells that there is one.
        self.assertEqual(sorted(p.name for p in self.anna.iterdir()), before)
        self.assertEqual((self.anna / "keyslots").stat().st_size, sizes)
        done = self.run_in(self.anna, "contact", "list", "--json")
        self.assertEqual(self.contacts(done), ["ben"])
        identity = json.loads(self.run_in(self.anna, "status",
                                          "--json").stdout)["identity"]
        # Whoever is forced to open it shows an ordinary store, new and empty.
        status = json.loads(self.with_other("status", "--json").stdout)
        self.assertNotEqual(status["identity"], identity)
        for key in ("contacts", "relays", "outbox", "events", "invitations"):
            self.assertEqual(status[key], 0, key)
        for words in (("contact", "list"), ("message", "list"),
                      ("invite", "list"), ("outbox", "list")):
            self.assertEqual(self.with_other(*words).stdout, "", words)
        # The true passphrase is one of many wrong ones now.
        self.run_in(self.anna, "status", check=77)
        # It is a store to live in.
        self.with_other("relay", "add", self.relay.address)
        self.with_other("invite", "create")
        self.assertEqual(sorted(p.name for p in self.anna.iterdir()), before)

    def test_duress_is_not_sprung_by_init(self):
        self.set_duress()
        self.with_other("init", check=73)
        self.run_in(self.anna, "contact", "show", "ben")

    def test_duress_taken_back(self):
        self.set_duress()
        self.run_in(self.anna, "passphrase", "duress", "--undo")
        self.with_other("status", check=77)
        self.run_in(self.anna, "contact", "show", "ben")
        done = self.set_duress("--undo", check=2)
        self.assertIn("--undo", done.stderr)

    def test_duress_is_another_one(self):
        done = self.run_in(self.anna, "passphrase", "duress",
                           "--new-passphrase-file", f"{self.anna}.pass",
                           check=1)
        self.assertIn("take another", done.stderr)
        self.set_duress()
        done = self.run_in(self.anna, "passphrase", "change",
                           "--new-passphrase-file", self.other, check=1)
        self.assertIn("take another", done.stderr)
        self.run_in(self.anna, "contact", "show", "ben")


class Panic(Homes):
    def setUp(self):
        super().setUp()
        self.other = secret_file(self.dir / "other")

    def test_nothing_opens_again(self):
        self.meet()
        done = postern("panic", "--home", self.anna, "--no-input")
        self.assertIn("destroyed", done.stderr)
        done = self.run_in(self.anna, "status", check=78)
        self.assertIn("postern init", done.stderr)
        postern("panic", "--home", self.anna, check=78)
        # The place is free for another life.
        self.run_in(self.anna, "init")
        self.run_in(self.anna, "contact", "show", "ben", check=4)

    def test_open_stores_end_with_it(self):
        self.meet()
        pipe = subprocess.PIPE
        server = self.serve("--socket", self.dir / "s")
        follower = self.start(self.ben, "receive", "--follow", stdout=pipe,
                              stderr=pipe)
        wait_for((self.ben / "rpc.sock").exists)
        for home, child in ((self.anna, server), (self.ben, follower)):
            self.assertNotEqual(postern("contact", "list", "--home",
                                        home).stdout, "")
            postern("panic", "--home", home)
            self.assertEqual(child.wait(20), 78)
            self.assertIn("no store", child.stderr.read())
            postern("contact", "list", "--home", home, "--passphrase-file",
                    self.other, check=78)

    def test_a_waiting_call_ends(self):
        """Also when nobody asks: the directory is watched."""
        self.serve("--socket", self.dir / "s")
        caller = Caller(self.dir / "s")
        self.addCleanup(caller.close)
        number = caller.ask("next_event", timeout_ms=60000)
        (self.anna / "device").unlink()
        answer = caller.read()
        while "result" in answer:  # about the relay
            number = caller.ask("next_event", timeout_ms=60000)
            answer = caller.read()
        self.assertEqual((answer["id"], answer["error"]["code"]), (number, -29))


if __name__ == "__main__":
    unittest.main()
