"""Charts as numbers for SVG: the templates draw them, style sheets give them colours.

Where there are scripts, charts.js draws the same numbers anew, to be looked at closely.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from extauth.registry.console.usage_series import Count

_SPARK_WIDTH, _SPARK_HEIGHT = 96, 24
_BARS_HEIGHT = 160
_BAR_WIDTH, _BAR_GAP = 18, 6
_BAR_STEP = _BAR_WIDTH + _BAR_GAP


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A line from left to right, in a box of 96 by 24, and how much it adds up to."""

    line: str
    area: str
    total: int


@dataclass(frozen=True, slots=True)
class Part:
    """One coloured piece of a bar."""

    kind: str
    """allowed, limited or denied."""
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    count: Count
    x: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars from left to right, in a box of `width` by `height`; the highest fills it."""

    bars: Sequence[Bar]
    width: int
    height: int
    bar_width: int
    most: int
    sums: Count

    @property
    def numbers(self) -> Mapping[str, Sequence[int]]:
        """For charts.js: when each bar begins (Unix seconds), and its checks."""
        counts = [bar.count for bar in self.bars]
        return {
            "starts": [count.start // 1000 for count in counts],
            "allowed": [count.allowed for count in counts],
            "limited": [count.limited for count in counts],
            "denied": [count.denied for count in counts],
        }


def sparkline(counts: Sequence[Count]) -> Sparkline:
    """Of two or more counts."""
    most = max((count.total for count in counts), default=0) or 1
    step = _SPARK_WIDTH / max(len(counts) - 1, 1)
    points = [f"{index * step:.1f},{_spark_y(count.total / most):.1f}" for index, count in enumerate(counts)]
    area = " ".join([f"0,{_SPARK_HEIGHT}", *points, f"{_SPARK_WIDTH},{_SPARK_HEIGHT}"])
    return Sparkline(" ".join(points), area, sum(count.total for count in counts))


def bars(counts: Sequence[Count]) -> Bars:
    most = max((count.total for count in counts), default=0)
    drawn = [Bar(count, index * _BAR_STEP, _parts(count, most or 1)) for index, count in enumerate(counts)]
    sums = Count(
        counts[0].start if counts else 0,
        sum(count.allowed for count in counts),
        sum(count.limited for count in counts),
        sum(count.denied for count in counts),
    )
    return Bars(drawn, max(len(counts) * _BAR_STEP - _BAR_GAP, 0), _BARS_HEIGHT, _BAR_WIDTH, most, sums)


def _spark_y(share: float) -> float:
    return _SPARK_HEIGHT - 1.5 - share * (_SPARK_HEIGHT - 3)


def _parts(count: Count, most: int) -> list[Part]:
    parts, y = [], float(_BARS_HEIGHT)
    for kind, checks in (("allowed", count.allowed), ("limited", count.limited), ("denied", count.denied)):
        if checks:
            height = max(checks / most * _BARS_HEIGHT, 1.0)
            y = max(y - height, 0.0)
            parts.append(Part(kind, round(y, 2), round(height, 2)))
    return parts
