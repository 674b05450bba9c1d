"""postern rpc: stdio and socket, leases, hostile lines, and commands that
forward to it instead of failing on the lock."""

import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import unittest

from clirig import POSTERN_QUICK, Caller, Homes, objects, postern


class Stdio(Homes):
    def ask(self, *lines, end="\n", home=None):
        server = self.serve("--stdio", home=home)
        out, err = server.communicate("\n".join(lines) + end, timeout=30)
        self.assertEqual(server.returncode, 0, err)
        return objects(out)

    def test_pipelined(self):
        answers = self.ask(*(json.dumps(
            {"jsonrpc": "2.0", "id": i, "method": "status"})
            for i in range(200)))
        self.assertEqual([a["id"] for a in answers], list(range(200)))

    def test_waiting_holds_nobody_up(self):
        answers = self.ask(
            '{"jsonrpc":"2.0","id":"w","method":"next_event",'
            '"params":{"timeout_ms":500}}',
            '{"jsonrpc":"2.0","id":"v","method":"version"}',
            home=self.home("c", "Nobody's", relay=False))
        self.assertEqual([a["id"] for a in answers], ["v", "w"])
        self.assertIsNone(answers[1]["result"])

    def test_by_position_and_notification(self):
        address = self.relay.address.rsplit(":", 1)[0] + ":1"
        answers = self.ask(
            f'{{"jsonrpc":"2.0","method":"relay_add","params":["{address}"]}}',
            '{"jsonrpc":"2.0","id":1,"method":"relay_list"}', end="")
        self.assertEqual(len(answers), 1)
        self.assertEqual(len(answers[0]["result"]), 2)

    def test_hostile_lines(self):
        deep = "[" * 100000
        lines = ("{", "null", "[]", "{}", '{"jsonrpc":"2.0","id":1}', deep,
                 '{"jsonrpc":"1.0","id":1,"method":"status"}',
                 '{"jsonrpc":"2.0","id":{},"method":"status"}',
                 '{"jsonrpc":"2.0","id":1,"method":"no"}',
                 '{"jsonrpc":"2.0","id":1,"method":"send"}',
                 '{"jsonrpc":"2.0","id":1,"method":"status","params":{"a":1}}',
                 '{"jsonrpc":"2.0","id":1,"method":"status","params":[1]}',
                 '{"jsonrpc":"2.0","id":1,"method":"status","params":3}',
                 '{"jsonrpc":"2.0","id":1,"method":"event_ack",'
                 '"params":{"sequence":-1}}',
                 '{"jsonrpc":"2.0","id":1,"method":"contact_get",'
                 '"params":{"contact":"a\\u0000b"}}',
                 '{"jsonrpc":"2.0","id":1,"id":2,"method":"status"}')
        want = [-32700, -32600, -32600, -32600, -32600, -32600, -32600, -32600,
                -32601, -32602, -32602, -32602, -32600, -32602, -32602, -32700]
        answers = self.ask(*lines)
        self.assertEqual([a["error"]["code"] for a in answers], want)

    def test_spec(self):
        spec = json.loads(postern("rpc", "spec").stdout)
        names = [m["name"] for m in spec["methods"]]
        self.assertTrue(spec["openrpc"].startswith("1."))
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual({"send", "next_event", "event_ack"}, set(names))
        answers = self.ask('{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}')
        self.assertEqual(answers[0]["result"], spec)


class Socket(Homes):
    def setUp(self):
        super().setUp()
        self.meet()
        self.path = self.dir / "s"
        self.server = self.serve("--socket", self.path)

    def caller(self):
        caller = Caller(self.path)
        self.addCleanup(caller.close)
        return caller

    def test_modes(self):
        for path in (self.path, self.anna / "rpc.sock"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_ends_in_order(self):
        waiting = self.caller()
        waiting.ask("next_event", timeout_ms=3600000)
        self.caller().call("status")
        self.server.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(10), 0)
        self.assertFalse(self.path.exists())
        self.assertFalse((self.anna / "rpc.sock").exists())

    def test_lease(self):
        first, second = self.caller(), self.caller()
        self.send("-m", "one")
        event = first.event(timeout_ms=5000)
        self.assertEqual((event["text"], event["again"]), ("one", False))
        self.assertIsNone(second.event(timeout_ms=100))
        # Not its lease: it cannot acknowledge it.
        wrong = second.call("event_ack", sequence=event["sequence"])
        self.assertEqual(wrong["error"]["code"], -14)
        first.close()
        again = second.event(timeout_ms=5000)
        self.assertEqual((again["id"], again["again"]), (event["id"], True))
        self.assertTrue(second.call("event_ack",
                                    sequence=again["sequence"])["result"])
        self.assertIsNone(second.event(timeout_ms=0))

    def test_return_gives_again(self):
        caller = self.caller()
        self.send("-m", "one")
        event = caller.event()
        caller.call("event_return", sequence=event["sequence"])
        self.assertEqual(caller.event()["text"], "one")

    def test_too_long_a_line_ends_one_connection(self):
        caller, other = self.caller(), self.caller()
        try:
            caller.socket.sendall(b"x" * (600 * 1024))
        except ConnectionError:
            pass
        try:
            self.assertEqual(caller.read()["error"]["code"], -32600)
            self.assertIsNone(caller.read())
        except ConnectionError:
            pass
        self.assertIn("result", other.call("status"))

    def test_noise(self):
        noise = random.Random(4)
        for _ in range(50):
            caller = Caller(self.path)
            caller.socket.sendall(noise.randbytes(noise.randrange(5000)))
            caller.close()
        self.assertIn("result", self.caller().call("status"))

    def test_many_connections_wait_their_turn(self):
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(70)]
        for s in crowd:
            s.connect(str(self.path))
        for s in crowd:
            s.close()
        self.assertIn("result", self.caller().call("status"))

    def test_slow_reader_is_not_read(self):
        caller = self.caller()
        line = json.dumps({"jsonrpc": "2.0", "id": 1,
                           "method": "rpc.discover"}) + "\n"
        sent = 0
        caller.socket.settimeout(1)
        try:
            while sent < 64 * 1024 * 1024:
                sent += caller.socket.send(line.encode() * 100)
        except socket.timeout:
            pass
        self.assertLess(sent, 8 * 1024 * 1024)
        self.assertIn("result", self.caller().call("status"))

    def test_one_shot_commands_forward(self):
        # No passphrase is needed, none is asked for.
        status = postern("status", "--json", "--home", self.anna)
        self.assertEqual(json.loads(status.stdout)["name"], "Anna")
        postern("contact", "show", "nobody", "--home", self.anna, check=4)
        sent = postern("send", "ben", "-m", "hi", "--home", self.anna)
        self.assertEqual(len(sent.stdout.strip()), 32)
        self.send("-m", "x")
        got = objects(postern("receive", "--json", "--home",
                              self.anna).stdout)
        self.assertEqual([m["text"] for m in got], ["x"])

    def test_second_server(self):
        done = postern("rpc", "--stdio", home=self.anna, check=73)
        self.assertIn("rpc.sock", done.stderr)

    def test_killed_leaves_nothing_in_the_way(self):
        self.server.kill()
        self.server.wait()
        self.assertTrue(self.path.exists())
        postern("status", home=self.anna)
        self.serve("--socket", self.path)
        self.assertIn("result", self.caller().call("status"))

    def test_no_file_is_taken_for_a_socket(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait()
        self.path.write_text("mine")
        done = postern("rpc", "--socket", self.path, home=self.anna, check=74)
        self.assertIn("cannot listen", done.stderr)
        self.assertEqual(self.path.read_text(), "mine")


class Follow(Homes):
    def test_store_is_shared_while_following(self):
        self.meet()
        follower = subprocess.Popen(
            [POSTERN_QUICK, "receive", "--follow", "--json", "--home", self.anna,
             "--passphrase-file", f"{self.anna}.pass"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        self.send("-m", "one")
        self.assertEqual(json.loads(follower.stdout.readline())["text"], "one")
        postern("send", "ben", "-m", "back", "--home", self.anna)
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait(10), 0)

    def test_long_home(self):
        home = self.dir / ("d" * 150)
        os.rename(self.anna, home)
        os.rename(f"{self.anna}.pass", f"{home}.pass")
        self.serve("--socket", self.dir / "s", home=home)
        postern("status", "--home", home)

    def test_locked_is_73(self):
        import fcntl
        with open(self.anna / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = postern("status", home=self.anna, check=73)
        self.assertIn("another process", done.stderr)


class Kill(Homes):
    """SIGKILL at chance moments, of the server that gives the messages out and
    of who sends them: nothing is lost, and nothing comes again after its
    event_ack was answered."""

    SECONDS = 12

    def take(self, path):
        """Acknowledge half of what comes, until the server dies."""
        try:
            caller = Caller(path)
        except OSError:
            return
        try:
            while True:
                event = caller.event(timeout_ms=300)
                if event is None:
                    continue
                if event["type"] == "message":
                    self.took.append(event)
                    if self.dice.random() < 0.5:
                        continue  # it stays leased until somebody dies
                caller.call("event_ack", sequence=event["sequence"])["result"]
                if event["type"] == "message":
                    self.acknowledged.append(event["id"])
        except (OSError, TypeError, ValueError):
            pass  # no answer, or half of one: the server was killed
        finally:
            try:
                caller.close()
            except OSError:
                pass

    def test_nothing_lost_nothing_twice(self):
        self.meet()
        self.dice = random.Random(1)
        self.took, self.came, self.acknowledged = [], [], []
        end = time.monotonic() + self.SECONDS
        # POSTERN_KILLS=N: that many rounds, however long they take.
        least = int(os.environ.get("POSTERN_KILLS", 0))
        rounds = 0
        while rounds < least or (not least and time.monotonic() < end):
            path = self.dir / f"s{rounds}"
            server = self.serve("--socket", path)
            before = set(self.acknowledged)
            taker = threading.Thread(target=self.take, args=(path,))
            taker.start()
            words = ("send", "anna", "-m", f"m{rounds}", "--id", f"k{rounds}")
            sender = self.start(self.ben, *words, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
            time.sleep(self.dice.random() * 0.5)
            for child in self.dice.sample((server, sender), 2):
                child.kill()
                child.wait()
            taker.join()
            self.assertFalse(before & {e["id"] for e in self.took})
            self.came += self.took
            self.took = []
            # Nobody knows whether it went: the same again is harmless.
            self.run_in(self.ben, *words, "--wait", "queued")
            rounds += 1
        self.run_in(self.ben, "outbox", "retry")
        self.send("-m", "last")
        want = {f"m{i}" for i in range(rounds)} | {"last"}
        end = time.monotonic() + 60
        while time.monotonic() < end and (
                {e["text"] for e in self.came} != want):
            rest = self.receive("--timeout", "1s", "--count", "100", check=None)
            self.assertFalse(set(self.acknowledged) & {e["id"] for e in rest})
            self.acknowledged += [e["id"] for e in rest]
            self.came += rest
        self.assertEqual({e["text"] for e in self.came}, want)
        self.assertEqual(len({e["id"] for e in self.came}), len(want))
        # What is left was taken and never acknowledged; then there is no more.
        while rest := self.receive("--timeout", "1s", check=None):
            self.assertFalse(set(self.acknowledged) & {e["id"] for e in rest})
            self.acknowledged += [e["id"] for e in rest]
        self.assertEqual(len(self.acknowledged), len(set(self.acknowledged)))
        print(f"{rounds} rounds, {2 * rounds} kills", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
