"""A decider with real Redis behind it, and clocks that a test can move."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from prometheus_client import CollectorRegistry

from extauth.check.api import ServedApi
from extauth.check.check_log import CheckLog
from extauth.check.clocks import Clocks
from extauth.check.decide import Decider
from extauth.check.denial import Denials
from extauth.check.guessing import KeyGuard
from extauth.check.identify import Identifier
from extauth.check.keys import KeyLookup
from extauth.check.pending import Pending
from extauth.check.tally import NO_API, Tally
from extauth.check.tokens import Introspector, Tokens, Verifier
from extauth.keys.digest import Pepper
from extauth.keys.record import KeyRecord
from extauth.policy.check_log import CheckLogSettings
from extauth.policy.errors import ErrorTemplate
from extauth.policy.key_guessing import KeyGuessing
from extauth.policy.schema import Api
from extauth.store.buckets import TokenBuckets
from extauth.store.key_reader import KeyReader
from extauth.store.names import Names
from extauth.store.near_cache import NearCache
from extauth.store.queue import Queue
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.check_messages import Answer, check_request
from tests.support.keys import PEPPER, issue
from tests.support.publishing import HandPublisher

API = {"name": "demo", "credentials": [{"header": "x-api-key"}]}


class Time:
    """Clocks that can be moved ahead, and stopped."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._stopped_at: float | None = None

    def stop(self) -> None:
        self._stopped_at = self._monotonic()

    def move(self, seconds: float) -> None:
        """Ahead, also while stopped."""
        self.offset += seconds
        if self._stopped_at is not None:
            self._stopped_at += seconds

    def go_on(self) -> None:
        """Let time pass again, from where it was."""
        self._stopped_at = None

    def clocks(self) -> Clocks:
        return Clocks(self._monotonic, lambda: time.time() + self.offset)

    def _monotonic(self) -> float:
        return time.monotonic() + self.offset if self._stopped_at is None else self._stopped_at


@dataclass
class Bench:
    """A decider and all that is behind it."""

    decider: Decider
    store: HandPublisher
    cache: NearCache
    registry: CollectorRegistry
    time: Time
    usage: list[tuple[str, ...]]
    """What was counted: caller, tenant, api, outcome."""
    log: list[Mapping[str, object]]
    """Lines told of checks."""

    def ask(self, message: bytes, wait: float = 5) -> Answer:
        outcome = self.decider.decide(message, time.monotonic() + self.time.offset + wait)
        if isinstance(outcome, Pending):
            answers: SimpleQueue[bytes] = SimpleQueue()
            outcome.then(answers.put)
            outcome = answers.get(timeout=10)
        return Answer.parse(outcome)

    def get(self, key: str, **changes: Any) -> Answer:
        return self.ask(check_request({"x-api-key": key}, **changes))

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


class BenchMaker:
    def __init__(self, queue: Queue, cache: NearCache, names: Names, store: HandPublisher) -> None:
        self.parts = (queue, cache, names, store)

    def __call__(
        self,
        *apis: dict[str, Any],
        peppers: tuple[Pepper, ...] = (PEPPER,),
        prefixes: tuple[str, ...] = (),
        accepts_imported: bool = False,
        errors: Mapping[str, Any] | None = None,
        verifier: Verifier | None = None,
        introspectors: Mapping[str, Introspector] | None = None,
        issuers: Mapping[str, str] | None = None,
        key_guessing: Mapping[str, Any] | None = None,
        check_log: Mapping[str, Any] | None = None,
    ) -> Bench:
        queue, cache, names, store = self.parts
        registry = CollectorRegistry()
        clock = Time()
        usage: list[tuple[str, ...]] = []
        log: list[Mapping[str, object]] = []
        served = [Api.model_validate(api) for api in apis or (API,)]
        templates = {name: ErrorTemplate.model_validate(template) for name, template in (errors or {}).items()}
        metrics, clocks = SidecarMetrics(registry), clock.clocks()
        tally = Tally(metrics, served)
        identifier = Identifier(
            KeyLookup(peppers, prefixes, cache, accepts_imported=accepts_imported),
            Tokens(verifier, introspectors or {}, issuers or {}, peppers),
            KeyReader(queue, cache, names),
            tally,
            clocks,
            KeyGuard(KeyGuessing.model_validate(key_guessing or {}), metrics, clocks.monotonic),
        )
        decider = Decider(
            [ServedApi(api, names, templates) for api in served],
            Denials(NO_API, templates=[templates]),
            identifier,
            TokenBuckets(queue.submit, metrics, lambda: 1, clocks.monotonic, clocks.wall),
            tally,
            lambda *row: usage.append(row),
            clocks,
            CheckLog(
                CheckLogSettings.model_validate(check_log or {}),
                lambda line: log.append(line) is None,
                clocks.monotonic,
            ),
        )
        return Bench(decider, store, cache, registry, clock, usage, log)


def published(bench: Bench, **fields: Any) -> tuple[str, KeyRecord]:
    key, record = issue(**fields)
    bench.store.put([record])
    return key, record
