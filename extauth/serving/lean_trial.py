"""A trial of the lean transport: all that it relies on, tried on a socket of its own before it serves."""

import tempfile
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import grpc

from extauth.check.shedding import Shed
from extauth.serving import private_names
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE, TransportOptions

_PATIENCE = 2.0  # seconds for a call that takes less than a millisecond
_LONGEST = 5.0  # seconds for all of it
_TIMEOUT = 0.1  # seconds for a decision in the trial
_CHECK = f"/{CHECK_SERVICE}/{CHECK_METHOD}"
_UNKNOWN = f"/{CHECK_SERVICE}/Unknown"


class TrialFailedError(Exception):
    """The text says what did not go as it must."""


def fault_of_lean() -> str | None:
    """What does not work with the grpcio that is installed, or None; within a few seconds in any case."""
    outcome: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=lambda: outcome.put(_fault()), name="trial", daemon=True).start()
    try:
        return outcome.get(timeout=_LONGEST)
    except Empty:
        return f"the trial was not over after {_LONGEST:g} s"


def _fault() -> str | None:
    try:
        with tempfile.TemporaryDirectory(prefix="extauth-") as folder:
            _try(f"unix:{folder}/trial.sock")
    except TrialFailedError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (whatever a private API may have turned into)
        return f"{type(error).__name__}: {error}"
    return None


def _try(address: str) -> None:
    from grpc._cython import cygrpc  # type: ignore[attr-defined] # noqa: PLC0415 (it may be what does not work)

    if missing := private_names.missing(cygrpc):
        raise TrialFailedError(f"grpc._cython.cygrpc has no {', '.join(missing)}")
    from extauth.serving.lean import LeanTransport  # noqa: PLC0415 (the same)

    options = TransportOptions((address,), socket_mode=0o600, timeout=_TIMEOUT, max_message_size=4096, threads=1)
    died = threading.Event()
    transport = LeanTransport(_TrialHandler(), options, died.set)
    transport.start()
    try:
        with grpc.insecure_channel(address) as channel:
            check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_CHECK)
            for message in _ANSWERS:
                _expect(check(message, timeout=_PATIENCE, wait_for_ready=True), message)
            _expect_refusal(channel)
            stuck = check.future(_STUCK, timeout=2 * _LONGEST)
            _expect(check(_NOW, timeout=_PATIENCE), _NOW)  # so the one before it has come
            transport.stop(0)
            _expect_end(stuck)
    finally:
        transport.stop(0)
    if transport.is_running or died.is_set():
        raise TrialFailedError("its loop does not end well")


def _expect(answer: bytes, expected: bytes) -> None:
    if answer != expected:
        raise TrialFailedError(f"the answer to {expected!r} was {answer!r}")


def _expect_refusal(channel: grpc.Channel) -> None:
    unknown: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_UNKNOWN)
    try:
        unknown(b"", timeout=_PATIENCE)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return
    raise TrialFailedError("a method that does not exist was not refused")


def _expect_end(call: "grpc.Future[bytes]") -> None:
    try:
        call.exception(timeout=_PATIENCE / 2)
    except grpc.FutureTimeoutError:
        raise TrialFailedError("a call under way was not ended by stopping") from None


class _Answer:
    """A pending answer: `then` begins it, `expired` ends it."""

    def __init__(self, then: Callable[[Callable[[bytes], None]], None], expired: bytes | None) -> None:
        self.then = then
        self._expired = expired

    def expire(self) -> bytes | None:
        return self._expired


_NOW, _LATER, _IN_TIME, _STUCK = b"now", b"later", b"in time", b"stuck"
_ANSWERS = (_NOW, _LATER, _IN_TIME)


class _TrialHandler:
    """Answers each of `_ANSWERS` with itself if all is well; nothing ends the one that is stuck."""

    def __init__(self) -> None:
        self._held: list[object] = []  # a call that nobody holds is cancelled by grpcio
        self._pending = {
            _LATER: _Answer(_deliver_elsewhere, expired=None),
            _IN_TIME: _Answer(lambda _deliver: None, expired=_IN_TIME),
            _STUCK: _Answer(self._held.append, expired=None),
        }

    def decide(self, message: bytes, deadline: float) -> bytes | _Answer:
        if not 0 < deadline - time.monotonic() <= _TIMEOUT:
            return b"a wrong deadline"
        return self._pending.get(message, message)

    def unavailable(self, _message: bytes) -> bytes:
        return b"unavailable"

    def overloaded(self, _message: bytes, cause: Shed) -> bytes:
        return cause.value.encode()

    def untrusted(self, _message: bytes) -> bytes:
        return b"untrusted"


def _deliver_elsewhere(deliver: Callable[[bytes], None]) -> None:
    threading.Thread(target=deliver, args=[_LATER], daemon=True).start()
