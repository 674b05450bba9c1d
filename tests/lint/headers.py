"""Every header compiles alone and twice over, in C11 and, where it is public,
in C++; and its guard is named after its path."""

import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from tree import Lint

PUBLIC = "client/include/"
STRICT = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def guard_of(path):
    inner = str(path).removeprefix(PUBLIC).removeprefix("postern/")
    return "POSTERN_" + re.sub(r"\W", "_", inner).upper()


def try_compile(command, name):
    text = f'#include "{name}"\n#include "{name}"\ntypedef int some_type;\n'
    run = subprocess.run([*command, "-"], input=text, capture_output=True,
                         text=True, check=False)
    return run.stderr.strip() if run.returncode != 0 else None


def main():
    lint = Lint("headers", ["--cc", "--cxx", "--flags"])
    includes = [f"-I{lint.root}", f"-I{lint.root / PUBLIC}"]
    if lint.args.build:
        includes.append(f"-I{lint.args.build}")
    includes += shlex.split(lint.args.flags or "")
    cc = [lint.args.cc or "cc", "-std=c11", "-xc", "-D_DEFAULT_SOURCE",
          "-D_POSIX_C_SOURCE=200809L", *STRICT, *includes]
    cxx = lint.args.cxx or shutil.which("c++")
    jobs = []
    for path in lint.files(".h"):
        guard = guard_of(path)
        if not re.search(rf"^#ifndef {guard}\n#define {guard}\n",
                         lint.read(path), re.M):
            lint.found(path, 1, f"wants the guard {guard}")
        jobs.append((path, cc, "C"))
        if str(path).startswith(PUBLIC) and cxx:
            jobs.append((path, [cxx, "-std=c++11", "-xc++", *STRICT, *includes],
                         "C++"))
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda job: try_compile(job[1], job[0]), jobs)
        for (path, _, language), errors in zip(jobs, results):
            if errors:
                lint.found(path, 1, f"does not compile alone in {language}:\n"
                           + errors)
    lint.finish()


main()
