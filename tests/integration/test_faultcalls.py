"""Calls of the C library that fail under the real programs, one after the
other: each program ends with a reason or goes on, and what it had confirmed is
there afterwards. FAULT_THOROUGH=1 tries every place, in minutes."""

import os
import subprocess
import tempfile
import time
import unittest

import rig
from clirig import Homes, objects
from faultrig import FAULTS, THOROUGH, Fault, places
from rig import POSTERND, SANITIZED

MAIL = os.environ["MAIL"]
QUEUES = 2
CONFIG = {"store_segment_mib": 1, "store_min_free_mib": 16,
          "commands_per_second": 100000, "command_burst": 100000,
          "queue_messages": 100000, "queue_kib": 1000000}
STEP = 1 if THOROUGH else 4
# How posternd and postern may end for want of something.
DAEMON_ENDS = (1, 69, 70, 73, 74, 78)
CLIENT_ENDS = (1, 69, 70, 73, 74, 75, 78)
# A reader of JSON does not always tell want of memory from nonsense.
CLIENT_ENDS += (76,)


def said(lines, verb):
    """The messages of which `verb` was said, as (queue, message)."""
    return {tuple(line.split()[1:]) for line in lines.splitlines()
            if line.startswith(verb + " ") and len(line.split()) == 3}


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class Daemon(unittest.TestCase):
    def setUp(self):
        self.relay = rig.Relay(**CONFIG)
        self.addCleanup(self.relay.remove)
        self.relay.start()
        self.queues = self.mail("make")
        self.stored, self.acking, self.acked = set(), set(), set()
        self.rounds = 0

    def mail(self, job, *words, check=0, stdin=""):
        done = subprocess.run([MAIL, self.relay.address, str(QUEUES), job,
                               *words], input=stdin, capture_output=True,
                              text=True, timeout=60)
        if check is not None:
            self.assertEqual(done.returncode, check, done.stderr)
        return done.stdout

    def remember(self, lines):
        self.stored |= said(lines, "stored")
        self.acking |= said(lines, "acking")
        self.acked |= said(lines, "acked")

    def assert_promises(self):
        """With a relay that nothing fails under."""
        have = said(self.mail("list", stdin=self.queues), "have")
        self.assertEqual(self.stored - self.acking - have, set(), "lost")
        self.assertEqual(have & self.acked, set(), "back")
        self.remember(self.mail("empty", stdin=self.queues))

    def start_under(self, fault):
        """Whether it got ready; if not, it has ended with a reason."""
        try:
            self.relay.start(env=fault.env)
            return True
        except AssertionError:
            code = self.relay.process.wait(20)
            self.relay.process = None
            log = self.relay.read_log()
            self.assertIn(code, DAEMON_ENDS, f"{fault.name}\n{log[-600:]}")
            self.assertRegex(log.splitlines()[-1], r"^posternd: |error: ")
            return False

    def end(self):
        """It ends in order, or has ended with a reason."""
        code = self.relay.process.poll()
        if code is None:
            self.relay.process.terminate()
            code = self.relay.process.wait(30)
        self.relay.process = None
        self.assertIn(code, (0, *DAEMON_ENDS), self.relay.read_log()[-600:])

    def test_while_starting(self):
        self.relay.stop()
        for call, error in FAULTS:
            for nth in places():
                with Fault(call, error, nth=nth) as fault:
                    if self.start_under(fault):
                        self.end()
                    if not fault.hits():
                        break
            self.relay.start()
            self.work(0.2)
            self.relay.start()
            self.assert_promises()
            self.relay.stop()
        self.assertGreater(len(self.stored), 100)

    def work(self, seconds, arm=None):
        """Mail comes and goes, and then the relay ends."""
        self.rounds += 1
        with tempfile.TemporaryFile("w+") as lines:
            work = subprocess.Popen(
                [MAIL, self.relay.address, str(QUEUES), "work",
                 str(self.rounds)], stdin=subprocess.PIPE, stdout=lines,
                stderr=subprocess.DEVNULL, text=True)
            try:
                work.stdin.write(self.queues)
                work.stdin.close()
                time.sleep(0.15)
                if arm is not None:
                    arm.touch()
                end = time.monotonic() + seconds
                while time.monotonic() < end and work.poll() is None:
                    time.sleep(0.02)
                self.end()
                work.wait(20)
            finally:
                work.kill()
                work.wait()
            lines.seek(0)
            self.remember(lines.read())

    def test_at_work(self):
        self.relay.stop()
        arm = self.relay.dir / "arm"
        hits = 0
        for call, error in FAULTS:
            for nth, count in ((7, 1), (1, 1), (30, 0), (60, 3))[::STEP]:
                with Fault(call, error, nth=nth, count=count,
                           arm=arm) as fault:
                    self.relay.start(env=fault.env)
                    self.work(0.3, arm)
                    hits += len(fault.hits()) > 0
                arm.unlink()
                self.relay.start()
                self.assert_promises()
                self.assertFalse(self.relay.status()["store"]["failed"])
                self.relay.stop()
        self.assertGreater(hits, len(FAULTS) // 2)
        self.assertGreater(len(self.stored), 100)
        rig.run(POSTERND, "check", "--dir", self.relay.dir, check=0)


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class Client(Homes):
    """Ben sends, Anna receives, and now and then one of them is short of
    something."""

    config = {"store_segment_mib": 1, "queue_messages": 4000}

    def setUp(self):
        super().setUp()
        self.meet()
        self.tried, self.kept, self.given = [], set(), []
        self.acked = set()

    def run_under(self, fault, home, *words):
        done = self.run_in(home, *words, env=fault.env, check=None)
        if done.returncode != 0:
            self.assertIn(done.returncode, CLIENT_ENDS,
                          f"{fault.name}\n{done.stderr}")
            self.assertRegex(done.stderr.splitlines()[-1],
                             '^postern: |^{"v":1,"type":"error"')
        return done

    def take(self, done):
        """What was printed; what a successful command printed is over."""
        got = [m["id"] for m in objects(done.stdout) if m["type"] == "message"]
        self.assertEqual(set(got) & self.acked, set(), "after its ack")
        self.given += [m["text"] for m in objects(done.stdout)]
        if done.returncode == 0:
            self.acked |= set(got)

    def take_all(self):
        while True:
            done = self.run_in(self.anna, "receive", "--json", "--timeout",
                               "1500ms", check=None)
            self.take(done)
            if done.returncode == 3:
                return

    def test_sending(self):
        for call, error in FAULTS:
            for nth in places():
                with Fault(call, error, nth=nth) as fault:
                    text = f"m{len(self.tried)}"
                    self.tried.append(text)
                    done = self.run_under(fault, self.ben, "send", "anna", "-m",
                                          text, "--id", text, "--wait",
                                          "queued")
                    if done.returncode == 0:
                        self.kept.add(text)
                    if not fault.hits():
                        break
            self.assertIn(text, self.kept)  # nothing failed
        waiting = {o["id"] for o in objects(self.run_in(
            self.ben, "outbox", "list", "--json").stdout)}
        self.assertGreaterEqual(len(waiting), len(self.kept))
        self.run_in(self.ben, "receive", "--timeout", "3s", check=3)
        self.take_all()
        self.assertEqual(self.kept - set(self.given), set(), "lost")
        # The same again sends what failed, and nothing twice.
        for text in self.tried:
            self.run_in(self.ben, "send", "anna", "-m", text, "--id", text,
                        "--wait", "queued")
        self.run_in(self.ben, "send", "anna", "-m", "last")
        self.take_all()
        self.assertEqual(sorted(self.given), sorted([*self.tried, "last"]))

    def test_receiving(self):
        count = 400 if THOROUGH else 120
        self.run_in(self.ben, "send", "anna", "--lines", "--wait", "relay",
                    stdin="".join(f"m{i}\n" for i in range(count)),
                    timeout=300)
        for call, error in FAULTS:
            for nth in places():
                with Fault(call, error, nth=nth) as fault:
                    self.take(self.run_under(
                        fault, self.anna, "receive", "--json", "--count", "1",
                        "--timeout", "10s"))
                    if not fault.hits():
                        break
        self.take_all()
        self.assertEqual(set(self.given), {f"m{i}" for i in range(count)})
        self.assertEqual(len(self.acked), count)

    def test_serving(self):
        """A `postern rpc` that others go through."""
        arm = self.dir / "arm"
        for call, error in FAULTS:
            for nth, many in ((20, 0), (1, 1), (60, 2))[::STEP]:
                with Fault(call, error, nth=nth, count=many,
                           arm=arm) as fault:
                    self.serve_under(fault, arm)
                arm.unlink()
        self.run_in(self.ben, "receive", "--timeout", "3s", check=None)
        self.take_all()
        self.assertEqual(self.kept - set(self.given), set(), "lost")

    def serve_under(self, fault, arm):
        server = subprocess.Popen(
            [self.program, "rpc", "--socket", str(self.ben / "rpc.sock"),
             "--home", str(self.ben), "--passphrase-file", str(self.ben) + ".pass"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, **fault.env})
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertEqual(server.stderr.readline(), "ready\n")
        arm.touch()
        for _ in range(4):
            text = f"s{len(self.tried)}"
            self.tried.append(text)
            done = self.run_in(self.ben, "send", "anna", "-m", text, "--wait",
                               "queued", check=None)
            self.assertIn(done.returncode, (0, *CLIENT_ENDS), done.stderr)
            if done.returncode == 0:
                self.kept.add(text)
        server.terminate()
        code = server.wait(30)
        self.assertIn(code, (0, *CLIENT_ENDS),
                      f"{fault.name}: {server.stderr.read()}")


if __name__ == "__main__":
    unittest.main()
