"""The proof that a demo works: it makes each of its calls itself, through Envoy, and gets what it will promise."""

import time
from collections.abc import Mapping, Sequence

from extauth.demo.errors import DemoError
from extauth.demo.probes import http_status
from extauth.demo.supervisor import Supervisor
from extauth.demo.trial import Call

_PATIENCE = 10.0  # seconds
_POLL = 0.05  # seconds


def prove(supervisor: Supervisor, calls: Sequence[Call], variables: Mapping[str, str]) -> None:
    """Return when all calls got their due; DemoError when one does not in time, or a server dies."""
    deadline = time.monotonic() + _PATIENCE
    for call in calls:
        while (seen := _status(call, variables)) != call.expected:
            supervisor.check()
            if time.monotonic() > deadline:
                raise DemoError(f"through Envoy, {call.trial.command} gets {seen} in place of {call.expected}")
            time.sleep(_POLL)


def _status(call: Call, variables: Mapping[str, str]) -> int:
    method, url, headers = call.filled(variables)
    return http_status(url, headers, method)
