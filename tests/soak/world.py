"""Three relays, ten people, what they write each other, and what goes wrong
around them. All chance comes from one seed.

Two embassies keep their mail on B and C, the defenders on A and another; so
mail between them goes through an entry relay. A and the people who stay are
never ended, so that a slow growth shows; B and C are restarted and killed, the
others come and go, lines are cut, mailboxes move, short acquaintances begin
with an invitation and end with a removal.
"""

import asyncio
import signal
import time

import rig
from ledger import Ledger
from person import (E_EXISTS, E_NOT_FOUND, E_PENDING, E_REFUSED, E_USED,
                    Person, Refused)
from station import Lines, Station

URGENT, BULK = 0.1, 0.2   # of all messages: so many, and up to so many
FILES, LONG = 0.1, 0.25
FILE_MAX = 50000


class World:
    def __init__(self, directory, dice, pace):
        """`pace` is how many times faster than in an hour things go wrong."""
        self.directory, self.dice, self.pace = directory, dice, pace
        self.ledger = Ledger()
        self.happened = []
        self.counts = {}
        self.relays, self.people, self.contacts = [], [], {}
        self.lines = None
        self.guests = 0

    def note(self, what, who):
        self.happened.append((time.monotonic() - self.ledger.start, what, who))
        self.counts[what] = self.counts.get(what, 0) + 1

    async def build(self):
        secret = self.directory / "passphrase"
        secret.write_text("a passphrase for a soak\n")
        secret.chmod(0o600)
        for name in "abc":
            self.relays.append(Station(f"relay-{name}"))
        a, b, c = self.relays
        self.lines = Lines(self.relays)
        await asyncio.to_thread(rig.federate, *self.relays)
        for relay in self.relays:
            await relay.begin()
        cast = [("embassy-1", (b, c), True), ("embassy-2", (b, c), True)]
        cast += [(f"defender-{i}", (a, (b, c)[i % 2]), i <= 2)
                 for i in range(1, 9)]
        self.people = [Person(name, self.directory, self.ledger, stays)
                       for name, _, stays in cast]
        for person, (_, relays, _) in zip(self.people, cast):
            person.relays = list(relays)
            policy = {"defender-3": ("profile", "thin"),
                      "defender-4": ("relay", "policy", "--route", "direct")}
            await person.make(relays, *policy.get(person.name, ()))
            await person.start()
        self.keep(*(person.receive() for person in self.people))
        desks, field = self.people[:2], self.people[2:]
        pairs = [(d, f) for d in desks for f in field]
        pairs += list(zip(field[::2], field[1::2]))
        for one in range(0, len(pairs), 4):
            await asyncio.gather(*(self.meet(x, y)
                                   for x, y in pairs[one:one + 4]))

    def keep(self, *coroutines):
        """Run them until the end; one that fails is a problem."""
        def look(task):
            if not task.cancelled() and task.exception() is not None:
                self.ledger.problem(f"soak itself: {task.exception()!r}")
        self.tasks = [asyncio.create_task(c) for c in coroutines]
        for task in self.tasks:
            task.add_done_callback(look)

    async def meet(self, x, y, names=None):
        """x invites y; both call the other by name, or by `names`. Either may
        be killed meanwhile: then it is asked again, and looked after."""
        of_y, of_x = names or (y.name, x.name)
        try:
            await x.insist("invite_create", name=of_y, timeout_ms=60000)
        except Refused as e:
            if e.code != E_PENDING:
                raise
        text = ""
        while not text:
            text = next((i["link"] for i in
                         await x.insist("invite_list") if i["name"] == of_y
                         and i["state"] == "open"), "")
            await asyncio.sleep(0 if text else 0.2)
        try:
            await y.insist("invite_accept", invitation=text, name=of_x,
                           timeout_ms=60000)
        except Refused as e:
            if e.code not in (E_PENDING, E_EXISTS, E_USED, E_REFUSED):
                raise
        for one, other in ((x, of_y), (y, of_x)):
            while other not in {c["name"] for c in
                                await one.insist("contact_list")}:
                await asyncio.sleep(0.1)
        self.contacts[x, y], self.contacts[y, x] = of_y, of_x

    async def part(self, x, y, said):
        """They forget each other; what they said need not be confirmed."""
        for message in said:
            message.is_forgotten = True
        for one, other in ((x, y), (y, x)):
            try:
                await one.insist("contact_remove",
                                 contact=self.contacts.pop((one, other)))
            except Refused as e:
                if e.code != E_NOT_FOUND:
                    raise
        self.note("contact removed", f"{x.name} {y.name}")

    # --- load ----------------------------------------------------------------

    def compose(self, sender, receiver):
        """A new message in the ledger, and what send() wants of it."""
        dice, body = self.dice, {}
        kind, luck = dice.random(), dice.random()
        priority = ("urgent" if luck < URGENT else
                    "bulk" if luck < BULK else "normal")
        if kind < FILES:
            kind = "file"
            body["file"] = dice.randbytes(dice.randrange(1, FILE_MAX))
        else:
            longest = 4000 if kind < LONG else 400
            kind = "text"
            filler = dice.randbytes(dice.randrange(1, longest // 2)).hex()

        def bytes_of(number):
            if kind == "text":
                body["text"] = f"{number} {filler}"
                return body["text"].encode()
            return body["file"]
        message = self.ledger.new(sender, receiver, kind, priority, bytes_of)
        return message, body

    async def say(self, sender, receiver):
        message, body = self.compose(sender, receiver)
        await sender.send(self.contacts[sender, receiver], message, **body)
        return message

    async def write(self, per_second, until):
        """Somebody who is there writes to somebody who need not be."""
        under_way = set()
        pairs = list(self.contacts)
        while time.monotonic() < until:
            sender, receiver = self.dice.choice(pairs)
            if sender.is_up.is_set():
                task = asyncio.create_task(self.say(sender, receiver))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(self.dice.expovariate(per_second))
        if under_way:
            await asyncio.wait(under_way)

    # --- what goes wrong -----------------------------------------------------

    async def pause(self, least, most, until):
        """Whether there is still time afterwards."""
        wanted = self.dice.uniform(least, most) / self.pace
        await asyncio.sleep(min(wanted, max(0, until - time.monotonic())))
        return time.monotonic() < until

    async def people_go(self, until):
        """They leave, are killed, and come back."""
        comers = [p for p in self.people if not p.stays]
        while await self.pause(15, 45, until):
            person = self.dice.choice(comers)
            is_kill = self.dice.random() < 0.25
            self.note("person killed" if is_kill else "person left",
                      person.name)
            await person.stop(signal.SIGKILL if is_kill else signal.SIGTERM)
            await self.pause(5, 40, until)
            await person.start()

    async def relays_restart(self, until):
        """B and C in turn; every third time by SIGKILL."""
        turn = 0
        while await self.pause(150, 210, until):
            relay = self.relays[1 + turn % 2]
            turn += 1
            is_kill = turn % 3 == 2
            self.note("relay killed" if is_kill else "relay restarted",
                      relay.name)
            code = await relay.end(signal.SIGKILL if is_kill
                                   else signal.SIGTERM)
            if not is_kill and code != 0:
                self.ledger.problem(f"{relay.name} ended with {code}")
            await self.pause(2, 10, until)
            await relay.begin()

    async def lines_break(self, until):
        turn = 0
        while await self.pause(40, 80, until):
            which = self.dice.randrange(len(self.relays))
            turn += 1
            if turn % 4 == 0:
                self.note("line stalled", self.relays[which].name)
                self.lines.order("stall", which,
                                 self.dice.uniform(3, 10) / self.pace)
            else:
                self.note("line cut", self.relays[which].name)
                self.lines.order("cut", which)

    async def mailboxes_move(self, until):
        """A defender leaves one relay for another: contacts are told, and the
        old mailboxes are read until nothing comes."""
        field = self.people[2:]
        while await self.pause(150, 240, until):
            person = self.dice.choice(field)
            old = person.relays[1]
            fresh = next(r for r in self.relays if r not in person.relays)
            self.note("mailbox moved", person.name)
            await person.insist("relay_add", address=fresh.address)
            await person.insist("relay_remove", address=old.address)
            person.relays[1] = fresh

    async def strangers_meet(self, until):
        """Two who do not know each other meet, talk, and forget each other."""
        field = self.people[2:]
        while await self.pause(30, 60, until):
            x, y = self.dice.sample(field, 2)
            if (x, y) in self.contacts:
                await self.unused(x)
                continue
            self.guests += 1
            self.note("strangers met", f"{x.name} {y.name}")
            await self.meet(x, y, (f"guest {self.guests}",
                                   f"host {self.guests}"))
            said = await asyncio.gather(*(
                self.say(*pair) for pair in ((x, y), (y, x), (x, y))))
            while any(not m.acked for m in said):
                await asyncio.sleep(0.2)
            await self.part(x, y, said)

    async def unused(self, person):
        """An invitation that is taken back."""
        invite = await person.insist("invite_create", timeout_ms=60000)
        await person.insist("invite_revoke", id=invite["id"])
        self.note("invitation revoked", person.name)

    # --- the end -------------------------------------------------------------

    async def settle(self, seconds, of):
        """Until everything is so far, or time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.ledger.open(of):
            await asyncio.sleep(0.5)

    def begin(self):
        """The clock of all that is recorded starts; says when."""
        self.ledger.start = time.monotonic()
        return self.ledger.start

    async def look_at_stores(self):
        """What the relays leave behind is whole, and their logs are calm."""
        for relay in self.relays:
            done = await asyncio.to_thread(
                rig.run, rig.POSTERND, "store", "verify", "--dir", relay.home)
            if done.returncode != 0:
                self.ledger.problem(f"the store of {relay.name}: "
                                    + done.stdout + done.stderr)
            for line in relay.read_log().splitlines():
                if " error: " in line:
                    self.ledger.problem(f"{relay.name} says: {line}")

    async def tear_down(self):
        for task in self.tasks:
            task.cancel()
        for person in self.people:
            if person.is_up.is_set():
                await person.stop()
        for relay in self.relays:
            if relay.is_up.is_set() and await relay.end() != 0:
                self.ledger.problem(f"{relay.name} did not end in order")

    def remove(self):
        """Whatever happened: end what still runs, and leave nothing."""
        for person in self.people:
            if person.process is not None and \
                    person.process.returncode is None:
                person.process.kill()
        if self.lines is not None:
            self.lines.close()
        for relay in self.relays:
            relay.remove()
