"""Relays and people on a bad network, killed at any moment: real programs,
hundreds of rounds if one likes. Nothing that was sent is lost, nothing is given
again after it was acknowledged, and in the end nothing waits any more.

STORM_ROUNDS says how many rounds, STORM_SEED which; the default takes half a
minute. The seed is printed: it repeats what is drawn, though not the moments at
which processes meet it."""

import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
import unittest

from rig import SANITIZED, federate, run, wait_for, POSTERND
from stormrig import CONDITIONS, SKIPPED, HostRelay, Net, Person, Refused, meet

ROUNDS = int(os.environ.get("STORM_ROUNDS", 5))
SEED = int(os.environ.get("STORM_SEED", time.time_ns() % 1000000))
RELAYS = 3
NAMES = ("anna", "ben", "cleo")
MINUTE, DAY = 60, 86400
PATIENCE = 90 * (4 if SANITIZED else 1) + ROUNDS


class Storm(unittest.TestCase):
    def setUp(self):
        self.dice = random.Random(SEED)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.net = Net(RELAYS + len(NAMES), SEED)
        self.addCleanup(self.net.close)
        self.relays, self.people = [], []
        for host in range(RELAYS):
            relay = HostRelay(self.net, host)
            self.addCleanup(relay.remove)
            self.relays.append(relay.start())
        federate(*self.relays)
        for i, name in enumerate(NAMES):
            person = Person(self.net, RELAYS + i, name, self.dir, self.relays)
            self.addCleanup(person.end)
            self.people.append(person)
        # One of them shows herself to the relays of her contacts.
        self.people[-1].command("relay", "policy", "--route", "direct")
        for person in self.people:
            person.command("relay", "policy", "--replace-after", "1m")
        for i, person in enumerate(self.people):
            for other in self.people[:i]:
                meet(other, person)
        self.kills = {"relays": 0, "receivers": 0, "senders": 0}
        self.weather = dict.fromkeys(CONDITIONS, 0)
        self.away = {}  # a relay that is, and the round it comes back in

    def blow(self):
        """Other weather for one host, or two; a blackout ends by itself."""
        for _ in range(self.dice.choice((1, 1, 2))):
            host = self.dice.randrange(RELAYS + len(NAMES))
            name = self.dice.choice(list(CONDITIONS))
            self.net.set(host, name)
            self.weather[name] += 1

    def kill_some(self):
        def kill_relay(relay):
            relay.kill()
            self.kills["relays"] += 1
            # Now and then for longer than it takes to be replaced.
            gone = self.dice.choice((0, 0, 0, 1, 1, 2, 3))
            if ROUNDS >= 100 and self.dice.random() < 0.03:
                gone = 40
            if gone and len(self.away) < RELAYS - 1:
                self.away[relay] = gone
            else:
                relay.start()

        def kill_receiver(person):
            person.kill()
            self.kills["receivers"] += 1

        def kill_sender(sending):
            sending.child.kill()
            self.kills["senders"] += 1
        victims = [(kill_relay, r) for r in self.relays if r not in self.away]
        victims += [(kill_receiver, p) for p in self.people]
        victims += [(kill_sender, s) for p in self.people for s in p.sendings]
        self.dice.shuffle(victims)
        for kill, victim in victims:
            if self.dice.random() < 0.3:
                kill(victim)
                if self.dice.random() < 0.5:
                    time.sleep(self.dice.random() * 0.1)

    def come_back(self):
        for relay in list(self.away):
            self.away[relay] -= 1
            if self.away[relay] <= 0:
                del self.away[relay]
                relay.start()

    def round(self):
        self.blow()
        for person in self.people:
            person.receive()
            others = [p.name for p in self.people if p is not person]
            for _ in range(self.dice.choice((0, 1, 1, 2))):
                person.send(self.dice.choice(others), self.dice)
        time.sleep(self.dice.choice((0.3, 1, 1, 3)) * self.dice.random())
        self.kill_some()
        self.come_back()
        for person in self.people:
            person.settle()

    def arrived(self):
        """What has not come yet, of all that was sent."""
        missing = []
        got = {p.name: p.got() for p in self.people}
        for person in self.people:
            missing += [(person.name, to, key[:20])
                        for key, (to, _) in person.sent.items()
                        if key not in got[to]]
        return missing

    def calm_down(self):
        """Good weather, everybody there: all arrives, and soon."""
        self.net.heal()
        for relay in self.away:
            relay.start()
        self.away = {}
        end = time.monotonic() + PATIENCE
        while True:
            for person in self.people:
                person.receive()
            settled = [person.settle() for person in self.people]
            missing = self.arrived()
            if all(settled) and not missing:
                return
            if time.monotonic() > end:
                self.fail(f"missing {missing}, settled {settled}, waiting "
                          f"{[person.outbox() for person in self.people]}")
            time.sleep(1)

    def confirm(self):
        """All is confirmed: receipts are told some minutes later, and what was
        lost of them an hour later or in days, by the clock, which we move.
        Returns how many waited for each."""
        counts = []
        for later in (0, 6 * MINUTE, 75 * MINUTE, 85 * MINUTE, 4 * DAY,
                      4 * DAY + 10 * MINUTE):
            for person in self.people:
                person.kill()
                person.later = later
                person.receive()
            end = time.monotonic() + (20 if later else 0)
            while True:
                for person in self.people:
                    person.receive()
                waiting = [p.outbox() for p in self.people]
                if waiting == [[]] * len(NAMES) or time.monotonic() > end:
                    break
                time.sleep(0.5)
            counts.append(sum(len(w or []) for w in waiting))
            if counts[-1] == 0:
                return counts[:-1]
        self.fail(f"never confirmed: {counts} {waiting}")

    def look(self):
        """Exactly what was sent, from whom it was, and once but for what a
        kill cut off between its commit and its acknowledgement."""
        again = 0
        for person in self.people:
            sent = {key: (p.name, content) for p in self.people
                    for key, (to, content) in p.sent.items()
                    if to == person.name}
            got = person.got()
            self.assertEqual(set(got), set(sent))
            for key, entries in got.items():
                for _, sender, _, content in entries:
                    self.assertEqual((sender, content), sent[key])
                lives = [life for life, *_ in entries]
                self.assertEqual(len(lives), len(set(lives)), "twice in a "
                                 f"life: {key[:20]}")
                self.assertEqual(len({e[2] for e in entries}), 1)
            last = {}
            for life, message in person.entries():
                last[life] = message["id"]
            for entries in got.values():
                for life, _, number, _ in sorted(entries)[:-1]:
                    again += 1
                    self.assertEqual(last[life], number, "given again after "
                                     "it was acknowledged")
        return again

    def test_storm(self):
        print(f"STORM_SEED={SEED} STORM_ROUNDS={ROUNDS}", file=sys.stderr)
        began = time.monotonic()
        for _ in range(ROUNDS):
            self.round()
        stormed = time.monotonic() - began
        self.calm_down()
        calmed = time.monotonic() - began - stormed
        waited = self.confirm() if not SANITIZED else []
        again = self.look()
        entries = sum(len(p.entries()) for p in self.people)
        for person in self.people:
            person.kill()
            done = person.command("receive", "--timeout", "2s", "--json",
                                  check=3)
            self.assertEqual(done.stdout, "")
        for relay in self.relays:
            self.assertEqual(relay.stop(), 0)
            run(POSTERND, "check", "--dir", relay.dir, check=0)
            self.assertNotIn("error", relay.read_log())
        sent = sum(len(p.sent) for p in self.people)
        self.assertEqual(entries - again, sent)
        self.assertGreater(sum(self.kills.values()), ROUNDS)
        print(f"{ROUNDS} rounds in {stormed:.0f} s, {sent} messages, kills "
              f"{self.kills}, weather {self.weather}, {again} given again, "
              f"all there after {calmed:.0f} s, "
              f"waited for receipts {waited}", file=sys.stderr)


if __name__ == "__main__":
    try:
        Net(1).close()
    except Refused as refused:
        print(f"skipped: {refused}")
        sys.exit(SKIPPED)
    unittest.main()
