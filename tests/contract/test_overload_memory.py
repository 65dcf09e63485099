"""What a flood may not do: make the sidecar's memory grow with what clients send."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import grpc
import pytest

from extauth.demo.supervisor import Supervisor
from extauth.keys.token import generate
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE
from tests.bench import settings
from tests.bench.load.load import Load
from tests.bench.load.requests import checks
from tests.bench.messages import KEY_HEADER
from tests.bench.processes import resident
from tests.bench.servers import Server, Site, make_site, start_sidecar
from tests.support.check_messages import check_request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_KEPT = 2_000  # keys in memory
_JUNK = 20_000  # requests in a round
_MEGABYTE = 1_000_000
_AT_A_TIME = 64  # large messages


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One with a real Redis."""

    site: Site
    server: Server

    @property
    def memory(self) -> int:
        """Bytes."""
        return resident(self.server.process)


@pytest.fixture(scope="module", params=["lean", "stock"])
def sidecar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with Supervisor() as supervisor:
        site = make_site(supervisor, tmp_path_factory.mktemp("site"), keys=1)
        api = {**settings.api("none"), "client_address": {"header": "x-forwarded-for"}}
        changes = {
            "listen": {"transport": request.param},
            "cache": {"size": _KEPT},
            "key_guessing": {"by_address": {"rate": "60/m", "burst": 1_000_000}},
            "apis": [api],
        }
        yield Sidecar(site, start_sidecar(site, "sidecar", changes))


def junk(count: int) -> Sequence[bytes]:
    """Checks of keys that nobody has but with the right checksum, each for another host and path."""
    return [
        check_request(
            {
                KEY_HEADER: str(generate("test")),
                "x-forwarded-for": f"10.0.{number >> 8 & 3}.{number & 255}",
            },
            path=f"/none/communities/{number}",
            host=f"h{number}.example.com",
        )
        for number in range(count)
    ]


def test_keys_that_nobody_has_do_not_stay(sidecar: Sidecar) -> None:
    """The first round fills what is bounded, the next ones find it full. Kept, 40,000 would take 10 MB and more."""
    memory = []
    for _ in range(3):
        with Load(checks(sidecar.server.address, junk(_JUNK), timeout="30S"), connections=2) as load:
            result = load.closed_loop(16, 300, most=_JUNK)
        assert +result.errors == {"not allowed": _JUNK}
        memory.append(sidecar.memory)
    assert memory[-1] - memory[0] < 6 * _MEGABYTE, memory


def test_large_messages_do_not_stay(sidecar: Sidecar) -> None:
    """With headers of 64 kB, of the largest size, and larger than is accepted; many at a time."""
    padded = {f"x-{number}": "x" * 8_000 for number in range(8)}
    messages = [
        check_request(padded, path="/none/communities"),
        check_request({"x-pad": "x" * 1_000_000}, path="/none/communities"),
        check_request({"x-pad": "x" * 2_000_000}, path="/none/communities"),
    ]
    memory = []
    for _ in range(4):
        codes = {code for message in messages for code in _ask(sidecar.server.address, message)}
        assert codes == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
        memory.append(sidecar.memory)
    assert memory[-1] - memory[0] < 48 * _MEGABYTE, memory
    assert memory[0] < 400 * _MEGABYTE


def _ask(address: str, message: bytes) -> list[grpc.StatusCode]:
    """How so many calls over four connections ended, all under way at the same time."""
    with ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]))
            for _ in range(4)
        ]
        method = f"/{CHECK_SERVICE}/{CHECK_METHOD}"
        calls = [channels[number % 4].unary_unary(method).future(message, timeout=60) for number in range(_AT_A_TIME)]
        return [call.code() for call in calls]
