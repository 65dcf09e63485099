"""Days as fields of forms write them: 2027-01-31, in UTC."""

from extauth.registry import times
from extauth.registry.errors import FieldProblem, InvalidError

_DAY = 86_400_000


def end_of(day: str) -> int | None:
    """The last millisecond of a day, in Unix milliseconds; None for an empty text. InvalidError for `expires_on`."""
    if not day:
        return None
    try:
        return times.from_rfc3339(f"{day}T00:00:00Z") + _DAY - 1
    except ValueError:
        problem = FieldProblem("expires_on", "is not a day", "write it as 2027-01-31, or leave it empty")
        raise InvalidError([problem]) from None
