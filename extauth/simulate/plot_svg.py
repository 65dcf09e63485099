"""The same plot as SVG: a panel for each candidate, one below the other on the same scales."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from extauth.simulate.plot_text import step_name
from extauth.simulate.timeline import Counts
from extauth.simulate.times import iso

_WIDTH, _PANEL, _HEAD, _FOOT, _LEFT, _RIGHT = 960, 220, 40, 44, 64, 16
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _PANEL - _HEAD - _FOOT
_TICKS = 8
_LONGEST_TITLE = 118
_HOUR, _DAY = 3_600_000_000, 86_400_000_000  # microseconds
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #33373d }
.title { font-size: 13px; font-weight: 600 }
.scale { text-anchor: end }
.grid { stroke: #d9dce1 }
.admitted { fill: #3b78b8 }
.limited { fill: #e07b1a }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """A candidate: what to write above, and what came of it."""

    title: str
    counts: Counts


def svg(panels: Sequence[Panel]) -> str:
    """A whole document."""
    most = max((panel.counts.most for panel in panels), default=0) or 1
    height = _PANEL * len(panels) + 12
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Requests let through and refused">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate(0 {number * _PANEL})">')
        parts += [*_heading(panel), *_grid(most), *_bars(panel.counts, most), *_times(panel.counts), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _heading(panel: Panel) -> Iterator[str]:
    title = panel.title if len(panel.title) <= _LONGEST_TITLE else f"{panel.title[:_LONGEST_TITLE]}..."
    yield f'<text class="title" x="{_LEFT}" y="24">{escape(title)}</text>'


def _grid(most: int) -> Iterator[str]:
    for value in (0, most // 2, most):
        y = _y(value, most)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="scale" x="{_LEFT - 8}" y="{y + 4:.1f}">{value:,}</text>'


def _bars(counts: Counts, most: int) -> Iterator[str]:
    width = _PLOT_WIDTH / max(len(counts.counts), 1)
    bar = width * 0.9 if width > 2 else width  # noqa: PLR2004 (pixels; narrower ones have no room for a gap)
    for place, (time, count) in enumerate(counts.counts):
        if count.requests:
            x, middle, top = _LEFT + place * width, _y(count.admitted, most), _y(count.requests, most)
            title = f"<title>{iso(time)[:19]}Z: {count.admitted:,} let through, {count.limited:,} refused</title>"
            lower, upper = _rect("admitted", x, bar, middle, _y(0, most)), _rect("limited", x, bar, top, middle)
            yield f"<g>{title}{lower}{upper}</g>"


def _rect(name: str, x: float, width: float, top: float, bottom: float) -> str:
    if bottom <= top:
        return ""
    return f'<rect class="{name}" x="{x:.2f}" y="{top:.2f}" width="{width:.2f}" height="{bottom - top:.2f}"/>'


def _times(counts: Counts) -> Iterator[str]:
    """A tick where every so many bars begin; below it the unit and the legend."""
    if not counts.counts:
        return
    y = _HEAD + _PLOT_HEIGHT + 18
    every = -(-len(counts.counts) // _TICKS)
    for place in range(0, len(counts.counts), every):
        x = _LEFT + _PLOT_WIDTH * place / len(counts.counts)
        yield f'<text x="{x:.1f}" y="{y}">{_time(counts.counts[place][0], counts)}</text>'
    first = iso(counts.counts[0][0])[:10]
    yield f'<text x="{_LEFT}" y="{y + 20}">requests in {step_name(counts.step)}; UTC, from {first}</text>'
    for name, words, left in (("admitted", "let through", 200), ("limited", "refused", 80)):
        x = _WIDTH - _RIGHT - left
        yield f'<rect class="{name}" x="{x}" y="{y + 10}" width="12" height="12"/>'
        yield f'<text x="{x + 18}" y="{y + 20}">{words}</text>'


def _time(time: int, counts: Counts) -> str:
    """Days, hours or seconds, whichever tell the ticks apart."""
    span = counts.step * len(counts.counts)
    text = iso(time)
    if span > 2 * _DAY:
        return text[5:16].replace("T", " ")
    return text[11:16] if span > _HOUR else text[11:19]


def _y(value: int, most: int) -> float:
    return _HEAD + _PLOT_HEIGHT * (1 - value / most)
