"""A TCP proxy in front of a server, which can be told to misbehave."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHUNK = 65_536  # bytes
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends RST
_HALF = 7  # bytes of an answer, then no more
_PATIENCE = 5.0  # seconds

Answer = Callable[[bytes], Awaitable[tuple[bytes, bool]]]
"""What becomes of bytes on their way back, and whether the connection goes on."""


async def _faithful(data: bytes) -> tuple[bytes, bool]:
    return data, True


@dataclass
class _Talk:
    """One connection, and what was asked on it last."""

    asked: bytes = b""


class FaultProxy:
    """`start`, then change its behaviour at will, then `stop`. All of it acts on connections old and new.

    `upstream` is a unix socket, or a port of this machine.
    """

    def __init__(self, upstream: Path | int) -> None:
        self._upstream = upstream
        self._marker = b""
        self._answer: Answer = _faithful
        self._forwards = asyncio.Event()
        self._forwards.set()
        self._resets = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        self._run(self._listen())

    def stop(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def cut(self) -> None:
        """Reset all connections, once."""
        self._run(self._reset_all())

    @contextmanager
    def only(self, marker: bytes) -> Iterator[None]:
        """Let the black hole and changed answers concern those connections alone whose last request has a `marker`."""
        self._marker = marker
        try:
            yield
        finally:
            self._marker = b""

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Take everything and let nothing through."""
        self._loop.call_soon_threadsafe(self._forwards.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._forwards.set)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """End all connections and take no more."""
        self._run(self._shut())
        try:
            yield
        finally:
            self._run(self._listen())

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Reset all connections, and each new one as soon as it is there."""
        self._resets = True
        self._run(self._reset_all())
        try:
            yield
        finally:
            self._resets = False

    @contextmanager
    def answering(self, answer: Answer) -> Iterator[None]:
        self._answer = answer
        try:
            yield
        finally:
            self._answer = _faithful
            self._run(self._reset_all())  # what was answered wrongly stays with its connection

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._reset_all()

    async def _end(self) -> None:
        await self._shut()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._resets:
            _reset(writer)
            return
        try:
            from_server, to_server = await self._connect()
        except OSError:
            _reset(writer)
            return
        self._writers |= {writer, to_server}
        talk = _Talk()
        ways = [self._ask(reader, to_server, talk), self._answer_to(talk, from_server, writer)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        with suppress(asyncio.CancelledError):  # at the end; asyncio would log it
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for end in (writer, to_server):
            self._writers.discard(end)
            end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, int):
            return await asyncio.open_connection("127.0.0.1", self._upstream)
        return await asyncio.open_unix_connection(str(self._upstream))

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, talk: _Talk) -> None:
        with suppress(ConnectionError, RuntimeError):
            while data := await reader.read(_CHUNK):
                talk.asked = data
                await self._pass_through(talk)
                writer.write(data)
                await writer.drain()

    async def _answer_to(self, talk: _Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, RuntimeError):
            while data := await reader.read(_CHUNK):
                await self._pass_through(talk)
                changed, goes_on = await self._answer(data) if self._marker in talk.asked else (data, True)
                writer.write(changed)
                await writer.drain()
                if not goes_on:
                    return

    async def _pass_through(self, talk: _Talk) -> None:
        if self._marker in talk.asked:
            await self._forwards.wait()


def late_by(seconds: float) -> Answer:
    """Everything, and so much later."""

    async def late(data: bytes) -> tuple[bytes, bool]:
        await asyncio.sleep(seconds)
        return data, True

    return late


async def half(data: bytes) -> tuple[bytes, bool]:
    """The beginning, and then the end of the connection."""
    return data[:_HALF], False


async def garbage(data: bytes) -> tuple[bytes, bool]:
    """As many bytes, which mean nothing."""
    return b"\x00?" * len(data), True


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.close()
