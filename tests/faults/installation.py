"""A whole installation: registries on one database, Redis and a sidecar, and callers of all kinds who go on asking."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extauth.keys.token import generate
from extauth.store.key_reader import decode
from tests.faults.change_watch import ChangeWatch
from tests.faults.check_watch import Callers, CheckWatch, Verdicts
from tests.faults.fault_proxy import FaultProxy
from tests.faults.group import LASTS, Fault
from tests.faults.registry_process import NAMES, Registry
from tests.support.lone_sidecar import LoneSidecar, lone_sidecar
from tests.support.redis_server import PACKAGES, RedisServer
from tests.support.wait import wait_until

PLAIN, LIMITED = "/", "/limited"
_CREDENTIALS = [{"header": "x-api-key"}]
_APIS = [
    {
        "name": "limited",
        "match": {"paths": [LIMITED]},
        "credentials": _CREDENTIALS,
        "limits": [{"name": "per-key", "by": "key", "rate": "100000/s", "mode": "exact"}],
    },
    {"name": "plain", "credentials": _CREDENTIALS},
]
_PUBLISH = {"poll_interval": "20ms", "lease": "1s"}
_LATER = 0.5  # seconds of watching after it is over


@dataclass
class Installation:
    """All of it runs, in `folder`. `proxies` stand before the registries' REST; keys are made through `healthy`'s."""

    folder: Path
    redis: RedisServer
    registries: Sequence[Registry]
    proxies: Sequence[FaultProxy]
    sidecar: LoneSidecar
    patience: float
    """Seconds that whoever makes keys waits for an answer."""
    known: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    more: Callers = field(default_factory=dict)
    """Who else asks."""
    changes: ChangeWatch = field(init=False)
    """Of the fault that happens, or happened last."""
    _healthy: int = 0

    @classmethod
    @contextmanager
    def begin(
        cls,
        folder: Path,
        database_url: str,
        *,
        replicas: int = 1,
        patience: float = 2,
        environments: Mapping[str, Mapping[str, str]] | None = None,
        apis: Sequence[Mapping[str, Any]] = (),
    ) -> "Iterator[Installation]":
        """`environments` of `registry` and `sidecar`; `apis` go before those that all installations have."""
        given = environments or {}
        with ExitStack() as opened:
            server = RedisServer(next(iter(PACKAGES)), folder)
            server.start()
            opened.callback(server.kill)
            registries = [
                Registry(
                    folder / f"registry-{number}", database_url, server.url, given.get("registry"), publish=_PUBLISH
                )
                for number in range(replicas)
            ]
            for registry in registries:
                registry.start()
                opened.callback(registry.end, signal.SIGKILL)
                wait_until(registry.is_ready, 60)
            proxies = [FaultProxy(registry.port) for registry in registries]
            for proxy in proxies:
                proxy.start()
                opened.callback(proxy.stop)
            sections = {
                "redis": {"url": server.url, "timeout": "1s"},
                "check": {"timeout": "1500ms"},  # what a busy machine does to a check is not to be seen here
                "cache": {"max_staleness": "1s", "negative": "1s"},
                "apis": [*apis, *_APIS],
            }
            sidecar = opened.enter_context(lone_sidecar(folder, "lean", given.get("sidecar"), **sections))
            made = cls(folder, server, registries, proxies, sidecar, patience)
            made._warm()
            yield made

    def issue(self, count: int = 1, **fields: Any) -> list[str]:
        """New keys, which Redis knows when this returns."""
        body = {"name": "a key", "tenant": "acme", **fields}
        made = [self.healthy.client.call("POST", "/v1/keys", body) for _ in range(count)]
        ids = {one["id"] for one in made}
        wait_until(lambda: ids <= self.published().keys(), 30)
        return [one["secret"] for one in made]

    def issue_revoked(self, count: int = 1) -> list[str]:
        secrets = []
        for _ in range(count):
            made = self.healthy.client.call("POST", "/v1/keys", {"name": "a key", "tenant": "acme"})
            self.healthy.client.call("POST", f"/v1/keys/{made['id']}/revoke", {"reason": "of the test"})
            secrets.append(made["secret"])
        return secrets

    @property
    def healthy(self) -> Registry:
        """The one that changes are made through: where there are several, one that does not publish."""
        return self.registries[self._healthy]

    def leader(self) -> Registry:
        """The one that publishes."""
        return next(registry for registry in self.registries if registry.is_leading)

    def suffer(self, fault: Fault) -> Verdicts:
        standing_by = [number for number, registry in enumerate(self.registries) if not registry.is_leading]
        self._healthy = next(iter(standing_by), 0)
        callers = self.callers()
        with (
            ChangeWatch(self.proxies[self._healthy].port, self.patience) as self.changes,
            CheckWatch(self.sidecar.target, callers) as checks,
        ):
            over = time.monotonic() + LASTS
            with fault(self):
                self.changes.wait_for_answers()
                time.sleep(max(over - time.monotonic(), 0))
            self.changes.wait_for_answers()
            time.sleep(_LATER)
        return {**checks.told, "changes": self.changes.told}

    def callers(self) -> dict[str, tuple[str, Sequence[str]]]:
        return {
            "known": (PLAIN, self.known),
            "limited": (LIMITED, self.known),
            "unseen": (PLAIN, self.issue(10)),
            "revoked": (PLAIN, self.revoked),
            "made up": (PLAIN, [str(generate("ea")) for _ in range(50)]),
            **self.more,
        }

    def expect_recovery(self) -> None:
        """Changes work, Redis equals the registry, and no change that was confirmed is lost."""
        for registry in self.registries:
            wait_until(registry.is_ready, 60)
            wait_until(lambda one=registry: one.ready()["publisher"] == "ok", 30)
        self.issue()
        wait_until(lambda: self.published() == self.registered(), 30)
        assert self.changes.made.keys() <= self.published().keys()
        with CheckWatch(self.sidecar.target, {}) as watch:
            wait_until(lambda: {watch.ask(PLAIN, secret) for secret in self.changes.made.values()} <= {"200"}, 30)
            wait_until(lambda: {watch.ask(PLAIN, secret) for secret in self.changes.revoked} <= {"401"}, 30)
            assert {watch.ask(PLAIN, secret) for secret in self.revoked} == {"401"}
        assert self.sidecar.process.poll() is None

    def published(self) -> dict[str, int]:
        """Revisions of the keys in Redis, by id."""
        with self.redis.client() as client:
            found = list(client.scan_iter(NAMES.record_pattern, count=1000))
            values = client.mget(found) if found else []
        records = [record for record in map(decode, values) if record is not None]
        return {record.key_id: record.version.revision for record in records}

    def registered(self) -> dict[str, int]:
        """The same of the registry's."""
        found: dict[str, int] = {}
        cursor = ""
        while True:
            page = self.healthy.client.call("GET", "/v1/keys", query={"limit": 500, "cursor": cursor})
            found.update({key["id"]: key["revision"] for key in page["items"]})
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def _warm(self) -> None:
        # Following the feed begins with an empty memory.
        wait_until(lambda: 'extauth_ready{component="warm"} 1.0' in self.sidecar.page("/metrics"), 30)
        self.known, self.revoked = self.issue(3), self.issue_revoked(3)
        with CheckWatch(self.sidecar.target, {}) as watch:
            wait_until(lambda: {watch.ask(LIMITED, key) for key in self.known} == {"200"}, 20)
            wait_until(lambda: {watch.ask(PLAIN, key) for key in self.revoked} == {"401"}, 20)
