"""Rules for the cluster that checks are sent to."""

from collections.abc import Iterator

from extauth.envoy.lint.node import Node
from extauth.envoy.lint.rule import Rule, Severity, Surroundings, when

_CHECKS_AT_A_TIME = 2048
_CONNECT = 1.0  # seconds
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def _not_http2(cluster: Node, _around: Surroundings) -> Iterator[Node]:
    options = cluster.get("typed_extension_protocol_options").get(_OPTIONS)
    found = (
        cluster.get("http2_protocol_options")
        or options.get("explicit_http_config", "http2_protocol_options")
        or options.get("auto_config")
        or options.get("use_downstream_protocol_config", "http2_protocol_options")
    )
    yield from when(not found, cluster.get("typed_extension_protocol_options"))


def _small_breakers(cluster: Node, _around: Surroundings) -> Iterator[Node]:
    thresholds = cluster.get("circuit_breakers", "thresholds")
    first = next(thresholds.items(), Node(None, thresholds.path))
    for name in ("max_requests", "max_pending_requests"):
        if first.get(name).number < _CHECKS_AT_A_TIME:
            yield first.get(name)
            return


def _slow_connect(cluster: Node, _around: Surroundings) -> Iterator[Node]:
    timeout = cluster.get("connect_timeout")
    yield from when(timeout.seconds is None or timeout.seconds > _CONNECT, timeout)


CLUSTER_RULES = (
    Rule(
        "not-http2",
        Severity.ERROR,
        "gRPC needs HTTP/2: every check fails",
        "explicit_http_config: {http2_protocol_options: {}}",
        _not_http2,
    ),
    Rule(
        "small-breakers",
        Severity.WARNING,
        "at 1024 checks at a time, the default, further requests are refused as the sidecar's fault",
        "circuit_breakers with max_requests and max_pending_requests of 4096",
        _small_breakers,
    ),
    Rule(
        "slow-connect",
        Severity.NOTE,
        "the default of 5 s is longer than a check may take: no second try comes in time",
        "connect_timeout: 0.1s",
        _slow_connect,
    ),
)
