"""Where Redis is and how long to wait for it. The sidecar and the registry describe it in the same words."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from extauth.settings.model import Settings
from extauth.settings.values import Duration, SecretReference

_URL = re.compile(r"(redis|rediss)://[^@/]+(/\d+)?|unix:///[^@?]+(\?db=\d+)?")


def _url(value: object) -> object:
    if isinstance(value, str) and not _URL.fullmatch(value):
        raise ValueError("is not a Redis URL without credentials: use redis://, rediss:// or unix:///, and `password`")
    return value


class RedisSettings(Settings):
    """Redis 6.2 or later, which must not evict keys (`maxmemory-policy noeviction`)."""

    url: Annotated[str, BeforeValidator(_url)] = "redis://127.0.0.1:6379/0"
    """redis://host:port/db, rediss:// for TLS, or unix:///path. Credentials stay out of it: they would be logged."""
    username: str | None = None
    """ACL user."""
    password: SecretReference | None = None
    """Where the ACL user's password is kept."""
    tls_ca_file: str | None = None
    """CA bundle for rediss://; the system's when left out."""
    namespace: str = Field(default="extauth", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Begins every key in Redis, so that several installations can share one."""
    protocol: Literal[2, 3] = 3
    """RESP version; some proxies speak only 2."""
    timeout: Duration = Field(default=0.05, gt=0, le=10)
    """Longest wait for one answer on the Check path."""
    connect_timeout: Duration = Field(default=0.25, gt=0, le=10)
    """Longest wait for a connection."""
