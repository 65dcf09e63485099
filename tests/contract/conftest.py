"""The same tests on every Redis that is supported, alone and as a Cluster, in both protocols."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.near_cache import Freshness, NearCache
from extauth.store.queue import Queue
from extauth.store.queues import queue_for
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.decider import Bench, BenchMaker
from tests.support.publishing import HandPublisher
from tests.support.redis_cluster import ClusterServers
from tests.support.redis_server import DEBIAN, PACKAGES, RedisServer

AnyServer = RedisServer | ClusterServers
CLUSTERS = {f"cluster-{version.removeprefix('redis-')}": version for version in (*PACKAGES, DEBIAN)}
_PROTOCOLS = {"cluster-6.2": 2, "cluster-7.0": 3, "cluster-8.2": 3}
"""Of Clusters, one each: what RESP changes is seen with one Redis already."""
BACKENDS = [*PACKAGES, *(pytest.param(name, marks=pytest.mark.slow) for name in (DEBIAN, *CLUSTERS))]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    found = {
        superfluous: [item for item in items if _is_superfluous(item) is superfluous] for superfluous in (True, False)
    }
    config.hook.pytest_deselected(items=found[True])
    items[:] = found[False]


def _is_superfluous(item: pytest.Item) -> bool:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    protocol = parameters.get("redis_settings")
    return isinstance(protocol, int) and protocol != _PROTOCOLS.get(parameters.get("running_redis"), protocol)


@pytest.fixture(scope="session", params=BACKENDS)
def running_redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyServer]:
    directory, name = tmp_path_factory.mktemp("redis"), request.param
    server = ClusterServers(CLUSTERS[name], directory) if name in CLUSTERS else RedisServer(name, directory)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(request: pytest.FixtureRequest, running_redis: AnyServer) -> AnyServer:
    """Empty, with no script known."""
    if isinstance(running_redis, ClusterServers) and request.node.get_closest_marker("one_redis"):
        pytest.skip("of one Redis, not of a Cluster")
    with running_redis.client() as client:
        client.flushall()
        client.script_flush()
    return running_redis


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def redis_settings(request: pytest.FixtureRequest, redis_server: AnyServer) -> RedisSettings:
    return redis_server.settings(namespace="test", timeout="2s", protocol=request.param)


@pytest.fixture
def names() -> Names:
    return Names("test")


@pytest.fixture
def metrics() -> SidecarMetrics:
    return SidecarMetrics(CollectorRegistry())


@pytest.fixture
def publisher_metrics() -> PublisherMetrics:
    return PublisherMetrics(CollectorRegistry())


@pytest.fixture
def store(redis_settings: RedisSettings, names: Names) -> Iterator[HandPublisher]:
    store = HandPublisher(connect(redis_settings), names)
    yield store
    store.close()


@pytest.fixture
def cache() -> NearCache:
    return NearCache(1000, Freshness(max_staleness=5, max_stale=60, negative=5))


@pytest.fixture
def queue(redis_settings: RedisSettings, metrics: SidecarMetrics) -> Iterator[Queue]:
    queue = queue_for(redis_settings, metrics)
    queue.start()
    yield queue
    queue.stop(timeout=5)


@pytest.fixture
def bench_of(queue: Queue, cache: NearCache, names: Names, store: HandPublisher) -> BenchMaker:
    store.begin()
    store.complete()
    return BenchMaker(queue, cache, names, store)


@pytest.fixture
def bench(bench_of: BenchMaker) -> Bench:
    return bench_of()
