"""Workers that end, in all the ways in which they can."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.eventually import eventually
from tests.e2e.running import Running
from tests.e2e.workers.counters import Counters
from tests.e2e.workers.envoy import OwnEnvoy
from tests.e2e.workers.load import Load
from tests.e2e.workers.sidecar import WorkersSidecar, have_ended, running_workers


def test_a_killed_worker_comes_back_while_the_others_serve(
    stack: Running, own_workers: WorkersSidecar, envoy: OwnEnvoy
) -> None:
    key = stack.issue()
    with Load(envoy.url, [key.header]) as load, Counters(own_workers) as counters:
        victim, other = sorted(own_workers.workers)
        before = own_workers.metrics().total("extauth_checks_total")
        os.kill(victim, signal.SIGKILL)
        load.go_on()
        eventually(lambda: own_workers.metrics().total("extauth_worker_restarts_total") == 1, 10)
        eventually(lambda: own_workers.statuses(key) == [200, 200], 10)
        load.go_on()
        assert other in own_workers.workers
        assert victim not in own_workers.workers
    assert set(load.statuses) == {200}
    assert counters.went_back == []
    assert own_workers.metrics().total("extauth_checks_total") > before + 200
    (ended,) = own_workers.events("worker_ended")
    assert (ended["pid"], ended["status"]) == (victim, -signal.SIGKILL)


def test_one_worker_away_does_not_make_all_of_them_unready(own_workers: WorkersSidecar) -> None:
    first, second = own_workers.workers
    pepper = Path(own_workers.settings["keys"]["peppers"][0]["file"])
    hidden = pepper.rename(pepper.with_name("hidden"))
    try:
        os.kill(first, signal.SIGKILL)
        eventually(lambda: "pepper" in str(own_workers.readiness()[1]), 10)
        status, components = own_workers.readiness()
        assert status == 200
        assert sorted(components.values())[1] == "ok"
        samples = own_workers.metrics()
        assert samples.total("extauth_worker_ready") == 1
        os.kill(second, signal.SIGKILL)
        eventually(lambda: own_workers.readiness()[0] == 503, 10)
    finally:
        hidden.rename(pepper)
    eventually(lambda: own_workers.readiness() == (200, {"worker 0": "ok", "worker 1": "ok"}), 30)


def test_a_worker_that_ends_at_once_is_started_at_ever_longer_intervals(own_workers: WorkersSidecar) -> None:
    for number in range(1, 4):
        os.kill(max(own_workers.workers), signal.SIGKILL)
        eventually(lambda number=number: len(own_workers.events("worker_ended")) == number, 10)
        eventually(lambda: len(own_workers.workers) == 2, 10)
    by_worker: dict[int, list[float]] = {}
    for line in own_workers.events("worker_ended"):
        by_worker.setdefault(line["worker"], []).append(line["again_in_seconds"])
    for pauses in by_worker.values():
        assert pauses == [0.1, 0.2, 0.4][: len(pauses)]


@pytest.mark.slow
def test_a_worker_that_hangs_is_killed_and_started_again(stack: Running, own_workers: WorkersSidecar) -> None:
    stopped = max(own_workers.workers)
    os.kill(stopped, signal.SIGSTOP)
    assert own_workers.readiness()[0] == 200
    assert "does not answer" in own_workers.readiness()[1].values()
    before = own_workers.metrics()
    assert before.total("extauth_worker_scrapes_missed_total") == 1
    eventually(lambda: have_ended({stopped}), 30)
    eventually(lambda: own_workers.statuses(stack.issue()) == [200, 200], 10)
    (line,) = own_workers.events("worker_hangs")
    assert line["pid"] == stopped


def test_a_supervisor_that_is_killed_takes_all_with_it(own_workers: WorkersSidecar) -> None:
    processes = own_workers.processes
    own_workers.process.kill()
    eventually(lambda: have_ended(processes), 4)


def test_a_fork_server_that_is_killed_ends_all_so_that_they_are_started_anew(own_workers: WorkersSidecar) -> None:
    processes = own_workers.processes
    os.kill(own_workers.fork_server, signal.SIGKILL)
    assert own_workers.process.wait(5) == 1
    eventually(lambda: have_ended(processes), 4)
    assert own_workers.events("fork_server_ended")


@pytest.mark.parametrize("own_workers", ["stock", "lean"], indirect=True)
def test_checks_under_way_are_answered_when_all_stop(stack: Running, own_workers: WorkersSidecar) -> None:
    """With a Redis that hangs, a check of an unknown key takes all of its time."""
    processes, addresses = own_workers.processes, own_workers.addresses
    key = stack.issue()
    with hanging(stack.supervisor["redis"].process_id), ThreadPoolExecutor() as pool:
        answers = [pool.submit(own_workers.check, key, address) for address in addresses for _ in range(3)]
        eventually(lambda: sum(future.running() for future in answers) == len(answers), 5)
        time.sleep(0.05)  # they are under way in the workers; one that is not is refused, and the test fails
        own_workers.signal(signal.SIGTERM)
        assert {future.result().http_status for future in answers} == {503}
    assert own_workers.process.wait(20) == 0
    assert have_ended(processes)
    assert not [address for address in addresses if Path(address.removeprefix("unix:")).exists()]


def test_while_they_drain_they_serve_and_are_not_ready_and_a_second_signal_ends_them(
    stack: Running, tmp_path: Path
) -> None:
    key = stack.issue()
    with running_workers(stack, tmp_path, shutdown={"delay": "60s"}) as sidecar:
        processes = sidecar.processes
        sidecar.signal(signal.SIGTERM)
        eventually(lambda: sidecar.readiness()[0] == 503, 5)
        assert sidecar.readiness()[1]["shutdown"] == "draining"
        assert sidecar.statuses(key) == [200, 200]
        assert sidecar.metrics()("extauth_checks_total", api="plain", reason="ok") == 2
        sidecar.signal(signal.SIGTERM)
        assert sidecar.process.wait(5) == 128 + signal.SIGTERM
        eventually(lambda: have_ended(processes), 4)


def test_a_signal_to_all_processes_is_one_to_the_supervisor(stack: Running, own_workers: WorkersSidecar) -> None:
    """As Ctrl-C in a terminal, or systemd, sends it."""
    assert stack
    processes = own_workers.processes
    for process in processes:
        os.kill(process, signal.SIGTERM)
    assert own_workers.process.wait(20) == 0
    assert have_ended(processes)
    assert own_workers.events("stopped")
    assert not own_workers.events("worker_ended")


def test_a_worker_that_is_told_to_stop_drains_and_another_comes(stack: Running, own_workers: WorkersSidecar) -> None:
    told = max(own_workers.workers)
    checks = own_workers.statuses(stack.issue())
    os.kill(told, signal.SIGTERM)
    eventually(lambda: bool(own_workers.events("worker_ended")), 10)
    assert own_workers.events("worker_ended")[0]["status"] == 0
    eventually(lambda: own_workers.readiness()[1] == {"worker 0": "ok", "worker 1": "ok"}, 10)
    assert own_workers.metrics()("extauth_checks_total", api="plain", reason="ok") == len(checks)


@pytest.mark.slow
def test_a_worker_that_does_not_end_is_killed(stack: Running, tmp_path: Path) -> None:
    with running_workers(stack, tmp_path, shutdown={"grace": "1s"}) as sidecar:
        processes = sidecar.processes
        os.kill(max(sidecar.workers), signal.SIGSTOP)
        sidecar.signal(signal.SIGTERM)
        assert sidecar.process.wait(30) == 0
        assert have_ended(processes)


def test_a_worker_that_cannot_become_warm_listens_all_the_same(stack: Running, own_workers: WorkersSidecar) -> None:
    key = stack.issue()
    with hanging(stack.supervisor["redis"].process_id):
        for process in own_workers.workers:
            os.kill(process, signal.SIGKILL)
        eventually(lambda: len(own_workers.events("worker_ended")) == 2, 5)
        assert own_workers.statuses(key) == [503, 503]
        assert own_workers.readiness()[0] == 503
    eventually(lambda: own_workers.statuses(key) == [200, 200], 20)


@contextmanager
def hanging(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)
