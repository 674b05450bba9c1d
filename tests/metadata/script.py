"""What people do, by seed: one thing, or nothing, in every slot of time."""

import base64
import random
import time

# A slot's deed: how often, who acts (a sender, or one who writes to it), text
# of how many characters or file of how many bytes.
DEEDS = {
    "nothing": (4, None, None, None),
    "short text": (3, "send", "text", (1, 40)),
    "long text": (3, "send", "text", (400, 500)),
    "small file": (2, "send", "file", (50, 400)),
    "page of text": (2, "send", "text", (4000, 9000)),
    "page file": (2, "send", "file", (4000, 9000)),
    "large file": (2, "send", "file", (30000, 55000)),
    "text comes": (4, "come", "text", (1, 500)),
    "file comes": (1, "come", "file", (4000, 9000)),
}


def plan(seed, sender, friends, writers, count, deeds=None):
    """The deeds of one sender: [(deed, whom it is about, size, share of the
    slot that passes before)]. All `friends` are written to, all `writers`
    write."""
    draw = random.Random(f"{seed}/{sender}")
    kinds = [name for name in deeds or DEEDS for _ in range(DEEDS[name][0])]
    out = []
    for _ in range(count):
        deed = draw.choice(kinds)
        _, way, _, sizes = DEEDS[deed]
        other = draw.choice(writers if way == "come" else friends)
        out.append((deed, other if way else None,
                    draw.randint(*sizes) if sizes else 0,
                    draw.uniform(0, 0.15)))
    return out


def do(people, sender, deed, other, size):
    _, way, kind, _ = DEEDS[deed]
    if way is None:
        return
    actor, to = ((people[sender], other) if way == "send"
                 else (people[other], sender))
    with actor.busy:
        if kind == "text":
            actor.call("send", contact=to, text="x" * size)
        else:
            actor.call("send", contact=to, file_name="notes.bin", file_base64=
                       base64.b64encode(bytes(size)).decode())


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
