"""Forwarding when things go wrong: whatever dies in between, what was accepted
arrives once; and one relay that is dead, slow or hostile harms nobody else."""

import signal
import time
import unittest

from forwardrig import ForwardTest, Proxy
from rig import SANITIZED, wait_for


class Death(ForwardTest):
    COUNT = 100 if SANITIZED else 600

    def test_destination_comes_later(self):
        """Nobody is there for a while; the sender need not wait."""
        far, address = self.far(1, "good")
        port = int(address.rsplit(":", 1)[1])
        far.end()
        self.relay.start()
        self.peer("add", address)
        client = self.send(address, 0, 100)
        self.assertEqual(client.counts()["accepted"], 100)
        client.end()
        wait_for(lambda: self.stats(address)["state"] == "waiting")
        stats = self.stats(address)
        self.assertEqual(stats["waiting"], 100)
        self.assertGreater(stats["oldest_day"], 20000)
        self.assertLess(stats["next_ms"], 6600)
        self.relay.stop(signal.SIGKILL)
        self.relay.start()
        wait_for(lambda: self.stats(address).get("oldest_day", 0) > 20000)
        self.assertEqual(self.stats(address)["waiting"], 100)
        # It is back, elsewhere.
        _, again = self.far(1, "good")
        self.assertNotEqual(port, int(again.rsplit(":", 1)[1]))
        self.peer("add", again)
        self.assert_all(1, 0, 100)
        wait_for(lambda: self.stats(address)["waiting"] == 0)

    def test_entry_is_killed(self):
        """Killed again and again under load: what was accepted arrives."""
        _, address = self.far(1, "good")
        self.peer("add", address)
        self.relay.start()
        client = self.send(address, 0, self.COUNT)
        for _ in range(4):
            time.sleep(0.15)
            self.relay.stop(signal.SIGKILL)
            self.relay.start()
        self.assertEqual(client.counts()["accepted"], self.COUNT)
        self.assert_all(1, 0, self.COUNT)
        wait_for(lambda: self.stats(address)["waiting"] == 0, 20)

    def test_destination_is_killed(self):
        """A call from over there ends the wait: it dials, and dies, often."""
        far, address = self.far(1, "slow", self.relay.address)
        key = address.split("//")[1].split("@")[0]
        self.peer("add", key)
        self.relay.start()
        client = self.send(address, 0, 60)
        self.assertEqual(client.counts()["accepted"], 60)
        for _ in range(3):
            time.sleep(0.5)
            far.end(signal.SIGKILL)
            far, _ = self.far(1, "good", self.relay.address)
        self.assert_all(1, 0, 60)

    def test_black_hole(self):
        """A line that swallows everything is given up, and tried again."""
        _, address = self.far(1, "good")
        proxy = Proxy(int(address.rsplit(":", 1)[1]))
        self.addCleanup(proxy.close)
        address = address.rsplit(":", 1)[0] + f":{proxy.port}"
        self.relay.start()
        self.peer("add", address)
        client = self.send(address, 0, 20)
        self.assertEqual(client.counts()["accepted"], 20)
        self.assertEqual(client.counts()["replies"], 20)
        proxy.swallow = True
        client = self.send(address, 20, 20)
        self.assertEqual(client.counts()["accepted"], 20)
        wait_for(lambda: self.stats(address)["state"] == "waiting", 20)
        self.assertGreater(self.stats(address)["failures"], 0)
        self.assertEqual(self.stats(address)["waiting"], 20)
        proxy.swallow = False
        self.assert_all(1, 0, 40)

    def test_slow_line(self):
        """A thin line gets what fits, and urgent words first."""
        _, address = self.far(1, "good")
        proxy = Proxy(int(address.rsplit(":", 1)[1]))
        proxy.rate = 60000
        self.addCleanup(proxy.close)
        address = address.rsplit(":", 1)[0] + f":{proxy.port}"
        self.relay.configure(**{**self.config, "peer_timeout": "20s"})
        self.relay.start()
        self.peer("add", address)
        bulk = self.send(address, 0, 60, "s", 3)
        bulk.counts()
        urgent = self.send(address, 60, 1, "xs", 1)
        urgent.counts()
        self.assertEqual(urgent.counts()["replies"], 1)
        self.assertLess(len(self.opened(1)), 61)
        self.assert_all(1, 0, 61)


class Hostile(ForwardTest):
    """Whatever another relay does, the others and the clients do not feel it;
    and what it does not take properly stays."""

    def harm(self, manner):
        far, address = self.far(1, manner)
        _, good = self.far(2, "good")
        self.relay.start()
        self.peer("add", address)
        self.peer("add", good)
        client = self.send(address, 0, 30)
        self.assertEqual(client.counts()["accepted"], 30)
        self.addCleanup(client.end)
        wait_for(lambda: self.stats(address)["state"] != "dialling")
        fine = self.send(good, 1000, 100)
        fine.counts()
        self.assertEqual(fine.counts()["replies"], 100)
        self.assert_all(2, 1000, 100)
        self.relay.test("--timeout", "10s")
        return far, address, client

    def test_silent(self):
        far, address, _ = self.harm("silent")
        wait_for(lambda: self.stats(address)["state"] == "waiting", 20)
        self.assertEqual(far.ask()["parcels"], 1)  # the one that was tried
        self.assertEqual(self.stats(address)["waiting"], 30)

    def test_liar(self):
        _, address, client = self.harm("liar")
        wait_for(lambda: self.relay.status()["closed"]["proto"] > 0)
        self.assertEqual(self.stats(address)["waiting"], 30)
        self.assertEqual(client.ask()["replies"], 0)

    def test_busy(self):
        far, address, _ = self.harm("busy")
        self.assertEqual(self.stats(address)["state"], "resting")
        self.assertEqual(self.stats(address)["waiting"], 30)
        self.assertEqual(far.ask()["parcels"], 0)

    def test_refusing(self):
        _, address, client = self.harm("refuse")
        self.assertEqual(client.counts()["refused"], 30)
        self.assertEqual(self.stats(address)["refused_other"], 30)
        wait_for(lambda: self.stats(address)["waiting"] == 0)

    def test_flooding(self):
        self.relay.configure(**{**self.config,
                                "peer_commands_per_second": 100})
        self.harm("flood")
        wait_for(lambda: self.relay.status()["traffic"]["pauses"] > 0, 20)

    def test_stalling(self):
        _, address, _ = self.harm("stall")
        wait_for(lambda: self.stats(address)["state"] == "waiting", 20)
        self.assertEqual(self.stats(address)["waiting"], 30)


if __name__ == "__main__":
    unittest.main()
