"""What can go wrong with the change feed alone, while Redis answers everything else."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import redis

from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import generate
from extauth.store.names import Names
from tests.faults.check_watch import CheckWatch, Verdicts
from tests.faults.fault_proxy import FaultProxy, late_by
from tests.faults.group import LASTS, Fault, Group
from tests.support.keys import issue
from tests.support.lone_sidecar import LoneSidecar, lone_sidecar
from tests.support.publishing import HandPublisher
from tests.support.redis_server import PACKAGES, RedisServer
from tests.support.wait import wait_until

_NAMES = Names("extauth")
_FEED = b"XRE"  # XREAD and XREVRANGE: what only the follower of the feed asks
_MAX_STALENESS = 1.0  # seconds
_MARGIN = 0.5  # seconds that a busy machine may take
_PATH = "/"


@dataclass
class FeedScene:
    """A sidecar that follows a feed. Each fault has keys of its own, which are in memory when it begins."""

    server: RedisServer
    proxy: FaultProxy
    publisher: HandPublisher
    sidecar: LoneSidecar
    stays: list[tuple[str, KeyRecord]] = field(default_factory=list)
    goes: list[tuple[str, KeyRecord]] = field(default_factory=list)
    """Revoked in the middle of the fault."""
    began_with: float = 0
    """Resyncs when the fault began."""

    @classmethod
    @contextmanager
    def begin(cls, folder: Path) -> "Iterator[FeedScene]":
        with ExitStack() as opened:
            server = RedisServer(next(iter(PACKAGES)), folder)
            server.start()
            opened.callback(server.kill)
            proxy = FaultProxy(server.socket)
            proxy.start()
            opened.callback(proxy.stop)
            publisher = HandPublisher(opened.enter_context(server.client()), _NAMES)
            publisher.begin()
            publisher.complete()
            sections: dict[str, Any] = {
                "redis": {"url": f"redis://127.0.0.1:{proxy.port}/0"},
                "check": {"timeout": "1s"},
                "cache": {"max_staleness": f"{_MAX_STALENESS}s", "negative": "1s"},
                "apis": [{"name": "plain", "credentials": [{"header": "x-api-key"}]}],
            }
            sidecar = opened.enter_context(lone_sidecar(folder, "lean", **sections))
            scene = cls(server, proxy, publisher, sidecar)
            wait_until(lambda: 'extauth_ready{component="warm"} 1.0' in sidecar.page("/metrics"), 20)
            yield scene

    def suffer(self, fault: Fault) -> Verdicts:
        """Revoke some keys in the middle of it. `revoked in it` asks no sooner than the promised bound afterwards."""
        self.stays, self.goes = ([issue(self._next()) for _ in range(count)] for count in (3, 3))
        self.publisher.tell(*(record for _, record in (*self.stays, *self.goes)))
        known, revoked = [key for key, _ in self.stays], [key for key, _ in self.goes]
        self._expect(known + revoked, "200")
        self.began_with = self.resyncs()
        callers = {"known": (_PATH, known), "made up": (_PATH, [str(generate("test")) for _ in range(50)])}
        with CheckWatch(self.sidecar.target, callers) as checks:
            with fault(self):
                self.revoke()
                time.sleep(_MAX_STALENESS + _MARGIN)
                with CheckWatch(self.sidecar.target, {"revoked in it": (_PATH, revoked)}) as late:
                    time.sleep(LASTS)
            time.sleep(_MARGIN)
        return {**checks.told, **late.told}

    def revoke(self) -> None:
        self.publisher.tell(
            *(replace(record, version=Version(1, self._next()), status=Status.REVOKED) for _, record in self.goes)
        )

    def expect_recovery(self) -> None:
        """The feed is followed: what changes now is known at once, long before memory is too old."""
        wait_until(lambda: 'extauth_ready{component="redis"} 1.0' in self.sidecar.page("/metrics"), 20)
        self._expect([key for key, _ in self.stays], "200")
        self._expect([key for key, _ in self.goes], "401")
        before = self._seen()
        self.publisher.tell(issue(self._next())[1])
        wait_until(lambda: self._seen() > before, 10)
        assert self.sidecar.process.poll() is None

    def resyncs(self) -> float:
        return self._sum("extauth_feed_resyncs_total")

    def client(self) -> redis.Redis:
        return self.server.client()

    def _seen(self) -> float:
        """Entries of the feed."""
        return self._sum("extauth_feed_lag_seconds_count")

    def _sum(self, name: str) -> float:
        lines = self.sidecar.page("/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def _expect(self, keys: list[str], status: str) -> None:
        with CheckWatch(self.sidecar.target, {}) as watch:
            wait_until(lambda: {watch.ask(_PATH, key) for key in keys} == {status}, 20)

    def _next(self) -> int:
        return self.publisher.state.number + 1


@contextmanager
def trimmed(scene: FeedScene) -> Iterator[None]:
    """All entries are trimmed away while the sidecar is cut off: it notices the gap, and forgets everything."""
    with scene.proxy.black_hole():
        scene.proxy.cut()  # what it had asked already would be answered
        scene.revoke()
        with scene.client() as client:
            client.xtrim(_NAMES.changes, maxlen=0, approximate=False)
    yield
    wait_until(lambda: scene.resyncs() > scene.began_with, 10)


@contextmanager
def deleted(scene: FeedScene) -> Iterator[None]:
    with scene.client() as client:
        client.delete(_NAMES.changes)
    yield


@contextmanager
def half_open(scene: FeedScene) -> Iterator[None]:
    """Its connection is there and carries nothing."""
    with scene.proxy.only(_FEED), scene.proxy.black_hole():
        yield


@contextmanager
def delayed(scene: FeedScene) -> Iterator[None]:
    with scene.proxy.only(_FEED), scene.proxy.answering(late_by(2)):
        yield


FEED = Group(
    title="Faults of the change feed",
    part="The feed is",
    text=f"""
Redis answers everything else. Keys are revoked in the middle of the fault, and `revoked in it` are these, asked for the
first time {_MAX_STALENESS + _MARGIN:g} s later: without the feed what is in memory answers no longer than
`cache.max_staleness`, {_MAX_STALENESS:g} s here.
""",
    begin=FeedScene.begin,
    faults={
        "trimmed while the sidecar was cut off": trimmed,
        "deleted": deleted,
        "half-open: its connection alone carries nothing": half_open,
        "2 seconds late": delayed,
    },
    allowed={"known": {"200"}, "made up": {"401"}, "revoked in it": {"401"}},
)
