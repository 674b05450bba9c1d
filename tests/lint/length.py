"""A file does one thing. Longer than this wants a reason in exceptions.txt:
`length PATH LINES : REASON` raises the bound for one file to LINES."""

from tree import Lint

BOUND = {".c": 400, ".h": 150, ".py": 400, ".sh": 400}


def main():
    lint = Lint("length")
    raised = {}
    for path, bound in lint.exceptions:
        if bound is None or not bound.isdigit():
            raise SystemExit(f"exceptions.txt: length {path}: say how long")
        raised[path] = int(bound)
    for path in lint.files(*BOUND):
        length = lint.read(path).count("\n")
        bound = BOUND[path.suffix]
        if length <= bound:
            continue
        if str(path) in raised:
            lint.excused(path, str(raised[str(path)]))
            bound = raised[str(path)]
        if length > bound:
            lint.found(path, length, f"{length} lines, at most {bound}: split "
                       "it, or give a reason in exceptions.txt")
    lint.finish()


main()
