"""postern and posternd with somebody else's software: the implementation in
tests/reference, which is written from PROTOCOL.md alone."""

import json
import os
import random
import shutil
import signal
import subprocess

from clirig import postern, secret_file
from referencerig import main, WithPeer
from rig import Relay, wait_for


class Mail(WithPeer):
    def talk(self):
        """Both ways, across a restart of Jo, until both have it confirmed."""
        safety = self.show(self.anna, "jo")["safety_number"]
        self.assertEqual(safety, self.jo.do("safety", name="anna"))
        sent = self.jo.send("anna", "from Jo", "and more, Größe 🕊")
        self.assertEqual(self.anna_reads(2), ["from Jo", "and more, Größe 🕊"])
        back = self.anna_sends("from Anna")
        self.jo.restart()
        events = self.jo.do("receive")
        self.assertEqual([e["text"] for e in events if e["type"] == "message"],
                         ["from Anna"])
        # Anna's receipts came along with her text.
        self.assertLessEqual(set(sent), {e["id"] for e in events
                                         if e["type"] == "delivered"})
        self.assertEqual(self.jo.do("outbox", name="anna"), [])
        # And Jo's with his.
        self.assertLessEqual(set(back), set(self.anna_waits_for()))
        self.jo.send("anna", "the last")
        self.assertEqual(self.anna_reads(1), ["the last"])
        wait_for(lambda: not set(back) & set(self.anna_waits_for()))
        self.assertEqual(self.jo.do("receive"), [])

    def test_jo_invites(self):
        self.jo_invites()
        self.talk()

    def test_anna_invites(self):
        self.anna_invites()
        self.talk()

    def test_any_order(self):
        """The last first, both ways, and a few of an older chain last."""
        self.anna_invites()
        self.jo.send("anna", "0", "1", "2", "3", reversed=True)
        self.assertEqual(sorted(self.anna_reads(4)), ["0", "1", "2", "3"])
        self.anna_sends("a", "b", "c")
        self.assertEqual(self.jo.texts(reversed=True), ["c", "b", "a"])
        # Sealed before Jo turns round, and on the way after it.
        late = [self.jo.do("send", to="anna", text=t) for t in ("4", "5")]
        self.jo.do("seal")
        self.anna_sends("d")
        self.assertEqual(self.jo.texts(), ["d"])
        self.jo.do("send", to="anna", text="6")
        self.jo.do("flush", reversed=True)
        self.assertEqual(sorted(self.anna_reads(3)), ["4", "5", "6"])
        self.assertNotIn(late[0], self.jo.do("outbox", name="anna"))

    def test_killed_and_again(self):
        """Nothing is lost or shown twice, whoever dies and where."""
        self.jo_invites()
        sent = self.anna_sends("one", "two")
        got = self.jo.do("receive", keep=True)
        self.assertEqual([e["text"] for e in got if e["type"] == "message"],
                         ["one", "two"])
        self.jo.restart(kill=True)
        self.relay.stop(signal.SIGKILL)
        self.relay.start()
        self.assertEqual(self.jo.texts(), ["one", "two"])
        self.assertEqual(self.jo.texts(), [])
        # A deposit whose answer was lost is made again, byte for byte.
        self.jo.do("send", to="anna", text="back")
        self.jo.do("seal")
        self.jo.do("deposit_blindly")
        self.jo.restart(kill=True)
        self.jo.do("flush")
        self.assertEqual(self.anna_reads(1), ["back"])
        self.assertEqual(self.fetch(self.anna), 3)
        self.assertFalse(set(sent) & set(self.anna_waits_for()))

    def test_receipts_alone(self):
        """`send --wait delivered` returns when Jo has said so."""
        self.jo_invites()
        sending = self.start(self.anna, "send", "jo", "-m", "sign for this",
                             "--wait", "delivered", "--timeout", "60s",
                             stdout=subprocess.DEVNULL)
        wait_for(lambda: self.jo.texts() == ["sign for this"])
        self.jo.do("receipts")
        self.jo.do("flush")
        self.assertEqual(sending.wait(60), 0)

    def test_sizes(self):
        """Every class of envelope, both ways; a file arrives as it is."""
        self.anna_invites()
        for length in (1, 600, 5000, 40000):
            self.jo.send("anna", "x" * length)
            self.assertEqual(self.anna_reads(1), ["x" * length])
            self.run_in(self.anna, "send", "jo", stdin="y" * length)
            self.assertEqual(self.jo.texts(), ["y" * length])

    def test_thin(self):
        """Anna's link is slow: Jo is told, and answers in kind."""
        self.anna_invites()
        self.run_in(self.anna, "profile", "thin")
        self.anna_sends("it is slow here")
        self.assertEqual(self.jo.texts(), ["it is slow here"])
        self.assertTrue(self.jo.do("session", name="anna")["wish"])
        self.jo.do("profile", name="anna", profile="thin")
        for i in range(4):
            self.jo.send("anna", f"brief {i}")
            self.assertEqual(self.anna_reads(1), [f"brief {i}"])
            self.anna_sends(f"likewise {i}")
            self.assertEqual(self.jo.texts(), [f"likewise {i}"])

    def test_offline_invitation(self):
        """A bundle that no relay has held."""
        link = self.jo.do("invite", name="anna", offline=True)
        self.run_in(self.anna, "invite", "accept", "-", "--name", "jo",
                    stdin=link)
        self.jo.do("receive")
        self.talk()

    def test_invitation_once(self):
        link = self.jo.do("invite", name="anna")
        self.run_in(self.anna, "invite", "accept", "-", "--name", "jo",
                    stdin=link)
        self.fetch(self.anna)  # by now it is burned
        self.run_in(self.ben, "invite", "accept", "-", stdin=link, check=77)
        other = self.jo.do("invite", name="ben")
        self.jo.do("revoke", name="ben")
        self.run_in(self.ben, "invite", "accept", "-", stdin=other, check=77)
        third = self.run_in(self.anna, "invite", "create").stdout.strip()
        self.run_in(self.anna, "invite", "revoke", json.loads(
            self.run_in(self.anna, "invite", "list", "--json").stdout
            .splitlines()[-1])["id"])
        self.fetch(self.anna)
        self.assertEqual(
            self.jo.ask("accept", link=third, name="anna")["error"],
            "the invitation was answered or revoked")


class Schedule(WithPeer):
    """Whatever happens in whatever order: each text arrives, once."""

    STEPS = int(os.environ.get("REFERENCE_STEPS", "40"))

    def step(self, what):
        """One of the things that happen; most of them often."""
        if what < 3:
            for _ in range(self.chance.randint(1, 3)):
                self.to_jo.append(f"to Jo {len(self.to_jo)}")
                self.anna_sends(self.to_jo[-1])
        elif what < 6:
            for _ in range(self.chance.randint(1, 4)):
                self.to_anna.append(f"to Anna {len(self.to_anna)}")
                self.jo.do("send", to="anna", text=self.to_anna[-1])
            self.jo.do("seal")
        elif what < 9:
            self.jo.do("flush", reversed=self.chance.random() < 0.5)
        elif what < 11:
            self.anna_got += [m["text"] for m in self.receive(
                "--timeout", "300ms", check=None)]
        elif what < 13:
            self.jo_got += self.jo.texts(reversed=self.chance.random() < 0.5)
        elif what == 13:
            self.jo.cut_short(self.chance.random() / 8, "receive", keep=True)
        elif what == 14:
            self.jo.cut_short(self.chance.random() / 8, "flush")
        else:
            self.relay.stop(signal.SIGKILL)
            self.relay.start()

    def test_schedule(self):
        seed = os.environ.get("REFERENCE_SEED", os.urandom(4).hex())
        self.chance = random.Random(seed)
        self.to_jo, self.to_anna, self.jo_got, self.anna_got = [], [], [], []
        self.anna_invites()
        with self.subTest(REFERENCE_SEED=seed):
            for _ in range(self.STEPS):
                self.step(self.chance.randrange(16))
            for _ in range(3):
                for what in (8, 10, 12):
                    self.step(what)
            self.assertEqual(sorted(self.jo_got), sorted(self.to_jo))
            self.assertEqual(sorted(self.anna_got), sorted(self.to_anna))
            self.jo.do("receipts")
            self.step(8)
            self.step(10)
            self.assertEqual(self.anna_waits_for(), [])


class SeveralRelays(WithPeer):
    """Each direction has two mailboxes; either relay may be gone."""

    def setUp(self):
        super().setUp()
        self.second = Relay()
        self.addCleanup(self.second.remove)
        self.second.start()
        self.run_in(self.anna, "relay", "add", self.second.address)
        self.jo.end()
        self.jo = self.peer("jo2", "Jo", self.relay, self.second)

    def talk(self, text):
        self.jo.send("anna", text)
        self.assertEqual(self.anna_reads(1), [text])
        self.anna_sends(text)
        self.assertEqual(self.jo.texts(), [text])

    def check_each_gone(self):
        session = self.jo.do("session", name="anna")
        self.assertEqual((session["relays"], session["queues"]), (2, 2))
        for relay in (self.relay, self.second):
            self.talk("both are there")
            relay.stop(signal.SIGKILL)
            self.talk("one is gone")
            relay.start()
        # The copies that were owed come, and nothing is shown twice.
        self.jo.do("flush")
        self.assertEqual(self.fetch(self.anna, "2s"), 3)
        self.assertEqual(self.jo.texts(), [])

    def test_anna_invites(self):
        self.anna_invites()
        wait_for(lambda: self.fetch(self.anna) and
                 self.jo.texts() == [] and
                 self.jo.do("session", name="anna")["relays"] == 2)
        self.check_each_gone()

    def test_jo_invites(self):
        self.jo_invites()
        self.check_each_gone()


class Resync(WithPeer):
    """A session is lost: a new one stands, and nothing else is."""

    def test_jo_lost_it(self):
        self.anna_invites()
        self.jo.send("anna", "before")
        self.assertEqual(self.anna_reads(1), ["before"])
        self.anna_sends("into the old session")
        self.jo.do("lose", name="anna")
        self.assertEqual(self.jo.texts(), [])
        self.jo.do("flush")
        wait_for(lambda: self.fetch(self.anna, "1s") == 3 and
                 self.jo.texts() == ["into the old session"], 60)
        self.assertEqual(self.jo.do("session", name="anna")["generation"], 2)
        self.jo.send("anna", "as ever")
        self.assertEqual(self.anna_reads(1), ["as ever"])

    def test_nothing_was_under_way(self):
        """Who grants a RESYNC writes, though there is nothing to say."""
        self.anna_invites()
        self.jo.send("anna", "before")
        self.assertEqual(self.anna_reads(1), ["before"])
        self.jo.do("lose", name="anna")
        self.jo.do("flush")

        def renewed():
            self.fetch(self.anna)
            self.jo.do("receive")
            return self.jo.do("session", name="anna")["generation"] == 2
        wait_for(renewed, 30)

    def anna_loses_it(self):
        """What she sends and reads is forgotten: she has a backup."""
        key = secret_file(self.dir / "r.pass", "of the backup\n")
        use = ("--backup-passphrase-file", key)
        self.run_in(self.anna, "backup", "create", self.dir / "copy", *use)
        self.anna_sends("from the lost machine")
        self.assertEqual(self.jo.texts(), ["from the lost machine"])
        shutil.rmtree(self.anna)
        self.anna = self.dir / "r"
        postern("backup", "restore", self.dir / "copy", "--home", self.anna,
                *use)

    def until_anna_reads(self, text):
        got = []

        def arrived():
            got.extend(self.receive("--timeout", "500ms", check=None))
            self.jo.do("receive")
            self.jo.do("flush")
            return got
        wait_for(arrived, 60)
        self.assertEqual([m["text"] for m in got], [text])

    def test_anna_from_a_backup(self):
        self.anna_invites()
        self.jo.send("anna", "before")
        self.assertEqual(self.anna_reads(1), ["before"])
        self.anna_loses_it()
        self.jo.send("anna", "into the old session")
        self.until_anna_reads("into the old session")
        self.assertEqual(self.jo.do("session", name="anna")["generation"], 2)
        self.anna_sends("back again")
        self.assertEqual(self.jo.texts(), ["back again"])

    def test_both_lost_it(self):
        """Both ask, and both begin: one handshake stands, the same on both
        sides."""
        self.anna_invites()
        self.jo.send("anna", "before")
        self.assertEqual(self.anna_reads(1), ["before"])
        self.anna_loses_it()
        self.jo.do("lose", name="anna")
        self.jo.do("flush")
        self.jo.send("anna", "from one who knows nothing")
        self.until_anna_reads("from one who knows nothing")
        for i in range(3):
            self.anna_sends(f"a{i}")
            self.assertEqual(self.jo.texts(), [f"a{i}"])
            self.jo.send("anna", f"j{i}")
            self.assertEqual(self.anna_reads(1), [f"j{i}"])


if __name__ == "__main__":
    main()
