"""Which buckets a request draws on."""

from extauth.check.caller import Caller
from extauth.policy.schema import Api, Limit
from extauth.store.bucket import Shape
from extauth.store.draw import Bucket, Draw
from extauth.store.names import Names

_FAST = 50
"""Tokens a second, from which on asking Redis for each of them is a burden."""


class Limiter:
    """The limits of one API."""

    def __init__(self, api: Api, names: Names) -> None:
        self._api = api.name
        self._names = names
        self._limits = [(limit.name, limit.by, shape_of(limit), is_leased(limit)) for limit in api.limits]

    def draw(self, caller: Caller) -> Draw:
        """What each request of this caller takes, in the order of the file."""
        return Draw(
            [
                Bucket(self._name(caller, name, by), shape, leased=leased, limit=name)
                for name, by, shape, leased in self._limits
            ]
        )

    def _name(self, caller: Caller, limit: str, by: str) -> str:
        return self._names.bucket(caller.bucket_tenant, self._api, limit, caller.bucket if by == "key" else "")


def shape_of(limit: Limit) -> Shape:
    return Shape.of(limit.rate.amount, limit.rate.period, limit.size)


def is_leased(limit: Limit) -> bool:
    """Whether its tokens may be taken ahead: `auto` does so where the rate is a burden for Redis, and where what leases
    may add, a quarter of a second of the rate, is at most a quarter of the burst.
    """
    if limit.mode == "auto":
        return shape_of(limit).rate >= _FAST and limit.size >= shape_of(limit).rate
    return limit.mode == "leased"
