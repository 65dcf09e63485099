"""Keys are made, changed and ended all the time; each change is written down before the registry hears of it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from extauth.registry import times
from extauth.registry.client import Client, RefusedError, UnreachableError
from tests.linearizability.key_history import Change, KeyHistory
from tests.linearizability.key_pool import KeyPool, PooledKey
from tests.linearizability.key_state import NEVER, KeyState, Moment, Standing

READ = "read"
"""A scope that keys have and lose."""
LIVING = 150
"""Keys that are alive, more or less."""
PACE = 3.0
"""Changes a second."""
_SOON = 3.0
"""Seconds until a key expires, or its rotation is over."""
_REST = 0.1  # seconds
_SCOPES = ((READ,), (READ, "write"), ("write",))


class Churn:
    """A thread from `start` to `stop`. `failures` are changes of which it is not known whether the registry made them.

    While the registry cannot be reached, what may be asked for twice is asked for again, for `patience` seconds.
    """

    def __init__(
        self,
        registry: Client,
        pool: KeyPool,
        seed: int,
        *,
        living: int = LIVING,
        pace: float = PACE,
        patience: float = 0.0,
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._living = living
        self._pace = pace
        self._patience = patience
        self._chance = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="churn")
        self._acts: tuple[tuple[Callable[[PooledKey], None], int], ...] = (
            (self._revoke, 20),
            (self._rotate, 20),
            (self._rotate_at_once, 10),
            (self._expire_now, 10),
            (self._expire_soon, 15),
            (self._switch, 15),
            (self._change_scopes, 10),
        )
        self.done: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def start(self) -> None:
        """When the first keys are there."""
        for _ in range(self._living):
            self._pool.living.append(self.create())
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def create(self, tenant: str = "churn") -> PooledKey:
        """A key that is alive, and in no pool yet."""
        scopes = self._chance.choice(_SCOPES)
        history = KeyHistory()
        change = history.begin(time.monotonic(), KeyState(Standing.ACTIVE, frozenset(scopes)))
        made = self._registry.call("POST", "/v1/keys", {"name": "churn", "tenant": tenant, "scopes": list(scopes)})
        change.end(time.monotonic())
        return PooledKey(made["id"], made["secret"], history)

    def _run(self) -> None:
        acts, shares = zip(*self._acts, strict=True)
        while not self._stopping.wait(1 / self._pace):
            try:
                if len(self._pool.living) < self._living:
                    self._pool.living.append(self.create())
                    self.done["create"] += 1
                else:
                    (act,) = self._chance.choices(acts, shares)
                    act(self._chance.choice(self._pool.living))
                    self.done[act.__name__.strip("_").replace("_", " ")] += 1
            except (RefusedError, UnreachableError) as error:
                self.failures[str(error)] += 1

    def _revoke(self, key: PooledKey) -> None:
        self._pool.end(key)
        self._change(key, "revoke", replace(key.history.state, standing=Standing.REVOKED), {"reason": "churn"})

    def _rotate(self, key: PooledKey) -> None:
        self._pool.end(key)
        expiry = key.history.state.expiry.or_sooner(Moment(time.monotonic() + _SOON, NEVER.latest))
        self._succeed(key, replace(key.history.state, expiry=expiry), f"{_SOON:g}s")

    def _rotate_at_once(self, key: PooledKey) -> None:
        self._pool.end(key)
        self._succeed(key, replace(key.history.state, standing=Standing.REVOKED), "0s")

    def _expire_now(self, key: PooledKey) -> None:
        self._pool.end(key)
        state = replace(key.history.state, expiry=Moment(time.monotonic(), NEVER.latest))
        change = self._change(key, "expire", state, {})
        change.end(change.ended, replace(state, expiry=Moment(state.expiry.earliest, change.ended)))

    def _expire_soon(self, key: PooledKey) -> None:
        self._pool.end(key)
        at = times.now() + int(_SOON * 1000)
        moment = time.monotonic() + at / 1000 - time.time()
        state = replace(key.history.state, expiry=Moment(moment, moment))
        self._change(key, "expire", state, {"at": times.to_rfc3339(at)})

    def _switch(self, key: PooledKey) -> None:
        """Off, or on again."""
        is_on = key.history.state.standing is Standing.ACTIVE
        state = replace(key.history.state, standing=Standing.DISABLED if is_on else Standing.ACTIVE)
        self._change(key, "disable" if is_on else "enable", state)

    def _change_scopes(self, key: PooledKey) -> None:
        scopes = self._chance.choice(_SCOPES)
        change = key.history.begin(time.monotonic(), replace(key.history.state, scopes=frozenset(scopes)))
        self._insist("PATCH", f"/v1/keys/{key.id}", {"scopes": list(scopes)})
        change.end(time.monotonic())

    def _succeed(self, key: PooledKey, state: KeyState, grace: str) -> None:
        """A rotation: the old key goes on as `state` says, the new one has its rights."""
        heir, now, before = KeyHistory(), time.monotonic(), key.history.state
        change = key.history.begin(now, state)
        birth = heir.begin(now, KeyState(before.standing, before.scopes))
        made = self._registry.call("POST", f"/v1/keys/{key.id}/rotate", {"grace": grace})
        ended = time.monotonic()
        change.end(ended, replace(state, expiry=state.expiry.or_sooner(Moment(NEVER.earliest, ended + _SOON))))
        birth.end(ended)
        self._pool.living.append(PooledKey(made["id"], made["secret"], heir))

    def _change(self, key: PooledKey, what: str, state: KeyState, body: Mapping[str, str] | None = None) -> Change:
        change = key.history.begin(time.monotonic(), state)
        self._insist("POST", f"/v1/keys/{key.id}/{what}", body)
        change.end(time.monotonic())
        return change

    def _insist(self, method: str, path: str, body: Mapping[str, Any] | None) -> None:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._registry.call(method, path, body)
            except UnreachableError:
                if time.monotonic() > deadline or self._stopping.wait(_REST):
                    raise
            else:
                return
