"""Any bytes on a connection to `/check`: uvicorn, its parser and ours, up to the decision."""

import asyncio
import atexit
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

import h11

from extauth.policy.http_check import HttpCheckSettings
from extauth.serving.http_check.server import HttpCheckServer
from extauth.serving.sockets import Claim
from tests.fuzz.checked import APIS, IMPORTED, Checked, settings_of
from tests.fuzz.target import Target

_STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)
_HEAD = (
    "GET /check?tier=gold HTTP/1.1\r\nhost: extauth\r\nx-original-method: {method}\r\nx-original-uri: {uri}\r\n"
    "x-original-host: api.example.com\r\nx-original-address: 192.0.2.1\r\n{header}\r\n\r\n"
)


class _Connection(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self._closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def pause_reading(self) -> None:
        """All has come already."""

    def resume_reading(self) -> None:
        """All has come already."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Nobody asks for another one: `ws` is off."""


class _Server:
    """A handler that keeps what went wrong, behind the server's own configuration, on a loop that is turned by hand."""

    def __init__(self) -> None:
        self.checked = Checked(settings_of(*APIS))
        self.faults: list[object] = []
        settings = HttpCheckSettings.model_validate({"listen": ["unix:/none"], "original": "x-original"})
        self._config = HttpCheckServer(self, settings, 5, 0o600, Claim.ALONE)._config
        self._config.load()
        self._loop = asyncio.new_event_loop()
        atexit.register(self._loop.close)
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))

    def decide(self, message: bytes, deadline: float) -> Any:
        try:
            return self.checked.engine.decide(message, deadline)
        except Exception as error:
            self.faults.append(error)
            raise

    def unavailable(self, message: bytes) -> bytes:
        return self.checked.engine.unavailable(message)

    def answer(self, data: bytes) -> bytes:
        return self._loop.run_until_complete(self._converse(data))

    async def _converse(self, data: bytes) -> bytes:
        from uvicorn.server import ServerState  # noqa: PLC0415 (with its logging only where it is wanted)

        state, connection = ServerState(), _Connection()
        protocol: Any = self._config.http_protocol_class(config=self._config, server_state=state, app_state={})  # type: ignore[call-arg, operator]
        protocol.connection_made(connection)
        with suppress(h11.LocalProtocolError):  # uvicorn's own, of junk behind a HEAD; asyncio closes the connection
            protocol.data_received(data)
        while state.tasks:
            await asyncio.wait(state.tasks, timeout=10)
            await asyncio.sleep(0)  # what ends with a task, its next request among them
        protocol.connection_lost(None)
        protocol._unset_keepalive_if_required()
        return bytes(connection.written)


@cache
def _server() -> _Server:
    return _Server()


def _run(data: bytes) -> None:
    if not data:  # to h11 that is the end of the connection, of which asyncio tells by another call
        return
    server = _server()
    server.faults.clear()
    written = server.answer(data)
    assert not server.faults, server.faults
    statuses = {int(status) for status in _STATUS.findall(written)}
    assert 500 not in statuses
    if 200 in statuses:
        sent = data + unquote_to_bytes(data)
        assert any(key.encode() in sent for key in server.checked.good), "allowed without a key"


def _seeds() -> Iterator[bytes]:
    checked = _server().checked
    for key in (*checked.good, *checked.bad):
        yield _HEAD.format(method="GET", uri="/v1/red/items", header=f"x-api-key: {key}").encode()
        yield _HEAD.format(method="POST", uri="/", header=f"authorization: Bearer {key}").encode()
        yield _HEAD.format(method="GET", uri=f"/exact?key={key}", header="cookie: a=b; session=c").encode()
    yield b"GET /check HTTP/1.0\r\n\r\nGET /check HTTP/1.1\r\nhost: a\r\n\r\n"
    yield b"POST /check HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    yield b"POST /check HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nupgrade: h2c\r\n\r\nhello"


TARGET = Target("http_requests", _run, _seeds, (IMPORTED, "x-original-uri: ", "\r\n\r\n", "HTTP/1.1\r\n"))
