#!/usr/bin/env python3
"""Pictures of a soak: plot.py DIR

Reads the CSV files that soak.py wrote to DIR and puts mail.svg, memory.svg,
disk.svg and work.svg beside them. Grey lines are relays that were restarted,
red ones relays that were killed.
"""

import pathlib
import sys

from chart import Panel, picture
from verdict import WAL_KIB, Record

ROWS = ("relay restarted", "relay killed", "line cut", "line stalled",
        "person left", "person killed", "mailbox moved", "strangers met",
        "contact removed", "invitation revoked")


def of(rows, who, column, scale=1.0, name=None):
    """The series of each process, relay or person: broken between lives, and
    where a row is missing for long."""
    names = list(dict.fromkeys(r[who] for r in rows))
    for one in names:
        points, before = [], None
        for r in rows:
            if r[who] != one:
                continue
            if before is not None and r.get("life") != before:
                points.append((r["time_s"] / 60, None))
            points.append((r["time_s"] / 60, r[column] * scale))
            before = r.get("life")
        yield (name or str)(one), points


def rate(rows, column, per=1.0):
    """How fast a counter of each relay or process rises, per second."""
    who = "process" if "process" in rows[0] else "relay"
    for one in dict.fromkeys(r[who] for r in rows):
        mine = [r for r in rows if r[who] == one]
        points = []
        for a, b in zip(mine, mine[1:]):
            if a["life"] != b["life"]:
                points.append((b["time_s"] / 60, None))
            elif b["time_s"] > a["time_s"]:
                points.append((b["time_s"] / 60, (b[column] - a[column]) * per
                               / (b["time_s"] - a["time_s"])))
        yield one, points


def shares(messages, column, bin_s):
    """The median, 90th and 99th of a hundred, of what was sent in each bin."""
    bins = {}
    for m in messages:
        if m[column] is not None and not m["was_away"]:
            bins.setdefault(int(m["sent_s"] // bin_s), []).append(m[column])
    for name, part in (("99 of 100", 0.99), ("90 of 100", 0.9),
                       ("median", 0.5)):
        points = []
        for at, values in sorted(bins.items()):
            values.sort()
            points.append(((at + 0.5) * bin_s / 60, max(1, values[min(
                len(values) - 1, int(part * len(values)))])))
        yield name, points


def counts(messages, key, bin_s):
    bins = {}
    for m in messages:
        kind = f"{m['class']} {m['kind']}s"
        bins.setdefault(kind, {}).setdefault(int(m[key] // bin_s), []).append(m)
    for kind in sorted(bins, key=lambda k: -sum(map(len, bins[k].values()))):
        yield kind, [((at + 0.5) * bin_s / 60, len(found) * 60 / bin_s)
                     for at, found in sorted(bins[kind].items())]



def main(directory):
    record = Record(directory)
    facts = record.facts
    right = max(r["time_s"] for r in record.machine) / 60
    bin_s = max(2, right * 60 / 60)
    happened = [(kind, [r["time_s"] / 60 for r in record.happened
                        if r["what"] == kind]) for kind in ROWS]
    lines = [("k" if r["what"] == "relay killed" else "r", r["time_s"] / 60)
             for r in record.happened
             if r["what"] in ("relay restarted", "relay killed")]
    relays = [r for r in record.processes if r["process"] in facts["relays"]]
    people = [r for r in record.processes if r["process"] in facts["people"]]
    load = Panel("Load of the machine", "processes that want a processor, "
                 "mean of a minute",
                 [("load", [(r["time_s"] / 60, r["load1"])
                            for r in record.machine])])
    pictures = {
        "mail": ("Mail: how much, how fast", [
            Panel("Messages sent", "each minute",
                  counts(record.messages, "sent_s", bin_s)),
            Panel("Until a relay has it, durably", "ms, both people there",
                  shares(record.messages, "stored_ms", bin_s), log=True),
            Panel("Until the addressee has it", "ms, both people there",
                  shares(record.messages, "received_ms", bin_s), log=True),
            Panel("Until the sender knows", "ms; receipts wait 30 s to 5 min, "
                  "or for a message the other way",
                  shares(record.messages, "confirmed_ms", bin_s), log=True),
            load]),
        "memory": ("Memory and descriptors of every process", [
            Panel("Relays: private memory", "MiB; a break is a restart",
                  of(relays, "process", "anon_kib", 1 / 1024)),
            Panel("People: private memory", "MiB",
                  of(people, "process", "anon_kib", 1 / 1024)),
            Panel("Relays: open descriptors", "",
                  of(relays, "process", "fds")),
            Panel("People: open descriptors", "",
                  of(people, "process", "fds")),
            Panel("People: threads", "", of(people, "process", "threads"))]),
        "disk": ("What lies on disks", [
            Panel("Relays: store", "MiB, with segments kept ready",
                  of(record.relays, "relay", "store_kib", 1 / 1024)),
            Panel("Relays: messages waiting", "",
                  of(record.relays, "relay", "waiting")),
            Panel("Relays: ids remembered of messages acknowledged", "",
                  of(record.relays, "relay", "remembered")),
            Panel("Relays: queues", "", of(record.relays, "relay", "queues")),
            Panel("People: vault", "KiB, without its log", [
                (name, [(r["time_s"] / 60, r["disk_kib"] - r["wal_kib"])
                        for r in people if r["process"] == name])
                for name in facts["people"]]),
            Panel("People: the vault's log", "KiB",
                  of(people, "process", "wal_kib"),
                  bound=("bound", WAL_KIB))]),
        "work": ("Work", [
            Panel("Relays: processor time", "ms each second",
                  rate(relays, "cpu_ms")),
            Panel("People: processor time", "ms each second",
                  rate(people, "cpu_ms")),
            Panel("Relays: written", "KiB each second",
                  rate(record.relays, "written_kib")),
            Panel("Relays: links", "", of(record.relays, "relay", "links")),
            Panel("People: outbox", "messages not yet confirmed",
                  of(record.people, "person", "outbox")),
            load])}
    sent = len(record.messages)
    minutes = facts["end_s"] / 60
    for name, (title, panels) in pictures.items():
        (directory / f"{name}.svg").write_text(picture(
            f"{title}: {sent} messages in {minutes:.3g} minutes", panels,
            happened, lines, right))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
