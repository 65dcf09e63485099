"""A TCP proxy in front of a server on a unix socket, which can be told to misbehave."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
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


class FaultProxy:
    """`start`, then change its behaviour at will, then `stop`. All of it acts on connections old and new."""

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
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
            from_server, to_server = await asyncio.open_unix_connection(str(self._upstream))
        except OSError:
            _reset(writer)
            return
        self._writers |= {writer, to_server}
        ways = [self._copy(reader, to_server, _faithful), self._copy(from_server, writer, self._answers)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        with suppress(asyncio.CancelledError):  # at the end; asyncio would log it
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for end in (writer, to_server):
            self._writers.discard(end)
            end.close()

    async def _answers(self, data: bytes) -> tuple[bytes, bool]:
        return await self._answer(data)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Answer) -> None:
        with suppress(ConnectionError, RuntimeError):
            while data := await reader.read(_CHUNK):
                await self._forwards.wait()
                changed, goes_on = await change(data)
                writer.write(changed)
                await writer.drain()
                if not goes_on:
                    return


async def late(data: bytes) -> tuple[bytes, bool]:
    """Half a second late."""
    await asyncio.sleep(0.5)
    return data, True


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
