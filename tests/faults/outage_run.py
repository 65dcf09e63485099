"""A sidecar whose Redis misbehaves, and callers who go on asking."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from extauth.keys.record import KeyRecord, Status
from extauth.keys.token import generate
from extauth.store.names import Names
from tests.faults.check_watch import CheckWatch, Verdicts
from tests.faults.fault_proxy import FaultProxy
from tests.faults.group import LASTS
from tests.faults.redis_faults import Fault, Site
from tests.support.keys import issue
from tests.support.lone_sidecar import LoneSidecar, lone_sidecar
from tests.support.publishing import HandPublisher
from tests.support.redis_server import PACKAGES, RedisServer
from tests.support.wait import wait_until

_PLAIN, _LIMITED = "/", "/limited"
_UNSEEN = 300
_LATER = 0.5  # seconds of watching after it is over
_APIS = [
    {
        "name": "limited",
        "match": {"paths": [_LIMITED]},
        "credentials": [{"header": "x-api-key"}],
        "limits": [{"name": "per-key", "by": "key", "rate": "100000/s", "mode": "exact"}],
    },
    {"name": "plain", "credentials": [{"header": "x-api-key"}]},
]

ALLOWED = {
    "known": {"200"},
    "limited": {"200"},
    "unseen": {"200", "503"},
    "revoked": {"401", "503"},
    "made up": {"401", "503"},
}
"""What each kind of caller may be told, whatever the fault."""


@dataclass
class OutageRun:
    """One sidecar behind one proxy behind one Redis."""

    site: Site
    sidecar: LoneSidecar
    known: list[str]
    unseen: list[str]
    revoked: list[str]

    @classmethod
    @contextmanager
    def begin(cls, folder: Path, transport: str) -> "Iterator[OutageRun]":
        """Keys are published, some of them revoked; `known` ones have been used."""
        data = folder / "data"
        data.mkdir()
        server = RedisServer(next(iter(PACKAGES)), folder, "--dir", str(data))
        server.start()
        proxy = FaultProxy(server.socket)
        proxy.start()
        keys = {"known": 3, "unseen": _UNSEEN, "revoked": 20}
        issued = {kind: [issue(status=_status_of(kind)) for _ in range(count)] for kind, count in keys.items()}
        records = [record for made in issued.values() for _, record in made]
        texts = {kind: [text for text, _ in made] for kind, made in issued.items()}
        site = Site(server, proxy, lambda: _publish(server, records))
        site.publish()
        settings = {
            "redis": {"url": f"redis://127.0.0.1:{proxy.port}/0"},
            "check": {"timeout": "1s"},  # what a busy machine does to a check is not to be seen here
            "cache": {"max_staleness": "1s", "negative": "1s"},
            "apis": _APIS,
        }
        try:
            with lone_sidecar(folder, transport, **settings) as sidecar:
                run = cls(site, sidecar, **texts)
                run._warm()
                yield run
        finally:
            proxy.stop()
            server.kill()

    def suffer(self, fault: Fault) -> Verdicts:
        """Let callers ask while it happens, and a moment after it."""
        made_up = [str(generate("test")) for _ in range(50)]
        callers = {
            "known": (_PLAIN, self.known),
            "limited": (_LIMITED, self.known),
            "unseen": (_PLAIN, self.unseen),
            "revoked": (_PLAIN, self.revoked),
            "made up": (_PLAIN, made_up),
        }
        with CheckWatch(self.sidecar.target, callers) as watch:
            with fault(self.site):
                time.sleep(LASTS)
            time.sleep(_LATER)
        return watch.told

    def expect_recovery(self) -> None:
        """Without a restart every key that was never used works, no revoked one does, and Redis is asked of limits."""
        with CheckWatch(self.sidecar.target, {}) as watch:
            wait_until(lambda: {watch.ask(_LIMITED, key) for key in self.unseen} == {"200"}, 30)
            assert {watch.ask(_PLAIN, key) for key in self.revoked} == {"401"}
        wait_until(self._counts_in_redis, 30)
        assert self.sidecar.process.poll() is None

    def _counts_in_redis(self) -> bool:
        with CheckWatch(self.sidecar.target, {}) as watch:
            before = self._spent_in_redis()
            watch.ask(_LIMITED, self.known[0])
            return self._spent_in_redis() > before

    def _spent_in_redis(self) -> str:
        lines = self.sidecar.page("/metrics").splitlines()
        return next((line for line in lines if line.startswith("extauth_bucket_spends_total") and 'redis"' in line), "")

    def _warm(self) -> None:
        # Following the feed begins with an empty memory.
        wait_until(lambda: 'extauth_ready{component="warm"} 1.0' in self.sidecar.page("/metrics"), 20)
        with CheckWatch(self.sidecar.target, {}) as watch:
            wait_until(lambda: {watch.ask(_LIMITED, key) for key in self.known} == {"200"}, 20)


def _status_of(kind: str) -> Status:
    return Status.REVOKED if kind == "revoked" else Status.ACTIVE


def _publish(server: RedisServer, records: list[KeyRecord]) -> None:
    with server.client() as client:
        publisher = HandPublisher(client, Names("extauth"))
        publisher.begin()
        publisher.put(records)
        publisher.complete()
