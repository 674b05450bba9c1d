"""What a storm needs: relays and people on hosts of an emulated network, each
of which may be killed at any moment, and a ledger of all that people sent and
all that was given to them."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys

from clirig import POSTERN_QUICK, secret_file
from rig import Relay, run, wait_for

NETLAB = pathlib.Path(__file__).resolve().parent.parent / "netlab"
sys.path.insert(0, str(NETLAB))
from netlab import CONDITIONS, SKIPPED, Net, Refused  # noqa: E402,F401

LEDGER = os.environ["LEDGER"]
CLOCKSHIFT = os.environ["CLOCKSHIFT"]
# Done; kept here and tried on; the store is somebody else's for the moment;
# the server it went through was killed.
HONEST = (0, 75, 73, 69)
FAILS_PERCENT = 15


def digest(content):
    return hashlib.sha256(content).hexdigest()[:32]


class HostRelay(Relay):
    """A relay on a host of its own."""

    def __init__(self, net, host):
        super().__init__(at=net.address(host), peer_timeout="5s",
                         store_segment_mib=1)
        self.inside, self.number = net.inside(host), host

    def start(self, *options, **kwargs):
        return super().start(*options, prefix=self.inside, **kwargs)

    def kill(self):
        if self.process is None:
            return
        code = self.process.poll()
        assert code is None, f"relay ended, {code}: " + self.read_log()
        self.stop(signal.SIGKILL)


class Sending:
    """One `postern send`, repeated with the same id until it said yes."""

    def __init__(self, person, to, number, what):
        self.person, self.to, self.what = person, to, what
        self.id = f"{person.name}-{number}"
        self.child = None
        self.wait = "relay"

    def begin(self):
        self.child = self.person.start(
            "send", self.to, *self.what, "--id", self.id, "--wait", self.wait,
            "--timeout", "3s", stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        # Nobody knows whether it went: the same again must be harmless.
        self.wait = "queued"

    def is_done(self):
        """Whether it is in the outbox for sure; once it has ended."""
        said = self.child.stderr.read()
        self.child.stderr.close()
        code = self.child.wait(60)
        if code != -signal.SIGKILL and code not in HONEST:
            raise AssertionError(f"send: exit {code}: {said}")
        return code in (0, 75)


class Person:
    def __init__(self, net, host, name, where, relays):
        self.inside, self.name = net.inside(host), name
        self.home, self.out = where / name, where / (name + ".out")
        self.ledger = where / (name + ".ledger")
        self.out.mkdir()
        self.ledger.touch()
        secret_file(where / (name + ".pass"))
        self.receiver, self.lives, self.number = None, 0, 0
        self.sent, self.sendings = {}, []
        self.later = 0  # seconds that the clock of its next life is ahead
        self.command("init", "--name", name, *(
            word for r in relays for word in ("--relay", r.address)))

    def words(self, *words):
        return [*self.inside, POSTERN_QUICK, *map(str, words), "--no-input",
                "--home", str(self.home), "--passphrase-file",
                str(self.home) + ".pass"]

    def command(self, *words, check=0, stdin=""):
        return run(*self.words(*words), check=check, stdin=stdin, timeout=120)

    def start(self, *words, **kwargs):
        return subprocess.Popen(self.words(*words), **kwargs)

    def receive(self):
        """Be there, and write down what comes, in a new life if need be."""
        if self.receiver is not None and self.receiver.poll() is None:
            return
        if self.receiver is not None:
            self.reap()
        self.lives += 1
        env = {**os.environ, "LEDGER_LIFE": str(self.lives)}
        if self.later:
            env |= {"LD_PRELOAD": CLOCKSHIFT,
                    "POSTERN_CLOCK_SHIFT": str(self.later)}
        self.receiver = self.start(
            "receive", "--follow", "--json", "--out", self.out, "--exec",
            f"{LEDGER} {self.ledger} {FAILS_PERCENT}",
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=env)

    def reap(self):
        said = self.receiver.stderr.read()
        self.receiver.stderr.close()
        code = self.receiver.wait(60)
        if code != -signal.SIGKILL and code not in HONEST:
            raise AssertionError(f"receive: exit {code}: {said}")
        self.receiver = None

    def kill(self):
        if self.receiver is not None:
            self.receiver.kill()
            self.reap()

    def end(self):
        """Kill all that runs in this name."""
        self.kill()
        for sending in self.sendings:
            sending.child.kill()
            sending.child.wait()
            sending.child.stderr.close()

    def send(self, to, dice):
        """Something to that person; what exactly is drawn."""
        self.number += 1
        key = f"{self.name} {self.number} "
        what = ["--priority", dice.choice(("urgent", "normal", "bulk"))]
        if dice.random() < 0.25:
            name = f"{self.name}-{self.number}.bin"
            path = self.home.parent / name
            path.write_bytes(dice.randbytes(dice.choice((10, 3000, 20000))))
            what += ["--file", path]
            self.sent[name] = (to, digest(path.read_bytes()))
        else:
            text = key + "x" * dice.choice((0, 0, 300, 2000))
            what += ["-m", text]
            self.sent[text] = (to, None)
        sending = Sending(self, to, self.number, what)
        sending.begin()
        self.sendings.append(sending)

    def settle(self):
        """Repeat what was cut off; false while anything is."""
        unsure = [s for s in self.sendings if not s.is_done()]
        for sending in unsure:
            sending.begin()
        self.sendings = unsure
        return not unsure

    def entries(self):
        """All that was given and taken: (life, message), in order."""
        lines = self.ledger.read_text().splitlines()
        return [(int(life), json.loads(text)) for life, text in
                (line.split(" ", 1) for line in lines)]

    def got(self):
        """What came, by what was sent: [(life, from, digest)]."""
        found = {}
        for life, m in self.entries():
            file = m.get("file")
            key = file["name"] if file else m["text"]
            found.setdefault(key, []).append(
                (life, m["from"], m["id"], file and digest(
                    pathlib.Path(file["path"]).read_bytes())))
        return found

    def outbox(self):
        done = self.command("outbox", "list", "--json", check=None)
        if done.returncode != 0:
            return None
        return [json.loads(line) for line in done.stdout.splitlines()]


def meet(one, other):
    """Contacts of each other, by their names."""
    link = one.command("invite", "create", "--name",
                       other.name).stdout.strip()
    other.command("invite", "accept", "-", "--name", one.name, stdin=link)
    wait_for(lambda: one.command(
        "receive", "--timeout", "300ms", check=None).returncode == 3 and
        one.command("contact", "show", other.name,
                    check=None).returncode == 0 or
        (other.command("receive", "--timeout", "300ms", check=None), False)[1],
        60)
