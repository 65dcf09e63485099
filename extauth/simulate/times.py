"""Times in logs, as microseconds since 1970."""

from datetime import UTC, datetime, timedelta

from extauth.simulate.errors import BadLineError

SECOND = 1_000_000
MINUTE = 60 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = 2**53  # microseconds; in the year 2255
_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e20, 1e-3))
"""Numbers below the first are seconds, then milliseconds, microseconds, nanoseconds, and so many microseconds."""


def parse(text: str) -> int:
    """ISO 8601 (UTC where no offset is given), or a number since 1970 in seconds, milliseconds and so on."""
    try:
        time = _of(datetime.fromisoformat(text)) if "-" in text[1:] else _of_number(float(text))
    except (ValueError, OverflowError):
        time = -1
    if not 0 <= time < _LAST:
        raise BadLineError(f"{text[:40]!r} is not a time")
    return time


def _of_number(number: float) -> int:
    return next((round(number * unit) for below, unit in _UNITS if number < below), _LAST)


def _of(moment: datetime) -> int:
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def iso(time: int) -> str:
    """RFC 3339 with milliseconds."""
    moment = _EPOCH + timedelta(microseconds=time)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
