"""What can go wrong with Redis, in words of our own; redis-py's errors stop at this package's border."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

CLIENT_ERRORS = (RedisError, RedisClusterException, OSError)
"""All that a call of redis-py may raise."""


_OUTAGES = frozenset({"circuit", "cluster", "connection", "loading", "timeout"})


class StoreUnavailableError(Exception):
    """Redis did not answer, or could not do what was asked. `kind` is a metric label from a closed set."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"Redis: {kind}")
        self.kind = kind

    @property
    def is_outage(self) -> bool:
        """Whether Redis is away: not when we are too slow for what is asked of us, which anybody can bring about."""
        return self.kind in _OUTAGES


class RedirectedError(StoreUnavailableError):
    """Another node of the Cluster has it: `answer` says which, for good (MOVED) or for this once (ASK)."""

    def __init__(self, answer: AskError) -> None:
        super().__init__("redirected")
        self.answer = answer


_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    # The most special first: redis-py derives several of these from ConnectionError.
    (BusyLoadingError, "loading"),
    (AuthenticationError, "authentication"),
    (RedisTimeoutError, "timeout"),
    (RedisConnectionError, "connection"),
    (ReadOnlyError, "read_only"),
    (OutOfMemoryError, "out_of_memory"),
    (AskError, "redirected"),
    # A Cluster that lacks slots, is moving them, or cannot be found.
    (ClusterError, "cluster"),
    (TryAgainError, "cluster"),
    (RedisClusterException, "cluster"),
    (OSError, "connection"),
)
ERROR_KINDS = (*dict.fromkeys(kind for _, kind in _KINDS), "reply", "deadline", "overload", "unpublished", "circuit")


def translate(error: BaseException) -> StoreUnavailableError:
    """Any error of redis-py or of a socket as StoreUnavailableError; `reply` for an answer that makes no sense."""
    if isinstance(error, AskError):
        return RedirectedError(error)
    if is_demoted(error):
        return StoreUnavailableError("read_only")
    if isinstance(error, RedisClusterException) and error.__cause__ is not None:  # why the Cluster cannot be found
        return translate(error.__cause__)
    return StoreUnavailableError(next((kind for types, kind in _KINDS if isinstance(error, types)), "reply"))


def is_demoted(error: object) -> bool:
    """Whether Redis is a replica by now. Redis 6.2 says so of a script in the middle of its answer."""
    return isinstance(error, ReadOnlyError) or (isinstance(error, ResponseError) and "-READONLY" in str(error))


@contextmanager
def translated() -> Iterator[None]:
    """Run calls of redis-py; its errors come out as StoreUnavailableError."""
    try:
        yield
    except CLIENT_ERRORS as error:
        raise translate(error) from error
