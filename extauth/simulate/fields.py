"""Which name in a log stands for which field of an arrival, and what its value means."""

from collections.abc import Callable, Collection, Mapping, Sequence

from extauth.check.client_address import canonical
from extauth.policy.dimensions import HEADER
from extauth.simulate import times
from extauth.simulate.arrival import COST, TIME, Arrival
from extauth.simulate.errors import BadLineError

_NOTHING = ("", "-")  # Envoy writes "-" for what there is not
_OPTIONAL = frozenset({COST, "api"})
_MOST_DIGITS = 9  # of a cost
_USUAL: Mapping[str, Sequence[str]] = {
    TIME: ("time", "timestamp", "@timestamp", "ts", "start_time"),
    COST: ("cost",),
    "key": ("key", "key_id", "x-auth-key-id", "x_auth_key_id"),
    "tenant": ("tenant", "tenant_id", "x-auth-tenant", "x_auth_tenant"),
    "plan": ("plan", "x-auth-plan", "x_auth_plan"),
    "api": ("api",),
    "address": (
        "address",
        "client_address",
        "downstream_remote_address_without_port",
        "downstream_remote_address",
        "x-forwarded-for",
        "x_forwarded_for",
    ),
    "method": ("method",),
    "path": ("path", "x-envoy-original-path?:path"),
}


class Names:
    """The fields that are wanted, and under which names a log may have them: those given, else the usual ones."""

    def __init__(self, wanted: Sequence[str], given: Mapping[str, str]) -> None:
        self.wanted = (TIME, COST, *wanted)
        self._given = given

    def of(self, field: str) -> Sequence[str]:
        """In lower case, unless it was given."""
        if field in self._given:
            return (self._given[field],)
        name = field.removeprefix(HEADER)
        return _USUAL.get(field, (field, name, name.replace("-", "_")))

    def find(self, field: str, names: Mapping[str, int]) -> int | None:
        """Which of the names stands for a field; None when none does."""
        return next((names[name] for name in self.of(field) if name in names), None)

    def missing(self, found: Collection[str]) -> str | None:
        """A field that must be told and is not among those found."""
        return next((field for field in self.wanted if field not in found and field not in _OPTIONAL), None)


def arrival(values: Mapping[str, str]) -> Arrival:
    """From the texts of a line by field. Raises BadLineError."""
    found = {field: "" if text in _NOTHING else _MEANT.get(field, _same)(text) for field, text in values.items()}
    time, cost = found.pop(TIME, ""), found.pop(COST, "")
    if not time:
        raise BadLineError("it has no time")
    return Arrival(times.parse(time), _cost(cost) if cost else None, found)


def _cost(text: str) -> int:
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise BadLineError(f"{text[:40]!r} is not a cost")
    return int(text)


def _address(text: str) -> str:
    """The last of several, which the nearest proxy added and no client can choose, as limits count it."""
    return canonical(text.rpartition(",")[2].strip())


def _path(text: str) -> str:
    return text.partition("?")[0]


def _same(text: str) -> str:
    return text


_MEANT: Mapping[str, Callable[[str], str]] = {"address": _address, "path": _path}
