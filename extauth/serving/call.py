"""A call that a loop on grpcio's completion queue serves: each method starts one batch of operations."""

from collections.abc import Callable
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined] # private, and so without types

from extauth.serving.envoy_secret import Metadata
from extauth.serving.timers import Act
from extauth.telemetry.logs import logger

_log = logger(__name__)

Tag = Callable[[Any], None]
"""What the queue hands back with an event: how to go on."""
StartBatch = Callable[[Any, tuple[Any, ...], Tag], None]
"""Start operations of a cygrpc call; the tag is called on the loop when they are done."""

_OK = 0


def code(status: grpc.StatusCode) -> int:
    """As it stands in grpc-status."""
    number: int = status.value[0]
    return number


INTERNAL = code(grpc.StatusCode.INTERNAL)
_NO_MESSAGE = code(grpc.StatusCode.UNIMPLEMENTED)  # what gRPC prescribes for a call without its message


def nothing(_event: Any) -> None:  # noqa: ANN401 (cygrpc's)
    """A batch whose end needs no more than to be counted."""


class Call:
    """Its methods may be called from any thread. Every call must be ended: else it is never freed, client or no."""

    __slots__ = ("_call", "_start", "deadline", "ended", "metadata")

    def __init__(self, call: Any, deadline: float, metadata: Metadata, start: StartBatch) -> None:  # noqa: ANN401 (cygrpc's)
        self._call = call
        self._start = start
        self.deadline = deadline
        """Monotonic seconds; infinite when the client set none."""
        self.metadata = metadata
        self.ended: Tag = nothing
        """Called on the loop when `answer` or `refuse` is through, or the client has left."""

    def receive(self, then: Callable[[bytes | None], None]) -> None:
        """Ask for the next message; None when there is none: half-closed, cancelled, or too large."""

        def received(event: Any) -> None:  # noqa: ANN401 (cygrpc's)
            try:
                then(event.batch_operations[0].message())
            except Exception:  # noqa: BLE001 (whatever it was, the call must be ended)
                _log.exception("call_failed")
                self.refuse(INTERNAL, b"")

        self._start(self._call, (cygrpc.ReceiveMessageOperation(0),), received)

    def answer(self, message: bytes) -> None:
        """Send the only message and end the call well."""
        operations = (
            cygrpc.SendInitialMetadataOperation(None, 0),
            cygrpc.SendMessageOperation(message, 0),
            cygrpc.SendStatusFromServerOperation(None, _OK, b"", 0),
            cygrpc.ReceiveCloseOnServerOperation(0),
        )
        self._start(self._call, operations, self.ended)

    def refuse(self, status: int, details: bytes) -> None:
        """End the call with a status and no message."""
        operations = (
            cygrpc.SendInitialMetadataOperation(None, 0),
            cygrpc.SendStatusFromServerOperation(None, status, details, 0),
            cygrpc.ReceiveCloseOnServerOperation(0),
        )
        self._start(self._call, operations, self.ended)

    def refuse_without_message(self) -> None:
        """End a call whose only message did not come."""
        self.refuse(_NO_MESSAGE, b"requires exactly one request message")

    def begin_stream(self, closed: Act) -> None:
        """Send headers, and be told when the call is over."""
        self._start(self._call, (cygrpc.ReceiveCloseOnServerOperation(0),), lambda _event: closed())
        self._start(self._call, (cygrpc.SendInitialMetadataOperation(None, 0),), nothing)

    def send(self, message: bytes, sent: Act) -> None:
        """Send one message of a stream; the next one only after `sent`."""
        self._start(self._call, (cygrpc.SendMessageOperation(message, 0),), lambda _event: sent())

    def end_stream(self, status: int) -> None:
        self._start(self._call, (cygrpc.SendStatusFromServerOperation(None, status, b"", 0),), nothing)
