"""One worker as the supervisor sees it, from its fork to its end."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from itertools import count
from queue import Empty, Queue

from extauth.serving.workers.control import Control, Message
from extauth.serving.workers.fork_server import ForkServer
from extauth.serving.workers.order import Order
from extauth.telemetry.many_processes import ManyProcesses

_KILL = 10.0  # seconds in which the kernel ends a process


class Reply:
    """The answer to one message, which may never come."""

    def __init__(self) -> None:
        self._answers: Queue[Message | None] = Queue()

    def put(self, answer: Message | None) -> None:
        self._answers.put(answer)

    def wait(self, seconds: float) -> Message | None:
        """None when there is none within `seconds`, or the worker has ended."""
        try:
            return self._answers.get(timeout=max(seconds, 0))
        except Empty:
            return None


class WorkerProcess:
    """A worker that has been forked; what it says of its counters goes to `counts`."""

    def __init__(self, order: Order, fork_server: ForkServer, counts: ManyProcesses) -> None:
        ours, theirs = socket.socketpair()
        self.worker = order.worker
        self.bound: dict[str, str] | None = None
        """Where it listens, once it serves: each address asked for with the real one."""
        self.problem: str | None = None
        """Why it could not begin."""
        self.status: int | None = None
        """How it ended: as in subprocess, negative for a signal."""
        self.ended = threading.Event()
        self._begun_at = time.monotonic()
        self._settled = threading.Event()
        self._counts = counts
        self._control = Control(ours)
        self._ids = count(1)
        self._waiting: dict[int, Reply] = {}
        self.pid, self._exit = fork_server.fork(theirs)
        threading.Thread(target=self._read, name=f"worker-{self.worker}", daemon=True).start()
        self._control.send(order.to_message())

    @property
    def age(self) -> float:
        """Seconds since it was forked."""
        return time.monotonic() - self._begun_at

    def serves(self, within: float) -> bool:
        """Wait until it serves or ends, at most so many seconds."""
        self._settled.wait(max(within, 0))
        return self.bound is not None and not self.ended.is_set()

    def ask(self, do: str, **more: str) -> Reply:
        """Send it a message that it answers."""
        number, reply = next(self._ids), Reply()
        self._waiting[number] = reply
        if not self._control.send({"id": number, "do": do, **more}) or self.ended.is_set():
            reply.put(None)
        return reply

    def stop(self) -> None:
        """Tell it to drain and end."""
        self._control.send({"do": "stop"})

    def kill(self) -> None:
        """End it at once, and wait for that."""
        if not self._exit.happened.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.ended.wait(_KILL)

    def _read(self) -> None:
        while (message := self._control.receive()) is not None:
            self._take(message)
        self._exit.happened.wait()
        self.status = self._exit.status
        self._counts.end(self)
        self.ended.set()
        self._settled.set()
        for reply in list(self._waiting.values()):
            reply.put(None)
        self._control.close()

    def _take(self, message: Message) -> None:
        if "families" in message:
            self._counts.update(self, message["families"])
        if "serving" in message:
            self.bound = message["serving"]
            self._settled.set()
        self.problem = message.get("problem", self.problem)
        reply = self._waiting.pop(message.get("id") or 0, None)
        if reply is not None:
            reply.put(message)
