"""The life of a relay: start, signals, reload, crash, a second one."""

import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest

from rig import (POSTERND, SANITIZED, Peers, Relay, RelayTest, run,
                 wait_for)


class Life(RelayTest):
    def test_ready_then_drain(self):
        self.relay.start()
        self.assert_alive()
        self.assertEqual(self.relay.stop(), 0)
        self.assertFalse((self.relay.dir / "control.sock").exists())
        self.assertIn("stopped", self.relay.read_log())

    @unittest.skipIf(SANITIZED, "a sanitizer lets nothing be locked")
    def test_keys_stay_in_memory(self):
        self.relay.start()
        status = pathlib.Path(
            f"/proc/{self.relay.process.pid}/status").read_text()
        locked = [line.split()[1] for line in status.splitlines()
                  if line.startswith("VmLck:")]
        # The identity and its copy at the gate: each lies on a page or two.
        self.assertGreaterEqual(int(locked[0]), 8)

    def test_sigint_too(self):
        self.relay.start()
        self.assertEqual(self.relay.stop(signal.SIGINT), 0)

    def test_drain_says_bye(self):
        self.relay.start()
        peers = self.peers("hold", 20)
        self.assertEqual(peers.report()["open"], 20)
        before = time.monotonic()
        self.assertEqual(self.relay.stop(), 0)
        self.assertLess(time.monotonic() - before, 15)
        wait_for(lambda: peers.ask()["closed"] == 20)
        self.assertEqual(peers.end(), 0)

    def test_second_sigterm_is_at_once(self):
        self.relay.configure(drain_timeout="60s")
        self.relay.start()
        deaf = self.peers("deaf", 1)
        deaf.report()
        time.sleep(0.5)
        os.kill(deaf.process.pid, signal.SIGSTOP)
        self.relay.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        self.assertIsNone(self.relay.process.poll())
        self.assertEqual(self.relay.status()["state"], "draining")
        self.assertEqual(self.relay.stop(timeout=5), 0)
        os.kill(deaf.process.pid, signal.SIGCONT)

    def test_draining_accepts_nobody(self):
        self.relay.configure(drain_timeout="60s")
        self.relay.start()
        deaf = self.peers("deaf", 1)
        deaf.report()
        time.sleep(0.5)
        os.kill(deaf.process.pid, signal.SIGSTOP)
        self.relay.process.send_signal(signal.SIGTERM)
        wait_for(lambda: self.relay.status()["state"] == "draining")
        self.relay.test("--timeout", "2s", check=69)
        self.assertEqual(self.relay.stop(timeout=5), 0)
        os.kill(deaf.process.pid, signal.SIGCONT)

    def test_kill_and_restart_keep_the_identity(self):
        self.relay.start()
        key = (self.relay.dir / "identity.key").read_bytes()
        self.assert_alive()
        self.assertEqual(self.relay.stop(signal.SIGKILL), -signal.SIGKILL)
        done = run(POSTERND, "status", "--dir", self.relay.dir, check=69)
        self.assertIn("no relay is running", done.stderr)
        self.relay.start()
        self.assert_alive()
        self.assertEqual((self.relay.dir / "identity.key").read_bytes(), key)
        self.assertEqual(run(POSTERND, "address", "--dir",
                             self.relay.dir).stdout.strip(),
                         self.relay.address)

    def test_second_daemon_is_refused(self):
        self.relay.start()
        done = run(POSTERND, "run", "--dir", self.relay.dir, check=73)
        self.assertIn("another posternd serves", done.stderr)
        done = run(POSTERND, "init", "--dir", self.relay.dir, check=73)
        self.assert_alive()

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", self.relay.port)):
            done = run(POSTERND, "run", "--dir", self.relay.dir, check=74)
        self.assertIn("Address already in use", done.stderr)
        self.assertIn("change `listen`", done.stderr)
        self.relay.start()

    def test_several_endpoints(self):
        other = Relay()
        self.addCleanup(other.remove)
        with open(self.relay.dir / "relay.conf", "a") as conf:
            conf.write(f"listen = 127.0.0.2:{other.port}\n")
        self.relay.start()
        self.assert_alive()
        key = self.relay.address.split("@")[0]
        self.relay.address = f"{key}@127.0.0.2:{other.port}"
        self.assert_alive()

    def test_uninitialised(self):
        done = run(POSTERND, "run", "--dir", self.relay.dir / "none", check=78)
        self.assertIn("posternd init", done.stderr)

    def test_privileges_are_given_up(self):
        self.relay.start()
        pid = self.relay.process.pid
        with open(f"/proc/{pid}/status") as status:
            have = dict(line.split(":\t", 1) for line in status)
        self.assertEqual(have["NoNewPrivs"].strip(), "1")
        with open(f"/proc/{pid}/limits") as limits:
            core = [x for x in limits if x.startswith("Max core file size")]
        self.assertEqual(core[0].split()[4:6], ["0", "0"])
        filtered = "system-call filter on" in self.relay.read_log()
        self.assertEqual(have["Seccomp"].strip(), "2" if filtered else "0")

    def test_log_names_nobody(self):
        self.relay.configure(log_level="debug")
        self.relay.start()
        peers = Peers(self.relay, "hold", 3, sources=3)
        self.assertEqual(peers.report()["open"], 3)
        peers.end()
        raw = self.relay.connect("127.0.9.9")
        raw.sendall(b"x" * 5000)
        raw.close()
        self.assert_alive()
        self.relay.stop()
        log = self.relay.read_log()
        self.assertNotIn("127.0.1.", log)
        self.assertNotIn("127.0.9.9", log)


class Reload(RelayTest):
    def signal(self):
        self.relay.process.send_signal(signal.SIGHUP)

    def limit(self):
        return self.relay.status()["limits"]["links"]

    def test_takes_limits(self):
        self.relay.start()
        held = self.peers("hold", 5)
        self.assertEqual(held.report()["open"], 5)
        self.relay.configure(max_links=5)
        self.signal()
        wait_for(lambda: self.limit() == 5)
        # Who is there stays; nobody else comes.
        self.assertEqual(held.ask()["open"], 5)
        self.relay.test("--timeout", "2s", check=69)
        self.relay.configure(max_links=6)
        self.signal()
        wait_for(lambda: self.limit() == 6)
        self.assert_alive()

    def test_mistake_keeps_the_old_one(self):
        self.relay.configure(max_links=50)
        self.relay.start()
        (self.relay.dir / "relay.conf").write_text("max_links = many\n")
        self.signal()
        wait_for(lambda: "relay.conf:1" in self.relay.read_log())
        self.assertEqual(self.limit(), 50)
        (self.relay.dir / "relay.conf").unlink()
        self.signal()
        wait_for(lambda: "missing" in self.relay.read_log())
        self.assertEqual(self.limit(), 50)
        self.assert_alive()

    def test_says_what_needs_a_restart(self):
        self.relay.start()
        self.relay.configure(idle_timeout="5s")
        self.signal()
        wait_for(lambda: "wait for a restart" in self.relay.read_log())


class ServiceManager(RelayTest):
    def test_is_told(self):
        path = self.relay.dir / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(path))
            manager.settimeout(10)
            self.relay.start(env={"NOTIFY_SOCKET": str(path)})
            self.assertEqual(manager.recv(100), b"READY=1")
            self.relay.process.send_signal(signal.SIGHUP)
            self.assertTrue(manager.recv(100).startswith(b"RELOADING=1\n"))
            self.assertEqual(manager.recv(100), b"READY=1")
            self.relay.stop()
            self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_json_ready(self):
        process = subprocess.Popen(
            [POSTERND, "run", "--json", "--dir", self.relay.dir],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        self.assertIn('"type":"ready"', line)
        self.assertIn("ready\n", errors.splitlines(keepends=True))
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
