"""The servers that bench_queue.py loads. Each is started on 127.0.0.1 with an
empty directory, loaded by its own program, and ended; none is left running."""

import getpass
import json
import shutil
import socket
import subprocess
import time

BODY = {"XS": 896, "S": 3968, "M": 16256}
CONFIG = """
commands_per_second = 1000000
command_burst = 1000000
creates_per_minute = 1000000
creates_per_hour = 100000000
max_links_per_address = 5000
max_half_open = 5000
puzzle_bits_max = 0
queue_messages = 1000000
queue_kib = 4194303
store_min_free_mib = 512
"""


def until(ready, process, what):
    for _ in range(400):
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"{what} does not start")


def end(process):
    process.terminate()
    process.wait()


def phases(command):
    out = subprocess.run([str(c) for c in command], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    print(out, end="", flush=True)
    return [json.loads(line) for line in out.splitlines()]


class Postern:
    name = "postern"
    promise = "on disk (fsync, many messages at once) before the answer"

    def __init__(self, build):
        self.daemon = build / "relay/posternd"
        self.loader = build / "tests/bench/bench_queue"

    def status(self, directory):
        out = subprocess.run([self.daemon, "status", "--json", "--dir",
                              directory], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        return json.loads(out)["store"]

    def run(self, directory, name, links, window, count):
        address = subprocess.run(
            [self.daemon, "init", "--dir", directory, "--listen",
             "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, check=True).stdout.split()[-1]
        with open(directory / "relay.conf", "a") as f:
            f.write(CONFIG)
        log = directory / "log"
        with open(log, "w") as f:
            relay = subprocess.Popen([self.daemon, "run", "--dir", directory],
                                     stderr=f)
        try:
            until(lambda: "ready" in log.read_text(), relay, "posternd")
            before = self.status(directory)
            result = phases([self.loader, address, relay.pid, name, links,
                             window, count])
            after = self.status(directory)
            print(json.dumps({
                "commits": after["commits"] - before["commits"],
                "written_per_message":
                (after["bytes_written"] - before["bytes_written"])
                // (2 * int(count))}), flush=True)
            return result
        finally:
            end(relay)


class Peer:
    """A server of somebody else's: `program`, from the system's packages."""

    def __init__(self, build):
        # Debian keeps daemons where only root's path looks.
        self.daemon = (shutil.which(self.program)
                       or shutil.which(self.program, path="/usr/sbin"))
        self.loader = build / "tests/bench" / f"bench_{self.name}"

    def options(self):
        """For the loader."""
        return []

    def command(self, directory, port):
        """That starts the server."""
        raise NotImplementedError

    def run(self, directory, name, links, window, count):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        server = subprocess.Popen(self.command(directory, port),
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            until(lambda: self.answers(port), server, self.program)
            return phases([self.loader, port, server.pid, BODY[name], links,
                           window, count, *self.options()])
        finally:
            end(server)

    @staticmethod
    def answers(port):
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return True
        except OSError:
            return False


class Redis(Peer):
    name = "redis"
    program = "redis-server"
    promise = "on disk (appendfsync always) before the answer"
    groups = False

    def options(self):
        return ["group"] if self.groups else []

    def command(self, directory, port):
        return [self.daemon, "--port", str(port), "--bind", "127.0.0.1",
                "--dir", directory, "--appendonly", "yes", "--appendfsync",
                "always", "--save", "", "--auto-aof-rewrite-percentage", "0"]


class Nats(Peer):
    name = "nats"
    program = "nats-server"
    promise = ("given to the system before the answer, no fsync per message: "
               "power loss takes minutes of mail")

    def command(self, directory, port):
        return [self.daemon, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd",
                directory]


class Mosquitto(Peer):
    name = "mosquitto"
    program = "mosquitto"
    promise = ("in memory only; autosave each half hour: a crash takes what "
               "came since")

    def command(self, directory, port):
        config = directory / "mosquitto.conf"
        config.write_text(f"""\
listener {port} 127.0.0.1
allow_anonymous true
user {getpass.getuser()}
persistence true
persistence_location {directory}/
autosave_interval 1800
max_queued_messages 0
max_inflight_messages 32
""")
        return [self.daemon, "-c", config]


PEERS = {peer.name: peer for peer in (Redis, Nats, Mosquitto)}
