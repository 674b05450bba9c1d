#!/usr/bin/env python3
"""A relay's queues under load, beside other servers where they are installed.

    bench_queue.py [--rounds N] [--peers NAME,... | --alone] [--groups]
                   BUILD_DIR [CLASS:LINKS:WINDOW:COUNT]...

BUILD_DIR is one of preset release. Peers are redis, nats and mosquitto; all
unless said. One that is not installed is skipped, with a line. Each shape runs
N times (3 unless said) in turns, ours and the peers' within the same minutes,
each against a server of its own on 127.0.0.1 in an empty directory (under
BENCH_DIR if that is set; on tmpfs nothing counts as written). With --groups
Redis' recipients use consumer groups.

Every run prints one line of JSON per phase; the end is a table of medians, and
behind each peer's the ratio to it: above 1 is more per second, or less time,
CPU, memory or writing, than the peer needs. Load from neighbours falls on all,
so trust the ratio more than the figure; and not without what each server
promises when it answers, which stands below the table.
"""

import argparse
import os
import pathlib
import statistics
import tempfile

import servers

SHAPES = ["XS:64:1:60000", "XS:64:32:200000", "XS:1000:1:60000",
          "M:64:32:20000"]
FIGURES = ["per_s", "p50_ms", "p99_ms", "cpu_s_per_100k",
           "written_mib_per_100k", "rss_kib"]


def median(lines, figure):
    values = [line[figure] for line in lines if line[figure] is not None]
    return statistics.median(values) if values else None


def ratio(figure, ours, theirs):
    if not ours or not theirs:
        return "-"
    return f"{ours / theirs if figure == 'per_s' else theirs / ours:.2f}"


def shown(value):
    return "-" if value is None else f"{value:.6g}"


def table(results, chosen):
    """results: {(shape, phase): {server's name: [line...]}}"""
    peers = [server.name for server in chosen[1:]]
    print(f"\n{'shape':17} {'phase':8} {'figure':20} {'postern':>9}"
          + "".join(f" {peer:>10} {'ratio':>7}" for peer in peers))
    for (shape, phase), lines in results.items():
        for figure in FIGURES:
            ours = median(lines["postern"], figure)
            row = f"{shape:17} {phase:8} {figure:20} {shown(ours):>9}"
            for peer in peers:
                theirs = median(lines[peer], figure)
                row += f" {shown(theirs):>10} {ratio(figure, ours, theirs):>7}"
            print(row)
    print("\na message that was answered is")
    for server in chosen:
        print(f"  {server.name:10} {server.promise}")


def choose(names, build):
    chosen = [servers.Postern(build)]
    for name in names:
        server = servers.PEERS[name](build)
        if server.daemon:
            chosen.append(server)
        else:
            print(f"skipped {name}: {server.program} is not installed",
                  flush=True)
    return chosen


def peer_names(text):
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in servers.PEERS:
            raise argparse.ArgumentTypeError(
                f"{name} is none of {', '.join(servers.PEERS)}")
    return names


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=peer_names,
                        default=list(servers.PEERS))
    parser.add_argument("--alone", action="store_const", dest="peers",
                        const=[])
    parser.add_argument("--groups", action="store_true")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("shapes", nargs="*", default=SHAPES)
    args = parser.parse_args()
    servers.Redis.groups = args.groups
    chosen = choose(args.peers, args.build)
    results = {}
    for shape in args.shapes:
        for _ in range(args.rounds):
            for server in chosen:
                with tempfile.TemporaryDirectory(
                        dir=os.environ.get("BENCH_DIR")) as d:
                    lines = server.run(pathlib.Path(d), *shape.split(":"))
                for line in lines:
                    peers = results.setdefault((shape, line["phase"]), {})
                    peers.setdefault(server.name, []).append(line)
    table(results, chosen)


if __name__ == "__main__":
    main()
