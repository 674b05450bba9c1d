"""posternd held to PROTOCOL.md by an endpoint that is not ours, of
tests/reference."""

import os
import signal
import unittest

from referencerig import main, NODE, ROOM
from rig import POSTERND, Relay, RelayTest, run, SANITIZED, wait_for


class Relays(RelayTest):
    def check_part(self, part, *words):
        done = run(NODE, ROOM / "relay_check.mjs", self.relay.address, part,
                   *words, check=0, timeout=300)
        return done.stdout.strip()


class Letter(Relays):
    def test_every_part(self):
        self.relay.start()
        for part in ("link", "letter", "silence", "queue", "strangers",
                     "window", "quota"):
            with self.subTest(part):
                self.check_part(part)
        self.assert_alive()

    def test_stored_is_kept(self):
        self.relay.start()
        known = self.check_part("keep")
        self.relay.stop(signal.SIGKILL)
        self.relay.start()
        self.check_part("kept", known)

    @unittest.skipIf(SANITIZED, "half a million records take too long")
    def test_rollover(self):
        self.relay.start()
        self.check_part("rollover")
        self.assert_alive()


class Puzzle(Relays):
    config = {"max_half_open": 40, "puzzle_bits_max": 10}

    def test_puzzle(self):
        self.relay.start()
        for _ in range(20):
            self.connect("127.0.2.1")
        wait_for(lambda: self.relay.status()["links"]["puzzle_bits"] > 0)
        self.check_part("puzzle")
        self.assertGreater(self.relay.status()["links"]["puzzles_asked"], 0)


class Parcels(Relays):
    """Every command in a parcel; who is not named here is posternd."""

    def every_command(self, *words):
        return run(NODE, ROOM / "forward_check.mjs", *words, check=0,
                   timeout=120).stdout.strip()

    def knows(self, relay, *other):
        run(POSTERND, "peer", "add", *other, "--dir", relay.dir, check=0)

    def test_destination_is_not_ours(self):
        seed = os.urandom(32).hex()
        self.knows(self.relay, self.every_command("key", seed))
        self.relay.start()
        self.every_command("to", seed, self.relay.address)
        self.assertGreater(self.relay.status()["forwards"]["accepted"], 15)

    def test_client_is_not_ours(self):
        self.relay.start()
        self.every_command("direct", self.relay.address)

    def test_client_of_two_relays(self):
        other = Relay()
        self.addCleanup(other.remove)
        self.knows(other, self.relay.address.split("//")[1].split("@")[0])
        self.knows(self.relay, other.address, "--dial", "always")
        other.start()
        self.relay.start()
        self.every_command("by", self.relay.address, other.address)


if __name__ == "__main__":
    main()
