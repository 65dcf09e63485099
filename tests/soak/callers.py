"""Callers who ask through Envoy at a steady rate, and judge each answer as it comes."""

import http.client
import json
import math
import random
import threading
import time
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.linearizability.churn import READ
from tests.linearizability.key_pool import KeyPool, PooledKey
from tests.linearizability.key_state import OK

PROMISE = 1.0
"""Seconds from a change's commit until every request that begins is answered by it (docs/reliability.md)."""
TIGHT = {"tight-leased": 0.2, "tight-exact": 1 / 15}
"""APIs whose limit is reached, with their share of all requests. Each has one key, which stays as it is."""
_APIS = ("plain", "exact", "leased", "scoped")
_LIMITED = "rate_limited"
_CALLERS = 4
_PATIENCE = 5.0  # seconds
_HOPELESS = 1.0  # seconds behind: what was missed is left out
_EXAMPLES = 20


@dataclass
class Tally:
    """What came of the requests."""

    answers: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """Nobody's verdict: `unavailable`, or no answer."""
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    """Of wrong verdicts, each in words."""
    oldest: float = 0.0
    """Seconds: the longest that a request began after the last moment at which its answer was right."""
    admitted: Counter[str] = field(default_factory=Counter)
    """By tight API."""
    missed: int = 0
    """Requests that were not made in time."""
    seconds: "array[float]" = field(default_factory=lambda: array("f"))

    @property
    def requests(self) -> int:
        return self.answers.total() + self.errors.total()

    def add(self, other: "Tally") -> None:
        self.answers += other.answers
        self.errors += other.errors
        self.wrong += other.wrong
        self.admitted += other.admitted
        self.examples += other.examples
        self.missed += other.missed
        self.oldest = max(self.oldest, other.oldest)
        self.seconds += other.seconds


class Callers:
    """Threads from `start` to `stop`, which returns what came of it."""

    def __init__(self, envoy: str, pool: KeyPool, tight: Mapping[str, PooledKey], rate: float, seed: int) -> None:
        self._stopping = threading.Event()
        self._callers = [
            _Caller(envoy, pool, tight, rate / _CALLERS, random.Random(seed + number)) for number in range(_CALLERS)
        ]
        self._threads = [
            threading.Thread(target=caller.run, args=(self._stopping,), name="caller") for caller in self._callers
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> Tally:
        self._stopping.set()
        tally = Tally()
        for thread, caller in zip(self._threads, self._callers, strict=True):
            thread.join()
            tally.add(caller.tally)
        return tally


class _Caller:
    """One connection, one request at a time, at times that chance chooses."""

    def __init__(
        self, envoy: str, pool: KeyPool, tight: Mapping[str, PooledKey], rate: float, chance: random.Random
    ) -> None:
        self._connection = http.client.HTTPConnection(envoy, timeout=_PATIENCE)
        self._pool = pool
        self._tight = tight
        self._rate = rate
        self._chance = chance
        self.tally = Tally()

    def run(self, stopping: threading.Event) -> None:
        due = time.monotonic()
        while not stopping.wait(max(0.0, due - time.monotonic())):
            behind = time.monotonic() - due
            if behind > _HOPELESS:
                self.tally.missed += int(behind * self._rate)
                due = time.monotonic()
            due += self._chance.expovariate(self._rate)
            self._ask()
        self._connection.close()

    def _ask(self) -> None:
        api, key = self._choose()
        begun = time.monotonic()
        answer = self._answer(api, key.secret)
        ended = time.monotonic()
        self.tally.seconds.append(ended - begun)
        if answer is None:
            return
        self.tally.answers[answer] += 1
        if api in TIGHT and answer in {OK, _LIMITED}:
            self.tally.admitted[api] += answer == OK
        else:
            self._judge(api, key, answer, begun, ended)

    def _choose(self) -> tuple[str, PooledKey]:
        number = self._chance.random()
        for api, share in TIGHT.items():
            if number < share:
                return api, self._tight[api]
            number -= share
        return self._chance.choice(_APIS), self._pool.choose(self._chance)

    def _answer(self, api: str, secret: str) -> str | None:
        """`ok` or the reason of a denial; None for an error, which is counted."""
        try:
            self._connection.request("GET", f"/{api}/things", headers={"x-api-key": secret})
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self.tally.errors[type(error).__name__] += 1
            return None
        if response.status == http.client.OK:
            return OK
        reason = _reason(body)
        if response.status >= http.client.INTERNAL_SERVER_ERROR or reason is None:
            self.tally.errors[f"{response.status} {reason or ''}".strip()] += 1
            return None
        return reason

    def _judge(self, api: str, key: PooledKey, answer: str, begun: float, ended: float) -> None:
        scope = READ if api == "scoped" else None
        until = key.history.right_until(answer, begun, ended, scope)
        age = math.inf if until is None else max(0.0, begun - until)
        if age < math.inf:
            self.tally.oldest = max(self.tally.oldest, age)
        if age > PROMISE:
            self.tally.wrong[answer] += 1
            if len(self.tally.examples) < _EXAMPLES:
                told = f"{answer} on {api}, right until {age:.3f} s before; key {key.id}"
                self.tally.examples.append(f"{told}, asked at {begun:.3f}, {_told(key, begun)}")


def _told(key: PooledKey, now: float) -> str:
    """Its changes, with seconds from `now`."""
    changes = (
        f"{change.state.standing.name} {sorted(change.state.scopes)} {change.begun - now:.3f}..{change.ended - now:.3f}"
        for change in key.history.changes[1:]
    )
    return "; ".join(changes)


def _reason(body: bytes) -> str | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return str(found["error"]) if isinstance(found, dict) and "error" in found else None
