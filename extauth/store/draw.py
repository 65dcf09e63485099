"""What a request draws on: buckets, and how many tokens of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from extauth.store.bucket import Shape


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket to take `cost` tokens from."""

    name: str
    """In Redis."""
    shape: Shape
    cost: int = 1
    leased: bool = False
    """Whether tokens may be taken ahead."""
    limit: str = ""
    """The name of the limit that it is for."""


class Draw:
    """The tokens that a request takes, all or none."""

    __slots__ = ("buckets", "is_leased", "tokens")

    def __init__(self, buckets: Sequence[Bucket]) -> None:
        self.buckets = tuple(buckets)
        """Those of one tenant are in one slot of a Redis Cluster; those that several tenants share may be elsewhere."""
        self.is_leased = all(bucket.leased for bucket in buckets)
        """Whether all of it may be had from memory."""
        self.tokens = tuple(bucket.name for bucket in buckets for _ in range(bucket.cost)) if self.is_leased else ()
        """The name of a bucket for each token, when all of them may be had from memory."""
