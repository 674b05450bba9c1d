#!/usr/bin/env python3
"""Real relays and people under steady load for as long as one likes, while
people come and go, lines are cut and relays die.

    soak.py BUILD --minutes N --out DIR [--rate MESSAGES_PER_SECOND] [--seed S]
            [--pace TIMES_FASTER_THINGS_GO_WRONG]

BUILD is a build directory with the programs of the tests. Writes what it saw
to DIR as CSV, judges it by verdict.py, and exits with 1 if anything was lost,
doubled or spoiled, or grew. plot.py makes pictures of DIR.
"""

import argparse
import asyncio
import csv
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

from tables import TABLES

ROOM = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOM.parent / "integration"))
PROGRAMS = {"POSTERND": "relay/posternd", "POSTERN": "client/postern",
            "POSTERN_QUICK": "tests/support/postern_quick"}
LONG = 30  # minutes from which on growth is judged


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--rate", type=float, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float)
    args = parser.parse_args()
    if args.pace is None:
        args.pace = min(12, max(1, 20 / args.minutes))
    return args


async def play(args, world):
    """The soak; what verdict.py must know of it."""
    from sample import Sampler
    seconds = args.minutes * 60
    is_long = args.minutes >= LONG
    await world.build()
    facts = {"began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
             "minutes": args.minutes, "rate": args.rate, "seed": args.seed,
             "pace": args.pace,
             "is_long": is_long, "is_instrumented": is_instrumented(args),
             "relays": [r.name for r in world.relays],
             "people": [p.name for p in world.people],
             "steady": [world.relays[0].name,
                        *(p.name for p in world.people if p.stays)]}
    start = world.begin()
    # A confirmation may wait five minutes, and a link as long for its relay.
    end = start + seconds - (480 if is_long else seconds / 5)
    sampler = Sampler(args.out, start, world.relays, world.people)
    sampling = asyncio.create_task(sampler.go_on(5 if is_long else 1))
    try:
        await asyncio.gather(
            world.write(args.rate, end), world.people_go(end),
            world.relays_restart(end), world.lines_break(end),
            world.mailboxes_move(end), world.strangers_meet(end))
        facts["load_end_s"] = round(end - start, 1)
        await world.settle(480 if is_long else 60,
                           "confirmed" if is_long else "received")
        facts["end_s"] = round(time.monotonic() - start, 1)
        await sampler.ask()  # every relay is reached again by now
        sampling.cancel()
        await asyncio.wait([sampling])
        if not sampling.cancelled():
            raise sampling.exception()
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        sampler.close()
    return facts


def is_instrumented(args):
    return any(word in str(args.build) for word in ("asan", "tsan"))


async def soak(args):
    from world import World
    with tempfile.TemporaryDirectory(prefix="postern-soak-") as directory:
        world = World(pathlib.Path(directory), random.Random(args.seed),
                      args.pace)
        task = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            facts = await play(args, world)
            await world.tear_down()
            await world.look_at_stores()
        finally:
            world.remove()
    ledger = world.ledger
    ledger.write(args.out / "messages.csv")
    with open(args.out / "happened.csv", "w", encoding="utf-8",
              newline="") as f:
        f.write(TABLES["happened"] + "\n")
        csv.writer(f, lineterminator="\n").writerows(
            (f"{at:.1f}", what, who) for at, what, who in world.happened)
    facts.update(happened=world.counts, problems=ledger.problems,
                 resyncs=ledger.resyncs, given_again=ledger.again)
    (args.out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    build = args.build.resolve()
    for name, place in PROGRAMS.items():
        os.environ[name] = str(build / place)
    # rig.py asks for these; nothing here uses them.
    os.environ.setdefault("PEERS", "")
    os.environ.setdefault("ROGUE", "")
    asyncio.run(soak(args))
    import verdict
    return verdict.main(args.out)


if __name__ == "__main__":
    sys.exit(main())
