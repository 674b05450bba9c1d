"""Peers that mean harm: each ends alone, and honest ones never notice."""

import collections
import os
import socket
import subprocess
import threading
import time
import unittest
import unittest.mock

from rig import POSTERN, ROGUE, SANITIZED, Relay, RelayTest, run, wait_for


def ends(sock, seconds):
    """Whether the other side closes within the time, saying nothing."""
    sock.settimeout(seconds)
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True
    except socket.timeout:
        return False


class Strangers(RelayTest):
    """They do not know the relay's key: silence, then the end."""

    def setUp(self):
        super().setUp()
        self.relay.start()

    def all_end(self, sockets, seconds=33):
        """Also: nothing of them stays, and the relay serves meanwhile."""
        self.assert_alive()
        threads = []
        result = []
        for s in sockets:
            thread = threading.Thread(
                target=lambda s=s: result.append(ends(s, seconds)))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        self.assertEqual(result, [True] * len(sockets))
        for s in sockets:
            s.close()
        self.assert_alive()

        def forgotten():
            links = self.relay.status()["links"]
            return links["half_open"] == 0 and links["open"] == 0
        wait_for(forgotten)

    def test_silent_random_and_half_messages(self):
        silent = self.connect()
        half = self.connect()
        half.sendall(os.urandom(1000))
        noise = self.connect()
        noise.sendall(os.urandom(2048))
        more_noise = self.connect()
        more_noise.sendall(os.urandom(65536))
        http = self.connect()
        http.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        half_closed = self.connect()
        half_closed.sendall(os.urandom(64))
        half_closed.shutdown(socket.SHUT_WR)
        self.all_end([silent, half, noise, more_noise, http, half_closed])
        self.assertGreaterEqual(self.relay.status()["links"]["strangers"], 2)

    def test_a_byte_at_a_time(self):
        slow = self.connect()
        stop = time.monotonic() + 33
        ended = False
        while time.monotonic() < stop and not ended:
            try:
                slow.sendall(b"x")
                ended = ends(slow, 0.2)
            except ConnectionError:
                ended = True
        self.assertTrue(ended)
        self.assert_alive()

    def test_gone_at_once(self):
        for _ in range(200):
            self.connect().close()
        self.assert_alive()
        wait_for(lambda: self.relay.status()["links"]["half_open"] == 0)


class Recorder(threading.Thread):
    """A proxy for one connection that keeps what the client sent."""

    def __init__(self, relay):
        super().__init__()
        self.relay = relay
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.sent = b""

    def run(self):
        client, _ = self.server.accept()
        upstream = self.relay.connect()

        def back():
            while data := upstream.recv(65536):
                client.sendall(data)
        thread = threading.Thread(target=back)
        thread.start()
        while data := client.recv(65536):
            self.sent += data
            upstream.sendall(data)
        upstream.shutdown(socket.SHUT_WR)
        thread.join()
        client.close()
        upstream.close()
        self.server.close()


class Replay(RelayTest):
    def test_recorded_client_bytes(self):
        self.relay.start()
        recorder = Recorder(self.relay)
        recorder.start()
        host = self.relay.address.rsplit(":", 1)[0]
        run(POSTERN, "relay", "test", f"{host}:{recorder.port}", check=0)
        recorder.join()
        self.assertGreater(len(recorder.sent), 2048 + 4096)
        before = self.relay.status()
        # All of it: the records are under the keys of another link.
        everything = self.connect()
        everything.sendall(recorder.sent)
        # The first message alone: an answer, but no link until a record comes
        # that nobody else can make.
        first = self.connect()
        first.sendall(recorder.sent[:2048])
        self.assertEqual(len(first.recv(2048, socket.MSG_WAITALL)), 2048)
        status = self.relay.status()
        self.assertEqual(status["links"]["half_open"], 2)
        self.assert_alive()
        for s in (everything, first):
            s.settimeout(33)
            while s.recv(2048):
                pass
            s.close()
        status = self.relay.status()
        self.assertEqual(status["links"]["half_open"], 0)
        self.assertEqual(status["closed"]["timeout"], 2)
        # Two honest clients and no one else had a link.
        self.assertEqual(status["links"]["opened"],
                         before["links"]["opened"] + 1)
        self.assert_alive()


class Flood(threading.Thread):
    """Connections without end, from many addresses or one; `speak` is what
    each says first. Some hundred a second: many times what may be half open
    for the 6 s that a stranger has."""

    def __init__(self, relay, sources, speak=b""):
        super().__init__()
        self.relay = relay
        self.sources = sources
        self.speak = speak
        self.stopped = threading.Event()
        self.made = 0
        self.start()

    def run(self):
        held = collections.deque()
        while not self.stopped.is_set():
            n = self.made % self.sources
            try:
                raw = self.relay.connect(f"127.0.{4 + n // 250}.{1 + n % 250}")
                raw.sendall(self.speak)
            except OSError:
                continue
            held.append(raw)
            self.made += 1
            time.sleep(0.001)
            if len(held) > 800:
                held.popleft().close()
        for raw in held:
            raw.close()

    def stop(self):
        self.stopped.set()
        self.join()


class Floods(RelayTest):
    """While strangers arrive without end, honest clients still get in."""

    def setUp(self):
        super().setUp()
        self.relay.start()

    def withstand(self, sources, speak=b""):
        flood = Flood(self.relay, sources, speak)
        self.addCleanup(flood.stop)
        wait_for(lambda: self.relay.status()["closed"]["refused"] > 100)
        for _ in range(5):
            self.assert_alive()
        status = self.relay.status()
        self.assertGreater(status["links"]["half_open"], 200)
        self.assertLessEqual(status["links"]["half_open"], 512)
        flood.stop()
        self.assertGreater(flood.made, 100)
        wait_for(lambda: self.relay.status()["links"]["half_open"] == 0, 20)
        self.assert_alive()

    def hello(self):
        """Message 1 of an honest client, for replay."""
        recorder = Recorder(self.relay)
        recorder.start()
        host = self.relay.address.rsplit(":", 1)[0]
        run(POSTERN, "relay", "test", f"{host}:{recorder.port}", check=0)
        recorder.join()
        return recorder.sent[:2048]

    def test_silent_from_many_addresses(self):
        self.withstand(500)

    def test_silent_from_the_clients_own_address(self):
        # As behind an onion service: all have one origin.
        with unittest.mock.patch.object(
                self.relay, "connect",
                lambda source: Relay.connect(self.relay, "127.0.0.1")):
            self.withstand(1)

    def test_replayed_first_messages(self):
        # They know what the key looks like in use, not the key: each is asked
        # for a puzzle and never solves it.
        self.withstand(500, self.hello())

    def test_noise(self):
        self.withstand(500, os.urandom(2048))


class Members(RelayTest):
    """They know the key and shake hands properly; then they misbehave."""

    config = {"slow_timeout": "2s", "idle_timeout": "4s"}

    def setUp(self):
        super().setUp()
        self.relay.start()

    def closed(self, reason):
        return self.relay.status()["closed"][reason]

    def test_mute(self):
        self.peers("mute", 5).report()
        wait_for(lambda: self.closed("idle") == 5, 10)
        self.assert_alive()

    def test_idle(self):
        self.peers("hold", 5).report()
        wait_for(lambda: self.relay.status()["links"]["open"] == 5)
        wait_for(lambda: self.closed("idle") == 5, 10)
        self.assert_alive()

    def test_never_reading(self):
        # It fills its pipe and takes no answer: the relay stops reading from
        # it, and then closes it. Its memory stays bounded.
        before = self.relay.status()["resident_bytes"]
        self.peers("deaf", 8).report()
        wait_for(lambda: self.relay.status()["links"]["open"] == 0, 30)
        status = self.relay.status()
        self.assertEqual(status["closed"]["slow"] + status["closed"]["idle"] +
                         status["closed"]["peer"] + status["closed"]["io"], 8)
        if not SANITIZED:  # a sanitizer keeps what is freed
            self.assertLess(status["resident_bytes"] - before, 16 << 20)
        self.assert_alive()

    def test_flood_is_slowed_to_its_rate(self):
        flood = self.peers("flood", 2)
        flood.report()
        # Once the burst of both is spent, only the rate is left.
        wait_for(lambda: flood.ask()["pongs"] > 2 * 400, 20)
        start, first = time.monotonic(), flood.ask()["pongs"]
        time.sleep(3)
        seconds, last = time.monotonic() - start, flood.ask()["pongs"]
        rate = (last - first) / seconds / 2
        self.assertGreater(rate, 50)
        self.assertLess(rate, 300)
        self.assertGreater(self.relay.status()["traffic"]["pauses"], 0)
        self.assert_alive()

    def test_protocol_breaches(self):
        for count, mode in enumerate(("error", "garbage", "repeat"), 1):
            peers = self.peers(mode, 1)
            peers.report()
            wait_for(lambda: peers.ask()["closed"] == 1)
            if mode != "repeat":
                self.assertEqual(self.closed("proto"), count)
        self.assertEqual(self.relay.status()["links"]["open"], 0)
        self.assert_alive()


class Hoarders(RelayTest):
    """They ask and do not read, patiently. Each could have a quarter MiB wait
    for it; all together get one."""

    config = {"slow_timeout": "10m", "output_mib": 1,
              "commands_per_second": 100000, "command_burst": 100000}

    def test_many_never_reading(self):
        self.relay.start()
        self.peers("deaf", 12).report()

        def owed():
            bytes_now = self.relay.status()["traffic"]["output_bytes"]
            self.assertLessEqual(bytes_now, 1 << 20)
            return bytes_now
        wait_for(lambda: owed() > 1 << 19, 90)
        self.assert_alive()
        owed()


class Rogues(RelayTest):
    """They hold the keys of their link, and make bytes of their own."""

    config = {"slow_timeout": "2s", "idle_timeout": "2s",
              "commands_per_second": 2000}

    def setUp(self):
        super().setUp()
        self.relay.start()

    def ends(self, mode, reason, seconds=8):
        """The relay ends it in time for this reason, and serves others
        meanwhile."""
        before = self.relay.status()["closed"]
        process = subprocess.Popen([ROGUE, "client", self.relay.address, mode],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "open\n")
        self.assert_alive()
        process.wait(timeout=seconds + 10)
        # Not communicate(): with a timeout it forgets what readline() has
        # read beyond its line.
        said = process.stdout.read()
        self.assertRegex(said, r"^ended [0-9]+$")
        self.assertLess(int(said.split()[1]), seconds * 1000)
        after = self.relay.status()["closed"]
        self.assertEqual(after[reason] - before[reason],
                         2 if reason == "peer" else 1, after)
        self.assertEqual(self.relay.status()["links"]["open"], 0)

    def test_breaches(self):
        for mode in ("too_long", "huge", "unknown"):
            self.ends(mode, "proto", 2)

    def test_rollovers_without_end(self):
        self.ends("rollover", "proto", 2)

    def test_nothing_said_at_length(self):
        # However many bytes: without a frame it is idle.
        for mode in ("empty", "drip", "unfinished"):
            self.ends(mode, "idle")

    def test_many_tiny_frames(self):
        # All are answered, at their rate; then it is idle.
        self.ends("tiny", "idle")
        self.assertGreater(self.relay.status()["traffic"]["pauses"], 0)
        self.assertGreater(self.relay.status()["traffic"]["frames_out"], 1400)

    def test_ends_inside_a_record(self):
        self.ends("cut", "peer", 2)
        before = self.relay.status()["closed"]
        run(ROGUE, "client", self.relay.address, "reset", check=0)

        def gone():
            after = self.relay.status()["closed"]
            return any(after[k] > before[k] for k in ("io", "peer"))
        wait_for(gone)
        self.assertEqual(self.relay.status()["links"]["open"], 0)
        self.assert_alive()


if __name__ == "__main__":
    unittest.main()
