"""The load generator of the benchmarks counts what happened: right answers, wrong ones, and those that never came."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from extauth.check import answer
from extauth.demo import binaries, probes
from extauth.demo.child import Service
from extauth.demo.ports import HOST
from extauth.demo.supervisor import Supervisor
from extauth.policy.reasons import Reason
from extauth.serving.lean import LeanTransport
from extauth.serving.stock import StockTransport
from extauth.serving.transport import Transport, TransportOptions
from tests.bench import settings
from tests.bench.envoy import Checked, document
from tests.bench.load.load import Load
from tests.bench.load.requests import Requests, checks, gets
from tests.bench.load.result import Result
from tests.e2e.running import free_base

TRANSPORTS = {"stock": StockTransport, "lean": LeanTransport}
ALLOW = answer.allow([("x-auth-key-id", "k1")], [])
DENY = answer.deny(Reason.INVALID_KEY, 401, [], "no")


class Handler:
    """Answers with what it was sent, and counts."""

    def __init__(self) -> None:
        self.seen = Counter[bytes]()

    def decide(self, message: bytes, deadline: float) -> bytes:
        self.seen[message] += 1
        return message

    def unavailable(self, message: bytes) -> bytes:
        return DENY

    def overloaded(self, message: bytes, cause: str) -> bytes:
        self.seen[message] += 1
        return DENY


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, handler: Handler, tmp_path: Path) -> Iterator[Transport]:
    options = TransportOptions((f"unix:{tmp_path}/s",), 0o600, timeout=1, max_message_size=10_000, threads=4)
    made: Transport = TRANSPORTS[request.param](handler, options)
    made.start()
    yield made
    made.stop(0)


@pytest.fixture
def load_of(transport: Transport, tmp_path: Path) -> Iterator[Callable[..., Load]]:
    opened = []

    def load_of(*messages: bytes, **changes: object) -> Load:
        requests: Requests = checks(f"unix:{tmp_path}/s", messages)
        opened.append(Load(replace(requests, **changes)))
        return opened[-1]

    yield load_of
    for load in opened:
        load.close()


@pytest.mark.parametrize(
    "run", [lambda load: load.closed_loop(8, 0.3), lambda load: load.open_loop(500, 0.3)], ids=["closed", "open"]
)
def test_every_request_is_counted_once(
    load_of: Callable[..., Load], handler: Handler, run: Callable[[Load], Result]
) -> None:
    """Two of three are refused; the server has seen as many, and the two that open a connection beside them."""
    result = run(load_of(ALLOW, DENY, DENY + b" "))
    assert +result.errors == {"not allowed": handler.seen[DENY] + handler.seen[DENY + b" "]}
    assert result.answered == handler.seen[ALLOW] - 2
    assert abs(result.failed - 2 * result.answered) <= 2


def test_an_open_loop_sends_what_was_due(load_of: Callable[..., Load]) -> None:
    result = load_of(ALLOW).open_loop(1000, 0.5)
    assert 400 < result.answered + result.failed < 600  # 500, and chance
    assert result.quantile(0.5) <= result.quantile(0.99) <= result.quantile(1) == max(result.latencies)


def test_a_call_that_fails_is_an_error(load_of: Callable[..., Load]) -> None:
    """One that is too large for the server: RESOURCE_EXHAUSTED."""
    result = load_of(ALLOW + b"x" * 10_000).closed_loop(4, 0.2)
    assert result.answered == 0
    assert set(+result.errors) <= {"grpc-status 8", "grpc-status 13"}
    assert result.failed > 0


def test_a_server_that_goes_leaves_errors(load_of: Callable[..., Load], transport: Transport) -> None:
    load = load_of(ALLOW)
    assert load.closed_loop(4, 0.1).failed == 0
    transport.stop(0)
    assert load.closed_loop(4, 0.1).answered == 0


def test_envoys_statuses_are_told_apart(tmp_path: Path) -> None:
    """One listener without a check, and one whose sidecar is not there: 503."""
    base = free_base(3)
    admin, unchecked, checked = (f"{HOST}:{base + number}" for number in range(3))
    listeners = {unchecked: Checked("none", None), checked: Checked("absent", f"unix:{tmp_path}/absent.sock")}
    path = settings.write(tmp_path / "envoy.yaml", document(listeners, admin))
    command = (str(binaries.envoy()), "-c", str(path), "--disable-hot-restart", "--concurrency", "1")
    ready = Service(
        name="envoy",
        command=command,
        log=tmp_path / "envoy.log",
        is_ready=lambda: probes.http_status(f"http://{admin}/ready") == 200,
    )
    with Supervisor() as supervisor:
        supervisor.start(ready)
        supervisor.wait_until_ready(ready)
        with Load(gets(f"http://{unchecked}/", [], "x-api-key", ["a", "b"])) as load:
            result = load.closed_loop(4, 0.2)
            assert result.answered > 0
            assert result.failed == 0
        with Load(gets(f"http://{checked}/", [], "x-api-key", ["a", "b"])) as load:
            result = load.closed_loop(4, 0.2)
            assert result.answered == 0
            assert set(+result.errors) == {"status not 200"}
