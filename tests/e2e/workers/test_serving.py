"""Workers that nothing happens to."""

import signal
import socket
from contextlib import ExitStack
from pathlib import Path

from extauth.settings.values import host_and_port
from tests.e2e.eventually import eventually
from tests.e2e.running import Running
from tests.e2e.samples import Samples
from tests.e2e.workers.envoy import OwnEnvoy
from tests.e2e.workers.load import Load
from tests.e2e.workers.sidecar import WorkersSidecar, children, launched, running_workers, threads


def grown(before: Samples, after: Samples, name: str) -> float:
    return after.total(name) - before.total(name)


def test_each_worker_has_a_socket_and_they_answer_the_same(stack: Running, workers: WorkersSidecar) -> None:
    key = stack.issue(scopes=["orders:read"])
    names = [address.rpartition("/")[2] for address in workers.addresses]
    assert names == ["x-0.sock", "x-1.sock", "x-2.sock"]
    for path, asked in (("/", key), ("/scoped", key), ("/", None)):
        first, *others = [workers.check(asked, address, path=path) for address in workers.addresses]
        assert others == [first, first]
    assert [workers.check(key, address).http_status for address in workers.addresses] == [200, 200, 200]


def test_one_page_of_metrics_has_the_sums_of_all(stack: Running, workers: WorkersSidecar) -> None:
    key = stack.issue()
    before = workers.metrics()
    for _ in range(5):
        assert workers.statuses(key) == [200, 200, 200]
    assert workers.statuses(None) == [401, 401, 401]
    after = workers.metrics()
    for reason, count in (("ok", 15), ("missing_key", 3)):
        labels = {"api": "plain", "reason": reason}
        assert after("extauth_checks_total", **labels) - before("extauth_checks_total", **labels) == count
    assert grown(before, after, "extauth_check_seconds_count") == 18
    assert grown(before, after, "extauth_near_cache_entries") == 3
    assert after("extauth_ready", component="warm") == 1


def test_what_describes_a_process_is_told_of_each(workers: WorkersSidecar) -> None:
    samples = workers.metrics()
    for worker in ("0", "1", "2", "supervisor"):
        assert samples("process_resident_memory_bytes", worker=worker) > 10_000_000
        assert samples("process_cpu_seconds_total", worker=worker) > 0
    assert [samples("extauth_worker_ready", worker=worker) for worker in "012"] == [1, 1, 1]
    assert ("process_open_fds", frozenset()) not in samples.values


def test_readiness_is_told_of_each(workers: WorkersSidecar) -> None:
    assert workers.readiness() == (200, {"worker 0": "ok", "worker 1": "ok", "worker 2": "ok"})


def test_envoy_asks_all_of_them_alike(stack: Running, envoy: OwnEnvoy) -> None:
    key = stack.issue()
    with Load(envoy.url, [key.header]) as load:
        load.go_on(200)
    assert set(load.statuses) == {200}
    shares = envoy.checks_by_worker()
    assert len(shares) == 2
    assert min(shares) > 0.8 * max(shares)


def test_the_supervisor_does_not_load_grpc_and_the_fork_server_has_one_thread(workers: WorkersSidecar) -> None:
    assert "cygrpc" not in Path(f"/proc/{workers.process.pid}/maps").read_text()
    assert "cygrpc" in Path(f"/proc/{workers.fork_server}/maps").read_text()
    assert threads(workers.fork_server) == 1


def test_lines_of_the_log_name_the_worker(workers: WorkersSidecar) -> None:
    (serving,) = workers.events("serving")
    assert serving["workers"] == 3
    assert serving["grpc"] == list(workers.addresses)
    assert {line["worker"] for line in workers.events("following_change_feed")} == {0, 1, 2}


def test_a_tcp_port_is_shared_and_a_stranger_is_refused(stack: Running, tmp_path: Path) -> None:
    key = stack.issue()
    with running_workers(stack, tmp_path, {"grpc": ["127.0.0.1:0"]}) as sidecar:
        (serving,) = sidecar.events("serving")
        (address,) = serving["grpc"]
        assert sidecar.check(key, address).http_status == 200
        before = {worker: _descriptors(worker) for worker in sidecar.workers}
        with ExitStack() as connections:
            for _ in range(40):  # the kernel gives each to either worker
                connections.enter_context(socket.create_connection(host_and_port(address)))
            eventually(lambda: all(_descriptors(worker) > before[worker] for worker in sidecar.workers), 10)
        (tmp_path / "stranger").mkdir()
        with launched(stack, tmp_path / "stranger", {"grpc": [address]}) as stranger:
            assert stranger.process.wait(20) == 1
            assert f"cannot listen on {address} (listen.grpc): Address already in use" in stranger.log.read_text()


def test_a_worker_that_cannot_begin_ends_all(stack: Running, tmp_path: Path) -> None:
    (tmp_path / "x-1.sock").write_text("precious")
    with launched(stack, tmp_path, {"grpc": [f"unix:{tmp_path}/x.sock"]}) as sidecar:
        assert sidecar.process.wait(20) == 1
        assert f"Error: cannot listen on {tmp_path}/x-1.sock: a file that is not a socket" in sidecar.log.read_text()
    assert (tmp_path / "x-1.sock").read_text() == "precious"


def test_one_worker_is_one_process_with_the_plain_name(stack: Running, tmp_path: Path) -> None:
    with running_workers(stack, tmp_path, workers=1) as sidecar:
        assert children(sidecar.process.pid) == []
        (address,) = sidecar.addresses
        assert address.endswith("/x.sock")
        assert sidecar.check(stack.issue(), address).http_status == 200
        sidecar.signal(signal.SIGUSR2)
        eventually(lambda: bool(sidecar.events("nothing_to_restart_one_by_one")), 10)
        assert sidecar.readiness()[0] == 200
        sidecar.signal(signal.SIGTERM)
        assert sidecar.process.wait(20) == 0


def _descriptors(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))
