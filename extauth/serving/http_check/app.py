"""`/check` as an ASGI application."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from extauth.serving.envoy_secret import EnvoySecret
from extauth.serving.http_check.messages import HttpAnswer, OriginalHeaders, RawHeaders, read_response, write_request
from extauth.serving.transport import Handler, PendingAnswer
from extauth.telemetry.logs import logger

_log = logger(__name__)

PATH = "/check"
_UNKNOWN = HttpAnswer(404, [(b"content-type", b"text/plain")], b"known here: /check\n")
_NO_REQUEST = b""
"""A CheckRequest that tells of no request: a check like any other, which ends with bad_request."""


class HttpCheck:
    """Asks the handler. The query of `/check` is Envoy's `context_extensions`: the proxy's configuration sets it.

    `timeout` in seconds. With a `secret` nobody is told anything who does not send it.
    """

    def __init__(
        self, handler: Handler, original: OriginalHeaders, timeout: float, secret: EnvoySecret | None = None
    ) -> None:
        self._handler = handler
        self._original = original
        self._timeout = timeout
        self._secret = secret
        self._has_warned = False

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI: untyped arguments)
        answer = _UNKNOWN
        if scope["path"] == PATH:
            context = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            answer = read_response(await self._answer(scope["headers"], context), self._original)
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, headers: RawHeaders, context: Mapping[str, str]) -> bytes:
        if self._secret is None:
            return await self._decide(self._message(headers, context))
        is_trusted = self._secret.is_in((name.decode("latin-1"), value) for name, value in headers)
        name = self._secret.header.encode()
        message = self._message([pair for pair in headers if pair[0] != name], context)  # no policy needs to see it
        return await self._decide(message) if is_trusted else self._handler.untrusted(message)

    def _message(self, headers: RawHeaders, context: Mapping[str, str]) -> bytes:
        message = write_request(headers, self._original, context)
        if message is None and not self._has_warned:
            self._has_warned = True  # once: it is the proxy's configuration that is wrong
            wanted = [name.decode() for name in (self._original.method, self._original.uri, self._original.host)]
            _log.warning("proxy_does_not_tell_of_the_request", each_once=wanted)
        return _NO_REQUEST if message is None else message

    async def _decide(self, message: bytes) -> bytes:
        try:
            outcome = self._handler.decide(message, time.monotonic() + self._timeout)
            return outcome if isinstance(outcome, bytes) else await self._wait_for(outcome)
        except Exception:  # noqa: BLE001 (whatever it is, the proxy gets the answer for our own faults)
            _log.exception("check_failed")
            return self._handler.unavailable(message)

    async def _wait_for(self, pending: PendingAnswer) -> bytes:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()

        def settle(answer: bytes) -> None:
            if not answered.done():
                answered.set_result(answer)

        def deliver(answer: bytes) -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(settle, answer)

        pending.then(deliver)
        done, _ = await asyncio.wait({answered}, timeout=self._timeout)
        if not done and (expired := pending.expire()) is not None:
            return expired
        return await answered
