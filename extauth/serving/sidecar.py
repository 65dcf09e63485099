"""The sidecar: all of its parts, in the order in which they start, and stop in reverse."""

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from extauth.check.decide import UsageOutcome
from extauth.policy.settings import SidecarSettings
from extauth.serving import garbage
from extauth.serving.bearer_tokens import BearerTokens
from extauth.serving.certificates import Certificates
from extauth.serving.components import Component, Components
from extauth.serving.engine import Parts
from extauth.serving.envoy_secret import EnvoySecret
from extauth.serving.http_check.optional import http_check
from extauth.serving.optional_tracing import engine_for
from extauth.serving.rate_limits import RateLimits
from extauth.serving.sockets import Claim
from extauth.serving.transport import TransportOptions
from extauth.serving.transport_choice import choose
from extauth.store.client import connect
from extauth.store.feed import FEED_PATIENCE, FeedFollower
from extauth.store.key_reader import KeyReader
from extauth.store.names import Names
from extauth.store.near_cache import Freshness, NearCache
from extauth.store.queues import queue_for
from extauth.store.usage import UsageBuffer
from extauth.telemetry.background_log import BackgroundLog
from extauth.telemetry.logs import logger
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from extauth.telemetry.usage_metrics import UsageMetrics
from extauth.tls.certificate import ServerCertificate

_log = logger(__name__)

_USAGE_PATIENCE = 2.0  # seconds; no check waits for it
_OCTAL = 8


class Sidecar:
    """`prepare`, `listen`, then `stop`. `listeners` are those of the process, of which TLS may be wanted.

    Raises SecretError, MissingExtraError, TlsError and BindError when it cannot start.
    """

    def __init__(
        self, settings: SidecarSettings, claim: Claim = Claim.ALONE, listeners: Sequence[str] = ("grpc",)
    ) -> None:
        self._settings = settings
        self._draining = False
        self._serving = False
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        metrics = SidecarMetrics(registry)
        names = Names(settings.redis.namespace)
        freshness = Freshness(settings.cache.max_staleness, settings.cache.max_stale, settings.cache.negative)
        cache = NearCache(settings.cache.size, freshness)
        self._queue = queue_for(settings.redis, metrics)
        feed_client = connect(settings.redis, timeout=FEED_PATIENCE, connections=1)
        self._feed = FeedFollower(feed_client, names, cache, metrics, failed=self._queue.doubt)
        peppers = [pepper.pepper() for pepper in settings.keys.peppers]
        self._bearer = BearerTokens(settings.bearer, peppers, registry)
        self._usage = UsageBuffer(
            connect(settings.redis, timeout=_USAGE_PATIENCE, connections=1),
            names,
            UsageMetrics(registry),
            flush_interval=settings.usage.flush_interval,
        )
        self._limits = RateLimits(self._queue, names, metrics)
        self._log_lines = BackgroundLog()
        parts = Parts(
            names=names,
            cache=cache,
            reader=KeyReader(self._queue, cache, names),
            buckets=self._limits.buckets,
            tokens=self._bearer.tokens,
            peppers=peppers,
            metrics=metrics,
            count_usage=self._usage.count if settings.usage.enabled else _count_nothing,
            write_log=self._log_lines.lines("check", "extauth.check"),
        )
        chosen = engine_for(parts, settings)
        engine, self._stop_tracing = chosen.engine, chosen.stop
        self.apply = engine.apply
        self.reloads = metrics.reloads
        self.certificates = Certificates(settings, registry, *listeners, "http")
        options = _transport_options(settings, claim, self.certificates.of("grpc"))
        name, self._transport = choose(settings.listen.transport, engine, options, chosen.told)
        metrics.transport.labels(name).set(1)
        metrics.checks_waiting.set_function(lambda: self._transport.waiting)
        self._http = http_check(engine, settings, claim, self.certificates.of("http"))
        self.components = Components(self._components(), metrics.ready)
        metrics.redis_waiting.set_function(lambda: self._queue.waiting)
        metrics.near_cache_entries.set_function(lambda: len(cache))
        metrics.feed_age.set_function(lambda: cache.confirmed_age(time.monotonic()))

    def prepare(self) -> None:
        """Begin to read what checks are answered from."""
        self._log_lines.start()
        self.certificates.start()
        self._queue.start()
        self._limits.start()
        self._feed.start()
        self._bearer.start()
        self._usage.start()

    @property
    def is_warm(self) -> bool:
        """Whether it would be ready if it listened."""
        return self._feed.has_followed

    def listen(self) -> dict[str, str]:
        """Serve; return each gRPC address asked for with the one bound."""
        bound = self._transport.start()
        if self._http is not None:
            _log.info("serving_http", addresses=list(self._http.start().values()))
        self._serving = True
        garbage.settle()
        return bound

    def stop(self) -> None:
        """Drain: not ready, serve on for a while, let checks under way end, close everything."""
        self._draining = True
        self._transport.drain()
        time.sleep(self._settings.shutdown.delay)
        self._transport.stop(self._settings.shutdown.grace)
        if self._http is not None:
            self._http.stop(self._settings.shutdown.grace)
        self._serving = False
        self._limits.stop(timeout=2)
        self._usage.stop(timeout=2)
        self._stop_tracing(2)
        self._bearer.stop(timeout=2)
        self._feed.stop(timeout=2)
        self._queue.stop(timeout=2)
        self.certificates.stop()
        self._log_lines.stop(timeout=2)

    def _components(self) -> list[Component]:
        return [
            Component("listener", lambda: None if self._serving else "not listening yet", vital=True),
            Component("shutdown", lambda: "draining" if self._draining else None, vital=True),
            # Vital once: a warm sidecar serves the keys it knows while Redis is away, and taking it out of service
            # then would turn Redis' outage into everyone's.
            Component(
                "warm", lambda: None if self._feed.has_followed else "has not read the change feed yet", vital=True
            ),
            Component("redis", self._feed.fault, vital=self._settings.readiness.needs_redis),
            *self._bearer.components(),
        ]


def _count_nothing(_caller: str, _tenant: str, _api: str, _outcome: UsageOutcome) -> None:
    """Stands in while usage is not counted."""


def _transport_options(settings: SidecarSettings, claim: Claim, tls: ServerCertificate | None) -> TransportOptions:
    return TransportOptions(
        addresses=settings.listen.grpc,
        socket_mode=int(settings.listen.socket_mode, _OCTAL),
        timeout=settings.check.timeout,
        max_message_size=settings.check.max_message_size,
        threads=settings.check.threads,
        max_pending=settings.check.max_pending,
        claim=claim,
        tls=tls,
        secret=None if settings.listen.envoy_secret is None else EnvoySecret(settings.listen.envoy_secret),
    )
