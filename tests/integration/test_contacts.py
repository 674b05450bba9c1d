"""What a person decides about a contact: blocked, changed, removed."""

import os
import unittest

from clirig import Homes, objects
from rig import run, wait_for

REIDENTIFY = os.environ["REIDENTIFY"]


class Block(Homes):
    def test_both_ways(self):
        self.meet()
        self.run_in(self.anna, "contact", "block", "ben")
        done = self.run_in(self.anna, "send", "ben", "-m", "x", check=77)
        self.assertIn("block", done.stderr)
        # The other side is not told, and what it sends is dropped.
        self.send("-m", "dropped")
        self.receive("--timeout", "2s", check=3)
        self.run_in(self.anna, "contact", "block", "ben", "--undo")
        self.send("-m", "welcome again")
        got = self.receive("--count", "1")
        self.assertEqual([m["text"] for m in got], ["welcome again"])
        self.run_in(self.anna, "send", "ben", "-m", "hello")
        self.receive("--count", "1", home=self.ben)


class Identity(Homes):
    def setUp(self):
        super().setUp()
        self.meet()
        self.run_in(self.anna, "send", "ben", "-m", "to warm up")
        self.receive("--count", "1", home=self.ben)
        self.before = self.show(self.anna, "ben")["safety_number"]
        self.run_in(self.anna, "contact", "verify", "ben", "--code",
                    self.before)
        run(REIDENTIFY, self.ben, "correct horse", check=0)

    def notice(self):
        """Ben's new self comes by; what Anna is told."""
        events = []

        def changed():
            self.fetch(self.ben)
            done = self.run_in(self.anna, "receive", "--json", "--events",
                               "--timeout", "1s", check=None)
            events.extend(o["type"] for o in objects(done.stdout))
            return self.show(self.anna, "ben")["changed"]
        wait_for(changed, 60)
        self.assertIn("identity-changed", events)

    def test_nothing_is_sent_until_confirmed(self):
        self.notice()
        shown = self.show(self.anna, "ben")
        self.assertEqual(shown["safety_number"], self.before)
        fresh = shown["changed_safety_number"]
        self.assertEqual(fresh, self.show(self.ben, "anna")["safety_number"])
        done = self.run_in(self.anna, "doctor", check=77)
        self.assertIn("another identity answers", done.stdout)
        done = self.run_in(self.anna, "send", "ben", "-m", "for whom?",
                           "--timeout", "2s", check=75)
        self.assertIn("identity changed", done.stderr)
        self.receive("--timeout", "2s", home=self.ben, check=3)
        # The number of the old one does not confirm the new one.
        self.run_in(self.anna, "contact", "verify", "ben", "--code",
                    self.before, check=77)
        self.run_in(self.anna, "contact", "verify", "ben", "--code", fresh)
        shown = self.show(self.anna, "ben")
        self.assertTrue(shown["verified"])
        self.assertEqual(shown["safety_number"], fresh)
        texts = []

        def arrived():
            self.fetch(self.anna)
            done = self.run_in(self.ben, "receive", "--json", "--timeout",
                               "1s", check=None)
            texts.extend(o["text"] for o in objects(done.stdout))
            return texts
        self.assertEqual(wait_for(arrived, 60), ["for whom?"])


class Remove(Homes):
    def test_mail_in_between(self):
        self.meet()
        self.send("-m", "kept")
        self.receive("--count", "1")
        self.run_in(self.anna, "send", "ben", "-m", "never sent", "--wait",
                    "queued")
        self.run_in(self.anna, "contact", "remove", "ben")
        self.run_in(self.anna, "send", "ben", "-m", "x", check=4)
        texts = [m["text"] for m in objects(self.run_in(
            self.anna, "message", "list", "--json").stdout) if "text" in m]
        self.assertIn("kept", texts)
        # Its mailbox is gone: who writes to it learns that.
        done = self.send_until_gone()
        self.assertIn("mailbox", done.stderr)

    def send_until_gone(self):
        def gone():
            self.fetch(self.anna)
            done = self.run_in(self.ben, "send", "anna", "-m", "x",
                               "--timeout", "2s", check=None)
            return done if done.returncode == 75 else None
        return wait_for(gone, 30)


if __name__ == "__main__":
    unittest.main()
