"""registry.yaml: where the keys are kept, who may change them and how they travel to Redis."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from extauth.keys.settings import Peppers
from extauth.keys.token import PREFIX_PATTERN
from extauth.registry.console.oidc_settings import ConsoleSettings
from extauth.registry.health_settings import HealthSettings
from extauth.registry.leak_settings import LeakReportSettings
from extauth.registry.usage_settings import UsageSettings
from extauth.settings.model import Settings
from extauth.settings.redis import RedisSettings
from extauth.settings.tls import ServerTls
from extauth.settings.values import Address, Duration, SecretReference
from extauth.telemetry.logs import LogSettings

_BACKENDS = {"sqlite", "postgresql"}


def _database(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError(
            "is not a database URL: use sqlite:///path or postgresql://user@host/database"
        ) from None  # the text may hold a password
    if url.get_backend_name() not in _BACKENDS:
        raise ValueError(
            f"{url.get_backend_name()} is not supported: use sqlite:///path or postgresql://user@host/name"
        )
    if url.password is not None or "password" in url.query:
        raise ValueError("a password does not belong in a URL, which is logged: use database_password")
    if _in_memory(url):
        raise ValueError("keys in memory are lost at the next start: use sqlite:///path")
    return text


def _in_memory(url: URL) -> bool:
    if url.get_backend_name() != "sqlite":
        return False
    return not url.database or ":memory:" in url.database or "memory" in str(url.query.get("mode", ""))


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("is not a network: use an address and a length, such as 10.0.0.0/8") from None


Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "2001:db8::/32"]}),
]


class ListenSettings(Settings):
    """Where the registry answers."""

    http: Address = "127.0.0.1:9903"
    """REST API, health and metrics."""
    grpc: Address | None = "127.0.0.1:9904"
    """The gRPC service KeyRegistry; null switches it off."""
    tls: ServerTls | None = None
    """TLS on both, where they are TCP addresses."""


class KeySettings(Settings):
    """How new keys look and how all keys are stored."""

    prefix: str = Field(default="ea", pattern=f"^{PREFIX_PATTERN.pattern}$")
    """Begins every new key, so that secret scanners can find it."""
    peppers: Peppers
    """Secrets of the stored digests; new keys use the first one."""


class PublishSettings(Settings):
    """How changes travel on."""

    poll_interval: Duration = Field(default=0.1, ge=0.01, le=10)
    """How often the database is asked for new changes."""
    reconcile_interval: Duration = Field(default=60.0, ge=1, le=86400)
    """How often all of Redis is compared with the database."""
    reconcile_rate: float = Field(default=2000, ge=100, le=1_000_000)
    """How many keys of each are compared in a second, at most."""
    lease: Duration = Field(default=2.0, ge=0.5, le=60)
    """How long a replica that publishes may be silent before another one takes its place."""


class RegistrySettings(Settings):
    """The whole of registry.yaml."""

    database: Annotated[str, AfterValidator(_database)] = "sqlite:///extauth-registry.db"
    """SQLAlchemy URL without a password: sqlite:///relative, sqlite:////absolute, postgresql://user@host/name."""
    database_password: SecretReference | None = None
    """Where the database user's password is kept."""
    listen: ListenSettings = ListenSettings()
    admin_token: SecretReference | None = None
    """Where a first admin token is kept, for demos and secret managers: an owner of all tenants; 16 characters or more.

    Without it `extauth registry init` makes the first one.
    """
    trusted_proxies: tuple[Network, ...] = Field(default=(), max_length=64)
    """Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8; none by default."""
    keys: KeySettings
    redis: RedisSettings = RedisSettings()
    publish: PublishSettings = PublishSettings()
    usage: UsageSettings = UsageSettings()
    health: HealthSettings = HealthSettings()
    leak_reports: LeakReportSettings = LeakReportSettings()
    console: ConsoleSettings = ConsoleSettings()
    log: LogSettings = LogSettings()
