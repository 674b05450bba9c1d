"""What was lost comes again: a store from its backup, mailboxes from a relay
that lost them."""

import shutil
import unittest

from clirig import Homes, objects, postern, secret_file
from rig import Relay, federate, wait_for


class Restore(Homes):
    def setUp(self):
        super().setUp()
        self.meet()
        self.send("-m", "before")
        self.receive("--count", "1")
        self.file = self.dir / "backup"
        self.restored = self.dir / "r"
        key = secret_file(self.dir / "r.pass", "of the backup\n")
        self.use = ("--backup-passphrase-file", key)
        self.run_in(self.anna, "backup", "create", self.file, *self.use)

    def restore(self):
        shutil.rmtree(self.anna)
        postern("backup", "restore", self.file, "--home", self.restored,
                *self.use)

    def take(self, home, other, wanted):
        """Both sides come by until these texts have come to `home`, each
        once; gives what else was told there."""
        texts, events = [], []

        def arrived():
            self.run_in(other, "receive", "--no-ack", "--timeout", "500ms",
                        check=None)
            done = self.run_in(home, "receive", "--json", "--events",
                               "--timeout", "500ms", check=None)
            for o in objects(done.stdout):
                (texts if o["type"] == "message" else events).append(
                    o.get("text", o["type"]))
            return set(wanted) <= set(texts)
        wait_for(arrived, 60)
        self.assertEqual(sorted(texts), sorted(wanted))
        return events

    def test_sessions_begin_anew(self):
        safety = self.show(self.anna, "ben")["safety_number"]
        # Keys are used after the backup: they must not be used again.
        self.send("-m", "after the backup")
        self.receive("--count", "1")
        self.run_in(self.anna, "send", "ben", "-m", "from the lost machine")
        self.receive("--count", "1", home=self.ben)
        self.restore()
        kept = objects(self.run_in(self.restored, "message", "list", "ben",
                                   "--json").stdout)
        self.assertEqual([m["text"] for m in kept], ["before"])
        self.assertEqual(self.show(self.restored, "ben")["safety_number"],
                         safety)
        # Sent while the other knows nothing of it: nothing is lost.
        self.send("-m", "into the old session")
        self.run_in(self.restored, "send", "ben", "-m", "back again", "--wait",
                    "queued")
        self.run_in(self.restored, "receive", "--no-ack", "--timeout", "2s",
                    check=None)
        events = self.take(self.ben, self.restored, ["back again"])
        self.assertIn("resync", events)
        self.take(self.restored, self.ben, ["into the old session"])
        for home, name in ((self.ben, "anna"), (self.restored, "ben")):
            self.assertFalse(self.show(home, name)["changed"])
        self.run_in(self.restored, "send", "ben", "-m", "as ever")
        self.take(self.ben, self.restored, ["as ever"])

    def test_open_invitations_are_void(self):
        link = self.run_in(self.anna, "invite", "create").stdout
        self.run_in(self.anna, "backup", "create", self.dir / "b2", *self.use)
        shutil.rmtree(self.anna)
        postern("backup", "restore", self.dir / "b2", "--home", self.restored,
                *self.use)
        listed = objects(self.run_in(self.restored, "invite", "list",
                                     "--json").stdout)
        self.assertEqual({v["state"] for v in listed}, {"answered", "revoked"})
        self.fetch(self.restored, "2s")
        carl = self.home("c", "Carl")
        self.run_in(carl, "invite", "accept", "-", stdin=link, check=77)

    def test_copied_directory(self):
        """Not a backup, but people do it: an older copy is noticed."""
        copy = self.dir / "copy"
        shutil.copytree(self.anna, copy)
        self.run_in(self.anna, "send", "ben", "-m", "newer")
        self.receive("--count", "1", home=self.ben)
        shutil.rmtree(self.anna)
        copy.rename(self.anna)
        self.run_in(self.anna, "send", "ben", "-m", "from the copy", "--wait",
                    "queued")
        self.fetch(self.anna, "2s")
        self.assertIn("resync", self.take(self.ben, self.anna,
                                          ["from the copy"]))


class RelayWiped(Homes):
    """Anna's mailboxes are at one relay, Ben's at another."""

    def setUp(self):
        super().setUp()
        self.second = Relay()
        self.addCleanup(self.second.remove)
        self.second.start()
        federate(self.relay, self.second)
        self.run_in(self.ben, "relay", "remove", self.relay.address)
        self.run_in(self.ben, "relay", "add", self.second.address)
        self.meet()
        self.run_in(self.anna, "send", "ben", "-m", "to warm up")
        self.receive("--count", "1", home=self.ben)
        self.number = self.send("-m", "in the lost store")

    def wipe(self, relay):
        relay.stop()
        shutil.rmtree(relay.dir / "store")
        relay.start()

    def test_mail_is_sent_again(self):
        """The relay had it on its disk, and lost that."""
        self.wipe(self.relay)
        waiting = objects(self.run_in(self.ben, "outbox", "list",
                                      "--json").stdout)
        self.assertEqual([w["id"] for w in waiting], [self.number])
        got = []

        def arrived():
            # Anna finds her mailbox gone, makes another, tells Ben of it by
            # way of his relay; he sends what she has not confirmed.
            done = self.run_in(self.anna, "receive", "--json", "--timeout",
                               "500ms", check=None)
            got.extend(objects(done.stdout))
            self.fetch(self.ben, "500ms")
            self.run_in(self.ben, "outbox", "retry")
            return got
        wait_for(arrived, 60)
        self.assertEqual([m["text"] for m in got], ["in the lost store"])

    def test_the_sender_is_told(self):
        self.wipe(self.relay)
        # Once his own relay has reached hers again.
        wait_for(lambda: "mailbox" in self.run_in(
            self.ben, "send", "anna", "-m", "now", "--timeout", "2s",
            check=None).stderr, 60)


if __name__ == "__main__":
    unittest.main()
