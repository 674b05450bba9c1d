"""A person: a home, and a `postern rpc` on it that comes and goes. Everything
that is asked of it is asked again when it is back."""

import asyncio
import base64
import json
import signal
import time

from clirig import POSTERN_QUICK
from rig import POSTERN

LINE_MAX = 4 << 20
KEEP = 40       # messages that the application keeps, of those it is done with
WAITS = 12      # asked at once how far a message is; a server has 16 threads
E_TIMEOUT, E_NOT_FOUND, E_EXISTS = -6, -14, -15
E_USED, E_REFUSED, E_PENDING = -23, -24, -26


class Refused(Exception):
    def __init__(self, method, error):
        super().__init__(f"{method}: {error}")
        self.code = error.get("code")


async def run(*words):
    """Run to the end; its output."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{words}: exit {process.returncode}\n"
                         f"{out.decode()}\n{err.decode()}")
    return out.decode()


class Person:
    def __init__(self, name, directory, ledger, stays):
        self.name, self.ledger, self.stays = name, ledger, stays
        self.home = directory / name
        self.socket = directory / f"{name}.sock"
        self.secret = directory / "passphrase"
        self.log = directory / f"{name}.log"
        self.process = None
        self.life = 0
        self.came_back = 0.0
        self.is_up = asyncio.Event()
        self.waits = asyncio.Semaphore(WAITS)
        self.pending = {}
        self.asked = 0
        self.done_with = []  # ids of messages to delete, oldest first
        self.handled = 0     # messages sent and received
        self.tasks = set()

    async def make(self, relays, *policy):
        words = [w for r in relays for w in ("--relay", r.address)]
        own = ("--no-input", "--home", self.home, "--passphrase-file",
               self.secret)
        await run(POSTERN_QUICK, "init", "--name", self.name, *words, *own)
        if policy:
            await run(POSTERN, *policy, *own)

    # --- its program ---------------------------------------------------------

    async def start(self):
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                POSTERN, "rpc", "--socket", str(self.socket), "--no-input",
                "--home", str(self.home), "--passphrase-file",
                str(self.secret), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=log)
        while True:
            try:
                reader, self.writer = await asyncio.open_unix_connection(
                    str(self.socket), limit=LINE_MAX)
                break
            except OSError:
                if self.process.returncode is not None:
                    self.fail()
                await asyncio.sleep(0.05)
        self.life += 1
        self.reading = asyncio.create_task(self.read(reader))
        self.came_back = time.monotonic()
        self.is_up.set()

    def fail(self):
        raise SystemExit(f"{self.name}'s program ended by itself: "
                         + self.log.read_text()[-20000:])

    async def stop(self, number=signal.SIGTERM):
        """End the program; its exit code."""
        self.is_up.clear()
        if self.process.returncode is not None:
            self.fail()
        self.process.send_signal(number)
        code = await self.process.wait()
        await self.reading
        self.writer.close()
        if number == signal.SIGTERM and code != 0:
            self.ledger.problem(f"{self.name}'s program ended with {code}")
        return code

    async def read(self, reader):
        try:
            while line := await reader.readline():
                answer = json.loads(line)
                future = self.pending.pop(answer["id"], None)
                if future is not None and not future.done():
                    future.set_result(answer)
        except (OSError, ValueError):
            pass  # killed in the middle of a line
        if self.is_up.is_set():
            self.ledger.problem(f"{self.name}'s program hung up by itself")
            self.is_up.clear()
        for future in self.pending.values():
            if not future.done():
                future.set_exception(ConnectionError())
        self.pending.clear()

    async def call(self, method, **params):
        """Ask the life there is now. ConnectionError if it ends first."""
        if not self.is_up.is_set():
            raise ConnectionError
        self.asked += 1
        number = self.asked
        future = asyncio.get_running_loop().create_future()
        self.pending[number] = future
        self.writer.write(json.dumps(
            {"jsonrpc": "2.0", "id": number, "method": method,
             "params": params}).encode() + b"\n")
        answer = await future
        if "error" in answer:
            raise Refused(method, answer["error"])
        return answer["result"]

    async def insist(self, method, **params):
        """Ask whichever life answers; only for what may be asked twice."""
        while True:
            await self.is_up.wait()
            try:
                return await self.call(method, **params)
            except ConnectionError:
                await asyncio.sleep(0.01)

    # --- mail ----------------------------------------------------------------

    async def send(self, contact, message, text=None, file=None):
        what = {"text": text} if file is None else {
            "file_name": f"{message.number}.bin",
            "file_base64": base64.b64encode(file).decode()}
        try:
            answer = await self.insist(
                "send", contact=contact, priority=message.priority,
                id=f"number {message.number}", **what)
        except Refused as e:
            self.ledger.problem(f"number {message.number} refused: {e}")
            return
        self.ledger.accepted(message, answer["id"])
        self.handled += 1
        task = asyncio.create_task(self.see_stored(message))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def see_stored(self, message):
        async with self.waits:
            while message.confirmed is None:
                try:
                    await self.insist("wait", id=message.id, state="relayed",
                                      timeout_ms=60000)
                except Refused as e:
                    if e.code == E_TIMEOUT:
                        continue
                    # A contact that was removed takes its outbox along.
                    if message.confirmed is None and not message.is_forgotten:
                        self.ledger.problem(f"number {message.number}: {e}")
                    return
                message.stored = time.monotonic()
                return

    async def receive(self):
        """Take what comes, for as long as the soak lasts."""
        while True:
            await self.is_up.wait()
            try:
                event = await self.call("next_event", timeout_ms=30000)
                if event is not None:
                    await self.handle(event)
            except ConnectionError:
                await asyncio.sleep(0.01)

    async def handle(self, event):
        message = confirmed = None
        if event["type"] == "message":
            body = base64.b64decode(event["file"]["base64"]) \
                if "file" in event else event["text"].encode()
            word = event["file"]["name"].split(".")[0] \
                if "file" in event else event["text"].split()[0]
            message = self.ledger.given(self, int(word), body, event["again"])
        elif event["type"] == "delivered":
            confirmed = self.ledger.confirmed(self, event["id"], self.life,
                                              event["again"])
        elif event["type"] == "resync":
            self.ledger.resyncs += 1
        elif event["type"] == "failed":
            self.ledger.failed(self, event)
        elif event["type"] not in ("relay-state", "contact-added"):
            self.ledger.problem(f"{self.name}: {event}")
        if event["sequence"] == 0:
            return
        await self.call("event_ack", sequence=event["sequence"])
        if message is not None:
            self.handled += not message.acked
            message.acked = True
        if confirmed is not None:
            confirmed.is_done = True
        if event["type"] in ("message", "delivered"):
            await self.tidy(event["id"])

    async def tidy(self, done):
        """Keep the newest, as an application would that shows them."""
        self.done_with.append(done)
        while len(self.done_with) > KEEP:
            try:
                await self.call("message_delete", id=self.done_with[0])
            except Refused as e:
                if e.code != E_NOT_FOUND:  # a life that ended had done it
                    self.ledger.problem(f"{self.name}: {e}")
            self.done_with.pop(0)
