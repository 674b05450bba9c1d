"""Every bound of the relay, reached: full is a refusal, never a failure."""

import os
import time
import unittest

from rig import POSTERND, SANITIZED, Relay, RelayTest, run, wait_for


class Links(RelayTest):
    config = {"max_links": 20}

    def test_whole_relay(self):
        self.relay.start()
        held = self.peers("hold", 30, sources=30)
        report = held.report()
        self.assertEqual((report["open"], report["closed"]), (20, 10))
        # A link is open to its peer one record before it is open to the relay.
        wait_for(lambda: self.relay.status()["links"]["open"] == 20)
        status = self.relay.status()
        self.assertEqual(status["closed"]["refused"], 10)
        held.end()
        wait_for(lambda: self.relay.status()["links"]["open"] == 0)
        self.assert_alive()


class Addresses(RelayTest):
    config = {"max_links_per_address": 5}

    def test_each_has_its_share(self):
        self.relay.start()
        one = self.peers("hold", 10)
        self.assertEqual(one.report()["open"], 5)
        many = self.peers("hold", 12, sources=4)
        # 127.0.1.1 has all of its five already; the others take three each.
        self.assertEqual(many.report()["open"], 9)
        wait_for(lambda: self.relay.status()["links"]["open"] == 14)
        status = self.relay.status()
        # Refused at the door, or, where one took its time with the handshake,
        # sent away for the next of its address.
        self.assertEqual(status["closed"]["refused"], 5 + 3)
        one.end()
        wait_for(lambda: self.relay.status()["links"]["open"] == 9)
        again = self.peers("hold", 5)
        self.assertEqual(again.report()["open"], 5 - 3 + 3)


class HalfOpen(RelayTest):
    config = {"max_half_open": 40, "puzzle_bits_max": 10}

    def links(self):
        return self.relay.status()["links"]

    def test_puzzles_then_room_is_made(self):
        self.relay.start()
        strangers = [self.connect("127.0.2.1") for _ in range(20)]
        wait_for(lambda: self.links()["half_open"] == 20)
        # One address never takes more than half: its oldest makes room.
        time.sleep(0.1)
        strangers.append(self.connect("127.0.2.1"))
        wait_for(lambda: self.relay.status()["closed"]["refused"] == 1)
        self.assertEqual(strangers[0].recv(1), b"")
        self.assertEqual(self.links()["half_open"], 20)
        # From half on, newcomers work for it, and get in.
        self.assertGreater(self.links()["puzzle_bits"], 0)
        self.assert_alive()
        self.assertGreater(self.links()["puzzles_asked"], 0)
        # At the bound too, and not one more is let in than it allows.
        strangers += [self.connect("127.0.2.2") for _ in range(20)]
        wait_for(lambda: self.links()["half_open"] == 40)
        before = self.relay.status()["closed"]["refused"]
        self.relay.test("--timeout", "5s")
        self.assertEqual(self.relay.status()["closed"]["refused"], before + 1)
        self.assertEqual(strangers[1].recv(1), b"")
        for s in strangers:
            s.close()
        wait_for(lambda: self.links()["half_open"] == 0)
        self.assertEqual(self.links()["puzzle_bits"], 0)
        self.assert_alive()


class Files(RelayTest):
    """No descriptors left: accepting pauses, everything else goes on."""

    config = {"max_links": 1000}

    def test_descriptors_run_out(self):
        self.relay.start(prefix=("prlimit", "--nofile=40:40"))
        raw = [self.connect(f"127.0.3.{i // 200 + 1}")
               for i in range(100)]
        wait_for(lambda: "accepting paused" in self.relay.read_log())
        self.assertIsNone(self.relay.process.poll())
        for s in raw:
            s.close()
        wait_for(lambda: self.relay.status()["links"]["half_open"] == 0, 20)
        self.assertGreater(self.relay.status()["refused"]["accept_errors"], 0)
        self.assert_alive()

    def test_default_cap_leaves_room(self):
        self.relay.configure()
        self.relay.start(prefix=("prlimit", "--nofile=100:100"))
        held = self.peers("hold", 80)
        report = held.report()
        self.assertEqual(report["open"], 52)
        status = self.relay.status()
        self.assertEqual(status["limits"]["links"], 52)
        self.assertEqual(status["closed"]["refused"], 28)
        self.assertEqual(status["refused"]["accept_errors"], 0)
        # A relay on the list may take one more, which we dial.
        far = Relay()
        self.addCleanup(far.remove)
        for change, links in (("add", 51), ("remove", 52)):
            run(POSTERND, "peer", change, far.address, "--dir",
                self.relay.dir, check=0)
            self.assertEqual(self.relay.status()["limits"]["links"], links)


    def test_store_leaves_room(self):
        """What a grown store holds open, links do not get: else no segment
        could be added, and not even the operator asked."""
        self.relay.configure(
            store_segment_mib=1, store_max_mib=32, store_min_free_mib=64,
            commands_per_second=100000, command_burst=100000,
            queue_messages=100000, queue_kib=1000000)
        few = ("prlimit", "--nofile=100:100")
        self.relay.start(prefix=few)
        mail = (os.environ["MAIL"], self.relay.address, "4")
        queues = run(*mail, "make", check=0).stdout
        run(*mail, "fill", "1", stdin=queues, check=0, timeout=120)
        status = self.relay.status()
        files = status["store"]["bytes_used"] >> 20
        self.assertGreater(files, 26)
        for _ in range(2):  # it notices while it grows, and at the start
            held = self.peers("hold", 60)
            self.assertLessEqual(held.report()["open"], 100 - files - 30)
            status = self.relay.status()
            self.assertEqual(status["refused"]["accept_errors"], 0)
            self.assertGreaterEqual(status["limits"]["links"], 8)
            held.end()
            self.relay.stop()
            self.relay.start(prefix=few)


class Memory(RelayTest):
    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not ours")
    def test_idle_links_are_small(self):
        self.relay.configure(max_links_per_address=5000)
        self.relay.start()
        before = self.relay.status()["resident_bytes"]
        held = self.peers("hold", 1000, sources=10)
        self.assertEqual(held.report()["open"], 1000)
        used = self.relay.status()["resident_bytes"] - before
        self.assertLess(used / 1000, 2048)


if __name__ == "__main__":
    unittest.main()
