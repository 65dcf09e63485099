"""Making a Redis connection with every wait bounded and nothing retried behind our back."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from extauth.settings.redis import RedisSettings


def connect(settings: RedisSettings, *, timeout: float | None = None, connections: int = 4) -> redis.Redis:
    """A client for `settings`; connects on first use. `timeout` replaces the settings' own, in seconds.

    Retries are off: a caller on the Check path decides itself, within its deadline, whether to ask again.
    """
    options: dict[str, Any] = {
        "username": settings.username,
        "password": settings.password.read() if settings.password else None,
        "socket_timeout": settings.timeout if timeout is None else timeout,
        "socket_connect_timeout": settings.connect_timeout,
        "protocol": settings.protocol,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "max_connections": connections,
        "client_name": "extauth",
    }
    if settings.url.startswith("unix:"):
        del options["socket_connect_timeout"]
    if settings.url.startswith("rediss:") and settings.tls_ca_file:
        options["ssl_ca_certs"] = settings.tls_ca_file
    return redis.Redis.from_url(settings.url, **options)
