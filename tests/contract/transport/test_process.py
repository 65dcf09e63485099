"""The transports in the sidecar itself: `extauth serve` with its decider, its signals and its environment."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.check_messages import Answer, check_request
from tests.support.keys import issue
from tests.support.lone_sidecar import LoneSidecar, free_port, lone_sidecar
from tests.support.wait import wait_until
from tests.support.wire_client import WireClient

_KILLED_BY_SIGTERM = 128 + signal.SIGTERM
_LONG = {"check": {"timeout": "8s"}, "shutdown": {"grace": "20s"}}


@pytest.fixture(scope="module")
def sidecar(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneSidecar]:
    with lone_sidecar(tmp_path_factory.mktemp(name), name, check={"timeout": "300ms"}) as sidecar:
        yield sidecar


@pytest.fixture
def unknown_key() -> bytes:
    """A check that needs Redis."""
    key, _ = issue()
    return check_request({"x-api-key": key})


def test_no_message_is_ever_answered_by_nothing(sidecar: LoneSidecar, unknown_key: bytes) -> None:
    """An empty CheckResponse is an ALLOW, and so is one whose status has code 0."""
    cut = [unknown_key[:length] for length in range(0, len(unknown_key), 7)]
    with WireClient(sidecar.target) as client:
        for message in (b"", b"\x00", b"\xff" * 100, b"\x0a", *cut):
            answer = client.ask(message).message
            assert answer
            assert Answer.parse(answer).http_status >= 400, message


def test_an_answer_that_does_not_come_is_an_outage_and_no_denial(sidecar: LoneSidecar, unknown_key: bytes) -> None:
    with WireClient(sidecar.target) as client:
        answer = Answer.parse(client.ask(unknown_key).message)
    assert (answer.kind, answer.http_status) == ("error", 503)


def test_its_metrics_name_the_transport(sidecar: LoneSidecar, name: str) -> None:
    assert f'extauth_transport{{transport="{name}"}} 1.0' in sidecar.page("/metrics")


def test_the_thread_that_serves_reads_the_sockets_itself(sidecar: LoneSidecar) -> None:
    """On unix sockets, as GRPC_EXPERIMENTS says; of which grpcio writes nothing."""
    assert _share_of_event_engine(sidecar) < 0.15
    assert {line[:1] for line in sidecar.log.read_text().splitlines()} == {"{"}, "a line that is not ours"


@pytest.mark.slow
def test_another_thread_reads_the_sockets_of_tcp(name: str, tmp_path: Path) -> None:
    """Where its own reading is not to be trusted: see test_cancelling.py."""
    with lone_sidecar(tmp_path, name, address=f"127.0.0.1:{free_port()}") as sidecar:
        assert _share_of_event_engine(sidecar) > 0.15


@pytest.mark.slow
def test_what_an_operator_set_of_grpcios_experiments_stays(name: str, tmp_path: Path) -> None:
    with lone_sidecar(tmp_path, name, {"GRPC_EXPERIMENTS": "event_engine_listener"}) as sidecar:
        assert _share_of_event_engine(sidecar) > 0.15


@pytest.mark.slow
def test_a_check_under_way_ends_well_after_a_signal(name: str, tmp_path: Path, unknown_key: bytes) -> None:
    with lone_sidecar(tmp_path, name, check={"timeout": "1s"}) as sidecar, WireClient(sidecar.target) as client:
        stream = client.call(unknown_key)
        client.ask(b"it has come")
        sidecar.process.send_signal(signal.SIGTERM)
        assert Answer.parse(client.reply(stream).message).http_status == 503
        client.receive_until_closed()
        assert sidecar.process.wait(20) == 0
        assert "Traceback" not in sidecar.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(name: str, tmp_path: Path, unknown_key: bytes, first: signal.Signals) -> None:
    with lone_sidecar(tmp_path, name, **_LONG) as sidecar, WireClient(sidecar.target) as client:
        client.call(unknown_key, timeout="20S")
        client.ask(b"it has come")
        sidecar.process.send_signal(first)
        wait_until(lambda: "draining" in sidecar.page("/readyz"))
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.process.wait(5) == _KILLED_BY_SIGTERM
        assert "Traceback" not in sidecar.log.read_text()


@pytest.mark.slow
def test_signals_in_a_row_end_it(name: str, tmp_path: Path) -> None:
    with lone_sidecar(tmp_path, name) as sidecar:
        for _ in range(5):
            sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.process.wait(10) in {0, _KILLED_BY_SIGTERM}
        assert "Traceback" not in sidecar.log.read_text()


@pytest.mark.slow
def test_a_grpcio_that_is_another_inside_is_seen(name: str, tmp_path: Path) -> None:
    """In the log, and in the metric that an alert can ask for."""
    if name == "stock":
        pytest.skip("what is wanted is had")
    (tmp_path / "sitecustomize.py").write_text("from grpc._cython import cygrpc\ndel cygrpc.ConnectivityEvent\n")
    python_path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    with lone_sidecar(tmp_path, name, {"PYTHONPATH": python_path}) as sidecar:
        assert 'extauth_transport{transport="stock"} 1.0' in sidecar.page("/metrics")
        with WireClient(sidecar.target) as client:
            assert Answer.parse(client.ask(b"").message).http_status == 400
        (warning,) = [
            line for line in map(json.loads, sidecar.log.read_text().splitlines()) if line["level"] == "warning"
        ]
    assert warning["event"] == "lean_transport_does_not_work_here"
    assert "ConnectivityEvent" in warning["fault"]


def _share_of_event_engine(sidecar: LoneSidecar) -> float:
    """Of the CPU time that many checks take, the part of grpcio's own threads."""
    with WireClient(sidecar.target) as client:
        before = _nanoseconds(sidecar)
        for _ in range(300):
            client.ask(b"")
    spent = _nanoseconds(sidecar)
    spent.subtract(before)
    return spent["event_engine"] / spent.total()


def _nanoseconds(sidecar: LoneSidecar) -> Counter[str]:
    """That have been spent, by the names of threads."""
    spent: Counter[str] = Counter()
    for task in Path(f"/proc/{sidecar.process.pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since
            spent[(task / "comm").read_text().strip()] += int((task / "schedstat").read_text().split()[0])
    return spent
