"""What Redis does with the scripts of buckets, in Python: the same arithmetic, at times that a test chooses."""

from collections.abc import Sequence
from typing import Any

from extauth.store.bucket import Kept, Shape, debt_at, give_back, lease, spend
from extauth.store.scripts import BEAT, LEASE, SPEND


class ModelRedis:
    """Buckets by name. Replies have the form that redis-py gives them; `now` is in microseconds."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.calls = 0

    def evalsha(self, now: int, sha: str, count: int, *rest: Any) -> Any:
        self.calls += 1
        names, arguments = rest[:count], [*rest[count:]]
        run = {SPEND.sha: self.spend, LEASE.sha: self.lease, BEAT.sha: lambda *_: 1}[sha]
        return run(now, names, arguments)

    def spend(self, now: int, names: Sequence[str], arguments: Sequence[int]) -> list[Any]:
        shapes = [Shape(*arguments[at : at + 3]) for at in range(0, len(arguments), 5)]
        costs = arguments[4::5]
        found = [self._read(name, shape, now) for name, shape in zip(names, shapes, strict=True)]
        levels = spend([debt for debt, _ in found], shapes, costs)
        allowed = all(level.enough for level in levels)
        reply: list[Any] = [str(now).encode()]
        for name, level, cost, (_, taken) in zip(names, levels, costs, found, strict=True):
            reply += [int(level.enough), str(level.debt).encode()]
            since = self.kept[name].since if name in self.kept else now
            if allowed or since > now:
                self._write(name, level.shape, level.debt, taken + cost * allowed, now)
        return reply

    def lease(self, now: int, names: Sequence[str], arguments: Sequence[int]) -> list[Any]:
        reply: list[Any] = [str(now).encode()]
        for index, name in enumerate(names):
            amount, period, burst, _, wanted, share, returned, taken_then = arguments[8 * index : 8 * index + 8]
            shape = Shape(amount, period, burst)
            debt, taken = self._read(name, shape, now)
            debt = give_back(debt, shape, returned, taken - taken_then)
            granted = lease(debt, shape, wanted, share)
            debt, taken = debt + granted * shape.period, taken + granted
            self._write(name, shape, debt, taken, now)
            reply += [granted, str(debt).encode(), str(taken).encode()]
        return reply

    def _read(self, name: str, shape: Shape, now: int) -> tuple[int, int]:
        kept = self.kept.get(name)
        return debt_at(kept, shape, now), kept.taken if kept else now

    def _write(self, name: str, shape: Shape, debt: int, taken: int, now: int) -> None:
        if debt:
            self.kept[name] = Kept(debt, now, shape.period, taken)
        else:
            self.kept.pop(name, None)
