"""A log of arrivals, read as it streams by: nothing is kept but what puts it into order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from extauth.simulate import formats
from extauth.simulate.arrival import IDENTITY, Arrival
from extauth.simulate.errors import BadLineError, LogError
from extauth.simulate.fields import Names, arrival
from extauth.simulate.formats import Format
from extauth.simulate.line_reader import Line, read


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read logs. Without a `format` the first line of each shows it."""

    names: Names
    format: Format | None = None
    envoy_format: str | None = None
    api: str = ""
    """Arrivals that name another API do not count."""
    only: Mapping[str, str] = field(default_factory=dict)
    """Values that fields must have for the arrival to count."""
    max_errors: int = 100
    """Lines that may be bad, in all logs."""


@dataclass(slots=True)
class Passed:
    """What went by."""

    bad: int = 0
    """Lines that tell of no arrival."""
    anonymous: int = 0
    """Arrivals without a key, or tenant, that limits ask for."""
    others: int = 0
    """Arrivals that were not asked for."""


def arrivals(name: str, reading: Reading, passed: Passed, tell: Callable[[str], None]) -> Iterator[Arrival]:
    """Those of one log, as they stand there; `tell` hears of each bad line. Raises LogError."""
    lines = (line for line in read(name) if line.text != "")
    first = next(lines, None)
    if first is None:
        return
    try:
        parse, rest = _parser(first, reading)
    except (LogError, BadLineError) as error:
        raise LogError(f"{name}: {error}") from None
    needed = IDENTITY.intersection(reading.names.wanted)
    for line in chain(rest, lines):
        try:
            found = arrival(parse(_text(line)))
        except BadLineError as error:
            passed.bad += 1
            tell(f"{name}:{line.number}: {error}")
            if passed.bad > reading.max_errors:
                raise LogError(f"more than {reading.max_errors} bad lines: see --max-errors") from None
            continue
        if not _is_asked_for(found, reading):
            passed.others += 1
        elif not all(found.values.get(field) for field in needed):
            passed.anonymous += 1
        else:
            yield found


def _is_asked_for(found: Arrival, reading: Reading) -> bool:
    is_at_another = reading.api and found.values.get("api", "") not in {"", reading.api}
    return not is_at_another and all(found.values.get(field) == value for field, value in reading.only.items())


def _parser(first: Line, reading: Reading) -> tuple[formats.Read, list[Line]]:
    """What reads the lines, and those of what has been seen that it is to read."""
    text = _text(first)
    form = reading.format or ("envoy" if reading.envoy_format else formats.guess(text))
    if form == "csv":
        return formats.csv_reader(reading.names, text), []
    if form == "json":
        return formats.json_reader(reading.names), [first]
    return formats.envoy_reader(reading.names, reading.envoy_format), [first]


def _text(line: Line) -> str:
    if line.text is None:
        raise BadLineError("it is too long")
    return line.text
