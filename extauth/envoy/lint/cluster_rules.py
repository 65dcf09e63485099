"""Rules for the cluster that checks are sent to."""

from collections.abc import Iterator

from extauth.envoy.lint.node import Node
from extauth.envoy.lint.rule import Rule, Severity, Surroundings, when

_FEWEST, _MOST = 128, 512  # checks under way in one sidecar
_DEFAULT = 1024  # of Envoy, for a whole cluster
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
    thresholds = _thresholds(cluster)
    for name in ("max_requests", "max_pending_requests"):
        most = thresholds.get(name)
        if most and most.number < _FEWEST:
            yield most
            return


def _large_breakers(cluster: Node, _around: Surroundings) -> Iterator[Node]:
    most = _thresholds(cluster).get("max_requests")
    sidecars = sum(len(list(group.get("lb_endpoints").items())) for group in _groups(cluster))
    # How many there are behind a name, Envoy alone knows.
    is_known = cluster.get("type").text in {"", "STATIC"} and sidecars > 0
    yield from when(is_known and (most.number if most else _DEFAULT) > _MOST * sidecars, most)


def _thresholds(cluster: Node) -> Node:
    thresholds = cluster.get("circuit_breakers", "thresholds")
    return next(thresholds.items(), Node(None, thresholds.path))


def _groups(cluster: Node) -> Iterator[Node]:
    return cluster.get("load_assignment", "endpoints").items()


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
        "checks beyond so many are refused, though the sidecar could answer them in time",
        "circuit_breakers with max_requests and max_pending_requests of 256 for each socket",
        _small_breakers,
    ),
    Rule(
        "large-breakers",
        Severity.WARNING,
        "when there are more checks than can be answered, all of them wait until Envoy gives up (1024 by default)",
        "circuit_breakers with max_requests and max_pending_requests of 256 for each socket",
        _large_breakers,
    ),
    Rule(
        "slow-connect",
        Severity.NOTE,
        "the default of 5 s is longer than a check may take: no second try comes in time",
        "connect_timeout: 0.1s",
        _slow_connect,
    ),
)
