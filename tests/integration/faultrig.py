"""What tests of failing calls share: the variables of faultcalls.c, and what is
expected of any program under them."""

import os
import pathlib
import tempfile

FAULTCALLS = os.environ["FAULTCALLS"]
# What may fail, and as what. A write may also do half of its work.
FAULTS = [("write", "EIO"), ("write", "ENOSPC"), ("write", "SHORT"),
          ("sync", "EIO"), ("rename", "EIO"), ("open", "EMFILE"),
          ("open", "EIO"), ("alloc", "ENOMEM")]
# Every place that can fail, or nearly, instead of some.
THOROUGH = os.environ.get("FAULT_THOROUGH") is not None


class Fault:
    """One way for calls to fail; `env` makes a program do so."""

    def __init__(self, call, error="", **more):
        file, log = tempfile.mkstemp(prefix="postern-")
        os.close(file)
        self.log = pathlib.Path(log)
        self.name = f"{call} {error} {more}"
        self.env = {"LD_PRELOAD": FAULTCALLS, "FAULT_CALL": call,
                    "FAULT_ERROR": error, "FAULT_LOG": log}
        self.env |= {f"FAULT_{k.upper()}": str(v) for k, v in more.items()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log.unlink()

    def hits(self):
        return self.log.read_text().splitlines()


def places():
    """Each of the first, then further and further apart, for ever."""
    n = 1
    while True:
        yield n
        n += 1 if n < (200 if THOROUGH else 2) else n * 3 // 2
