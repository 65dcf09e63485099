"""An introspector under test, and what it said."""

import json
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from extauth.bearer.claims import Claims, Refusal
from extauth.bearer.introspection import Introspector
from extauth.bearer.settings import IntrospectionSettings
from extauth.telemetry.bearer_metrics import BearerMetrics
from tests.bearer.http_server import Reply
from tests.support.wait import wait_until

Judgement = Claims | Refusal
ACTIVE = {"active": True, "sub": "user-1", "scope": "a b", "jti": "t1"}


def answer(**members: Any) -> Reply:
    return Reply(json.dumps({**ACTIVE, **members}).encode())


class Asker:
    """An introspector, and what it said."""

    def __init__(self, url: str, **fields: Any) -> None:
        usual = {"name": "opaque", "client_id": "me", "client_secret": {"env": "SECRET"}, "timeout": "5s"}
        settings = {**usual, "url": url, **fields}
        self.registry = CollectorRegistry()
        self.ahead = 0.0  # seconds, of the clock that outages are measured by
        self.introspector = Introspector(
            IntrospectionSettings.model_validate(settings),
            BearerMetrics(self.registry),
            lambda: time.monotonic() + self.ahead,
        )
        self.said: list[Judgement] = []
        self.lookup = self.introspector.lookup

    def ask_only(self, token: str, seconds: float = 5) -> None:
        self.introspector.ask(token, time.monotonic() + self.ahead + seconds, self.said.append)

    def ask(self, token: str = "opaque") -> Judgement:
        before = len(self.said)
        self.ask_only(token)
        wait_until(lambda: len(self.said) > before)
        return self.said[-1]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"extauth_bearer_{name}", {"issuer": "opaque", **labels})


MakeAsker = Callable[..., Asker]
