"""A process without threads that has loaded what a worker needs, and forks one whenever it is told to.

The supervisor makes it before it has threads of its own: a process that has some cannot fork safely. A message to it
is one byte with the descriptor of a worker's end of its control pair; its answers are lines of JSON: `{"pid": 7}` for
a worker that has begun, `{"pid": 7, "status": -9}` for one that has ended.
"""

import gc
import json
import logging
import os
import selectors
import signal
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from queue import Empty, Queue
from typing import NoReturn

from extauth.serving.workers.parent_death import die_with
from extauth.telemetry.logs import logger

_log = logger(__name__)
_PATIENCE = 60.0  # seconds; the first answer comes when all is loaded
_MODULES = ("extauth.serving.workers.worker", "extauth.bearer.jose")
SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2})
"""The supervisor's: a terminal or systemd sends them to all processes, and only one is to act on them."""


class Exit:
    """How a worker ended, as soon as it has: `status` as in subprocess, negative for a signal."""

    def __init__(self) -> None:
        self.happened = threading.Event()
        self.status = 0


class ForkServer:
    """Made on the main thread, before any other thread; then `start`.

    `has_issuers`: workers will need the libraries for JWTs.
    """

    def __init__(self, *, has_issuers: bool) -> None:
        self._channel, theirs = socket.socketpair()
        self._begun: Queue[tuple[int, Exit]] = Queue()
        self._exits: dict[int, Exit] = {}
        self._forking = threading.Lock()
        self._closing = False
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._pid = os.fork()
        if self._pid == 0:
            self._channel.close()
            _serve(theirs, parent, _MODULES if has_issuers else _MODULES[:1])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        theirs.close()
        self._thread = threading.Thread(target=self._read, name="fork-server", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def fork(self, end: socket.socket) -> tuple[int, Exit]:
        """A worker with this end of its control pair, which is closed here; its process id."""
        with self._forking, end:
            socket.send_fds(self._channel, [b"+"], [end.fileno()])
            try:
                return self._begun.get(timeout=_PATIENCE)
            except Empty:
                _give_up("fork_server_does_not_answer")

    def close(self) -> None:
        """End it; what it has forked ends with it."""
        self._closing = True
        self._channel.shutdown(socket.SHUT_WR)
        self._thread.join()
        os.waitpid(self._pid, 0)
        self._channel.close()

    def _read(self) -> None:
        with suppress(ConnectionError), self._channel.makefile("rb") as lines:
            for line in lines:
                self._take(json.loads(line))
        if not self._closing:
            _give_up("fork_server_ended")

    def _take(self, message: dict[str, int]) -> None:
        if "status" in message:
            ended = self._exits.pop(message["pid"])
            ended.status = message["status"]
            ended.happened.set()
        else:
            begun = self._exits[message["pid"]] = Exit()
            self._begun.put((message["pid"], begun))


def _give_up(event: str) -> NoReturn:
    """No worker can be made any more, nor another fork server: this process has threads by now.

    The workers end with their parents, and what started the sidecar starts it again.
    """
    _log.critical(event)
    logging.shutdown()
    os._exit(1)


def _serve(channel: socket.socket, parent: int, modules: Sequence[str]) -> NoReturn:
    """The process itself."""
    status = 1
    try:
        die_with(parent)
        with suppress(ModuleNotFoundError):  # an extra that is not installed: a worker tells of it in its own words
            for name in modules:
                import_module(name)
        gc.collect()
        gc.freeze()  # a collection in a worker would touch, and so copy, all that is shared
        end = _fork_on_demand(channel)
        status = 0 if end is None else import_module(_MODULES[0]).run(end)
    except Exception:  # noqa: BLE001 (nothing above this frame is ours to run)
        _log.exception("process_failed")
    finally:
        logging.shutdown()
        os._exit(status)


def _fork_on_demand(channel: socket.socket) -> int | None:
    """In a worker, its descriptor; in the fork server None when the supervisor has closed the channel."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(channel, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    own = os.getpid()
    while True:
        ready = {key.fileobj for key, _ in selector.select()}
        if woken in ready:
            os.read(woken, 4096)
            _report_ended(channel)
        if channel not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not message:
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            selector.close()
            channel.close()
            os.close(woken)
            os.close(wake)
            die_with(own)
            return descriptors[0]
        os.close(descriptors[0])
        channel.sendall(json.dumps({"pid": pid}).encode() + b"\n")


def _report_ended(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        line = json.dumps({"pid": pid, "status": os.waitstatus_to_exitcode(status)})
        channel.sendall(line.encode() + b"\n")
