"""A Redis Cluster that is looked for when it is first needed: redis-py's own client connects as it is made."""

import threading
from collections.abc import Callable
from typing import Any, Self

import redis
from redis.cluster import ClusterNode, RedisCluster


class LazyCluster:
    """Has all that RedisCluster has, whose errors any use may raise. From any thread."""

    def __init__(self, make: Callable[[], RedisCluster]) -> None:
        self._make = make
        self._made: RedisCluster | None = None
        self._lock = threading.Lock()

    def found(self) -> RedisCluster:
        """The Cluster, found now at the latest."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever RedisCluster has)
        return getattr(self.found(), name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def primaries(client: redis.Redis) -> list[redis.Redis]:
    """The nodes that have keys: those of a Cluster, as far as it is known, or the only one."""
    if not isinstance(client, LazyCluster):
        return [client]
    found = client.found()
    nodes: list[ClusterNode] = found.get_primaries()  # type: ignore[no-untyped-call] # in redis-py
    return [found.get_redis_connection(node) for node in nodes]
