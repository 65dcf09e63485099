"""A name that leads to another Redis by now, while the old one lives on as a replica."""

import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from extauth.settings.redis import RedisSettings
from extauth.store.bucket import Level, Shape
from extauth.store.client import connect
from extauth.store.draw import Bucket
from extauth.store.errors import StoreUnavailableError
from extauth.store.leadership import Leadership
from extauth.store.names import Names
from extauth.store.queues import queue_for
from extauth.store.shared_buckets import Spend
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.redis_server import DEBIAN, PACKAGES, RedisServer


class Failover:
    """Two masters, and a name that leads to the first."""

    def __init__(self, version: str, directory: Path) -> None:
        self.old, self.new = (RedisServer(version, directory, name=name) for name in ("old", "new"))
        self.name = directory / "redis.sock"
        self.name.symlink_to(self.old.socket)
        self.settings = RedisSettings(url=f"unix://{self.name}", namespace="test", timeout=2.0)

    def happen(self) -> None:
        """Nobody closes the connections to the old one."""
        with self.old.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
        self.name.unlink()
        self.name.symlink_to(self.new.socket)


@pytest.fixture(params=[*PACKAGES, pytest.param(DEBIAN, marks=pytest.mark.slow)])
def failover(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Failover]:
    failover = Failover(request.param, tmp_path)
    for server in (failover.old, failover.new):
        server.start()
    yield failover
    for server in (failover.old, failover.new):
        server.kill()


def test_checks_go_on_at_the_new_master(failover: Failover, metrics: SidecarMetrics) -> None:
    queue = queue_for(failover.settings, metrics)
    queue.start()

    def spend() -> list[Level] | StoreUnavailableError:
        answers: Queue[list[Level] | StoreUnavailableError] = Queue()
        queue.submit(Spend([Bucket("b", Shape.of(1, 3600, 10))], time.monotonic() + 5, answers.put))
        return answers.get(timeout=10)

    assert not isinstance(spend(), StoreUnavailableError)
    failover.happen()
    refused = spend()
    assert isinstance(refused, StoreUnavailableError)
    assert refused.kind == "read_only"
    levels = spend()
    assert not isinstance(levels, StoreUnavailableError), levels
    assert levels[0].remaining == 9  # of another bucket
    queue.stop(timeout=5)


def test_the_publisher_goes_on_at_the_new_master(failover: Failover, names: Names) -> None:
    leadership = Leadership(connect(failover.settings), names, "a", 10)
    assert leadership.take()
    failover.happen()
    with pytest.raises(StoreUnavailableError, match="read_only"):
        leadership.take()
    assert leadership.take()
    leadership.close()
