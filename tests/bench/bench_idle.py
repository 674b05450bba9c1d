"""What a relay costs: its size, its memory at rest, and per idle link.

    tests/bench/bench_idle.py BUILD [LINKS]

BUILD is a build directory (use preset release), LINKS how many links to hold
(default 20000, or what the limit on open files allows). Each link has done its
handshake and one command, and is idle since. Memory is the resident set of the
real posternd; three rounds, the median is the result.
"""

import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3


def resident(pid):
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no resident size")


def stripped_size(program):
    with tempfile.TemporaryDirectory() as home:
        copy = shutil.copy(program, pathlib.Path(home) / "stripped")
        subprocess.run(["strip", copy], check=True)
        return os.path.getsize(copy)


def one_round(build, links):
    # The rig reads the programs from the environment when it is imported.
    import rig
    relay = rig.Relay(max_links_per_address=links, idle_timeout="1h",
                      max_half_open=1000)
    relay.start()
    try:
        pid = relay.process.pid
        rest = resident(pid)
        start = time.monotonic()
        peers = rig.Peers(relay, "hold", links, sources=20)
        report = peers.report()
        seconds = time.monotonic() - start
        if report["open"] != links:
            raise SystemExit(f"only {report['open']} of {links} links opened")
        time.sleep(2)  # what the last handshakes needed is given back
        used = resident(pid)
        relay.test()  # and it still serves
        peers.end()
        return rest, (used - rest) / links, links / seconds
    finally:
        relay.remove()


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    links = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    links = min(links, hard - 100)
    os.environ["POSTERND"] = str(build / "relay" / "posternd")
    os.environ["POSTERN"] = str(build / "client" / "postern")
    os.environ["PEERS"] = str(build / "tests" / "integration" / "peers")
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration"))
    results = [one_round(build, links) for _ in range(ROUNDS)]
    rest, per_link, rate = (statistics.median(r) for r in zip(*results))
    print(f"posternd, stripped      {stripped_size(os.environ['POSTERND'])}"
          " bytes")
    print(f"resident at rest        {rest / 1024:.0f} KiB")
    print(f"resident per idle link  {per_link:.0f} bytes at {links} links")
    print(f"links opened            {rate:.0f} per second (both ends here)")


if __name__ == "__main__":
    main()
