"""A decider with every kind of rule, the keys that it knows, and what must hold of each answer."""

import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any
from urllib.parse import unquote

from google.protobuf.message import DecodeError
from prometheus_client import CollectorRegistry

from extauth.check.tokens import Tokens
from extauth.keys import imported
from extauth.keys.record import KeyRecord, Status, Version
from extauth.keys.token import generate
from extauth.policy.settings import SidecarSettings
from extauth.serving.engine import Engine, Parts
from extauth.store.buckets import TokenBuckets
from extauth.store.key_reader import KeyReader
from extauth.store.names import Names
from extauth.store.near_cache import Freshness, NearCache
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import AttributeContext, CheckRequest
from tests.fuzz.memory_redis import MemoryQueue
from tests.support.check_messages import Answer
from tests.support.keys import PEPPER, record_of

HOUR = 3_600_000  # milliseconds
IMPORTED = "an-imported-key-of-another-system"
NAMES = Names("fuzz")

APIS: tuple[dict[str, Any], ...] = (
    {
        "name": "orders",
        "match": {"hosts": ["api.example.com", "*.acme.example"], "paths": ["/v1", "=/exact"]},
        "credentials": [{"header": "x-api-key"}, {"query": "key"}, {"cookie": "session"}],
        "permissions": [
            {"methods": ["GET"], "paths": ["/v1/{team}/items"], "scopes": ["read:{team}"]},
            {"any_of": ["write", "admin"]},
        ],
        "limits": [
            {"name": "burst", "by": "key", "rate": "100000/s"},
            {"name": "models", "by": ["tenant", {"header": "x-model"}], "quota": "1000000/day"},
            {"name": "route", "by": ["route", "address"], "rate": "10/s", "paths": ["/v1/{team}/items"]},
        ],
        "client_address": {"header": "x-forwarded-for", "trusted_hops": 1},
        "rate_limit_headers": {"fields": ["x-ratelimit", "ietf"], "retry_after_jitter": 0.5},
        "errors": {"default": {"body": {"why": "{message}", "at": "{endpoint}", "n": "{retry_after}"}}},
    },
    {
        "name": "tenants",
        "match": {"hosts": ["*"], "methods": ["POST"], "context": {"tier": "gold"}},
        "credentials": [{"header": "authorization", "scheme": ["Bearer", "ApiKey"], "scheme_optional": True}],
        "tenant": {"host": "{tenant}.example.org"},
        "upstream_headers": {"name": "x-name", "scopes": "x-scopes", "plan": "x-plan"},
    },
    {"name": "rest", "credentials": [{"header": "x-api-key"}], "tenant": {"header": "x-tenant", "required": False}},
)


def settings_of(*apis: dict[str, Any]) -> SidecarSettings:
    """With these APIs, and imported keys."""
    keys = {"peppers": [{"id": "p1", "env": "NOWHERE"}], "imported": True}
    return SidecarSettings.model_validate({"keys": keys, "apis": apis})


class Checked:
    """`ask` makes a check and looks at what came of it."""

    def __init__(self, settings: SidecarSettings) -> None:
        self.queue = MemoryQueue()
        self.cache = NearCache(64, Freshness(max_staleness=0.05, negative=0.05))
        metrics = SidecarMetrics(CollectorRegistry())
        self.engine = Engine(
            Parts(
                names=NAMES,
                cache=self.cache,
                reader=KeyReader(self.queue, self.cache, NAMES),
                buckets=TokenBuckets(self.queue.submit, metrics, lambda: 1),
                tokens=Tokens(None, {}, {}, [PEPPER]),
                peppers=[PEPPER],
                metrics=metrics,
                count_usage=lambda *_: None,
                write_log=lambda _: True,
            ),
            settings,
        )
        self.good, self.bad = _keys(self.queue)

    def ask(self, message: bytes) -> Answer:
        """AssertionError for an answer that Envoy could take for an ALLOW which it should not be."""
        outcome = self.engine.decide(message, time.monotonic() + 60)
        if not isinstance(outcome, bytes):
            answers: SimpleQueue[bytes] = SimpleQueue()
            outcome.then(answers.put)  # answered at once
            outcome = answers.get_nowait()
        answer = Answer.parse(outcome)
        if answer.kind == "ok":
            assert answer.code == 0
            assert any(key in text for text in texts_of(message) for key in self.good), "allowed without a key"
        else:
            assert answer.code != 0
            assert answer.http_status >= 400
        return answer


def texts_of(message: bytes) -> Iterator[str]:
    """All that a key could stand in, as it was sent and with escapes undone."""
    try:
        http = CheckRequest.FromString(message).attributes.request.http
    except DecodeError:  # headers are read one by one: the rest of such a message is not looked at
        yield message.decode("latin-1")
        return
    yield from _values(http)
    yield unquote(http.path)


def _values(http: AttributeContext.HttpRequest) -> Iterator[str]:
    yield http.path
    yield from http.headers.values()
    for line in http.header_map.headers:
        yield line.value
        yield line.raw_value.decode("latin-1")


def _keys(queue: MemoryQueue) -> tuple[list[str], list[str]]:
    """Texts of keys that are in force, and of others."""
    now = int(time.time() * 1000)
    rights: dict[str, Any] = {"scopes": ("read:red", "write"), "plan": "gold", "name": "Zoë"}
    good = [{**rights}, {"tenant": "red", "expires_at": now + 1000 * HOUR}]
    bad: list[dict[str, Any]] = [
        {"status": Status.REVOKED, **rights},
        {"status": Status.DISABLED, **rights},
        {"expires_at": now - HOUR, **rights},
        {"not_before": now + 1000 * HOUR, **rights},
    ]
    found = [_put(queue, fields) for fields in (*good, *bad)]
    other = KeyRecord("imported", imported.digest_of_any(PEPPER, IMPORTED), "p1", Version(1, 1), Status.ACTIVE, "acme")
    queue.values[NAMES.record("p1", other.digest)] = b"1 1\n" + other.to_bytes()
    return [*found[: len(good)], IMPORTED], [*found[len(good) :], str(generate("test"))]


def _put(queue: MemoryQueue, fields: dict[str, Any]) -> str:
    token = generate("test")
    record = record_of(token, 1, **fields)
    queue.values[NAMES.record(record.pepper_id, record.digest)] = b"1 1\n" + record.to_bytes()
    return str(token)
