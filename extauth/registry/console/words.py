"""How times and numbers are written for people."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))
_THOUSAND = 1000


def moment(milliseconds: int) -> str:
    """`22 Nov 2026, 06:27 UTC`."""
    return f"{_at(milliseconds):%d %b %Y, %H:%M} UTC".removeprefix("0")


def day(milliseconds: int) -> str:
    """`22 Nov`, in UTC."""
    return f"{_at(milliseconds):%d %b}".removeprefix("0")


def hour(milliseconds: int) -> str:
    """`06:00`, in UTC."""
    return f"{_at(milliseconds):%H:%M}"


def distance(milliseconds: int, now: int) -> str:
    """`3 hours ago`, `in 2 days`, `just now`."""
    seconds = abs(now - milliseconds) // 1000
    for unit, length in _UNITS:
        number = seconds // length
        if number:
            text = f"{number} {unit}{'' if number == 1 else 's'}"
            return f"{text} ago" if milliseconds <= now else f"in {text}"
    return "just now" if milliseconds <= now else "in a moment"


def short(number: int) -> str:
    """`950`, `1.2k`, `34k`, `5.6M`."""
    value, suffixes = float(number), ["", "k", "M", "G"]
    while value >= _THOUSAND - 0.5 and len(suffixes) > 1:
        value /= _THOUSAND
        suffixes.pop(0)
    return f"{value:.1f}".removesuffix(".0") + suffixes[0] if value < 10 else f"{value:.0f}{suffixes[0]}"  # noqa: PLR2004 (two digits say enough)


def full(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


def share(percent: float) -> str:
    """`42%`, `under 1%`."""
    return "under 1%" if 0 < percent < 1 else f"{percent:.0f}%"


def seconds(number: float) -> str:
    """`0 s`, `3 s`, `4 min`, `2 h`, `3 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if number >= length:
            return f"{number // length:.0f} {unit}"
    return f"{number:.0f} s"


def digits(text: str) -> str:
    """`12` of `limits[12].rate`."""
    return "".join(filter(str.isdigit, text))


def _at(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
