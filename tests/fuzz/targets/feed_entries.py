"""Any bytes as the change feed and what Redis says of the publication: what changed is dropped, or all of it is."""

from collections.abc import Iterator
from typing import Any, Self

from prometheus_client import CollectorRegistry

from extauth.keys.record import Version
from extauth.store.feed import FeedFollower
from extauth.store.near_cache import Freshness, NearCache
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.fuzz.checked import NAMES
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target
from tests.support.keys import issue

_METRICS = SidecarMetrics(CollectorRegistry())
_, RECORD = issue(5)
FIELDS = (b"number", b"epoch", b"revision", b"digest", b"committed_at")
VALUES = (b"1", b"2", b"3", b"0", b"-1", b"", b"1e3", b"9" * 5000, b"\xff", b" 1 ", b"zz")
STATES = (b"instance", b"other", b"1", b"0", b"\xff", b"", b"x1", None)
PROTOCOLS = 3
_HEX = RECORD.digest.hex().encode()
_MILLISECONDS = 2**1000  # a greater number is none that can be divided


class _Client:
    """Answers each exchange with the same."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {"xread": [], "hmget": [b"instance", b"0", b"1"], "xrevrange": []}
        self._asked: list[str] = []

    def pipeline(self, *, transaction: bool) -> Self:
        self._asked = []
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def xread(self, *_: object, **__: object) -> None:
        self._asked.append("xread")

    def hmget(self, *_: object) -> None:
        self._asked.append("hmget")

    def xrevrange(self, *_: object, **__: object) -> None:
        self._asked.append("xrevrange")

    def execute(self) -> list[Any]:
        return [self.says[command] for command in self._asked]


def _run(data: bytes) -> None:
    choices, client = Choices(data), _Client()
    cache = NearCache(16, Freshness())
    follower = FeedFollower(client, NAMES, cache, _METRICS, lambda: 100.0)  # type: ignore[arg-type]
    follower.follow_once()
    assert cache.end_read(RECORD.digest, cache.begin_read(RECORD.digest), RECORD, 100.0)
    follower._stopping.set()  # it waits for nothing
    while choices.left:
        entries = [_entry(choices, number) for number in range(1, 1 + choices.number(4))]
        client.says |= {"xread": _streams(choices, entries), "hmget": [choices.one_of(STATES) for _ in range(3)]}
        had_publication = follower._publication is not None
        follower.follow_once()
        if had_publication and any(map(_tells_of_a_newer, entries)):
            assert cache.get(RECORD.digest) is None, "a state that the feed has told to be old is still there"


def _entry(choices: Choices, number: int) -> dict[bytes, bytes]:
    fields = dict(zip(FIELDS, (b"%d" % number, b"1", b"6", _HEX, b"1"), strict=True))
    for _ in range(choices.number(3)):
        name = choices.one_of(FIELDS)
        if choices.number(4) == 0:
            fields.pop(name, None)
        else:
            fields[name] = choices.one_of((*VALUES, choices.taken()))
    return fields


def _streams(choices: Choices, entries: list[dict[bytes, bytes]]) -> Any:
    """As redis-py gives them in RESP2 and RESP3."""
    found = [(b"1-%d" % number, fields) for number, fields in enumerate(entries)]
    shapes = ([[b"changes", found]], {b"changes": [found]}, None)
    return choices.one_of(shapes[: PROTOCOLS - bool(entries)]) if found else None


def _tells_of_a_newer(fields: dict[bytes, bytes]) -> bool:
    """And can be read: of another it is known only that there is a gap."""
    try:
        numbers = [int(fields[name]) for name in (b"number", b"epoch", b"revision", b"committed_at")]
        is_readable = abs(numbers[3]) < _MILLISECONDS
        return is_readable and fields[b"digest"] == _HEX and Version(numbers[1], numbers[2]) > RECORD.version
    except (KeyError, ValueError):
        return False


def _seeds() -> Iterator[bytes]:
    yield b""
    for number in range(64):
        yield bytes((number * step) % 256 for step in range(1, 60))


TARGET = Target("feed_entries", _run, _seeds, longest=256)
