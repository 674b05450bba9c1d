"""A recording, and what an observer of one line can count in a stretch of it."""

import bisect
import collections
import json
import math

GAP = 0.02  # seconds of silence between two bursts

Piece = collections.namedtuple("Piece", "at who relay way count")


class Recording:
    """As record.py writes it."""

    def __init__(self, rows):
        self.about, self.slots, self.events = {}, [], []
        lines = collections.defaultdict(list)
        for row in rows:
            (kind, what), = row.items()
            if kind == "world":
                self.about = what
            elif kind == "slot":
                self.slots.append(what)
            elif kind == "event":
                self.events.append(what)
            else:
                lines[what[1]].append(Piece(*what))
        self.lines = {who: sorted(pieces) for who, pieces in lines.items()}
        self.times = {who: [p.at for p in pieces]
                      for who, pieces in self.lines.items()}

    def of(self, who, start, end):
        """The pieces on the line of `who`, from start to before end."""
        times = self.times.get(who, [])
        return self.lines.get(who, [])[bisect.bisect_left(times, start):
                                       bisect.bisect_left(times, end)]


def read(path):
    with open(path, encoding="ascii") as rows:
        return Recording(map(json.loads, rows))


def logged(ms):
    return math.log1p(max(0.0, ms))


def sizes(pieces, relays=("r0", "r1", "r2")):
    """How many bytes went which way, and to or from which relay."""
    def total(way, relay=None):
        return sum(p.count for p in pieces
                   if p.way == way and relay in (None, p.relay))
    out = [total("up"), total("down")]
    for relay in relays:
        out += [total("up", relay), total("down", relay)]
    return out


def times(pieces):
    """What came first, when the other side answered first and last, in how
    many bursts and how long."""
    if not pieces:
        return [0] * 7
    first = pieces[0]
    answers = [p.at for p in pieces if p.way != first.way]
    bursts = 1 + sum(b.at - a.at > GAP for a, b in zip(pieces, pieces[1:]))
    return [1 if first.way == "up" else -1,
            logged(1000 * (answers[0] - first.at)) if answers else -1,
            logged(1000 * (answers[-1] - first.at)) if answers else -1,
            logged(1000 * (pieces[-1].at - first.at)), bursts,
            sum(p.way == "up" for p in pieces),
            sum(p.way == "down" for p in pieces)]


def both(pieces):
    return sizes(pieces) + times(pieces)
