"""A master dies in the middle of load, and a replica takes its place: a sidecar that runs goes on, and comes back.

Keys that it knows are admitted throughout, with limits from local buckets meanwhile; nothing is ever a 401 or a 429.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extauth.store.client import connect
from extauth.store.names import Names
from tests.support.check_load import CheckLoad
from tests.support.keys import issue
from tests.support.lone_sidecar import LoneSidecar, lone_sidecar
from tests.support.publishing import HandPublisher
from tests.support.redis_cluster import ClusterServers
from tests.support.redis_sentinel import SentinelServers, settings_of
from tests.support.redis_server import DEBIAN, PACKAGES
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NAMES = Names("test")
VERSIONS = [*PACKAGES, DEBIAN]
LIMITS = [
    {"name": "exact", "by": "key", "rate": "1000/s", "burst": 100_000, "mode": "exact"},
    {"name": "leased", "by": "tenant", "rate": "1000/s", "burst": 100_000, "mode": "leased"},
]
API = {"name": "demo", "credentials": [{"header": "x-api-key"}], "limits": LIMITS}
PATIENCE = 60
KEYS = 20


@pytest.fixture(params=VERSIONS)
def sentinels(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SentinelServers]:
    servers = SentinelServers(request.param, tmp_path)
    servers.start()
    yield servers
    servers.kill()


@pytest.fixture(params=[("redis-8.2", False), ("redis-6.2", False), (DEBIAN, True)], ids=str)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ClusterServers]:
    version, needs_all = request.param
    servers = ClusterServers(version, tmp_path, replicas=3, node_timeout=1500, needs_all=needs_all)
    servers.start()
    yield servers
    servers.kill()


class Scene:
    """Keys published, and a sidecar that serves them."""

    def __init__(self, sidecar: LoneSidecar, publisher: HandPublisher) -> None:
        self.sidecar = sidecar
        self.publisher = publisher
        self.keys = self.publish(KEYS)

    def publish(self, count: int) -> list[str]:
        """New keys."""
        issued = [issue(number, tenant=f"tenant-{number}") for number in range(1, count + 1)]
        self.publisher.tell(*(record for _, record in issued))
        return [key for key, _ in issued]

    def spent(self, source: str, outcome: str = "allowed") -> float:
        """Tokens of the exact limit."""
        name = f'extauth_bucket_spends_total{{api="demo",limit="exact",outcome="{outcome}",source="{source}"}}'
        lines = [line for line in self.sidecar.page("/metrics").splitlines() if line.startswith(name)]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0

    def is_asking_redis(self) -> Callable[[], bool]:
        """Whether Redis has given tokens since now."""
        before = self.spent("redis")
        return lambda: self.spent("redis") >= before + 2 * KEYS

    def is_asking_redis_alone(self) -> bool:
        """Whether Redis gives tokens of every key, and no local bucket does any more."""
        before = self.spent("local")
        wait_until(self.is_asking_redis(), PATIENCE)
        return self.spent("local") == before


@pytest.fixture
def scene_of(tmp_path: Path) -> Iterator[Callable[[Any], Scene]]:
    """A scene on Redis as some settings describe it."""
    left: list[Any] = []

    def make(servers: ClusterServers | SentinelServers) -> Scene:
        if isinstance(servers, ClusterServers):
            settings = servers.settings(timeout="5s", namespace="test")
            assert settings.cluster is not None
            place: dict[str, Any] = {"cluster": {"nodes": settings.cluster.nodes}}
        else:
            settings, place = settings_of(servers, timeout="5s", namespace="test"), servers.settings()
        publisher = HandPublisher(connect(settings), NAMES)
        publisher.begin()
        publisher.complete()
        folder = tmp_path / "sidecar"
        folder.mkdir()
        redis = {**place, "namespace": "test", "timeout": "500ms"}
        # Longer than a machine that does other things too may pause.
        context = lone_sidecar(folder, "lean", redis=redis, check={"timeout": "3s"}, apis=[API])
        sidecar = context.__enter__()
        left.extend((lambda: context.__exit__(None, None, None), publisher.close))
        return Scene(sidecar, publisher)

    yield make
    for end in left:
        end()


def knows_all(load: CheckLoad, keys: list[str]) -> bool:
    return all(load.ask(key) == 200 for key in keys)


def see_it_through(scene: Scene, fail: Callable[[], None], is_over: Callable[[], bool]) -> CheckLoad:
    """Fail in the middle of load, until the replica has taken over and the sidecar asks it."""
    with CheckLoad(scene.sidecar.target, scene.keys) as load:
        wait_until(lambda: knows_all(load, scene.keys), PATIENCE)
        load.statuses.clear()
        wait_until(scene.is_asking_redis(), PATIENCE)
        fail()
        wait_until(is_over, PATIENCE)
        wait_until(scene.is_asking_redis_alone, PATIENCE)
        wait_until(lambda: scene.sidecar.page("/readyz").count("Redis") == 0, PATIENCE)
    return load


def test_sentinels_promote_the_replica_of_a_dead_master(
    sentinels: SentinelServers, scene_of: Callable[[Any], Scene]
) -> None:
    scene = scene_of(sentinels)
    sentinels.wait_for_replica()
    first, second = sentinels.nodes
    load = see_it_through(scene, first.kill, lambda: sentinels.role(second) == "master")
    assert set(load.statuses) == {200}, (load, scene.sidecar.page("/metrics"))
    assert scene.spent("local") > 0
    assert_it_is_as_before(scene, load)


def test_a_master_that_is_demoted_alive_is_left(sentinels: SentinelServers, scene_of: Callable[[Any], Scene]) -> None:
    scene = scene_of(sentinels)
    sentinels.wait_for_replica()
    first, second = sentinels.nodes
    load = see_it_through(
        scene, sentinels.demote, lambda: (sentinels.role(first), sentinels.role(second)) == ("slave", "master")
    )
    assert set(load.statuses) == {200}, (load, scene.sidecar.page("/metrics"))
    assert_it_is_as_before(scene, load)


@pytest.mark.parametrize("name", ["{feed}", "{tenant-1}"])
def test_a_cluster_promotes_the_replica_of_a_dead_primary(
    cluster: ClusterServers, scene_of: Callable[[Any], Scene], name: str
) -> None:
    scene = scene_of(cluster)
    cluster.wait_for_replicas()
    dead = cluster.primary_of(name)
    load = see_it_through(scene, dead.kill, lambda: cluster.has_moved(name, dead))
    assert set(load.statuses) == {200}, (load, scene.sidecar.page("/metrics"))
    assert scene.spent("local") > 0
    assert_it_is_as_before(scene, load)


def assert_it_is_as_before(scene: Scene, before: CheckLoad) -> None:
    """Keys made now are found, limits are Redis', and nobody was kept waiting meanwhile."""
    assert before.slowest < 5
    wait_until(lambda: publishes(scene), PATIENCE)
    made = scene.publish(5)
    with CheckLoad(scene.sidecar.target, made) as load:
        wait_until(lambda: knows_all(load, made), PATIENCE)
        load.statuses.clear()
        wait_until(scene.is_asking_redis_alone, PATIENCE)
    assert set(load.statuses) == {200}, (load, scene.sidecar.page("/metrics"))


def publishes(scene: Scene) -> bool:
    """Whether a publisher that met the failure can go on."""
    try:
        scene.publisher.lead()
        scene.publisher.tell()
    except Exception:  # noqa: BLE001 (whatever a failure under way makes of it)
        return False
    return True
