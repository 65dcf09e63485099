"""extauth.yaml: all settings of a sidecar, the policy among them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from extauth.bearer.settings import BearerSettings
from extauth.keys.settings import Peppers
from extauth.policy.check_log import CheckLogSettings
from extauth.policy.credentials import KEY
from extauth.policy.endpoints import endpoints
from extauth.policy.envoy_secret import EnvoySecretSettings
from extauth.policy.errors import Errors
from extauth.policy.http_check import HttpCheckSettings
from extauth.policy.key_guessing import KeyGuessing
from extauth.policy.outage import OutageSettings
from extauth.policy.schema import Api, Apis
from extauth.settings.model import Settings
from extauth.settings.redis import RedisSettings
from extauth.settings.tls import ServerTls
from extauth.settings.values import Address, Duration, TcpAddress, format_duration, parse_address
from extauth.telemetry.logs import LogSettings
from extauth.telemetry.tracing_settings import TracingSettings


def _distinct(addresses: Sequence[str]) -> Sequence[str]:
    if len(set(addresses)) < len(addresses):
        raise ValueError("an address stands here twice: use each once")
    return addresses


class ListenSettings(Settings):
    """Where the sidecar listens."""

    grpc: Annotated[tuple[Address, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        "unix:/run/extauth/extauth.sock",
    )
    """For Envoy. A unix socket is faster than TCP, and file permissions guard it."""
    socket_mode: str = Field(default="0660", pattern=r"^0?[0-7]{3}$")
    """Permissions of unix sockets, octal."""
    transport: Literal["lean", "stock"] = "lean"
    """`lean` is a loop of our own on grpcio's completion queue, which costs a fraction of the CPU of grpcio's own
    server, `stock`. It gives way to that, with a warning, where it does not work with the grpcio that is installed."""
    tls: ServerTls | None = None
    """TLS on the TCP addresses of `grpc`; unix sockets are guarded by their permissions."""
    envoy_secret: EnvoySecretSettings | None = None
    """A secret that Envoy must send with each check. Left out, whoever can connect may ask."""
    admin: TcpAddress = "127.0.0.1:9902"
    """For /metrics, /healthz and /readyz."""
    admin_tls: ServerTls | None = None
    """TLS on `admin`."""


class CacheSettings(Settings):
    """The near cache: keys in this process's memory."""

    size: int = Field(default=100_000, ge=1, le=10_000_000)
    """Most keys held; about 1 kB each."""
    max_staleness: Duration = Field(default=5.0, gt=0, le=300)
    """While the change feed is silent, how old a record may be before it is read again."""
    max_stale: Duration = Field(default=3600.0, ge=0, le=86400 * 7)
    """While Redis is away, how long known keys go on working. A revocation cannot reach the sidecar in that time."""
    negative: Duration = Field(default=5.0, ge=0, le=300)
    """While the change feed is silent, how long it is remembered that a key does not exist."""


class CheckSettings(Settings):
    """Bounds of one check."""

    timeout: Duration = Field(default=0.15, gt=0, le=10)
    """Longest wait for Redis in one check; keep it below the timeout of Envoy's filter (200ms by default)."""
    max_message_size: int = Field(default=1_048_576, ge=4096, le=16_777_216)
    """Largest CheckRequest accepted, bytes."""
    threads: int = Field(default=16, ge=1, le=256)
    """Threads of the `stock` transport: checks that it works on at the same time."""
    max_pending: int = Field(default=2_000, ge=1, le=100_000)
    """Checks that may wait at the same time for Redis or an authorization server; what comes beyond that is refused at
    once as `overloaded`. Keys in memory are not concerned."""


class ShutdownSettings(Settings):
    """What happens after SIGTERM."""

    delay: Duration = Field(default=0.0, ge=0, le=300)
    """How long to go on serving, not ready, before refusing new checks. Give Envoy time to drain first."""
    grace: Duration = Field(default=5.0, ge=0, le=300)
    """How long checks under way may take."""


class ReadinessSettings(Settings):
    """What /readyz of a sidecar that was ready once looks at."""

    needs_redis: bool = False
    """Whether it is not ready while Redis is away. All sidecars lose Redis at the same time, and Kubernetes then sends
    nobody to any of them: keys in memory would stop working too."""


class UsageSettings(Settings):
    """Counting who called what, for the registry's ledger."""

    enabled: bool = True
    """Whether checks of known callers are counted."""
    flush_interval: Duration = Field(default=10.0, ge=1, le=300)
    """How often the counts go to Redis; what was not sent is lost when the sidecar is killed."""


class KeySettings(Settings):
    """How keys are recognised."""

    peppers: Peppers
    """The registry's peppers."""
    prefixes: tuple[Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9_]{0,30}[a-z0-9])?$")], ...] = ()
    """Prefixes accepted here; any when left out. A key for production then fails in staging without a lookup."""
    imported: bool = False
    """Whether imported keys of another system are accepted too: any text of 16 to 512 characters. What nobody has then
    costs a lookup, since no checksum tells it from a key; and they need a place of their own, where no token may stand.
    """


def _refuse_staler(outage: OutageSettings, info: ValidationInfo, where: str = "") -> None:
    cache = info.data.get("cache")
    if cache is not None and outage.max_stale is not None and outage.max_stale > cache.max_stale:
        longest = format_duration(cache.max_stale)
        raise ValueError(f"{where}outage.max_stale is longer than cache.max_stale: use at most {longest}")


class SidecarSettings(Settings):
    """extauth.yaml."""

    listen: ListenSettings = ListenSettings()
    http: HttpCheckSettings = HttpCheckSettings()
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that answer checks. With more than one, each has a unix socket of its own, named
    `extauth-0.sock`, `extauth-1.sock` ... for `extauth.sock`, over which Envoy balances; TCP ports are shared. Worth it
    only with that many cores to spare."""
    redis: RedisSettings = RedisSettings()
    keys: KeySettings
    cache: CacheSettings = CacheSettings()
    check: CheckSettings = CheckSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    readiness: ReadinessSettings = ReadinessSettings()
    usage: UsageSettings = UsageSettings()
    log: LogSettings = LogSettings()
    check_log: CheckLogSettings = CheckLogSettings()
    tracing: TracingSettings = TracingSettings()
    bearer: BearerSettings = BearerSettings()
    """Whose bearer tokens are accepted beside API keys."""
    key_guessing: KeyGuessing = KeyGuessing()
    outage: OutageSettings = OutageSettings()
    """What APIs do while Redis is away, where they do not say."""
    apis: Apis
    errors: Errors = Field(default_factory=dict)
    """What refused callers are told, by reason, where an API does not say."""

    @field_validator("workers")
    @classmethod
    def _sockets_fit(cls, workers: int, info: ValidationInfo) -> int:
        listen, http = info.data.get("listen"), info.data.get("http")
        if listen is not None and http is not None:  # else they have problems of their own, which are told
            for address in endpoints((*listen.grpc, *http.listen), workers):
                parse_address(address)
        return workers

    @field_validator("outage")
    @classmethod
    def _no_staler_than_the_cache(cls, outage: OutageSettings, info: ValidationInfo) -> OutageSettings:
        _refuse_staler(outage, info)
        return outage

    @field_validator("apis")
    @classmethod
    def _apis_no_staler_than_the_cache(cls, apis: tuple[Api, ...], info: ValidationInfo) -> tuple[Api, ...]:
        for api in apis:
            _refuse_staler(api.outage, info, f"api {api.name!r}: ")
        return apis

    @field_validator("apis")
    @classmethod
    def _issuers_exist(cls, apis: tuple[Api, ...], info: ValidationInfo) -> tuple[Api, ...]:
        bearer = info.data.get("bearer")
        if bearer is None:  # it has problems of its own, which are told
            return apis
        known = {KEY, *(issuer.name for issuer in (*bearer.issuers, *bearer.introspection))}
        for api in apis:
            for name in {name for source in api.credentials for name in source.accepts} - known:
                raise ValueError(
                    f"api {api.name!r} accepts {name!r}, which is no issuer: use {', '.join(sorted(known))}"
                )
        return apis
