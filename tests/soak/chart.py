"""Line charts as SVG, one above the other over one axis of time. Enough for
this room, and nothing to install."""

import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP = 960, 74, 190, 46
HEIGHT, GAP, LANE = 150, 44, 15
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f7f7f", "#e69f00",
           "#56b4e9", "#8c564b", "#6a3d9a", "#b2b200", "#000000")
BINS = 150


def ticks(low, high, count=5):
    """Round numbers that cover it: two at least."""
    high = max(high, low + 1)
    span = high - low
    step = 10 ** math.floor(math.log10(span / count))
    step = next(s for s in (step, 2 * step, 5 * step, 10 * step)
                if span / s <= count)
    at = math.floor(low / step) * step
    found = [at]
    while found[-1] < high:
        at += step
        found.append(at)
    return found


def decades(low, high):
    """Powers of ten that cover it: two at least."""
    first = math.floor(math.log10(low))
    last = max(first + 1, math.ceil(math.log10(high)))
    return [10.0 ** e for e in range(first, last + 1)]


def label(value):
    if value >= 1e4:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:g}"


def thin(points, width):
    """At most one point for each bin, so that a picture stays small. The time
    of the first, the mean of the values; a None breaks the line."""
    found, last = [], None
    for x, y in points:
        place = int(x / width * BINS) if width else 0
        if y is None:
            found.append((x, None, 0))
            last = None
        elif place == last:
            at, mean, n = found[-1]
            found[-1] = (at, mean + (y - mean) / (n + 1), n + 1)
        else:
            found.append((x, y, 1))
            last = place
    return [(x, y) for x, y, _ in found]


def pen(points):
    """The path through them; what lies on a level line is left out."""
    path, down = [], False
    for i, (x, y) in enumerate(points):
        is_level = 0 < i < len(points) - 1 and \
            points[i - 1][1] == y == points[i + 1][1]
        if y is not None and not is_level:
            path.append(f"{'L' if down else 'M'}{x} {y}")
        down = y is not None
    return "".join(path)


class Panel:
    """One chart. Series are (name, [(x, y or None), ...])."""

    def __init__(self, title, unit, series, log=False, least=0, bound=None):
        self.title, self.unit, self.log = title, unit, log
        self.series = [(name, [p for p in points])
                       for name, points in series if points]
        self.least, self.bound = least, bound

    def scale(self):
        values = [y for _, points in self.series for _, y in points
                  if y is not None]
        values += [self.bound[1]] if self.bound else []
        if self.log:
            values = [v for v in values if v > 0] or [1, 10]
            return decades(min(values), max(values))
        return ticks(self.least if self.least is not None else
                     min(values, default=0), max(values, default=1))

    def draw(self, top, right):
        marks = self.scale()

        def height(y):
            if self.log:
                y = math.log10(max(y, marks[0]) / marks[0])
                return top + HEIGHT * (1 - y / math.log10(
                    marks[-1] / marks[0]))
            return top + HEIGHT * (1 - (y - marks[0]) / (marks[-1] - marks[0]))
        across = WIDTH - LEFT - RIGHT
        out = [f'<text x="{LEFT}" y="{top - 9}" class="t">'
               f'{escape(self.title)}<tspan class="u" dx="8">{escape(self.unit)}'
               '</tspan></text>']
        for mark in marks:
            y = height(mark)
            out.append(f'<path class="g" d="M{LEFT} {y:.1f}h{across}"/>'
                       f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="y">'
                       f"{label(mark)}</text>")
        if self.bound:
            y = height(self.bound[1])
            out.append(f'<path class="b" d="M{LEFT} {y:.1f}h{across}"/>'
                       f'<text x="{LEFT + 4}" y="{y - 4:.1f}" class="n">'
                       f"{escape(self.bound[0])}</text>")
        for i, (name, points) in enumerate(self.series):
            colour = COLOURS[i % len(COLOURS)]
            path = pen([(f"{LEFT + across * x / right:.0f}",
                         None if y is None else f"{height(y):.1f}")
                        for x, y in thin(points, right)])
            out.append(f'<path class="l" stroke="{colour}" d="{path}"/>')
            y = top + 8 + 14 * i
            out.append(f'<path stroke="{colour}" stroke-width="3" '
                       f'd="M{WIDTH - RIGHT + 12} {y}h16"/>'
                       f'<text x="{WIDTH - RIGHT + 33}" y="{y + 4}" class="n">'
                       f"{escape(name)}</text>")
        return out


STYLE = """text{font-family:sans-serif;font-size:11px;fill:#222}
.h{font-size:16px;font-weight:bold}.t{font-size:13px;font-weight:bold}
.u{font-weight:normal;fill:#666;font-size:11px}.y{text-anchor:end;fill:#555}
.x{text-anchor:middle;fill:#555}.n{fill:#333}.l{fill:none;stroke-width:1.3}
.g{stroke:#e4e4e4}.r{stroke:#9a9a9a;stroke-dasharray:2 3}.k{stroke:#c00;
stroke-dasharray:5 3}.b{stroke:#444;stroke-dasharray:1 3}"""


def lanes(happened, top, right):
    """What happened, a row for each kind, a dot for each time."""
    across = WIDTH - LEFT - RIGHT
    out = [f'<text x="{LEFT}" y="{top - 9}" class="t">What happened</text>']
    for i, (name, times) in enumerate(happened):
        y = top + LANE * (i + 0.5)
        colour = "#c00" if "killed" in name else "#555"
        dots = "".join(f'<circle cx="{LEFT + across * x / right:.0f}" '
                       f'cy="{y}" r="2.2"/>' for x in times)
        out.append(f'<path class="g" d="M{LEFT} {y}h{across}"/>'
                   f'<g fill="{colour}">{dots}</g>'
                   f'<text x="{WIDTH - RIGHT + 12}" y="{y + 4}" class="n">'
                   f"{escape(name)}: {len(times)}</text>")
    return out


def picture(title, panels, happened, lines, right, unit="minutes"):
    """The whole as text. `happened` is (name, times) in rows at the bottom;
    `lines` is (class, time): r and k go through all panels."""
    panels = [p for p in panels if p.series]
    tall = TOP + 24 + len(panels) * (HEIGHT + GAP) + LANE * len(happened) + 40
    across = WIDTH - LEFT - RIGHT
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{tall}" viewBox="0 0 {WIDTH} {tall}">'
           f'<style>{STYLE}</style><rect width="100%" height="100%" '
           f'fill="#fff"/><text x="{LEFT}" y="26" class="h">{escape(title)}'
           "</text>"]
    first, bottom = TOP + 24, tall - 34
    for kind, x in lines:
        out.append(f'<path class="{kind}" d="M{LEFT + across * x / right:.0f} '
                   f'{first}V{bottom}"/>')
    top = first
    for panel in panels:
        out += panel.draw(top, right)
        top += HEIGHT + GAP
    out += lanes(happened, top, right)
    for mark in ticks(0, right, 12):
        if mark > right:
            break
        x = LEFT + across * mark / right
        out.append(f'<path stroke="#888" d="M{x:.0f} {bottom}v5"/>'
                   f'<text x="{x:.0f}" y="{bottom + 17}" class="x">{mark:g}'
                   "</text>")
    out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{bottom + 17}" class="n">'
               f"{escape(unit)}</text></svg>\n")
    return "\n".join(out)
