"""What can go wrong with Redis, in words of our own; redis-py's errors stop at this package's border."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)


class StoreUnavailableError(Exception):
    """Redis did not answer, or could not do what was asked. `kind` is a metric label from a closed set."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"Redis: {kind}")
        self.kind = kind


_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    # The most special first: redis-py derives several of these from ConnectionError.
    (BusyLoadingError, "loading"),
    (AuthenticationError, "authentication"),
    (RedisTimeoutError, "timeout"),
    (RedisConnectionError, "connection"),
    (ReadOnlyError, "read_only"),
    (OutOfMemoryError, "out_of_memory"),
    (OSError, "connection"),
)
ERROR_KINDS = (*dict.fromkeys(kind for _, kind in _KINDS), "reply", "deadline", "overload", "unpublished", "circuit")


def translate(error: BaseException) -> StoreUnavailableError:
    """Any error of redis-py or of a socket as StoreUnavailableError; `reply` for an answer that makes no sense."""
    return StoreUnavailableError(next((kind for types, kind in _KINDS if isinstance(error, types)), "reply"))


@contextmanager
def translated() -> Iterator[None]:
    """Run calls of redis-py; its errors come out as StoreUnavailableError."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise translate(error) from error
