"""Making a Redis connection with every wait bounded and nothing retried behind our back."""

from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from extauth.settings.redis import RedisSettings, SentinelSettings
from extauth.settings.values import host_and_port
from extauth.store.lazy_cluster import LazyCluster


def connect(settings: RedisSettings, *, timeout: float | None = None, connections: int = 4) -> redis.Redis:
    """A client for `settings`; connects on first use. `timeout` replaces the settings' own, in seconds.

    Retries are off: a caller on the Check path decides itself, within its deadline, whether to ask again. Only a
    Cluster's redirections are followed.
    """
    options = _options(settings, timeout, connections)
    if settings.cluster is not None:
        # RedisCluster has the commands of Redis, but no base in common with it.
        return cast("redis.Redis", LazyCluster(lambda: _cluster(settings, options)))
    if settings.sentinel is not None:
        return _master(settings, settings.sentinel, options)
    if settings.url.startswith("unix:"):
        del options["socket_connect_timeout"]
    return redis.Redis.from_url(settings.url, **options, retry=_no_retry())


def cluster(settings: RedisSettings, *, connections: int) -> LazyCluster:
    """A client of the Cluster in `settings`, which must name one."""
    options = _options(settings, None, connections)
    return LazyCluster(lambda: _cluster(settings, options))


def _options(settings: RedisSettings, timeout: float | None, connections: int) -> dict[str, Any]:
    """What any kind of client is made with. Raises SecretError."""
    options: dict[str, Any] = {
        "username": settings.username,
        "password": settings.password.read() if settings.password else None,
        "socket_timeout": settings.timeout if timeout is None else timeout,
        "socket_connect_timeout": settings.connect_timeout,
        "protocol": settings.protocol,
        "max_connections": connections,
        "client_name": "extauth",
    }
    if settings.uses_tls:
        options.update(_tls(settings))
    if settings.uses_tls and (settings.cluster or settings.sentinel):
        options["ssl"] = True
    return options


def _tls(settings: RedisSettings) -> dict[str, str]:
    """The files, which redis-py reads for each new connection, so that those that change need no restart."""
    options = {"ssl_ca_certs": settings.tls_ca_file} if settings.tls_ca_file else {}
    if settings.tls_certificate_file and settings.tls_key_file:
        options["ssl_certfile"], options["ssl_keyfile"] = settings.tls_certificate_file, settings.tls_key_file
        options["ssl_password"] = ""  # else OpenSSL asks for one at the terminal
    return options


def _no_retry() -> Retry:
    return Retry(NoBackoff(), 0)


def _cluster(settings: RedisSettings, options: dict[str, Any]) -> RedisCluster:
    assert settings.cluster is not None
    return RedisCluster(
        startup_nodes=[_node(address) for address in settings.cluster.nodes],
        # The nodes' addresses may all be others after a while, as in Kubernetes; those in the settings stay.
        dynamic_startup_nodes=False,
        require_full_coverage=True,  # slots of a dead node count; a Cluster in the making is none yet
        retry=_no_retry(),
        **options,
    )


def _node(address: str) -> ClusterNode:
    return ClusterNode(*host_and_port(address))  # type: ignore[no-untyped-call] # in redis-py


def _master(settings: RedisSettings, sentinel: SentinelSettings, options: dict[str, Any]) -> redis.Redis:
    """A client that asks the sentinels for the master before it connects."""
    for_sentinels: dict[str, Any] = {
        "username": sentinel.username,
        "password": sentinel.password.read() if sentinel.password else None,
        "socket_timeout": settings.connect_timeout,  # asking them is a part of connecting
        "socket_connect_timeout": settings.connect_timeout,
        "retry": _no_retry(),
        **{name: value for name, value in options.items() if name == "protocol" or name.startswith("ssl")},
    }
    sentinels: Any = Sentinel  # redis-py does not type it
    known = sentinels([host_and_port(address) for address in sentinel.nodes], sentinel_kwargs=for_sentinels)
    client: redis.Redis = known.master_for(sentinel.service, db=sentinel.database, **options, retry=_no_retry())
    return client
