"""Three relays that forward to each other, and people with the real client, each
piece of whose traffic is noted. What each of them really did and saw is noted
beside it."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

RELAYS = ("r0", "r1", "r2")
# One way, between r0 and the others: a near country and a far one.
NEAR, FAR = 0.005, 0.040


def use_build(build):
    """Have the programs of this build directory run."""
    build = pathlib.Path(build).resolve()
    for name, path in (("POSTERND", "relay/posternd"),
                       ("POSTERN", "client/postern"),
                       ("POSTERN_QUICK", "tests/support/postern_quick"),
                       ("PEERS", "tests/integration/peers"),
                       ("ROGUE", "tests/integration/rogue")):
        os.environ.setdefault(name, str(build / path))


class Person:
    """A client with a home of its own, running."""

    def __init__(self, world, name, profile, route, relays):
        self.world, self.name = world, name
        self.home = world.dir / name
        secret = pathlib.Path(str(self.home) + ".pass")
        secret.write_text("correct horse\n")
        secret.chmod(0o600)
        self.words = ["--home", str(self.home), "--passphrase-file",
                      str(secret), "--no-input"]
        self.run("init", "--name", name, "--profile", profile, "--relay",
                 relays[0])
        for address in relays[1:]:
            self.run("relay", "add", address)
        self.run("relay", "policy", "--route", route)
        path = world.dir / (name + ".s")
        self.server = subprocess.Popen(
            [os.environ["POSTERN_QUICK"], "rpc", "--socket", str(path),
             *self.words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True)
        world.names.pids[self.server.pid] = name
        if self.server.stderr.readline() != "ready\n":
            raise AssertionError(f"{name} does not run")
        self.asks, self.listens = world.caller(path), world.caller(path)
        self.listens.socket.settimeout(120)
        self.asks.socket.settimeout(120)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def run(self, *words):
        subprocess.run([os.environ["POSTERN_QUICK"], *words, *self.words],
                       check=True, capture_output=True, timeout=120)

    def listen(self):
        """Read all that comes, at once."""
        while not self.world.over.is_set():
            try:
                event = self.listens.call("next_event",
                                          timeout_ms=60000)["result"]
                if event is None:
                    continue
                self.world.saw(self.name, event)
                self.listens.call("event_ack", sequence=event["sequence"])
            except (OSError, ValueError, TypeError):
                return  # it was ended

    def call(self, method, **params):
        answer = self.asks.call(method, **params)
        if "error" in answer:
            raise AssertionError(f"{self.name}: {method}: {answer['error']}")
        return answer["result"]

    def meet(self, other):
        link = self.call("invite_create", name=other.name,
                         timeout_ms=60000)["link"]
        other.call("invite_accept", invitation=link, name=self.name,
                   timeout_ms=60000)

    def close(self):
        self.server.kill()
        self.server.wait()
        self.thread.join(10)
        for end in (self.asks, self.listens, self.server.stderr):
            end.close()


class World:
    """pieces: [time, who, relay, way, bytes]. events: [time, who, type, from or
    to, message id]. Times are seconds, of this machine's steady clock."""

    def __init__(self, mix=0):
        """With `mix` a relay keeps each parcel at random up to so many
        seconds."""
        from clirig import Caller
        from rig import Relay, federate, wait_for
        self.caller, self.wait_for = Caller, wait_for
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.names = None
        self.relays, self.taps, self.people = {}, {}, {}
        self.pieces, self.events = [], []
        self.over = threading.Event()
        try:
            self.build(Relay, federate, {"forward_delay_max": f"{mix}s"}
                       if mix else {})
        except BaseException:
            self.close()
            raise

    def build(self, relay, federate, config):
        from tap import Names, Tap
        self.names = Names()
        for name in RELAYS:
            self.relays[name] = relay(**config)
            one = self.relays[name].start()
            self.names.pids[one.process.pid] = name
            far = {other: FAR if "r2" in (name, other) else NEAR
                   for other in RELAYS}
            self.taps[name] = Tap(name, one.port, self.names, self.note, far)
            one.address = one.address.replace(
                f":{one.port}", f":{self.taps[name].port}")
        federate(*self.relays.values())

    def note(self, *piece):
        self.pieces.append(piece)

    def saw(self, who, event):
        other = event.get("from") or event.get("contact") or event.get("to")
        self.events.append((time.monotonic(), who, event["type"], other,
                            event.get("id")))

    def join(self, name, profile, route, relays):
        self.people[name] = Person(self, name, profile, route,
                                   [self.relays[r].address for r in relays])
        return self.people[name]

    def meet(self, pairs):
        """All contacts of each other, and every session used both ways."""
        for a, b in pairs:
            self.people[a].meet(self.people[b])
        for a, b in pairs:
            self.wait_for(lambda a=a, b=b: any(
                c["name"] == b for c in
                self.people[a].call("contact_list")), 90)
            self.people[b].call("send", contact=a, text="hello")
            self.people[a].call("send", contact=b, text="hello")
        want = {(x, y) for a, b in pairs for x, y in ((a, b), (b, a))}
        self.wait_for(lambda: want <= {(e[1], e[3]) for e in self.events
                                       if e[2] == "message"}, 120)

    def close(self):
        self.over.set()
        for person in self.people.values():
            person.close()
        for tap in self.taps.values():
            tap.close()
        for relay in self.relays.values():
            relay.remove()
        shutil.rmtree(self.dir)
