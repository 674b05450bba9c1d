"""What an observer would like to know, and the stretches of recorded traffic
that may tell. A question gives samples and labels; who asks sees one line."""

import random

from features import both, sizes, times

SMALL = ("short text", "long text", "small file")
PAGE = ("page of text", "page file")
CLASS = {**dict.fromkeys(SMALL, "small"), **dict.fromkeys(PAGE, "page"),
         "large file": "large"}
AFTER = 0.6    # seconds that a message is watched for
BESIDE = 0.35  # that a receipt is: until the next deed
APART = 3      # seconds: by then all copies of a message have left
LATE = 0.7     # by then the answer to the deed before has come


class Samples:
    """Labelled stretches; what is looked at in them is chosen later."""

    def __init__(self):
        self.stretches, self.labels = [], []

    def add(self, pieces, label):
        self.stretches.append(pieces)
        self.labels.append(label)

    def seen(self, look=both):
        return [look(pieces) for pieces in self.stretches], self.labels


def whole_slots(recording, label_of):
    """All that is on the sender's line in slots that have a label."""
    out = Samples()
    for slot in recording.slots:
        label = label_of(slot["deed"])
        if label is not None:
            out.add(recording.of(slot["who"], slot["start"], slot["end"]),
                    label)
    return out


def from_first(recording, who, start, end, way="up", length=AFTER):
    """From the first piece in this direction."""
    for piece in recording.of(who, start, end):
        if piece.way == way:
            return recording.of(who, piece.at, piece.at + length)
    return []


def sent(recording, label_of):
    """From where a message begins to go, by slot."""
    out = Samples()
    for slot in recording.slots:
        label = label_of(slot)
        if label is not None:
            out.add(from_first(recording, slot["who"], slot["at"],
                               slot["end"]), label)
    return out


def something(recording):
    return whole_slots(recording, lambda deed: "nothing" if deed == "nothing"
                       else "text" if deed in SMALL else None)


def which_way(recording):
    return whole_slots(recording, lambda deed: "sent" if deed in SMALL else
                       "came" if deed == "text comes" else None)


def size_class(recording):
    return sent(recording, lambda slot: CLASS.get(slot["deed"]))


def among(recording, *deeds):
    return sent(recording, lambda slot: slot["deed"]
                if slot["deed"] in deeds else None)


def length_of_text(recording):
    return among(recording, "short text", "long text")


def small_file(recording):
    return among(recording, "long text", "small file")


def page_file(recording):
    return among(recording, "page of text", "page file")


def contact(recording, *names):
    """To whom a small message goes."""
    return sent(recording, lambda slot: slot["other"]
                if slot["deed"] in SMALL and slot["other"] in names else None)


def later(recording, *names):
    """The same, watched until all copies have left; where slots are that
    long."""
    out = Samples()
    for slot in recording.slots:
        if (slot["deed"] in SMALL and slot["other"] in names and
                slot["end"] - slot["at"] > APART):
            out.add(from_first(recording, slot["who"], slot["at"],
                               slot["end"], length=APART), slot["other"])
    return out


def from_whom(recording):
    """Whose text comes."""
    out = Samples()
    for slot in recording.slots:
        if slot["deed"] == "text comes":
            out.add(from_first(recording, slot["who"], slot["at"],
                               slot["end"], "down"), slot["other"])
    return out


def alone(recording, who, at):
    """No deed of that person is under way then."""
    return not any(at - LATE < slot["at"] < at + BESIDE
                   for slot in recording.slots
                   if slot["who"] == who and slot["deed"] != "nothing")


def receipts(recording, who_of):
    """(sender of the receipt, its addressee, when it was told), once for each
    content of receipts alone."""
    last = {}
    for at, who, kind, other, _ in recording.events:
        if kind != "delivered" or not who_of(other, who):
            continue
        if at - last.get((who, other), -9) > 1:
            yield other, who, at
        last[who, other] = at


def text_or_receipt(recording):
    """On the sender's line. What goes to writers is receipts: nobody writes to
    them. Texts beside them go to friends at the same relay."""
    out = Samples()
    for sender, _, at in receipts(recording,
                                  lambda s, to: to.startswith("d")):
        pieces = from_first(recording, sender, at - 0.3, at,
                            length=BESIDE)
        if pieces and alone(recording, sender, pieces[0].at):
            out.add(pieces, "receipt")
    for slot in recording.slots:
        if slot["deed"] in SMALL and slot["other"] in ("c1", "c2"):
            out.add(from_first(recording, slot["who"], slot["at"],
                               slot["end"], length=BESIDE), "text")
    return out


def text_or_receipt_comes(recording):
    """On the line of whom it comes to: friends never write to senders."""
    out = Samples()
    for _, sender, at in receipts(recording,
                                  lambda s, to: s.startswith("c")):
        pieces = from_first(recording, sender, at - 0.3, at, "down", BESIDE)
        if pieces and alone(recording, sender, pieces[0].at):
            out.add(pieces, "receipt")
    for slot in recording.slots:
        if slot["deed"] == "text comes":
            out.add(from_first(recording, slot["who"], slot["at"],
                               slot["end"], "down", BESIDE), "text")
    return out


def from_text(recording):
    return sent(recording, lambda slot: recording.about["profile"]
                if slot["deed"] in SMALL else None)


def two_lines(recording, names, seed=1):
    """Who sees a sender's line and those of all `names`: (right, total) of
    guessing that a message went to whose line something came down first, no
    sooner than it can."""
    draw, right, total = random.Random(seed), 0, 0
    until = AFTER + recording.about.get("mix", 0)
    for slot in recording.slots:
        if slot["deed"] not in SMALL or slot["other"] not in names:
            continue
        first = from_first(recording, slot["who"], slot["at"], slot["end"])
        if not first:
            continue
        start = first[0].at + 0.002
        came = [(piece.at, name) for name in names
                for piece in recording.of(name, start, start + until)
                if piece.way == "down"]
        guess = min(came)[1] if came else draw.choice(names)
        right, total = right + (guess == slot["other"]), total + 1
    return right, total


def how_many(recording):
    return sent(recording, lambda slot: {"two texts": "2", "four texts": "4"}
                .get(slot["deed"], "1" if slot["deed"] in SMALL[:2] else None))


# Of one recording: (what, samples of it, how the observer looks).
ASKED = (
    ("a text is sent in this slot, or nothing is", something, both),
    ("a text is sent in this slot, or one comes", which_way, both),
    ("size class: small, page or large", size_class, both),
    ("text of 1 to 40 characters, or of 400 to 500", length_of_text, both),
    ("one text, two or four", how_many, both),
    ("small text, or small file", small_file, both),
    ("page of text, or page as a file", page_file, both),
    ("text, or receipt alone, on the sender's line", text_or_receipt, both),
    ("text, or receipt alone, on the recipient's line",
     text_or_receipt_comes, both),
    ("to which of two contacts at the same relay",
     lambda r: contact(r, "c1", "c2"), both),
    ("to which of two at different relays, by size",
     lambda r: contact(r, "c1", "c3"), sizes),
    ("to which of two at different relays, by time",
     lambda r: contact(r, "c1", "c3"), times),
    ("to one on one relay, or on two: the first 0.6 s",
     lambda r: contact(r, "c1", "c4"), both),
    ("to one on one relay, or on two: 3 s", lambda r: later(r, "c1", "c4"),
     both),
    ("to which of three contacts", lambda r: contact(r, "c1", "c2", "c3"),
     both),
    ("from which of those who write", from_whom, both),
)
