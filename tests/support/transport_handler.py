"""A handler whose messages say what becomes of them."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

Act = Callable[[], None]
Begin = Callable[["PendingMessage", Callable[[bytes], None]], None]


class PendingMessage:
    """A pending answer that ends once, however many try; `begin` decides when and where."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._open = threading.Lock()

    def then(self, deliver: Callable[[bytes], None]) -> None:
        self._begin(self, deliver)

    def finish(self, deliver: Callable[[bytes], None], answer: bytes) -> None:
        if self._open.acquire(blocking=False):
            deliver(answer)

    def expire(self) -> bytes | None:
        return b"expired" if self._open.acquire(blocking=False) else None


class FaultyPending(PendingMessage):
    """One that cannot even be ended."""

    def expire(self) -> bytes | None:
        raise RuntimeError("a fault of ours")


class CommandHandler:
    """Echoes, or does as the first word of the message says; see `_COMMANDS`."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        """All but echoes."""

    def decide(self, message: bytes, deadline: float) -> bytes | PendingMessage:
        word, _, rest = message.partition(b" ")
        command = _COMMANDS.get(word)
        if command is None:
            return message
        self.messages.append(message)
        return command(rest, deadline)

    def unavailable(self, message: bytes) -> bytes:
        if message.endswith(b" twice"):
            raise RuntimeError("another fault of ours")
        return b"unavailable"

    def overloaded(self, _message: bytes, cause: str) -> bytes:
        return b"overloaded: " + cause.encode()

    def untrusted(self, message: bytes) -> bytes:
        return b"untrusted: " + message


def _deadline(_rest: bytes, deadline: float) -> bytes:
    return str(deadline - time.monotonic()).encode()


def _raise(_rest: bytes, _deadline: float) -> bytes:
    raise RuntimeError("a fault of ours")


def _wait(rest: bytes, _deadline: float) -> PendingMessage:
    """`wait 0.3`: the answer comes from another thread so many seconds later."""
    return PendingMessage(lambda pending, deliver: _later(float(rest), lambda: pending.finish(deliver, b"waited")))


def _sleep(rest: bytes, _deadline: float) -> bytes:
    """`sleep 0.02`: the loop, or a thread, is kept for so many seconds."""
    time.sleep(float(rest))
    return b"slept"


def _at_once(_rest: bytes, _deadline: float) -> PendingMessage:
    """Delivered before `then` returns, as a queue does that is full."""
    return PendingMessage(lambda pending, deliver: pending.finish(deliver, b"at once"))


def _soon(rest: bytes, _deadline: float) -> PendingMessage:
    """Delivered from a thread that runs already; the answer is the rest of the message."""
    return PendingMessage(lambda pending, deliver: _worker.put(lambda: pending.finish(deliver, rest)))


def _hold(_rest: bytes, _deadline: float) -> PendingMessage:
    """Until `release`."""
    return PendingMessage(lambda pending, deliver: _held.put(lambda answer: pending.finish(deliver, answer)))


def _never(_rest: bytes, _deadline: float) -> PendingMessage:
    return PendingMessage(lambda _pending, _deliver: None)


def _disobey(rest: bytes, _deadline: float) -> PendingMessage:
    """Delivered after it was ended: against the contract."""
    return PendingMessage(lambda _pending, deliver: _later(float(rest), lambda: deliver(b"too late")))


def _fail(_rest: bytes, _deadline: float) -> PendingMessage:
    return PendingMessage(_cannot_begin)


def _fail_twice(_rest: bytes, _deadline: float) -> PendingMessage:
    return FaultyPending(_cannot_begin)


def _cannot_end(_rest: bytes, _deadline: float) -> PendingMessage:
    return FaultyPending(lambda _pending, _deliver: None)


def _cannot_begin(_pending: PendingMessage, _deliver: Callable[[bytes], None]) -> None:
    raise RuntimeError("a fault of ours")


_COMMANDS: dict[bytes, Callable[[bytes, float], bytes | PendingMessage]] = {
    b"deadline": _deadline,
    b"raise": _raise,
    b"sleep": _sleep,
    b"wait": _wait,
    b"at-once": _at_once,
    b"soon": _soon,
    b"never": _never,
    b"hold": _hold,
    b"disobey": _disobey,
    b"cannot-begin": _fail,
    b"cannot-begin-nor-end": _fail_twice,
    b"cannot-end": _cannot_end,
}


def _later(seconds: float, act: Act) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def _work(queue: SimpleQueue[Act]) -> None:
    while True:
        queue.get()()


def release(answer: bytes) -> None:
    """Answer the oldest that is held."""
    _held.get(timeout=10)(answer)


_held: SimpleQueue[Callable[[bytes], None]] = SimpleQueue()
_worker: SimpleQueue[Act] = SimpleQueue()
threading.Thread(target=_work, args=[_worker], name="worker", daemon=True).start()
