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
    """The tokens that a request takes, all or none; the same for each request of a caller, and made once."""

    __slots__ = ("buckets", "is_leased", "tokens")

    def __init__(self, buckets: Sequence[Bucket]) -> None:
        self.buckets = tuple(buckets)
        """Of one tenant, and so in one slot of a Redis Cluster."""
        self.tokens = tuple(bucket.name for bucket in buckets for _ in range(bucket.cost))
        """The name of a bucket for each token."""
        self.is_leased = all(bucket.leased for bucket in buckets)
        """Whether all of it may be had from memory."""
