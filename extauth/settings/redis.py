"""Where Redis is and how long to wait for it. The sidecar and the registry describe it in the same words."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from extauth.settings.model import Settings
from extauth.settings.values import Duration, SecretReference, TcpAddress

_URL = re.compile(r"(redis|rediss)://[^@/]+(/\d+)?|unix:///[^@?]+(\?db=\d+)?")


def _url(value: object) -> object:
    if isinstance(value, str) and not _URL.fullmatch(value):
        raise ValueError(
            "is not a Redis URL without credentials: use redis://, rediss:// or unix:///, and `password`; for several "
            "nodes use `cluster` or `sentinel` in its place"
        )
    return value


class ClusterSettings(Settings):
    """A Redis Cluster."""

    nodes: list[TcpAddress] = Field(min_length=1)
    """Some of its nodes, best one on each machine, or a name that leads to all: the others are found through them."""
    tls: bool = False
    """Whether its nodes speak TLS. They must announce names that stand in their certificates."""


class SentinelSettings(Settings):
    """Sentinels, which know the master of a service."""

    service: str = Field(min_length=1)
    """The name under which they monitor it."""
    nodes: list[TcpAddress] = Field(min_length=1)
    """All of the sentinels; they are asked in turn."""
    username: str | None = None
    """ACL user of the sentinels themselves."""
    password: SecretReference | None = None
    """Where the password of the sentinels themselves is kept. That of Redis is `redis.password`."""
    database: int = Field(default=0, ge=0)
    """Number of the database in Redis."""
    tls: bool = False
    """Whether Redis and the sentinels speak TLS."""


class RedisSettings(Settings):
    """Redis 6.2 or later, which must not evict keys (`maxmemory-policy noeviction`)."""

    url: Annotated[str, BeforeValidator(_url)] = "redis://127.0.0.1:6379/0"
    """One Redis: redis://host:port/db, rediss:// for TLS, or unix:///path. Credentials stay out of it: they would be
    logged."""
    cluster: ClusterSettings | None = None
    """A Redis Cluster, in place of `url`."""
    sentinel: SentinelSettings | None = None
    """A Redis behind sentinels, in place of `url`."""
    username: str | None = None
    """ACL user."""
    password: SecretReference | None = None
    """Where the ACL user's password is kept."""
    tls_ca_file: str | None = None
    """CA bundle for TLS; the system's when left out. It and the two below are read again for each new connection."""
    tls_certificate_file: str | None = None
    """Certificate of ours in PEM, for a Redis with `tls-auth-clients yes`."""
    tls_key_file: str | None = None
    """Its private key in PEM, without a passphrase."""
    namespace: str = Field(default="extauth", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Begins every key in Redis, so that several installations can share one."""
    protocol: Literal[2, 3] = 3
    """RESP version; some proxies speak only 2."""
    timeout: Duration = Field(default=0.05, gt=0, le=10)
    """Longest wait for one answer on the Check path."""
    connect_timeout: Duration = Field(default=0.25, gt=0, le=10)
    """Longest wait for a connection."""

    @model_validator(mode="after")
    def _one_place(self) -> "RedisSettings":
        places = [name for name in ("url", "cluster", "sentinel") if name in self.model_fields_set]
        if len([name for name in places if getattr(self, name) is not None]) > 1:
            raise ValueError(f"Redis is in one place: use only one of {', '.join(places)}")
        return self

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> "RedisSettings":
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("a certificate and its key belong together: use tls_certificate_file and tls_key_file")
        return self

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        place = self.cluster or self.sentinel
        return place.tls if place else self.url.startswith("rediss:")
