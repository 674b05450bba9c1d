#!/usr/bin/env python3
"""Judge what soak.py has recorded in DIR: verdict.py DIR

Prints every figure beside its bound; exits with 1 if one is not kept. Growth
is judged where a soak was long enough to show it, after the warm-up: a line
fitted by least squares through what a process holds, over what it handled. A
vault's database has 2 MB of its pages in memory, and takes a while to have so
many: memory is judged in the second half.
"""

import csv
import json
import pathlib
import statistics
import sys

from tables import TABLES

# Of a soak long enough to judge growth.
WARM_UP = 0.25             # of the time under load
MEMORY_FROM = 0.5          # of the time under load
MEMORY_KIB = 128           # private, per 1000 messages handled
DESCRIPTORS = 6            # more in the last third than in the first, at most
LATENCY_TIMES = 2          # the median of the last third to the first
LATENCY_FLOOR_MS = 50      # to which differences do not matter
VAULT_KIB = 1100           # per 1000 messages sent and received
STORE_TIMES = 1.25         # most in the second half to most in the first
QUEUES = 12                # more at the end than after the warm-up
QUEUES_MOVED = 4           # and for each move: those left are read on
# Of every soak.
WAL_KIB = 4096 + 1024      # what the vault lets a log keep, and one commit
PERSON_RSS_KIB = 48 * 1024
RELAY_RSS_KIB = 64 * 1024
THREADS = 32
LEAST_MESSAGES = 0.5       # of what the rate asks for
HAPPENS = ("person left", "relay restarted", "line cut", "strangers met")
HAPPENS_LONG = ("person killed", "relay killed", "line stalled",
                "contact removed", "mailbox moved", "invitation revoked")


class Record:
    """What lies in DIR; numbers as floats, empty cells as None."""

    def __init__(self, directory):
        self.facts = json.loads((directory / "facts.json").read_text())
        for name in TABLES:
            with open(directory / f"{name}.csv", encoding="utf-8") as f:
                setattr(self, name, [
                    {k: number(v) for k, v in row.items()}
                    for row in csv.DictReader(f)])


def number(cell):
    try:
        return float(cell)
    except ValueError:
        return cell or None


def slope(points):
    """Of the line through (x, y) with the least squares."""
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


class Judge:
    def __init__(self):
        self.bad = 0

    def at_most(self, what, value, bound):
        good = value <= bound
        self.bad += not good
        print(f"{'ok  ' if good else 'BAD '} {what}: {value:.6g}, "
              f"at most {bound:.6g}")

    def at_least(self, what, value, bound):
        good = value >= bound
        self.bad += not good
        print(f"{'ok  ' if good else 'BAD '} {what}: {value:.6g}, "
              f"at least {bound:.6g}")


def mail(judge, record):
    facts, messages = record.facts, record.messages
    for text in facts["problems"]:
        print(f"     {text}")
    judge.at_most("problems", len(facts["problems"]), 0)
    sent = [m for m in messages if m["accepted_ms"] is not None]
    judge.at_most("messages lost",
                  sum(m["received_ms"] is None for m in sent), 0)
    judge.at_most("messages that nobody accepted", len(messages) - len(sent), 0)
    judge.at_least("messages", len(sent),
                   LEAST_MESSAGES * facts["rate"] * facts["load_end_s"])
    judge.at_most("sessions begun anew", facts["resyncs"], 0)
    for what in HAPPENS + (HAPPENS_LONG if facts["is_long"] else ()):
        judge.at_least(what, facts["happened"].get(what, 0), 1)
    for name in facts["relays"]:
        rows = [r for r in record.relays if r["relay"] == name]
        judge.at_least(f"{name}: parcels taken for others",
                       max(r["forwards"] for r in rows), 1)
    if facts["is_long"]:
        known = {p["person"]: p for p in record.people}  # the last row of each
        judge.at_most("messages in outboxes at the end",
                      sum(p["outbox"] for p in known.values()), 0)


def bounds(judge, record):
    for name in record.facts["relays"] + record.facts["people"]:
        rows = [r for r in record.processes if r["process"] == name]
        limit = PERSON_RSS_KIB if name in record.facts["people"] \
            else RELAY_RSS_KIB
        if not record.facts["is_instrumented"]:
            judge.at_most(f"{name}: most memory, KiB",
                          max(r["rss_kib"] for r in rows), limit)
            judge.at_most(f"{name}: most threads",
                          max(r["threads"] for r in rows), THREADS)
        judge.at_most(f"{name}: largest log of a vault, KiB",
                      max(r["wal_kib"] for r in rows), WAL_KIB)


def thirds(rows, key, begin, end):
    """The rows of the first and of the last third of that time."""
    step = (end - begin) / 3
    return ([r for r in rows if begin <= r[key] < begin + step],
            [r for r in rows if end - step <= r[key] <= end])


def stores(judge, record, begin, middle):
    queues = [0, 0]
    for name in record.facts["relays"]:
        rows = [r for r in record.relays
                if r["relay"] == name and r["time_s"] >= begin]
        judge.at_most(f"{name}: store at most, second half, KiB",
                      max(r["store_kib"] for r in rows
                          if r["time_s"] >= middle),
                      STORE_TIMES * max(r["store_kib"] for r in rows
                                        if r["time_s"] < middle))
        queues = [queues[0] + rows[0]["queues"], queues[1] + rows[-1]["queues"]]
    moved = record.facts["happened"].get("mailbox moved", 0)
    judge.at_most("queues at the end", queues[1],
                  queues[0] + QUEUES + QUEUES_MOVED * moved)


def growth(judge, record):
    facts = record.facts
    end = facts["load_end_s"]
    begin = WARM_UP * end
    for name in facts["steady"]:
        rows = [r for r in record.processes
                if r["process"] == name and begin <= r["time_s"] <= end]
        per = 1000 * slope([(r["handled"], r["anon_kib"]) for r in rows
                            if r["time_s"] >= MEMORY_FROM * end])
        judge.at_most(f"{name}: growth of memory, KiB per 1000 messages", per,
                      MEMORY_KIB)
        first, last = thirds(rows, "time_s", begin, end)
        judge.at_most(f"{name}: most descriptors, last third",
                      max(r["fds"] for r in last),
                      max(r["fds"] for r in first) + DESCRIPTORS)
    for name in facts["people"]:
        rows = [r for r in record.processes
                if r["process"] == name and begin <= r["time_s"] <= end]
        per = 1000 * slope([(r["handled"], r["disk_kib"] - r["wal_kib"])
                            for r in rows])
        judge.at_most(f"{name}: growth of the vault, KiB per 1000 messages",
                      per, VAULT_KIB)
    stores(judge, record, begin, (begin + end) / 2)
    for what in ("stored_ms", "received_ms"):
        first, last = (
            statistics.median(m[what] for m in part if m[what] is not None
                              and not m["was_away"])
            for part in thirds(record.messages, "sent_s", begin, end))
        judge.at_most(f"median {what} of the last third", last,
                      max(LATENCY_TIMES * first, LATENCY_FLOOR_MS))


def main(directory):
    record = Record(directory)
    judge = Judge()
    mail(judge, record)
    bounds(judge, record)
    if record.facts["is_long"]:
        growth(judge, record)
    print(f"{judge.bad} bounds not kept")
    return 1 if judge.bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
