"""Who reads the log may stop reading: checks go on, and the end comes in time."""

import os
import signal
from pathlib import Path

import pytest

from extauth.keys.token import generate
from tests.support.check_messages import Answer, check_request
from tests.support.lone_sidecar import LoneSidecar, free_port, lone_sidecar
from tests.support.wire_client import WireClient

_ADDRESS = "10.0.0.1"
_SETTINGS = {
    "key_guessing": {"by_address": {"rate": "1/h", "burst": 1}},
    "check_log": {"refused": 1, "per_second": 10_000},
    "shutdown": {"delay": "0s"},
    "apis": [
        {
            "name": "demo",
            "credentials": [{"header": "x-api-key"}],
            "client_address": {"header": "x-envoy-external-address"},
        }
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_waits_for_it(name: str, tmp_path: Path, workers: int) -> None:
    address = f"127.0.0.1:{free_port()}"
    with lone_sidecar(tmp_path, name, address=address, workers=workers, **_SETTINGS) as sidecar:
        os.kill(sidecar.reader.pid, signal.SIGSTOP)
        without_a_key = check_request({})
        assert _ask(sidecar, [without_a_key] * 1000) == [401] * 1000  # more lines than a pipe of 64 KiB takes
        guess = check_request({"x-api-key": str(generate("acme"))[:-1], "x-envoy-external-address": _ADDRESS})
        assert _ask(sidecar, [guess] * 2) == [401, 429]  # of which there is a warning
        assert _ask(sidecar, [without_a_key] * 10) == [401] * 10
        assert sidecar.stop() == 0


def _ask(sidecar: LoneSidecar, messages: list[bytes]) -> list[int]:
    """The status of each answer, all asked by one connection, and so of one process."""
    with WireClient(sidecar.target) as client:
        return [Answer.parse(client.ask(message).message).http_status for message in messages]
