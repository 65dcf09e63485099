"""`decision_probe.py QUESTIONS ANSWERS serve -c FILE`: run extauth's command line, and time its Check handler.

The command line runs as it always does, with its own settings, Redis and near cache, but for the gRPC server: what
stands in for it keeps the handler of Check, calls it with bytes, and ends the process. So this knows no name of
extauth's own, and can time any revision.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc

_DEADLINE = 0.25  # seconds, as Envoy's calls have
_LOOPS = 10  # over all messages, for each time that is taken: about 1 ms, in which often nobody else runs
_PATIENCE = 10.0  # seconds until the keys are in memory
_ALLOWED = b"\x0a\x00"  # how a CheckResponse begins that allows

Check = Callable[[bytes, Any], bytes]


class Details:
    """As much of grpc.HandlerCallDetails as is asked for."""

    method = "/envoy.service.auth.v3.Authorization/Check"
    invocation_metadata = ()


class Context:
    """As much of grpc.ServicerContext as a handler of bytes asks for."""

    def time_remaining(self) -> float:
        return _DEADLINE


class Server:
    """As much of grpc.Server as is asked for."""

    def __init__(self, questions: Path, answers: Path) -> None:
        self._questions = questions
        self._answers = answers
        self._handlers: list[grpc.GenericRpcHandler] = []
        self._socket = socket.socket(socket.AF_UNIX)

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._handlers += handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Health and the like, which is told of by generic handlers too."""

    def add_insecure_port(self, address: str) -> int:
        """Make the unix socket, which somebody may look for."""
        self._socket.bind(address.removeprefix("unix:"))
        return 1

    def start(self) -> None:
        threading.Thread(target=self._measure, daemon=True).start()

    def stop(self, grace: float | None = None) -> threading.Event:
        ended = threading.Event()
        ended.set()
        return ended

    def _measure(self) -> None:
        try:
            questions = json.loads(self._questions.read_text())
            found = (handler.service(Details()) for handler in self._handlers)
            check = next(handler for handler in found if handler is not None).unary_unary
            times = {
                form: _times(check, [bytes.fromhex(message) for message in messages], questions["repeat"])
                for form, messages in questions["messages"].items()
            }
            self._answers.write_text(json.dumps(times))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)


def _times(check: Check, messages: Sequence[bytes], repeat: int) -> list[float]:
    """Seconds of one call, of each repetition. All answers are ALLOW before the clock runs."""
    context = Context()
    deadline = time.monotonic() + _PATIENCE
    while not all(check(message, context).startswith(_ALLOWED) for message in messages):
        assert time.monotonic() < deadline, "the keys are not accepted"
        time.sleep(0.05)

    def ask_all() -> None:
        for message in messages:
            check(message, context)

    gc.collect()
    times = timeit.repeat(ask_all, number=_LOOPS, repeat=repeat)
    return [seconds / _LOOPS / len(messages) for seconds in times]


def main() -> None:
    questions, answers, *command = sys.argv[1:]
    grpc.server = lambda *_, **__: Server(Path(questions), Path(answers))
    sys.argv = ["extauth", *command]
    runpy.run_module("extauth", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
