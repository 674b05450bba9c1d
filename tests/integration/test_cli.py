"""Every command of postern: outputs, exit codes, secrets, hostile text."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

from clirig import (POSTERN_QUICK, Homes, controls, objects, postern,
                    secret_file)
from rig import wait_for


class Init(Homes):
    def test_made_once(self):
        home = self.dir / "new"
        secret_file(self.dir / "new.pass")
        done = postern("init", "--json", home=home)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["v"], answer["type"]), (1, "init"))
        self.assertEqual(answer["home"], str(home))
        again = postern("init", "--json", home=home, check=73)
        error = json.loads(again.stderr)
        self.assertEqual((error["type"], error["exit"], error["code"]),
                         ("error", 73, "locked"))

    def test_no_store(self):
        secret_file(self.dir / "no.pass")
        done = postern("status", home=self.dir / "no", check=78)
        self.assertIn("postern init", done.stderr)

    def test_bad_relay(self):
        secret_file(self.dir / "c.pass")
        postern("init", "--relay", "x", home=self.dir / "c", check=65)
        postern("relay", "add", self.relay.address, home=self.dir / "c")


class Passphrase(Homes):
    def status(self, *words, check=0, env=None, fd=None):
        done = subprocess.run(
            [POSTERN_QUICK, "status", "--no-input", "--home", str(self.anna), *words],
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            pass_fds=[fd] if fd is not None else [])
        self.assertEqual(done.returncode, check, done.stderr)
        return done

    def pipe(self, text):
        r, w = os.pipe()
        os.write(w, text)
        os.close(w)
        self.addCleanup(os.close, r)
        return r

    def test_sources_in_order(self):
        good = secret_file(self.dir / "good")
        bad = secret_file(self.dir / "bad", "wrong\n")
        credentials = self.dir / "cred"
        credentials.mkdir()
        secret_file(credentials / "passphrase")
        config = self.anna / "postern.conf"
        config.write_text(f"passphrase-command = cat {good}\n")
        config.chmod(0o600)
        self.status()
        secret_file(credentials / "passphrase", "wrong\n")
        env = {"CREDENTIALS_DIRECTORY": str(credentials)}
        self.status(env=env, check=77)
        self.status("--passphrase-file", str(good), env=env)
        fd = self.pipe(b"correct horse\n")
        self.status("--passphrase-fd", str(fd), "--passphrase-file", str(bad),
                    fd=fd)
        fd = self.pipe(b"wrong")
        self.status("--passphrase-fd", str(fd), "--passphrase-file",
                    str(good), fd=fd, check=77)

    def test_none(self):
        self.assertIn("--passphrase-file", self.status(check=78).stderr)

    def test_open_files_are_refused(self):
        for mode in (0o640, 0o604, 0o660):
            path = secret_file(self.dir / "open", mode=mode)
            done = self.status("--passphrase-file", str(path), check=78)
            self.assertIn("chmod 600", done.stderr)

    def test_bad_config(self):
        config = self.anna / "postern.conf"
        for text, hint in (("x\n", ":1: want"), ("# a\nkey = 1\n", ":2: unkn")):
            config.write_text(text)
            config.chmod(0o600)
            self.assertIn(hint, self.status(check=78).stderr)
        config.chmod(0o622)
        self.assertIn("somebody else", self.status(check=78).stderr)
        config.chmod(0o600)
        config.write_text("passphrase-command = echo x; false\n")
        self.assertIn("by hand", self.status(check=78).stderr)


class Invite(Homes):
    def test_link_alone_on_stdout(self):
        done = postern("invite", "create", home=self.anna)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertRegex(done.stdout, r"^POSTERN:[0-9A-Z]+\n$")

    def test_qr(self):
        png = self.dir / "q.png"
        postern("invite", "create", f"--qr=png:{png}", home=self.anna)
        self.assertEqual(png.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(png.stat().st_mode & 0o777, 0o600)
        done = postern("invite", "create", f"--qr=png:{png}", home=self.anna,
                       check=74)
        self.assertIn("untouched", done.stderr)
        done = postern("invite", "create", "--qr", home=self.anna)
        self.assertIn("\u2588", done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        postern("invite", "create", "--qr=jpg:x", home=self.anna, check=2)

    def test_offline_file_and_stdin(self):
        path = self.dir / "invitation"
        done = postern("invite", "create", "--offline", path, home=self.anna)
        self.assertEqual(done.stdout, "")
        postern("invite", "accept", path, "--name", "x", home=self.ben)
        # It was for one person, once.
        postern("invite", "accept", "-", "--name", "y", home=self.ben,
                stdin=path.read_text(), check=1)
        link = postern("invite", "create", home=self.anna).stdout
        postern("invite", "accept", "-", "--name", "x", home=self.ben,
                stdin=link, check=1)

    def test_hostile(self):
        for text in ("postern:x", "postern:" + "x" * 3000):
            postern("invite", "accept", text, home=self.ben, check=65)
        path = self.dir / "f"
        for content in (b"", b"\xff\xfe", b"x" * 5000):
            path.write_bytes(content)
            postern("invite", "accept", path, home=self.ben, check=65)

    def test_list_hides_the_secret(self):
        postern("invite", "create", home=self.anna)
        listed = objects(postern("invite", "list", "--json",
                                 home=self.anna).stdout)
        self.assertNotIn("link", listed[0])
        postern("invite", "revoke", listed[0]["id"], home=self.anna)
        postern("invite", "revoke", "nosuch", home=self.anna, check=1)

    def test_expires(self):
        for wrong in ("0d", "91d", "x", "1w"):
            postern("invite", "create", "--expires", wrong, home=self.anna,
                    check=2)


class Contact(Homes):
    def test_life(self):
        self.meet()
        shown = json.loads(postern("contact", "show", "ben", "--json",
                                   home=self.anna).stdout)
        self.assertEqual(shown["type"], "contact")
        safety = shown["safety_number"]
        postern("contact", "verify", "ben", "--code", "1" * 60, home=self.anna,
                check=77)
        postern("contact", "verify", "ben", "--no-input", home=self.anna,
                check=77)
        postern("contact", "verify", "ben", "--code", safety, home=self.anna)
        postern("contact", "rename", "ben", "benjamin", home=self.anna)
        postern("contact", "block", "benjamin", home=self.anna)
        self.assertIn("blocked", postern("contact", "list",
                                         home=self.anna).stdout)
        postern("contact", "block", "benjamin", "--undo", home=self.anna)
        postern("contact", "remove", "benjamin", home=self.anna)
        self.assertEqual(postern("contact", "list", home=self.anna).stdout, "")

    def test_profiles(self):
        self.assertEqual(postern("profile", home=self.anna).stdout, "normal\n")
        self.assertEqual(postern("profile", "thin", home=self.anna).stdout,
                         "thin\n")
        self.assertEqual(objects(postern("status", "--json",
                                         home=self.anna).stdout)[0]["profile"],
                         "thin")
        self.meet()
        postern("profile", "auto", home=self.anna, check=2)
        postern("contact", "profile", "ben", "small", home=self.anna, check=2)
        postern("contact", "profile", "ben", "thin", home=self.anna)
        shown = objects(postern("contact", "show", "ben", "--json",
                                home=self.anna).stdout)[0]
        self.assertEqual((shown["profile"], shown["thin"]), ("thin", True))
        thin = self.dir / "thin"
        secret_file(pathlib.Path(str(thin) + ".pass"))
        postern("init", "--profile", "thin", home=thin)
        self.assertEqual(postern("profile", home=thin).stdout, "thin\n")

    def test_unknown_is_4(self):
        for words in (["contact", "profile", "x", "thin"],
                      ["contact", "show", "x"], ["contact", "remove", "x"],
                      ["contact", "rename", "x", "y"],
                      ["send", "x", "-m", "hi"], ["message", "list", "x"]):
            done = postern(*words, "--json", home=self.anna, check=4)
            self.assertEqual(json.loads(done.stderr)["exit"], 4)


class Send(Homes):
    def setUp(self):
        super().setUp()
        self.meet()

    def test_ways(self):
        self.send("-m", "one")
        self.send(stdin="two\n")
        self.send("--lines", stdin="three\n\nfour\n")
        (self.dir / "f").write_bytes(bytes(range(256)))
        self.send("--file", self.dir / "f")
        got = self.receive("--out", self.dir, "--count", "5")
        self.assertEqual([m.get("text") for m in got],
                         ["one", "two", "three", "four", None])
        self.assertEqual(got[4]["file"]["size"], 256)
        self.assertEqual(got[4]["file"]["path"], f"{self.dir}/f (2)")
        self.assertEqual((self.dir / "f (2)").read_bytes(), bytes(range(256)))

    def test_lines_when_the_server_ends(self):
        """Who serves the store goes, and this process cannot open it: that is
        said, and is not a crash."""
        home = self.ben
        server = self.start(home, "rpc", "--socket", home / "rpc.sock")
        wait_for((home / "rpc.sock").exists)
        with subprocess.Popen(
                [POSTERN_QUICK, "send", "anna", "--lines", "--no-input",
                 "--home", str(home)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True) as sender:
            sender.stdin.write("one\n")
            sender.stdin.flush()
            sender.stdout.readline()  # it is at the relay
            server.terminate()
            server.wait()
            _, said = sender.communicate("two\n", timeout=60)
        self.assertEqual(sender.returncode, 78, said)
        self.assertIn("--passphrase-file", said)

    def test_id_sends_once(self):
        first = self.send("-m", "x", "--id", "k")
        self.assertEqual(first, self.send("-m", "x", "--id", "k"))
        self.assertEqual(len(self.receive()), 1)

    def test_kept_is_75(self):
        self.relay.stop()
        done = postern("send", "anna", "-m", "x", "--json", "--timeout",
                       "300ms", home=self.ben, check=75)
        self.assertEqual(json.loads(done.stdout)["state"], "queued")
        error = json.loads(done.stderr)
        self.assertEqual(error["code"], "kept")
        self.assertIn("relay unreachable: 127.0.0.1", error["message"])
        self.send("-m", "y", "--wait", "queued")
        waiting = objects(postern("outbox", "list", "--json",
                                  home=self.ben).stdout)
        self.assertEqual(len(waiting), 2)
        postern("outbox", "cancel", waiting[0]["id"], home=self.ben)
        self.relay.start()
        postern("outbox", "retry", home=self.ben)
        self.send("-m", "z")
        self.assertEqual({m["text"] for m in self.receive("--count", "2")},
                         {"y", "z"})

    def test_mistakes(self):
        for words, code in ((["-m", "a", "--lines"], 2), (["-m", ""], 65),
                            (["more"], 2), (["-m", "x" * 60001], 65),
                            (["--file", self.dir / "none"], 74),
                            (["-m", "x", "--priority", "high"], 2),
                            (["-m", "x", "--wait", "seen"], 2),
                            (["-m", "x", "--expires", "91d"], 2)):
            self.send(*words, check=code)
        (self.dir / "big").write_bytes(b"x" * 60001)
        self.send("--file", self.dir / "big", check=65)
        self.assertEqual(self.receive("--timeout", "100ms", check=3), [])


class Receive(Homes):
    def setUp(self):
        super().setUp()
        self.meet()

    def test_shape(self):
        self.send("-m", "hi \u202e", "--priority", "urgent")
        message, = self.receive()
        self.assertEqual((message["v"], message["type"], message["from"],
                          message["priority"], message["text"]),
                         (1, "message", "ben", "urgent", "hi \u202e"))
        self.assertRegex(message["received_at"], r"^\d{4}-\d\d-\d\dT.*Z$")

    def test_nothing_is_3(self):
        started = time.monotonic()
        self.receive("--timeout", "200ms", check=3)
        self.assertLess(time.monotonic() - started, 5)

    def test_no_ack_comes_again(self):
        self.send("-m", "x")
        self.assertEqual(len(self.receive("--no-ack")), 1)
        self.assertTrue(self.receive()[0]["again"])
        self.receive("--timeout", "100ms", check=3)

    def test_hostile_text_on_a_terminal(self):
        self.send(stdin="\x1b[2J\x9b\u202eevil\u2066\u200b\rbell\x07\nline")
        done = postern("receive", home=self.anna)
        self.assertEqual(controls(done.stdout), [])
        self.assertIn("\n     line", done.stdout)
        listed = postern("message", "list", home=self.anna).stdout
        self.assertEqual(controls(listed), [])

    def test_unwritable_output_is_not_acknowledged(self):
        self.send("-m", "x")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(
                [POSTERN_QUICK, "receive", "--home", self.anna, "--passphrase-file",
                 f"{self.anna}.pass"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 74)
        self.assertEqual(len(self.receive()), 1)

    def test_file_names_are_no_paths(self):
        outside = self.dir / "outside"
        out = self.dir / "out"
        out.mkdir()
        source = self.dir / "s"
        names = (".bashrc", "-rf", "a b", "x" * 250, "CON", "~")
        for name in names:
            source.mkdir(exist_ok=True)
            (source / name).write_text(name)
            self.send("--file", source / name)
        got = self.receive("--out", out, "--count", str(len(names)))
        self.assertFalse(outside.exists())
        for message in got:
            path = pathlib.Path(message["file"]["path"])
            self.assertEqual(path.parent, out)
            self.assertTrue(path.is_file())
            self.assertFalse(path.name.startswith((".", "-")))
        self.assertEqual(len(list(out.iterdir())), len(names))

    def test_same_name_never_overwrites(self):
        out = self.dir / "out"
        out.mkdir()
        (self.dir / "n.txt").write_text("one")
        self.send("--file", self.dir / "n.txt")
        (self.dir / "n.txt").write_text("two")
        self.send("--file", self.dir / "n.txt")
        self.receive("--out", out, "--count", "2")
        self.assertEqual((out / "n.txt").read_text(), "one")
        self.assertEqual((out / "n (2).txt").read_text(), "two")
        self.receive("--out", self.dir / "none", check=74)

    def test_exec(self):
        log = self.dir / "log"
        self.send("-m", "$(touch evil); `x`")
        postern("receive", "--exec", f'cat >>{log}; echo " $POSTERN_FROM" '
                f">>{log}", home=self.anna)
        self.assertEqual(log.read_text(), "$(touch evil); `x` ben\n")
        self.send("-m", "two")
        done = postern("receive", "--exec", "exit 7", home=self.anna, check=1)
        self.assertIn("given again", done.stderr)
        self.assertEqual([m["text"] for m in self.receive()], ["two"])

    def test_exec_passes_over_one_that_fails(self):
        for word in ("bad", "good", "fine"):
            self.send("-m", word)
        log = self.dir / "log"
        postern("receive", "--exec", f"x=$(cat); echo $x >>{log}; "
                "test $x != bad", home=self.anna, check=1)
        self.assertEqual(log.read_text().split(), ["bad", "good", "fine",
                                                   "bad"])
        self.assertEqual([m["text"] for m in self.receive()], ["bad"])

    def test_kept_messages(self):
        text = "exact \x00 bytes\n"
        path = self.dir / "f"
        path.write_bytes(text.encode())
        self.send("--file", path)
        number = self.receive()[0]["id"]
        done = postern("message", "export", number, home=self.anna)
        self.assertEqual(done.stdout, text)
        postern("message", "export", number, "--out", self.dir / "e",
                home=self.anna)
        self.assertEqual((self.dir / "e").read_bytes(), text.encode())
        postern("message", "export", number, "--out", self.dir / "e",
                home=self.anna, check=74)
        postern("message", "show", number, "--json", home=self.anna)
        postern("message", "delete", number, home=self.anna)
        postern("message", "show", number, home=self.anna, check=1)


class Other(Homes):
    def test_backup(self):
        file, key = self.dir / "backup", secret_file(self.dir / "k", "b\n")
        use = ["--backup-passphrase-file", key]
        postern("backup", "create", file, *use, home=self.anna)
        postern("backup", "create", file, *use, home=self.anna, check=73)
        postern("backup", "verify", file, *use)
        wrong = secret_file(self.dir / "w", "w\n")
        postern("backup", "verify", file, "--backup-passphrase-file", wrong,
                check=77)
        home = self.dir / "restored"
        postern("backup", "restore", file, "--home", home, *use)
        postern("status", "--home", home, "--passphrase-file", key)
        postern("backup", "restore", file, "--home", home, *use, check=73)
        file.write_text("{")
        postern("backup", "verify", file, *use, check=65)

    def test_panic(self):
        postern("panic", "--home", self.anna)
        postern("status", home=self.anna, check=78)

    def test_status_and_doctor(self):
        status = json.loads(postern("status", "--json", home=self.anna).stdout)
        self.assertEqual((status["type"], status["relays"]), ("status", 1))
        checks = objects(postern("doctor", "--json", home=self.anna).stdout)
        self.assertTrue(all(c["ok"] for c in checks))
        self.anna.chmod(0o755)
        done = postern("doctor", home=self.anna, check=78)
        self.assertIn("chmod 700", done.stdout)
        self.relay.stop()
        done = postern("doctor", "--timeout", "2s", home=self.ben, check=69)
        self.assertIn("check the network", done.stdout)

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            script = postern("completion", shell).stdout
            self.assertIn("invite", script)
            path = self.dir / shell
            path.write_text(script)
            if shutil.which(shell):
                subprocess.run([shell, "-n", path], check=True)
        postern("completion", "cmd", check=2)
        probe = (f"source {self.dir}/bash; COMP_WORDS=(postern invite cr); "
                 "COMP_CWORD=2; _postern; echo ${COMPREPLY[@]}; "
                 "COMP_WORDS=(postern send --fi); _postern; "
                 "echo ${COMPREPLY[@]}")
        done = subprocess.run(["bash", "-c", probe], capture_output=True,
                              text=True, check=True)
        self.assertEqual(done.stdout, "create\n--file\n")

    def test_help_of_every_command(self):
        commands = [line[2:28].strip() for line in
                    postern("help").stdout.split("commands:\n")[1]
                    .split("\n\n")[0].splitlines()]
        self.assertGreater(len(commands), 30)
        for command in commands[:-1]:
            words = [w for w in command.split() if w.islower()
                     and "|" not in w]
            text = postern("help", *words).stdout
            self.assertIn("usage: postern " + " ".join(words), text)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 90, line)

    def test_no_core(self):
        """A crash leaves no image of the memory."""
        child = self.start(self.anna, "receive", "--follow")
        limits = pathlib.Path(f"/proc/{child.pid}/limits")
        wait_for(lambda: re.search(r"core file size +0 +0 ",
                                   limits.read_text()))


if __name__ == "__main__":
    unittest.main()
