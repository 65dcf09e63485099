"""Requests through Envoy, on some connections, while a test does something to the sidecar."""

import http.client
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.e2e.answer import Headers
from tests.e2e.eventually import eventually

_CONNECTIONS = 6
_PAUSE = 0.002  # seconds between an answer and the next request


class Load:
    """A context; `statuses` are complete at its end."""

    def __init__(self, url: str, headers: Headers) -> None:
        self.statuses: Counter[int] = Counter()
        self._server = urlsplit(url).netloc
        self._headers = dict(headers)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(_CONNECTIONS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, requests: int = 100) -> None:
        """Until so many more have been answered."""
        until = self.statuses.total() + requests
        eventually(lambda: self.statuses.total() >= until, 20)

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._server, timeout=10)
        while not self._ending.is_set():
            connection.request("GET", "/", headers=self._headers)
            response = connection.getresponse()
            response.read()
            with self._lock:
                self.statuses[response.status] += 1
            time.sleep(_PAUSE)
        connection.close()
