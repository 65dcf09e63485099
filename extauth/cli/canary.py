"""Calling a URL with a key, to see whether the key is let in."""

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult

_TIMEOUT = 2.0  # seconds for one request
_PAUSE = 0.005  # seconds between requests

Ask = Callable[[], int]
"""Make one request; the status, 0 when there was no answer."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What became of requests after a moment."""

    requests: int
    allowed: int
    failed: int
    """No answer, or one of 5xx: it cannot be told whether they would have been let in."""
    seconds: float
    """From that moment until the last request began that was allowed; 0 when none was."""


def asker(url: SplitResult, header: str, key: str) -> Ask:
    """A connection for each request, so that all sidecars behind one address are met."""
    connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    target = f"{url.path or '/'}{'?' + url.query if url.query else ''}"

    def ask() -> int:
        connection = connect(url.hostname or "", url.port, timeout=_TIMEOUT)
        try:
            connection.request("GET", target, headers={header: key})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    return ask


def is_let_in(ask: Ask, within: float) -> bool:
    """Wait until a request is allowed, at most so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if _is_allowed(ask()):
            return True
        time.sleep(_PAUSE)
    return False


def observe(ask: Ask, since: float, seconds: float) -> Observation:
    """Go on asking until so many seconds after `since` (monotonic)."""
    requests = allowed = failed = 0
    last = since
    while (begun := time.monotonic()) < since + seconds:
        status = ask()
        requests += 1
        if _is_allowed(status):
            allowed, last = allowed + 1, begun
        elif not status or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            failed += 1
        time.sleep(_PAUSE)
    return Observation(requests, allowed, failed, last - since)


def _is_allowed(status: int) -> bool:
    """Whatever the upstream says: the check let it through."""
    return 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.UNAUTHORIZED
