"""Values on the command line of `extauth keys`, checked by click's callbacks: BadParameter says how to write them."""

from collections.abc import Sequence

import click

from extauth.registry import times
from extauth.settings.values import parse_duration


def time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """RFC 3339 in UTC, from the same with any offset or from a duration that begins now, such as 30d."""
    return None if value is None else _rfc3339(value, sign=1)


def past_time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """RFC 3339 in UTC, from the same with any offset or from a duration that ends now, such as 7d."""
    return None if value is None else _rfc3339(value, sign=-1)


def duration(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The text, when it is a duration."""
    try:
        parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def duration_or_none(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The text, when it is a duration or left out."""
    return None if value is None else duration(context, parameter, value)


def entries(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """`name=value` texts as a mapping."""
    found = dict(value.partition("=")[::2] for value in values)
    if any("=" not in value for value in values) or len(found) < len(values):
        raise click.BadParameter("use name=value, each name once")
    return found


def rates(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[dict[str, object]]:
    """`name=rate` or `name=rate:burst` texts as the registry takes limits; it judges the rates itself."""
    found: list[dict[str, object]] = []
    for value in values:
        name, _, rest = value.partition("=")
        rate, colon, burst = rest.partition(":")
        if not name or not rate or (colon and not burst.isdecimal()):
            raise click.BadParameter("use NAME=RATE or NAME=RATE:BURST, such as per-key=1000/min:2000")
        found.append({"name": name, "rate": rate, "burst": int(burst) if burst else None})
    return found


def _rfc3339(value: str, sign: int) -> str:
    try:
        return times.to_rfc3339(_milliseconds(value, sign))
    except (ValueError, OverflowError):
        raise click.BadParameter("use a duration such as 30d, or RFC 3339 such as 2027-01-31T12:00:00Z") from None


def _milliseconds(value: str, sign: int) -> int:
    try:
        seconds = parse_duration(value)
    except ValueError:
        return times.from_rfc3339(value)
    return times.now() + sign * round(seconds * 1000)
