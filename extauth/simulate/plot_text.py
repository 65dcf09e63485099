"""A plot for a terminal: requests by time, those let through below and those refused on top of them."""

from collections.abc import Iterator, Sequence

from extauth.simulate.timeline import Count, Counts
from extauth.simulate.times import iso

ADMITTED, LIMITED = "█", "░"
_HEIGHT = 8


def plot(counts: Counts, width: int, height: int = _HEIGHT) -> str:
    """Lines of `height` rows of bars, as wide as they may be, with the scale on the left and times below."""
    most = counts.most
    if not most:
        return "nothing came\n"
    columns = max(width // len(counts.counts), 1)
    rows = list(_rows([_bar(count, most, height) for _, count in counts.counts], height, columns))
    labels = [f"{most:,}", *[""] * (height - 2), "0"]
    margin = max(map(len, labels))
    lines = [f"{label.rjust(margin)} ┤{row}" for label, row in zip(labels, rows, strict=True)]
    lines.append(f"{' ' * margin} └{'─' * len(rows[0])}")
    lines.append(f"{' ' * margin}  {_times(counts)}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _bar(count: Count, most: int, height: int) -> str:
    """From the bottom up. What there is shows, however little it is."""
    full = max(round(count.requests / most * height), 1) if count.requests else 0
    refused = min(max(round(count.limited / most * height), 1), full) if count.limited else 0
    return (ADMITTED * (full - refused) + LIMITED * refused).ljust(height)


def _rows(bars: Sequence[str], height: int, columns: int) -> Iterator[str]:
    for row in reversed(range(height)):
        yield "".join(bar[row] * columns for bar in bars)


def _times(counts: Counts) -> str:
    first, last = iso(counts.counts[0][0]), iso(counts.counts[-1][0] + counts.step)
    return f"{first[:19]}Z to {last[:19]}Z, {step_name(counts.step)} a bar"


def step_name(step: int) -> str:
    """Microseconds as people say them."""
    for name, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000)):
        if step >= size:
            return f"{step // size} {name}"
    return f"{step / 1_000_000:g} s"
