"""The proof that a demo works: a request with a key passes Envoy, and one without does not."""

import time
from http import HTTPStatus

from extauth.demo.errors import DemoError
from extauth.demo.probes import http_status
from extauth.demo.supervisor import Supervisor

_PATIENCE = 10.0  # seconds
_POLL = 0.05  # seconds


def prove(supervisor: Supervisor, url: str, header: str, key: str) -> None:
    """Return when both requests got their due; DemoError when they do not in time, or a server dies."""
    deadline = time.monotonic() + _PATIENCE
    while (seen := _statuses(url, header, key)) != (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED):
        supervisor.check()
        if time.monotonic() > deadline:
            raise DemoError(f"through Envoy a key gets {seen[0]} in place of 200, and no key {seen[1]} in place of 401")
        time.sleep(_POLL)


def _statuses(url: str, header: str, key: str) -> tuple[int, int]:
    return http_status(url, {header: key}), http_status(url)
