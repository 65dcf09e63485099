"""A million calls: nothing is answered wrongly, and nothing is left behind.

Fewer on TCP, and on grpcio's own server, which takes several times as long for a call.
"""

from pathlib import Path

import pytest

from tests.support.storm import storm
from tests.support.transport_process import transport_process
from tests.support.wait import wait_until

_CALLS = {"lean": {"unix": 1_000_000, "tcp": 250_000}, "stock": {"unix": 100_000, "tcp": 100_000}}
_WARM_UP = 50_000
_GROWTH = 16_000_000  # bytes: less than if one call in a thousand were kept, at 17 kB each


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("socket", ["unix", "tcp"])
def test_a_million_calls(name: str, socket: str, path: Path) -> None:
    address, calls = f"unix:{path}" if socket == "unix" else "127.0.0.1:0", _CALLS[name][socket]
    with transport_process(name, address, timeout=0.2, threads=16) as process:
        storm(process.target, _WARM_UP)
        memory, descriptors = process.resident, process.descriptors
        outcome = storm(process.target, calls)
        assert outcome.wrong == []
        assert outcome.ended.total() == outcome.asked == calls
        assert outcome.ended["cancelled"] > 0.29 * outcome.asked
        assert outcome.ended["too late"] > 0.01 * outcome.asked
        assert outcome.killed >= outcome.fewest_killed > 0
        wait_until(lambda: process.descriptors <= descriptors)
        assert process.resident - memory < _GROWTH
        assert process.stop() == 0
