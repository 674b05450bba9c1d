#!/usr/bin/env python3
"""What simple classifiers make of recordings (record.py): for each question the
share that is guessed right, with its 95 % interval, beside chance."""

import argparse
import itertools

import features
import learn
import questions

ENOUGH = 16  # of each label
DRAWS = 3    # of evenly many samples; the middle one counts


def line(what, samples, chance, share, reach, name, told):
    print(f"| {what} | {samples} | {100 * chance:.0f} % | "
          f"{100 * share:.0f} % ({100 * reach[0]:.0f} to "
          f"{100 * reach[1]:.0f}) | {told} | {name} |", flush=True)


def ask(what, samples, look):
    counts = [samples.labels.count(label) for label in set(samples.labels)]
    if len(counts) < 2 or min(counts) < ENOUGH:
        print(f"| {what} | too few | | | | |")
        return
    verdict = sorted((learn.Verdict(*samples.seen(look), seed)
                      for seed in range(DRAWS)),
                     key=learn.Verdict.share)[DRAWS // 2]
    line(what, verdict.count, verdict.chance, verdict.share(),
         verdict.reach(), verdict.name, f"{verdict.bits:.2f}")


def link_lines(recording):
    friends = sorted({slot["other"] for slot in recording.slots
                      if slot["deed"] in questions.SMALL})
    right, total = questions.two_lines(recording, friends)
    if total:
        line(f"who sees both lines: to which of {len(friends)}", total, 1 / len(friends),
             right / total, learn.interval(right, total), "the next to get",
             "")


def head(title):
    print(f"\n{title}\n\n| question | samples | chance | guessed right "
          "(95 %) | bits | best |\n|---|---|---|---|---|---|")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("recordings", nargs="+")
    opts = args.parse_args()
    known = [features.read(path) for path in opts.recordings]
    for recording in known:
        about = recording.about
        head(f"profile {about['profile']}, route {about['route']}" +
             (f", mixed for {about['mix']} s" if about.get("mix") else ""))
        for what, samples_of, look in questions.ASKED:
            ask(what, samples_of(recording), look)
        link_lines(recording)
    for one, other in itertools.combinations(known, 2):
        if one.about["route"] != other.about["route"]:
            continue
        head(f"normal or thin, route {one.about['route']}")
        samples = questions.from_text(one)
        more = questions.from_text(other)
        samples.stretches += more.stretches
        samples.labels += more.labels
        ask("the profile, by one text", samples, features.both)


if __name__ == "__main__":
    main()
