"""postern against relays that mean harm or are none: an exit code a script
can act on, a text that says what to do next, and nothing of theirs on the
terminal."""

import json
import os
import socket
import struct
import subprocess
import threading
import time
import unittest

from rig import POSTERN, ROGUE, Relay, run


class Client(unittest.TestCase):
    def ask(self, address, code, *options, says=""):
        """Exit code and stderr as they should be, and stdout empty."""
        start = time.monotonic()
        done = run(POSTERN, "relay", "test", address, *options, check=code)
        self.took = time.monotonic() - start
        if code != 0:
            self.assertEqual(done.stdout, "")
            self.assertIn(says, done.stderr)
            self.assertTrue(done.stderr.startswith("postern: "))
        for c in done.stdout + done.stderr:
            self.assertTrue(c == "\n" or 0x20 <= ord(c) < 0x7f, repr(c))
        done = run(POSTERN, "relay", "test", address, "--json", *options,
                   check=code)
        if code != 0:
            self.assertEqual(json.loads(done.stderr)["exit"], code)


class NoRelay(Client):
    """Plain sockets: whoever they are, they do not hold the key."""

    @classmethod
    def setUpClass(cls):
        relay = Relay()
        cls.key = relay.address.split("@")[0]
        relay.remove()

    def serve(self, behave):
        server = socket.create_server(("127.0.0.1", 0))

        def loop():
            while True:
                try:
                    s, _ = server.accept()
                except OSError:
                    return
                with s:
                    try:
                        behave(s)
                    except OSError:
                        pass

        def end():
            # Closed under the thread, its number could become the next test's
            # server, which the thread would then serve.
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            server.close()
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        self.addCleanup(end)
        return f"{self.key}@127.0.0.1:{server.getsockname()[1]}"

    @staticmethod
    def drain(s):
        while s.recv(65536):
            pass

    def test_never_answers(self):
        self.ask(self.serve(self.drain), 69, "--timeout", "700ms",
                 says="check the address, or try a longer --timeout")
        self.assertLess(self.took, 5)

    def test_garbage(self):
        for answer in (os.urandom(2048), bytes(2048), b"\xff" * 2048,
                       os.urandom(100000)):
            def behave(s, answer=answer):
                s.sendall(answer)
                self.drain(s)
            self.ask(self.serve(behave), 76, "--timeout", "5s",
                     says="check the address")

    def test_cut_short(self):
        for answer in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(2047)):
            def behave(s, answer=answer):
                s.recv(2048, socket.MSG_WAITALL)
                s.sendall(answer)
                s.shutdown(socket.SHUT_WR)
                self.drain(s)
            self.ask(self.serve(behave), 69, "--timeout", "5s",
                     says="try again later")

    def test_reset(self):
        def behave(s):
            s.recv(100)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
        self.ask(self.serve(behave), 69, "--timeout", "5s",
                 says="try again later")

    def test_endless(self):
        def behave(s):
            while True:
                s.sendall(bytes(65536))
        self.ask(self.serve(behave), 76, "--timeout", "5s")

    def test_not_there(self):
        self.ask(f"{self.key}@127.0.0.1:1", 69, says="check the address")
        self.ask(f"{self.key}@no-such-host.invalid:1", 69,
                 says="check the address")


class Rogue(Client):
    """Relays that hold their key and break the protocol with it."""

    def rogue(self, mode):
        process = subprocess.Popen([ROGUE, "relay", mode], text=True,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        return process.stdout.readline().strip()

    def test_escape_sequences_stay_out(self):
        self.ask(self.rogue("escape"), 76, "--timeout", "5s",
                 says="none of the protocol")

    def test_wrong_messages(self):
        for mode in ("wrong_answer", "unknown", "too_long", "huge", "tiny"):
            self.ask(self.rogue(mode), 76, "--timeout", "5s",
                     says="update the older")

    def test_leaves(self):
        for mode in ("leave", "bye", "cut", "reset"):
            self.ask(self.rogue(mode), 69, "--timeout", "5s",
                     says="try again later")

    def test_silence_and_empty_words(self):
        for mode in ("mute", "empty", "drip", "unfinished"):
            self.ask(self.rogue(mode), 69, "--timeout", "1s",
                     says="longer --timeout")
            self.assertLess(self.took, 5)

    def test_impossible_puzzle(self):
        self.ask(self.rogue("puzzle255"), 76, "--timeout", "5s")
        self.assertLess(self.took, 4)

    def test_hardest_puzzle_keeps_to_the_timeout(self):
        # Luck may solve it in time: the relay then keeps quiet.
        self.ask(self.rogue("puzzle22"), 69, "--timeout", "300ms",
                 says="longer --timeout")
        self.assertLess(self.took, 4)


if __name__ == "__main__":
    unittest.main()
