"""The guard by itself, where a real client would take too long."""

import asyncio

from prometheus_client import CollectorRegistry
from starlette.types import Message, Receive, Scope, Send

from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.authentication import Authenticator, BootstrapToken
from extauth.registry.failures import FailureLimit
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.rest.guard import Guard


def test_a_body_that_trickles_in_is_given_up(token: str, admin_tokens: AdminTokens) -> None:
    sent: list[Message] = []

    async def never_called(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    async def trickle() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/keys",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    authenticator = Authenticator(BootstrapToken(token), admin_tokens)
    metrics = RegistryMetrics(CollectorRegistry())
    asyncio.run(Guard(never_called, authenticator, FailureLimit(), metrics, body_deadline=0.05)(scope, trickle, send))
    assert sent[0]["status"] == 408
