"""What people do, by seed: one thing, or nothing, in every slot of time."""

import base64
import random
import time

# A slot's deed: how often, who acts (a sender, or one who writes to it), how
# many texts of how many characters or files of how many bytes, all at once.
DEEDS = {
    "nothing": (4, None, 0, None, None),
    "short text": (3, "send", 1, "text", (1, 40)),
    "long text": (3, "send", 1, "text", (400, 500)),
    "small file": (2, "send", 1, "file", (50, 400)),
    "page of text": (2, "send", 1, "text", (4000, 9000)),
    "page file": (2, "send", 1, "file", (4000, 9000)),
    "large file": (2, "send", 1, "file", (30000, 55000)),
    "text comes": (4, "come", 1, "text", (1, 500)),
    "file comes": (1, "come", 1, "file", (4000, 9000)),
    "two texts": (0, "send", 2, "text", (1, 500)),
    "four texts": (0, "send", 4, "text", (1, 500)),
}


def plan(seed, sender, friends, writers, count, deeds=None):
    """The deeds of one sender: [(deed, whom it is about, size, share of the
    slot that passes before)]. All `friends` are written to, all `writers`
    write. `deeds`: these instead, each as often as it is named."""
    draw = random.Random(f"{seed}/{sender}")
    kinds = list(deeds or (name for name in DEEDS
                           for _ in range(DEEDS[name][0])))
    out = []
    for _ in range(count):
        deed = draw.choice(kinds)
        _, way, _, _, sizes = DEEDS[deed]
        other = draw.choice(writers if way == "come" else friends)
        out.append((deed, other if way else None,
                    draw.randint(*sizes) if sizes else 0,
                    draw.uniform(0, 0.15)))
    return out


def do(people, sender, deed, other, size):
    _, way, count, kind, _ = DEEDS[deed]
    if way is None:
        return
    actor, to = ((people[sender], other) if way == "send"
                 else (people[other], sender))
    what = {"text": "x" * size} if kind == "text" else {
        "file_name": "notes.bin",
        "file_base64": base64.b64encode(bytes(size)).decode()}
    with actor.busy:
        for _ in range(count):
            actor.asks.ask("send", contact=to, **what)
        for _ in range(count):
            answer = actor.asks.read()
            if "error" in answer:
                raise AssertionError(f"{sender}: {deed}: {answer['error']}")


def perform(people, sender, deeds, seconds, write):
    """One slot after another; tells write() of each when it is over."""
    begin = time.monotonic()
    for number, (deed, other, size, pause) in enumerate(deeds):
        start = begin + number * seconds
        time.sleep(max(0, start + pause * seconds - time.monotonic()))
        at = time.monotonic()
        do(people, sender, deed, other, size)
        write({"who": sender, "start": start, "end": start + seconds,
               "at": at, "deed": deed, "other": other, "size": size})
