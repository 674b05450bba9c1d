#!/usr/bin/env python3
"""verdict.py finds what it is there to find: a record of a good hour passes,
and each harm planted in it does not. Pictures are made of it, too."""

import contextlib
import csv
import io
import json
import pathlib
import tempfile
import unittest
import xml.dom.minidom

import plot
import verdict
from tables import TABLES

RELAYS, PEOPLE = ["relay-a", "relay-b", "relay-c"], ["anna", "ben"]
END, EVERY, EACH_S = 3600, 10, 1


def good():
    """An hour in which all is well, as soak.py would have written it."""
    tables = {name: [] for name in TABLES}
    for t in range(0, END, EVERY):
        for who in RELAYS + PEOPLE:
            tables["processes"].append(
                [t, who, 1, 9000 + t % 30, 5000, 4000 + t % 30, 30, 4, t, t,
                 8000 + t // 10, 4000])
        for relay in RELAYS:
            tables["relays"].append([t, relay, 1, 12, 40, t % 7, 900, 128,
                                     20480, t, t, t, 0])
        for person in PEOPLE:
            tables["people"].append([t, person, 0, 0, 1, 3])
        tables["machine"].append([t, 1.0, 9000])
    tables["messages"] = [
        [n, "anna", "ben", "text", "normal", 100, n * EACH_S, 2, 20 + n % 9,
         40 + n % 9, 90000, 1, 0] for n in range(1, END // EACH_S)]
    kinds = verdict.HAPPENS + verdict.HAPPENS_LONG
    tables["happened"] = [[60 * i, what, "b"] for i, what in enumerate(kinds)]
    facts = {"minutes": 60, "rate": 1 / EACH_S, "is_long": True,
             "is_instrumented": False, "relays": RELAYS, "people": PEOPLE,
             "steady": ["relay-a", "anna"], "load_end_s": END, "end_s": END,
             "happened": dict.fromkeys(kinds, 1), "problems": [],
             "resyncs": 0, "given_again": 0}
    return tables, facts


def place(table, column):
    return TABLES[table].split(",").index(column)


class Verdict(unittest.TestCase):
    def judge(self, tables, facts):
        """The exit code, and the lines that are bad."""
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            for table, rows in tables.items():
                with open(directory / f"{table}.csv", "w", newline="",
                          encoding="utf-8") as f:
                    f.write(TABLES[table] + "\n")
                    csv.writer(f).writerows(rows)
            (directory / "facts.json").write_text(json.dumps(facts))
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = verdict.main(directory)
                plot.main(directory)
            for picture in directory.glob("*.svg"):
                xml.dom.minidom.parse(str(picture))
            return code, [line for line in said.getvalue().splitlines()
                          if line.startswith("BAD")]

    def found(self, change, words):
        tables, facts = good()
        change(tables, facts)
        code, bad = self.judge(tables, facts)
        self.assertEqual(code, 1)
        self.assertEqual(len(bad), 1, bad)
        self.assertIn(words, bad[0])

    def grows(self, table, who, column, per_row, words):
        """The one's figure rises by so much from each row to the next."""
        def change(tables, _):
            rows = [r for r in tables[table] if r[1] == who]
            for i, row in enumerate(rows):
                row[place(table, column)] += int(i * per_row)
        self.found(change, words)

    def test_good(self):
        self.assertEqual(self.judge(*good()), (0, []))

    def test_problem(self):
        self.found(lambda _, facts: facts["problems"].append("twice"),
                   "problems")

    def test_lost(self):
        def lose(tables, _):
            tables["messages"][-1][place("messages", "received_ms")] = ""
        self.found(lose, "lost")

    def test_too_few(self):
        def drop(tables, _):
            del tables["messages"][1::2], tables["messages"][::4]
        self.found(drop, "messages")

    def test_nothing_happened(self):
        for what in verdict.HAPPENS + verdict.HAPPENS_LONG:
            self.found(lambda _, facts: facts["happened"].pop(what), what)

    def test_no_forwarding(self):
        def idle(tables, _):
            for row in tables["relays"]:
                if row[1] == "relay-b":
                    row[place("relays", "forwards")] = 0
        self.found(idle, "relay-b: parcels")

    def test_outbox_stays(self):
        def stay(tables, _):
            tables["people"][-1][place("people", "outbox")] = 1
        self.found(stay, "outboxes")

    def test_memory_of_a_relay(self):
        self.grows("processes", "relay-a", "anon_kib", 2, "relay-a: growth")

    def test_memory_of_a_person(self):
        self.grows("processes", "anna", "anon_kib", 2, "anna: growth")

    def test_most_memory(self):
        def swell(tables, _):
            tables["processes"][50][place("processes", "rss_kib")] = 10 ** 6
        self.found(swell, "most memory")

    def test_descriptors(self):
        self.grows("processes", "relay-a", "fds", 0.1, "descriptors")

    def test_threads(self):
        self.grows("processes", "ben", "threads", 0.1, "threads")

    def test_store(self):
        self.grows("relays", "relay-c", "store_kib", 100, "relay-c: store")

    def test_queues(self):
        self.grows("relays", "relay-c", "queues", 0.2, "queues at the end")

    def test_vault(self):
        self.grows("processes", "ben", "disk_kib", 30, "ben: growth of the v")

    def test_log_of_a_vault(self):
        def swell(tables, _):
            for column in ("disk_kib", "wal_kib"):
                tables["processes"][-1][place("processes", column)] += 4000
        self.found(swell, "largest log")

    def test_latency(self):
        for column in ("stored_ms", "received_ms"):
            def slow(tables, _):
                for row in tables["messages"]:
                    row[place("messages", column)] *= 1 + (row[0] / 600) ** 2
            self.found(slow, column)


if __name__ == "__main__":
    unittest.main()
