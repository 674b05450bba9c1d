"""Mail through an entry relay, with real programs: Anna's mailboxes lie at one
relay, Ben sends through another of his, and a third is there for when that
one dies."""

import json
import re
import signal
import unittest

from clirig import Homes, objects
from rig import Relay, federate, wait_for


class Entry(Homes):
    """Anna is at self.relay. Ben is at `near` and `other`, and never reaches
    Anna's relay himself."""

    federated = True

    def setUp(self):
        super().setUp()
        self.near, self.other = (self.new_relay() for _ in range(2))
        if self.federated:
            federate(self.relay, self.near, self.other)
        self.run_in(self.ben, "relay", "remove", self.relay.address)
        self.run_in(self.ben, "relay", "add", self.near.address)

    def new_relay(self):
        relay = Relay()
        self.addCleanup(relay.remove)
        return relay.start()

    def outbox(self):
        return objects(self.run_in(self.ben, "outbox", "list",
                                   "--json").stdout)

    def texts(self, count):
        return [m["text"] for m in self.receive("--count", count)]

    def forwards(self, relay):
        return relay.status()["forwards"]["accepted"]


class Way(Entry):
    def setUp(self):
        super().setUp()
        self.meet()

    def test_each_sees_its_part(self):
        """The entry learns no mailbox, and the relay of the mailbox not who
        sends; neither has a byte of the text."""
        secret = "the plaintext nobody else may see"
        self.fetch(self.ben, "2s")  # what making contact left unanswered
        accepted = self.forwards(self.near)
        sent = json.loads(self.run_in(self.ben, "send", "anna", "-m", secret,
                                      "--json").stdout)
        self.assertEqual(sent["state"], "relayed")
        self.assertEqual((sent["held"], sent["custody"]), (1, 0))
        self.assertGreater(self.forwards(self.near), accepted)
        at_near, at_relay = (
            b"".join(p.read_bytes() for p in r.dir.rglob("*") if p.is_file()
                     and "store" in p.parts)
            for r in (self.near, self.relay))
        for kept in (at_near, at_relay):
            self.assertNotIn(secret.encode(), kept)
        # 64 bytes in a row that both have would join what they know.
        parts = [p for p in re.split(b"\0{32,}", at_near) if len(p) >= 64]
        near = {p[i:i + 64] for p in parts for i in range(len(p) - 63)}
        self.assertTrue(near)
        pieces = {at_relay[i:i + 64] for i in range(0, len(at_relay), 64)}
        self.assertFalse({p for p in pieces & near if len(set(p)) > 16})
        self.assertEqual(self.texts(1), [secret])
        self.assertNotIn("error", self.near.read_log() + self.relay.read_log())

    def test_the_destination_dies(self):
        """What was accepted is brought when it is back, once."""
        self.relay.stop(signal.SIGKILL)
        done = self.run_in(self.ben, "send", "anna", "-m", "patience",
                           "--json")
        sent = json.loads(done.stdout)
        self.assertEqual((sent["state"], sent["held"], sent["custody"]),
                         ("relayed", 0, 1))
        self.relay.start()
        self.assertEqual(self.texts(1), ["patience"])
        self.run_in(self.ben, "send", "anna", "-m", "more")
        self.assertEqual(self.texts(1), ["more"])

    def test_the_entry_dies(self):
        """With custody of it, and with all it had: Ben sends it again through
        another, and Anna sees it once."""
        self.relay.stop(signal.SIGKILL)
        self.run_in(self.ben, "send", "anna", "-m", "twice?")
        self.near.stop(signal.SIGKILL)
        self.run_in(self.ben, "relay", "add", self.other.address)
        self.relay.start()
        wait_for(lambda: self.fetch(self.ben, "3s") is not None and
                 any(o["held"] for o in self.outbox()), 90)
        self.assertEqual(self.texts(1), ["twice?"])
        self.near.start()  # it brings its own, which is known there
        self.run_in(self.anna, "receive", "--timeout", "3s", check=3)

    def test_direct_by_choice(self):
        for route in ("apart", "auto"):
            said = self.run_in(self.ben, "relay", "policy", "--route", route)
            self.assertIn(route, said.stdout)
        policy = json.loads(self.run_in(
            self.ben, "relay", "policy", "--route", "direct", "--json").stdout)
        self.assertEqual(policy["route"], "direct")
        self.assertEqual(json.loads(self.run_in(
            self.ben, "status", "--json").stdout)["route"], "direct")
        # None of these relays tells two stories.
        self.assertEqual(json.loads(self.run_in(
            self.ben, "status", "--json").stdout)["relays_two_faced"], 0)
        listed = self.run_in(self.ben, "relay", "list", "--json").stdout
        self.assertEqual({json.loads(line)["two_faced"]
                          for line in listed.splitlines()}, {False})
        accepted = self.forwards(self.near)
        self.send("-m", "straight")
        self.assertEqual(self.texts(1), ["straight"])
        self.assertEqual(self.forwards(self.near), accepted)


class NotListed(Entry):
    """Nobody has told the relays of each other."""

    federated = False

    def test_the_reason_is_readable(self):
        link = self.run_in(self.anna, "invite", "create", "--name",
                           "ben").stdout.strip()
        self.run_in(self.ben, "invite", "accept", "-", "--name", "anna",
                    stdin=link, check=None)
        done = self.run_in(self.ben, "send", "anna", "-m", "hello",
                           "--timeout", "5s", check=75)
        self.assertIn("postern relay policy --route direct", done.stderr)
        self.assertIn("ask its operator", done.stderr)
        self.run_in(self.ben, "relay", "policy", "--route", "direct")
        self.run_in(self.ben, "outbox", "retry")
        self.fetch(self.ben, "2s")
        self.assertIn("hello", [m.get("text") for m in
                                self.receive("--count", "1")])


if __name__ == "__main__":
    unittest.main()
