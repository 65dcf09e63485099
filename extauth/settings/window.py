"""Windows of the calendar, in UTC: the hours, days, weeks and months that quotas are counted in."""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias, get_args

Unit: TypeAlias = Literal["hour", "day", "week", "month"]
UNITS: tuple[Unit, ...] = get_args(Unit)

_NAMES: dict[Unit, str] = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
"""As in ISO 8601."""
_LONGEST: dict[Unit, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}
"""From the beginning of one it is so long, at most, until the next one has begun, and that one is not over yet."""
_SHORTEST_MONTH = timedelta(days=28)


class Window(NamedTuple):
    """One of them, from `begins` until just before `ends`, in Unix seconds."""

    unit: Unit
    name: str
    """`2026-11-22T08`, `2026-11-22`, `2026-W47` or `2026-11`."""
    begins: int
    ends: int


def window_at(unit: Unit, now: float) -> Window:
    """The one in which `now` is, in Unix seconds. Weeks begin on Monday (ISO 8601)."""
    begins = _begin(unit, datetime.fromtimestamp(now, UTC))
    ends = _begin(unit, begins + _LONGEST[unit])
    return Window(unit, begins.strftime(_NAMES[unit]), int(begins.timestamp()), int(ends.timestamp()))


def unit_of(seconds: float) -> Unit | None:
    """The unit that lasts so long: `1h`, `1d`, `7d`, or 28 to 31 days for a month; None when there is none."""
    if _SHORTEST_MONTH.total_seconds() <= seconds <= _LONGEST["month"].total_seconds():
        return "month"
    return next((unit for unit, length in _LONGEST.items() if length.total_seconds() == seconds), None)


def _begin(unit: Unit, moment: datetime) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if unit == "hour":
        return hour
    day = hour.replace(hour=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day
