#!/usr/bin/env python3
"""Record what observers of scripted people's lines see, with what those people
really did beside it. The file has one JSON object per line: `world`, then slots,
pieces of traffic and events, as script.py and world.py describe them."""

import argparse
import json
import sys
import threading
import time

import script
import world

FRIENDS = {"c1": ["r1"], "c2": ["r1"], "c3": ["r2"], "c4": ["r1", "r2"]}


class Recording:
    """Senders are all at r0. They write to friends: c1 and c2 have one relay in
    common, c3 is at another, c4 at both: its copies leave a little apart.
    Writers, at r1, write to senders and are never written to, so that what
    senders send them is receipts."""

    def __init__(self, profile, route, seed, senders, writers, friends, mix=0):
        self.about = {"profile": profile, "route": route, "seed": seed,
                      "mix": mix}
        self.friends = friends
        self.senders = [f"sue{i}" for i in range(senders)]
        self.writers = [f"d{i}" for i in range(writers)]
        self.slots = []
        self.world = world.World(mix)
        try:
            for name in self.senders:
                self.world.join(name, profile, route, ["r0"])
            for name in self.friends:
                self.world.join(name, profile, route, FRIENDS[name])
            for name in self.writers:
                self.world.join(name, profile, route, ["r1"])
            for person in self.world.people.values():
                person.busy = threading.Lock()
            self.world.meet([(s, o) for s in self.senders
                             for o in self.friends + self.writers])
        except BaseException:
            self.world.close()
            raise

    def run(self, count, seconds, deeds=None):
        """So many slots of every sender; each at a pace of its own, so that
        nobody acts in step."""
        failed = []

        def one(number, name):
            time.sleep(number * seconds / len(self.senders))
            try:
                script.perform(
                    self.world.people, name,
                    script.plan(self.about["seed"], name, self.friends,
                                self.writers or self.friends, count, deeds),
                    seconds * (1 + 0.03 * number), self.slots.append)
            except Exception as error:  # told by whoever waits for us
                failed.append(error)
        threads = [threading.Thread(target=one, args=pair)
                   for pair in enumerate(self.senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(seconds)
        if failed:
            raise failed[0]

    def rows(self):
        yield {"world": self.about}
        for slot in sorted(self.slots, key=lambda slot: slot["start"]):
            yield {"slot": slot}
        for piece in self.world.pieces:
            yield {"piece": piece}
        for event in self.world.events:
            yield {"event": event}

    def close(self):
        self.world.close()


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("build", help="a build directory")
    args.add_argument("--profile", choices=("normal", "thin"),
                      default="normal")
    args.add_argument("--route", choices=("auto", "direct"), default="auto")
    args.add_argument("--friends", nargs="+", choices=FRIENDS,
                      default=["c1", "c2", "c3"])
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--senders", type=int, default=3)
    args.add_argument("--writers", type=int, default=6)
    args.add_argument("--slots", type=int, default=600, help="of each sender")
    args.add_argument("--seconds", type=float, default=1.0, help="of a slot")
    args.add_argument("--settle", type=float, default=310,
                      help="seconds until what meeting brought is over")
    args.add_argument("--mix", type=int, default=0, help="seconds that a relay "
                      "keeps parcels for at most, at random")
    args.add_argument("--deed", action="append", choices=script.DEEDS,
                      help="only these; may be repeated")
    args.add_argument("--out", required=True)
    opts = args.parse_args()
    world.use_build(opts.build)
    recording = Recording(opts.profile, opts.route, opts.seed, opts.senders,
                          opts.writers, opts.friends, opts.mix)
    try:
        time.sleep(opts.settle)
        recording.run(opts.slots, opts.seconds, opts.deed)
        with open(opts.out, "w", encoding="ascii") as out:
            for row in recording.rows():
                out.write(json.dumps(row) + "\n")
    finally:
        recording.close()
    print(len(recording.slots), "slots,", len(recording.world.pieces),
          "pieces", file=sys.stderr)


if __name__ == "__main__":
    main()
