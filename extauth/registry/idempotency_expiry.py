"""A thread that deletes answers to idempotent requests when their day is over, though nobody asks anything."""

import threading

from extauth.registry.errors import UnavailableError
from extauth.registry.idempotency import IdempotentAnswers
from extauth.telemetry.logs import logger

_log = logger(__name__)
INTERVAL = 600.0
"""Seconds: so much longer than a day may an answer stay."""


class IdempotencyExpiry:
    """`start` and `stop`. Each replica of the registry has one."""

    def __init__(self, answers: IdempotentAnswers, interval: float = INTERVAL) -> None:
        self._answers = answers
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="idempotency-expiry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the transaction under way, or after `timeout` seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._answers.forget_old()
            except UnavailableError as error:
                _log.warning("old answers are still there", error=str(error))
            self._stopping.wait(self._interval)
