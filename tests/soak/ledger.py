"""What was sent, and what became of it. Each message is known by a number that
is the first word of its text, or its file's name.

Lost is what was accepted and never given to its addressee. Doubled is what was
given again after its acknowledgement was answered, or twice in one life of the
addressee's program. Spoiled is what came with other bytes or to another person.
"""

import csv
import hashlib
import time

from tables import TABLES


class Message:
    def __init__(self, number, sender, receiver, kind, priority, body):
        self.number, self.kind, self.priority = number, kind, priority
        self.sender, self.receiver = sender, receiver
        self.size = len(body)
        self.digest = hashlib.sha256(body).digest()
        self.id = None
        self.sent = time.monotonic()
        self.accepted = self.stored = self.received = self.confirmed = None
        self.acked = False
        self.given = 0
        self.life = 0  # the addressee's, when it was given last
        self.told = None      # the life in which the confirmation was given
        self.is_done = False  # and acknowledged
        self.was_away = False
        self.is_forgotten = False  # its people are no contacts any more


class Ledger:
    def __init__(self):
        self.start = time.monotonic()
        self.messages = {}
        self.by_id = {}
        self.early = {}  # confirmed before our question what id it has was
                         # answered: the sender was killed in between
        self.problems = []
        self.resyncs = 0
        self.again = 0

    def problem(self, text):
        self.problems.append(f"{time.monotonic() - self.start:.1f} s: {text}")

    def new(self, *args):
        number = len(self.messages) + 1
        message = Message(number, *args[:-1], args[-1](number))
        self.messages[number] = message
        return message

    def accepted(self, message, identifier):
        message.accepted = message.accepted or time.monotonic()
        message.id = identifier
        self.by_id[identifier] = message
        if identifier in self.early:
            self.confirmed(*self.early.pop(identifier))

    def given(self, person, number, body, again):
        """A message came; the one it is, or None."""
        message = self.messages.get(number)
        if message is None:
            self.problem(f"{person.name} was given number {number}, which "
                         "nobody sent")
            return None
        what = f"number {number} ({message.kind} to {message.receiver.name})"
        if message.receiver is not person:
            self.problem(f"{what} came to {person.name}")
        if hashlib.sha256(body).digest() != message.digest:
            self.problem(f"{what} came with other bytes")
        if message.acked:
            self.problem(f"{what} came again after its acknowledgement")
        elif message.given and not again and message.life == person.life:
            self.problem(f"{what} came twice in one life")
        self.again += message.given > 0
        message.given += 1
        message.life = person.life
        if message.received is None:
            message.received = time.monotonic()
            message.was_away = any(
                p.came_back > message.sent
                for p in (message.sender, message.receiver))
        return message

    def confirmed(self, person, identifier, life, again):
        """The message, if it is known by its id yet. Like a message, what
        says so comes again until it was acknowledged."""
        message = self.by_id.get(identifier)
        if message is None:
            self.early[identifier] = (person, identifier, life, again)
            return None
        if message.sender is not person:
            self.problem(f"{person.name} got a confirmation of something else")
        elif message.is_done or (message.told == life and not again):
            self.problem(f"number {message.number} was confirmed twice")
        elif message.received is None:
            self.problem(f"number {message.number} was confirmed before "
                         "anybody had it")
        message.told = life
        message.confirmed = message.confirmed or time.monotonic()
        return message

    def failed(self, person, event):
        """Right for a message to a contact that was removed, and no other."""
        message = self.by_id.get(event["id"])
        if message is None or not message.is_forgotten:
            self.problem(f"{person.name}: {event}")

    def open(self, of="received"):
        """Accepted, and not that far; who has forgotten somebody confirms
        nothing any more."""
        return [m for m in self.messages.values()
                if m.accepted is not None and getattr(m, of) is None
                and not (of == "confirmed" and m.is_forgotten)]

    def write(self, path):
        for person, *_ in self.early.values():
            self.problem(f"{person.name} got a confirmation of nothing")

        def ms(message, value):
            return "" if value is None else f"{(value - message.sent) * 1e3:.1f}"
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(TABLES["messages"] + "\n")
            rows = csv.writer(f, lineterminator="\n")
            for m in self.messages.values():
                rows.writerow([
                    m.number, m.sender.name, m.receiver.name, m.kind,
                    m.priority, m.size, f"{m.sent - self.start:.2f}",
                    ms(m, m.accepted), ms(m, m.stored), ms(m, m.received),
                    ms(m, m.confirmed), m.given, int(m.was_away)])
