"""Every command of both programs: outputs, exit codes, JSON, mistakes."""

import json
import os
import pathlib
import socket
import stat
import subprocess
import tempfile
import unittest

from rig import POSTERN, POSTERND, Relay, RelayTest, run, wait_for

ADDRESS = r"^postern://[a-z2-7]{52}@127\.0\.0\.1:[0-9]+$"


class Init(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory(prefix="postern-")
        self.addCleanup(home.cleanup)
        self.dir = pathlib.Path(home.name) / "a" / "relay"

    def init(self, *options, check=0):
        return run(POSTERND, "init", "--dir", self.dir, *options, check=check)

    def test_last_line_is_the_address(self):
        done = self.init("--listen", "127.0.0.1:0", "--operator", "Us & them")
        self.assertRegex(done.stdout.splitlines()[-1], ADDRESS)
        self.assertEqual(stat.S_IMODE(self.dir.stat().st_mode), 0o700)
        for name in ("identity.key", "relay.conf"):
            mode = (self.dir / name).stat().st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertIn("operator = Us & them",
                      (self.dir / "relay.conf").read_text())
        again = run(POSTERND, "address", "--dir", self.dir, check=0)
        self.assertEqual(again.stdout, done.stdout)

    def test_default_listens_on_loopback_only(self):
        self.assertTrue(self.init().stdout.endswith("@127.0.0.1:7717\n"))

    def test_ipv6(self):
        done = self.init("--listen", "[::1]:7717")
        self.assertTrue(done.stdout.endswith("@[::1]:7717\n"))

    def test_identity_is_never_overwritten(self):
        self.init()
        before = (self.dir / "identity.key").read_bytes()
        done = self.init(check=73)
        self.assertIn("exists and is left untouched", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual((self.dir / "identity.key").read_bytes(), before)

    def test_json(self):
        done = self.init("--json")
        answer = json.loads(done.stdout)
        self.assertEqual((answer["v"], answer["type"]), (1, "init"))
        self.assertEqual(done.stderr, "")

    def test_uncreatable(self):
        self.dir.parent.mkdir()
        self.dir.write_text("a file")
        self.assertIn("cannot create", self.init(check=73).stderr)

    def test_bad_listen(self):
        for listen in ("localhost:1", "7717", "127.0.0.1", "127.0.0.1:99999",
                       "0.0.0.0:7717", "[::]:1", ""):
            self.assertIn("--listen", self.init("--listen", listen,
                                                check=2).stderr)
            self.assertFalse(self.dir.exists())

    def test_lost_identity_keeps_the_configuration(self):
        self.init("--listen", "127.0.0.1:7001", "--operator", "Us")
        config = (self.dir / "relay.conf").read_text() + "# by hand\n"
        (self.dir / "relay.conf").write_text(config)
        (self.dir / "identity.key").unlink()
        self.assertIn("left untouched",
                      self.init("--operator", "Them", check=73).stderr)
        self.assertFalse((self.dir / "identity.key").exists())
        done = self.init()
        self.assertIn("kept", done.stderr)
        self.assertTrue(done.stdout.endswith("@127.0.0.1:7001\n"))
        self.assertEqual((self.dir / "relay.conf").read_text(), config)
        # One that is wrong is not built upon.
        (self.dir / "identity.key").unlink()
        (self.dir / "relay.conf").write_text("listen = nowhere\n")
        self.assertIn("relay.conf:1", self.init(check=78).stderr)
        self.assertFalse((self.dir / "identity.key").exists())

    def test_full_disk_leaves_nothing_half_made(self):
        # With SIGXFSZ ignored a write past --fsize fails as on a full disk:
        # here at the configuration. A directory in its way stops the identity.
        done = run("sh", "-c", "trap '' XFSZ; exec prlimit --fsize=100 "
                   f"{POSTERND} init --dir {self.dir}", check=74)
        self.assertIn("choose another --dir", done.stderr)
        self.assertEqual(done.stdout, "")
        names = {p.name for p in self.dir.iterdir()}
        self.assertEqual({n for n in names if n != "lock"}, set())
        (self.dir / ".identity.key.new").mkdir()
        self.assertIn("cannot write", self.init(check=74).stderr)
        names = {p.name for p in self.dir.iterdir()}
        self.assertEqual({n for n in names if n != "lock"},
                         {".identity.key.new"})
        (self.dir / ".identity.key.new").rmdir()
        self.init()

    def test_closed_streams(self):
        # The lock is the first file opened: it must not become stderr.
        run("sh", "-c", f"exec {POSTERND} init --dir {self.dir} "
            "2>&- --listen 127.0.0.1:0", check=0)
        self.assertEqual((self.dir / "identity.key").stat().st_size, 56)
        self.assertEqual(os.stat(self.dir / "lock").st_size, 0)
        run("sh", "-c", f"exec {POSTERND} address --dir {self.dir} >&-",
            check=74)
        run("sh", "-c", f"exec {POSTERN} version 0<&- >&- 2>&-", check=74)
        relay = subprocess.Popen(["sh", "-c", f"exec {POSTERND} run --dir "
                                  f"{self.dir} 2>&-"])
        self.addCleanup(relay.wait)
        self.addCleanup(relay.kill)
        wait_for(lambda: run(POSTERND, "status", "--dir",
                             self.dir).returncode == 0)
        self.assertEqual(os.stat(self.dir / "lock").st_size, 0)

    def test_state_directory(self):
        run(POSTERND, "init", env={"STATE_DIRECTORY": str(self.dir)}, check=0)
        self.assertTrue((self.dir / "identity.key").exists())


class Check(RelayTest):
    def check(self, code, *options):
        return run(POSTERND, "check", "--dir", self.relay.dir, *options,
                   check=code)

    def test_good(self):
        self.assertIn("ok", self.check(0).stdout)
        self.assertEqual(self.check(0, "-q").stdout, "")
        answer = json.loads(self.check(0, "--json").stdout)
        self.assertEqual(answer["address"], self.relay.address)

    def test_changes_nothing(self):
        def everything():
            return {p.name: (p.read_bytes(), p.stat().st_mtime_ns)
                    for p in self.relay.dir.iterdir()}
        before = everything()
        self.check(0)
        self.assertEqual(everything(), before)

    def store_of(self, code):
        return json.loads(self.check(code, "--json").stdout)["store"]

    def test_store(self):
        self.assertEqual(self.store_of(0)["state"], "none")
        self.relay.start()
        self.assertEqual(self.store_of(0)["state"], "skipped")
        self.assertIn("not examined", self.check(0).stdout)
        self.assertEqual(self.relay.stop(), 0)
        store = self.relay.dir / "store"

        def everything():
            return {p.name: (p.read_bytes(), p.stat().st_mtime_ns)
                    for p in store.iterdir()}
        before = everything()
        self.assertEqual(self.store_of(0),
                         {"state": "read", "queues": 0, "messages": 0,
                          "damaged": 0, "damages": 0})
        self.assertIn("0 queues and 0 messages are intact",
                      self.check(0).stdout)
        self.assertEqual(everything(), before)
        (store / "keys").write_bytes(b"")
        self.assertIn("store", self.check(78).stderr)

    def test_mistake_names_file_and_line(self):
        path = self.relay.dir / "relay.conf"
        path.write_text("# fine\nmax_lnks = 5\n")
        done = self.check(78)
        self.assertIn(f"{path}:2: unknown key `max_lnks`", done.stderr)
        error = json.loads(self.check(78, "--json").stderr)
        self.assertEqual((error["v"], error["type"], error["exit"]),
                         (1, "error", 78))

    def test_other_faults(self):
        config = self.relay.dir / "relay.conf"
        key = self.relay.dir / "identity.key"
        good = key.read_bytes()
        key.chmod(0o640)
        self.assertIn("chmod 600", self.check(78).stderr)
        key.chmod(0o600)
        key.write_bytes(good[:-1])
        self.assertIn("damaged", self.check(78).stderr)
        key.unlink()
        self.assertIn("identity.key is missing", self.check(78).stderr)
        key.write_bytes(good)
        key.chmod(0o600)
        self.check(0)
        self.relay.dir.chmod(0o770)
        self.assertIn("chmod 700", self.check(78).stderr)
        self.assertIn("chmod 700", run(POSTERND, "run", "--dir",
                                       self.relay.dir, check=78).stderr)
        self.relay.dir.chmod(0o700)
        config.write_bytes(b"#" * 70000)
        self.check(78)
        config.unlink()
        self.assertIn("posternd init", self.check(78).stderr)

    def test_long_directory(self):
        deep = self.relay.dir / ("d" * 100)
        run(POSTERND, "init", "--dir", deep, check=0)
        done = run(POSTERND, "check", "--dir", deep, check=78)
        self.assertIn("too long a path", done.stderr)
        self.assertIn("too long a path",
                      run(POSTERND, "run", "--dir", deep, check=78).stderr)


class Status(RelayTest):
    def test_not_running(self):
        done = run(POSTERND, "status", "--dir", self.relay.dir, check=69)
        self.assertIn("no relay is running", done.stderr)
        error = json.loads(run(POSTERND, "status", "--json", "--dir",
                               self.relay.dir, check=69).stderr)
        self.assertEqual(error["exit"], 69)

    def test_running(self):
        self.relay.start()
        self.relay.test()
        status = self.relay.status()
        self.assertEqual((status["v"], status["type"]), (1, "status"))
        self.assertEqual(status["address"], self.relay.address)
        self.assertEqual(status["state"], "serving")
        self.assertEqual(status["links"]["opened"], 1)
        self.assertGreater(status["limits"]["links"], 0)
        self.assertEqual(sum(status["closed"].values()), 1)
        text = run(POSTERND, "status", "--dir", self.relay.dir, check=0).stdout
        self.assertRegex(text, r"(?m)^links.opened +1$")

    def test_stats(self):
        def ask(*options, check=0):
            return run(POSTERND, "stats", "--dir", self.relay.dir, *options,
                       check=check)
        self.assertIn("no relay is running", ask(check=69).stderr)
        self.relay.start()
        self.relay.test()
        stats = json.loads(ask("--json").stdout)
        self.assertEqual((stats["v"], stats["type"]), (1, "stats"))
        self.assertEqual(sum(stats["closed"].values()), 1)
        self.assertEqual(stats["messages"]["stored"], 0)
        self.assertEqual(sum(stats["commit_ms"].values()),
                         stats["store"]["commits"])
        self.assertNotIn("address", stats)
        self.assertRegex(ask().stdout, r"(?m)^commit_ms.below_1 +[0-9]+$")

    def call(self, request):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.relay.dir / "control.sock"))
            s.sendall(request)
            return s.makefile("rb").read()

    def test_control_socket(self):
        self.relay.start()
        path = self.relay.dir / "control.sock"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        for request in (b"\n", b"status\n", b"{}\n", b'{"v":1}\n',
                        b'{"v":1,"command":"stop"}\n',
                        b'{"v":2,"command":"status"}\n', b"\xff\x00\n"):
            answer = json.loads(self.call(request))
            self.assertEqual(answer["type"], "error")
        # Longer than a request may be: hung up on, without an answer.
        try:
            self.assertEqual(self.call(b"x" * 5000), b"")
        except ConnectionError:
            pass
        # Callers that say nothing cannot keep others out for long.
        idle = [socket.socket(socket.AF_UNIX) for _ in range(8)]
        for s in idle:
            s.connect(str(path))
        try:
            self.call(b'{"v":1,"command":"status"}\n')
        except ConnectionError:
            pass
        for s in idle:
            s.close()
        wait_for(lambda: run(POSTERND, "status", "--dir",
                             self.relay.dir).returncode == 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
    def test_other_users_are_turned_away(self):
        self.relay.start()
        path = self.relay.dir / "control.sock"
        self.relay.dir.chmod(0o755)
        path.chmod(0o666)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setuid(65534)
                if self.call(b'{"v":1,"command":"status"}\n') == b"":
                    code = 0
            except ConnectionError:
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(self.relay.status()["state"], "serving")


class Usage(unittest.TestCase):
    def test_help_and_version(self):
        for program in (POSTERND, POSTERN):
            for words in (["help"], ["--help"], ["-h"]):
                self.assertIn("usage:", run(program, *words, check=0).stdout)
            self.assertRegex(run(program, "--version", check=0).stdout,
                             r"\d+\.\d+\.\d+")
        for command in ("init", "run", "address", "check", "status"):
            for words in (["help", command], [command, "--help"]):
                self.assertIn(f"posternd {command}",
                              run(POSTERND, *words, check=0).stdout)
        self.assertIn("--timeout",
                      run(POSTERN, "relay", "test", "--help", check=0).stdout)
        answer = json.loads(run(POSTERN, "version", "--json", check=0).stdout)
        self.assertEqual((answer["type"], answer["protocol"]), ("version", 1))

    def test_mistakes(self):
        for program, words, hint in (
                (POSTERND, [], "help"),
                (POSTERND, ["statu"], "`status`"),
                (POSTERND, ["frobnicate"], "`posternd help`"),
                (POSTERND, ["peer"], "`peer add`, `peer remove`, `peer list`"),
                (POSTERND, ["help", "store"], "one of `store verify`, `store"),
                (POSTERND, ["queue", "--help"], "one of `queue count`"),
                (POSTERND, ["run", "--dri", "/x"], "`--dir`"),
                (POSTERND, ["run", "--dir"], "wants a value"),
                (POSTERND, ["run", "--dir="], "empty"),
                (POSTERND, ["run", "--dir", "/x", "--dir=/y"], "twice"),
                (POSTERND, ["run", "--json=yes"], "takes no value"),
                (POSTERND, ["run", "--listen", "127.0.0.1:1"], "unexpected"),
                (POSTERND, ["run", "extra"], "unexpected"),
                (POSTERND, ["init", "--operator", "x" * 65], "64 bytes"),
                (POSTERND, ["init", "--operator", "\udcff\udcfe"], "UTF-8"),
                (POSTERND, ["init", "--operator", "a\u202eb"], "UTF-8"),
                (POSTERN, [], "help"),
                (POSTERN, ["versoin"], "`version`"),
                (POSTERN, ["relay"], "`relay list`, `relay add`"),
                (POSTERN, ["help", "invite"], "`invite create`, `invite"),
                (POSTERN, ["invite", "crate"], "did you mean `invite create`"),
                (POSTERN, ["contact", "sing", "x"], "one of `contact list`"),
                (POSTERN, ["relay", "tset"], "`relay test`"),
                (POSTERN, ["relay", "test"], "wants ADDRESS"),
                (POSTERN, ["relay", "test", "a", "b"], "unexpected"),
                (POSTERN, ["version", "--timeout", "1s"], "--timeout"),
                (POSTERN, ["relay", "test", "x", "--timeout", "5"], "10s"),
                (POSTERN, ["relay", "test", "x", "--timeout", "0s"], "10s"),
                (POSTERN, ["relay", "test", "x", "--timeout", "2h"], "10s"),
                (POSTERN, ["relay", "test", "--jsn", "x"], "`--json`"),
        ):
            done = run(program, *words, check=2)
            self.assertIn(hint, done.stderr, words)
            self.assertEqual(done.stdout, "")
            if words:
                error = json.loads(run(program, words[0], "--json",
                                       *words[1:], check=2).stderr)
                self.assertEqual(error["code"], "usage")


class RelayTestCommand(RelayTest):
    def test_human_and_json(self):
        self.relay.start()
        self.assertRegex(self.relay.test().stdout,
                         r"(?m)^handshake \d+\.\d ms$")
        answer = json.loads(self.relay.test("--json").stdout)
        self.assertEqual((answer["v"], answer["type"]), (1, "relay-test"))
        self.assertGreater(answer["handshake_ms"], 0)
        self.assertEqual(answer["software"], "posternd")
        self.assertLess(abs(answer["clock_difference_ms"]), 1000)
        self.assertEqual(answer["record_size"], 4096)
        self.assertEqual(self.relay.test("-q").stdout, "")

    def test_malformed_address(self):
        for address in ("", "x", "postern://", self.relay.address + "x",
                        self.relay.address.replace("postern", "http")):
            done = run(POSTERN, "relay", "test", address, check=65)
            self.assertIn("postern://KEY@HOST:PORT", done.stderr)

    def test_nobody_there(self):
        error = json.loads(self.relay.test("--json", check=69).stderr)
        self.assertEqual((error["exit"], error["code"]), (69, "unreachable"))

    def test_wrong_key_meets_silence(self):
        self.relay.start()
        other = Relay()
        self.addCleanup(other.remove)
        key = other.address.split("@")[0]
        wrong = key + "@" + self.relay.address.split("@")[1]
        done = run(POSTERN, "relay", "test", wrong, "--timeout", "1s",
                   check=69)
        self.assertIn("another key", done.stderr)

    def test_something_else_listens(self):
        for words, code in ((b"HTTP/1.1 400 Bad Request\r\n\r\n", 69),
                            (os.urandom(2048), 76)):
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                child = os.fork()
                if child == 0:
                    peer, _ = server.accept()
                    peer.sendall(words)
                    peer.recv(4096)
                    peer.close()
                    os._exit(0)
                address = self.relay.address.rsplit(":", 1)[0] + f":{port}"
                run(POSTERN, "relay", "test", address, "--timeout", "2s",
                    check=code)
                os.waitpid(child, 0)


if __name__ == "__main__":
    unittest.main()
