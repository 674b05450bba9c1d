"""Static analysis of the product's C, one translation unit at a time, held
against the reasons in tests/analyse.reasons. As a lint it asks cppcheck, which
is quick; tests/analyse.sh asks all.

    analyse.py --root DIR --build DIR [--jobs N] [--only PATH]... [TOOL]...

A TOOL is gcc (-fanalyzer), tidy (clang-tidy), cppcheck, or scan (clang's path
analyser, which scan-build runs too). How a unit is compiled is taken from
BUILD/compile_commands.json. What a tool said about a unit is kept under
BUILD/analyse/ until the unit, what it includes, or the tool changes.

Exit status: 0 each finding has a reason and each reason a finding, 1 one has
none, 77 a tool is not here.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

SKIPPED = 77
CONFIG = pathlib.Path(__file__).resolve().parent.parent / "analyse.cfg"
REASONS = "tests/analyse.reasons"
ROOMS = ("proto", "relay", "client")
# Of a compile command: where headers are, what is defined, which C.
KEPT = re.compile(r"-(D|I|isystem|std=)")

TOOLS = {
    # What comes out of a macro is said to be where the macro is used: the
    # names of the seam are macros here, from no file at all.
    "gcc": ["gcc", "-O0", "-fanalyzer", "-fanalyzer-verbosity=0",
            "-fdiagnostics-plain-output", "-ftrack-macro-expansion=0",
            "-o", "/dev/null", "-c"],
    "tidy": ["clang-tidy", "--quiet", "--checks=-clang-analyzer-*"],
    # Not asked: where a local could stand (in a short function they stand
    # together), and whether an empty loop needs the word that says so.
    "cppcheck": ["cppcheck", "--quiet", "--std=c11",
                 "--enable=warning,style,performance,portability",
                 "--suppress=variableScope", "--suppress=redundantContinue",
                 f"--library={CONFIG}",
                 "--template={file}:{line}:{column}: {severity}: "
                 "{message} [{id}]"],
    "scan": ["clang", "--analyze", "-Xclang", "-analyzer-output=text",
             "-Xclang", "-analyzer-checker=valist,optin.portability",
             "-fno-caret-diagnostics", "-o", "/dev/null"],
}
# The allocation seam by the names that a path analyser knows, so that it sees
# leaks, double frees and uses after one; not in the seam itself.
SEAM = "proto/base/mem.c"
KNOWN = ["-Dpn_alloc=calloc", "-Dpn_alloc_raw=malloc", "-Dpn_free=free",
         "-Dpn_free_wiped(p,len)=free(p)"]
# Files that change what a tool says.
SETTINGS = {"tidy": [".clang-tidy"], "cppcheck": [CONFIG]}


class Finding:
    def __init__(self, root, tool, match):
        self.tool, self.message = tool, match["said"]
        self.path = match["path"]
        self.line = int(match["line"])
        self.check = (match["check"] or match["rank"]).removeprefix("-W")
        lines = (root / self.path).read_text(encoding="utf-8").split("\n")
        self.function = enclosing(lines, self.line)

    def keys(self):
        """The reasons that would do: for this function, or for the file."""
        return [(self.tool, self.path, self.check, where)
                for where in (self.function, "*")]


def enclosing(lines, line):
    """The function around a line, by the house's layout: what is defined
    begins in the first column, and so do the braces of a function."""
    for at in range(min(line, len(lines)) - 1, -1, -1):
        if at < line - 1 and lines[at].startswith("}"):
            return "-"
        if lines[at].startswith("{"):
            break
        match = re.match(r"(?!typedef|return)\w[^=;]*?\b(\w+)\(", lines[at])
        if match and at == line - 1:
            return match[1]
    else:
        return "-"
    # `at` is the brace: the name stands in the lines above it.
    for before in range(at - 1, -1, -1):
        match = re.match(r"\w[^=;]*?\b(\w+)\(", lines[before])
        if match:
            return match[1]
        if lines[before].startswith("}") or not lines[before].strip():
            break
    return "-"


def units(root, build, only):
    """(path, flags) of each product file, from the compile commands."""
    seen = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if not path.is_relative_to(root) or path.is_relative_to(build):
            continue
        path = path.relative_to(root)
        if path.parts[0] not in ROOMS or str(path) in seen:
            continue
        if only and not any(str(path).startswith(o) for o in only):
            continue
        words = shlex.split(entry["command"])
        flags = []
        for i, word in enumerate(words):
            if KEPT.match(word):
                flags.append(word)
                if word in ("-isystem", "-I", "-D"):
                    flags.append(words[i + 1])
        seen[str(path)] = [f for f in flags if "FORTIFY" not in f]
    return sorted(seen.items())


def command(tool, path, flags):
    if tool in ("gcc", "scan") and path != SEAM:
        flags = [*flags, *KNOWN]
    if tool == "tidy":
        return [*TOOLS[tool], path, "--", *flags]
    if tool == "cppcheck":
        plain = [f for f in flags if f.startswith(("-D", "-I"))]
        return [*TOOLS[tool], *plain, path]
    return [*TOOLS[tool], *flags, path]


def version(tool):
    return subprocess.run([TOOLS[tool][0], "--version"], capture_output=True,
                          text=True, check=True).stdout


def output_of(root, tool, salt, unit, store):
    """What the tool says about one unit, from the store if nothing changed."""
    path, flags = unit
    argv = command(tool, path, flags)
    whole = subprocess.run(
        ["cc", "-E", "-dD", "-CC", *flags, path], cwd=root,
        capture_output=True, check=False)
    digest = hashlib.sha256(
        "\0".join([salt, *argv]).encode() + whole.stdout).hexdigest()
    kept = store / tool / digest
    if kept.exists():
        return kept.read_text()
    run = subprocess.run(argv, cwd=root, capture_output=True, text=True,
                         check=False)
    text = run.stdout + run.stderr
    if run.returncode != 0 and ": error:" not in text:
        raise RuntimeError(f"{shlex.join(argv)}\nended with "
                           f"{run.returncode}:\n{text}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}.{path.replace('/', '_')}")
    part.write_text(text)
    part.rename(kept)
    return text


SAID = re.compile(r"(?P<path>[^:\n]+):(?P<line>\d+):\d+: "
                  r"(?P<rank>\w+): (?P<said>.*?)(?: \[(?P<check>[^][]+)\])?$")


def findings_in(root, tool, text):
    for line in text.split("\n"):
        match = SAID.match(line)
        if not match or match["rank"] in ("note", "information"):
            continue
        path = (root / match["path"]).resolve()
        if path.is_relative_to(root):
            path = path.relative_to(root)
            if path.parts[0] in ROOMS:
                yield Finding(root, tool, {**match.groupdict(),
                                           "path": str(path)})


def analyse(root, tool, build, only, jobs):
    salt = version(tool)
    for settings in SETTINGS.get(tool, []):
        if (root / settings).exists():
            salt += (root / settings).read_text()
    found = {}
    todo = units(root, build, only)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        said = pool.map(lambda unit: output_of(root, tool, salt, unit,
                                               build / "analyse"), todo)
        for text in said:
            for finding in findings_in(root, tool, text):
                at = (finding.path, finding.line, finding.check)
                found.setdefault(at, finding)
    return len(todo), [found[at] for at in sorted(found)]


def read_reasons(root):
    """Lines `TOOL PATH CHECK FUNCTION : REASON`; `*` is the whole file, `-`
    what is in no function."""
    reasons = {}
    if not (root / REASONS).exists():
        return reasons
    for number, line in enumerate((root / REASONS).read_text().split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head, colon, reason = line.partition(" : ")
        words = tuple(head.split())
        if not colon or not reason.strip() or len(words) != 4 \
                or words[0] not in TOOLS or words in reasons:
            sys.exit(f"{REASONS}:{number}: want, once, "
                     "'TOOL PATH CHECK FUNCTION : REASON'")
        reasons[words] = number
    return reasons


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("tools", nargs="*", metavar="TOOL")
    args = parser.parse_args()
    root, build = args.root.resolve(), args.build.resolve()
    reasons = read_reasons(root)
    faults = 0
    for tool in args.tools or ["cppcheck"]:
        if tool not in TOOLS or not shutil.which(TOOLS[tool][0]):
            print(f"analyse: skipped: no {tool} here", file=sys.stderr)
            sys.exit(SKIPPED)
        count, found = analyse(root, tool, build, args.only, args.jobs)
        bare = [f for f in found
                if not any(key in reasons for key in f.keys())]
        used = {key for f in found for key in f.keys()}
        for f in bare:
            print(f"{f.path}:{f.line}: {f.function}: {f.message} [{f.check}]")
        stale = [] if args.only else [
            key for key in reasons if key[0] == tool and key not in used]
        for key in stale:
            print(f"{REASONS}:{reasons[key]}: nothing needs the "
                  f"reason '{' '.join(key)}' any more; remove it")
        print(f"{tool}: {count} files, {len(bare)} findings, "
              f"{len(found) - len(bare)} with a reason, {len(stale)} reasons "
              "without a finding")
        faults += len(bare) + len(stale)
    sys.exit(1 if faults else 0)


main()
