"""Custody and the way to another relay, between real relays: what was accepted
arrives, once, and the list says who they are."""

import signal
import unittest

from forwardrig import ForwardTest
from rig import POSTERND, Relay, run, wait_for


class Way(ForwardTest):
    def test_there_and_back(self):
        _, address = self.far(1, "good")
        self.relay.start()
        self.peer("add", address)
        client = self.send(address, 0, 200)
        self.assertEqual(client.counts()["accepted"], 200)
        done = client.counts()
        self.assertEqual((done["replies"], done["refused"]), (200, 0))
        self.assert_all(1, 0, 200)
        wait_for(lambda: self.stats(address)["waiting"] == 0)
        stats = self.stats(address)
        self.assertEqual((stats["delivered"], stats["state"]), (200, "open"))
        self.log_is_clean()
        self.assertNotIn("127.0.0.1:" + address.split(":")[-1],
                         self.relay.read_log())

    def test_all_classes(self):
        far, address = self.far(1, "good")
        self.relay.start()
        self.peer("add", address)
        for i, size in enumerate(("xs", "s", "m", "l")):
            client = self.send(address, 10 * i, 10, size, 1 + i % 3)
            client.counts()
            self.assertEqual(client.counts()["replies"], 10)
        self.assertEqual(far.ask()["bytes"],
                         10 * (2293 + 5365 + 17653 + 66485))

    def test_only_dials_us(self):
        """It cannot be dialled: what is for it waits for its call."""
        _, address = self.far(1, "good", self.relay.address)
        key = address.split("//")[1].split("@")[0]
        self.peer("add", key)
        self.relay.start()
        client = self.send(address, 0, 50)
        self.assertEqual(client.counts()["accepted"], 50)
        self.assertEqual(client.counts()["replies"], 50)
        self.assert_all(1, 0, 50)

    def test_two_relays_keep_a_link(self):
        """Real relays at both ends, one of which cannot be dialled."""
        other = Relay()
        self.addCleanup(other.remove)
        key = self.relay.address.split("//")[1].split("@")[0]
        run(POSTERND, "peer", "add", key, "--dir", other.dir, check=0)
        self.peer("add", other.address, "--dial", "always")
        self.relay.start()
        other.start()
        wait_for(lambda: other.status()["peers"][key[:12]]["state"] ==
                 "probing", 20)
        other.stop(signal.SIGKILL)
        wait_for(lambda: self.stats(other.address)["state"] == "waiting")
        other.start()
        wait_for(lambda: other.status()["peers"][key[:12]]["state"] ==
                 "probing", 30)

    def test_strangers_are_refused(self):
        self.relay.start()
        far, _ = self.far(1, "good", self.relay.address)
        wait_for(lambda: self.relay.status()["closed"]["refused"] > 0)
        self.assertEqual(far.ask()["parcels"], 0)
        client = self.send(self.relay.address, 0, 1)  # to itself
        wait_for(lambda: client.ask()["unknown"] > 0)
        self.assertEqual(self.relay.status()["forwards"]["accepted"], 0)

    def test_now_or_never(self):
        _, address = self.far(1, "good")
        self.relay.start()
        self.peer("add", address)
        client = self.send(address, 0, 20, days=0)
        done = client.counts()
        self.assertGreater(done["busy"], 0)  # until a link stood
        self.assertEqual(client.counts()["replies"], 20)
        self.assertEqual(self.stats(address)["accepted"], 0)


class List(ForwardTest):
    def test_commands(self):
        other = Relay()
        self.addCleanup(other.remove)
        key = other.address.split("//")[1].split("@")[0]
        self.assertEqual(self.peer("list").stdout, "")
        self.peer("add", other.address)
        self.assertEqual(self.peer("list").stdout, f"{other.address} auto\n")
        self.peer("add", other.address, "--dial", "always")
        self.assertEqual(self.peer("list").stdout, f"{other.address} always\n")
        self.peer("add", key)
        self.assertEqual(self.peer("list").stdout, f"{key} never\n")
        self.assertIn(f'"key":"{key}"', self.peer("list", "--json").stdout)
        self.peer("remove", other.address)
        self.assertEqual(self.peer("list").stdout, "")

    def test_mistakes(self):
        key = self.relay.address.split("//")[1].split("@")[0]
        for words, code in (
            (("add",), 2), (("add", "postern://x@y:1"), 2),
            (("add", self.relay.address), 2), (("remove", key), 1),
            (("add", key, "--dial", "always"), 2),
            (("add", self.relay.address, "--dial", "x"), 2),
            (("add", "a", "b"), 2), (("list", "x"), 2),
        ):
            run(POSTERND, "peer", *words, "--dir", self.relay.dir, check=code)
        (self.relay.dir / "peers").write_text("# fine\nrubbish\n")
        self.assertIn("peers:2:", run(POSTERND, "check", "--dir",
                                      self.relay.dir, check=78).stderr)
        # Clients are served nonetheless, and the log says what is wrong.
        self.relay.start()
        self.assertIn("peers:2:", self.relay.read_log())
        self.relay.test("--timeout", "10s")

    def test_while_running(self):
        _, address = self.far(1, "good")
        self.relay.start()
        self.assertEqual(self.relay.status()["peers"], {})
        self.peer("add", address)
        self.assertEqual(self.stats(address)["state"], "idle")
        client = self.send(address, 0, 1)
        client.counts()
        client.counts()
        self.peer("remove", address)
        self.assertEqual(self.relay.status()["peers"], {})
        wait_for(lambda: self.relay.status()["links"]["open"] == 1)
        # By hand, and SIGHUP.
        (self.relay.dir / "peers").write_text(f"{address} auto\n")
        self.relay.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(self.relay.status()["peers"]) == 1)


if __name__ == "__main__":
    unittest.main()
