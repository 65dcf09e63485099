"""A policy that changes, and workers that are replaced, while checks go on."""

import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.eventually import eventually
from tests.e2e.running import Running
from tests.e2e.workers.counters import Counters
from tests.e2e.workers.envoy import OwnEnvoy
from tests.e2e.workers.load import Load
from tests.e2e.workers.sidecar import WorkersSidecar


def apis_with_scopes(sidecar: WorkersSidecar, scopes: object) -> list[dict[str, Any]]:
    apis: list[dict[str, Any]] = yaml.safe_load(sidecar.settings_file.read_text())["apis"]
    next(api for api in apis if api["name"] == "scoped")["scopes"] = scopes
    return apis


def reloads(sidecar: WorkersSidecar, outcome: str) -> float:
    return sidecar.metrics().values.get(("extauth_policy_reloads_total", frozenset({("outcome", outcome)})), 0)


def test_a_policy_is_taken_over_by_all_and_a_bad_one_by_none(stack: Running, own_workers: WorkersSidecar) -> None:
    key = stack.issue(scopes=["orders:read"])
    before = own_workers.workers
    assert own_workers.statuses(key, path="/scoped") == [200, 200]
    own_workers.rewrite(apis=apis_with_scopes(own_workers, ["orders:write"]))
    own_workers.signal(signal.SIGHUP)
    eventually(lambda: reloads(own_workers, "applied") == 1, 5)
    assert own_workers.statuses(key, path="/scoped") == [403, 403]
    own_workers.rewrite(apis=apis_with_scopes(own_workers, "of no use"))
    own_workers.signal(signal.SIGHUP)
    eventually(lambda: reloads(own_workers, "refused") == 1, 5)
    assert own_workers.statuses(key, path="/scoped") == [403, 403]
    assert own_workers.workers == before


def test_a_worker_that_is_started_again_has_the_newest_good_policy(stack: Running, own_workers: WorkersSidecar) -> None:
    key = stack.issue(scopes=["orders:read"])
    own_workers.rewrite(apis=apis_with_scopes(own_workers, ["orders:write"]))
    own_workers.signal(signal.SIGHUP)
    eventually(lambda: reloads(own_workers, "applied") == 1, 5)
    own_workers.rewrite(apis="of no use")
    own_workers.signal(signal.SIGHUP)
    eventually(lambda: reloads(own_workers, "refused") == 1, 5)
    for process in own_workers.workers:
        os.kill(process, signal.SIGKILL)
    eventually(lambda: own_workers.metrics().total("extauth_worker_restarts_total") == 2, 10)
    eventually(lambda: own_workers.readiness()[1] == {"worker 0": "ok", "worker 1": "ok"}, 10)
    assert own_workers.statuses(key, path="/scoped") == [403, 403]


@pytest.mark.parametrize("own_workers", ["stock", "lean"], indirect=True)
def test_a_restart_one_by_one_loses_no_request_and_no_count(
    stack: Running, own_workers: WorkersSidecar, envoy: OwnEnvoy
) -> None:
    key = stack.issue()
    before = own_workers.metrics()
    with Load(envoy.url, [key.header]) as load, Counters(own_workers) as counters:
        for _ in range(3):
            own_workers.restart_workers()
            load.go_on()
    assert set(load.statuses) == {200}
    assert counters.went_back == []
    after = own_workers.metrics()
    labels = {"api": "plain", "reason": "ok"}
    assert after("extauth_checks_total", **labels) - before("extauth_checks_total", **labels) == load.statuses[200]
    assert [after("extauth_worker_restarts_total", worker=worker, cause="asked") for worker in "01"] == [3, 3]


def test_a_restart_one_by_one_takes_all_settings_over(stack: Running, own_workers: WorkersSidecar) -> None:
    key = stack.issue()
    assert own_workers.statuses(key) == [200, 200]
    own_workers.rewrite(keys={**own_workers.settings["keys"], "prefixes": ["other"]}, workers=5)
    own_workers.restart_workers()
    assert own_workers.statuses(key) == [401, 401]
    assert own_workers.events("restarting_one_by_one")[0]["need_a_restart_of_all"] == ["workers"]
    assert len(own_workers.workers) == 2


def test_a_restart_that_cannot_go_well_changes_nothing(stack: Running, own_workers: WorkersSidecar) -> None:
    key, before = stack.issue(), own_workers.workers
    good = own_workers.settings_file.read_text()
    own_workers.rewrite(cache={"size": "of no use"})
    own_workers.signal(signal.SIGUSR2)
    eventually(lambda: bool(own_workers.events("restart_refused")), 10)
    own_workers.settings_file.write_text(good)
    own_workers.rewrite(keys={"peppers": [{"id": "p1", "file": str(own_workers.log.with_name("missing"))}]})
    own_workers.signal(signal.SIGUSR2)
    eventually(lambda: bool(own_workers.events("restart_given_up")), 10)
    assert "missing cannot be read" in own_workers.events("restart_given_up")[0]["problem"]
    assert own_workers.workers == before
    assert own_workers.statuses(key) == [200, 200]


@pytest.mark.slow
def test_no_worker_that_is_warm_gives_way_to_one_that_is_not(stack: Running, own_workers: WorkersSidecar) -> None:
    key, before = stack.issue(), own_workers.workers
    assert own_workers.statuses(key) == [200, 200]
    own_workers.rewrite(redis={"url": f"unix://{own_workers.log.with_name('nobody')}"})
    own_workers.signal(signal.SIGUSR2)
    eventually(lambda: bool(own_workers.events("restart_given_up")), 60)
    assert own_workers.events("restart_given_up")[0]["problem"] == "it did not become ready"
    assert own_workers.workers == before
    assert own_workers.statuses(key) == [200, 200]


def test_somebody_listens_at_every_moment_while_workers_are_replaced(own_workers: WorkersSidecar) -> None:
    paths = [address.removeprefix("unix:") for address in own_workers.addresses]
    connected, refused = [], []
    ending = threading.Event()

    def connect() -> None:
        while not ending.is_set():
            for path in paths:
                with socket.socket(socket.AF_UNIX) as client:
                    (refused if client.connect_ex(path) else connected).append(path)

    thread = threading.Thread(target=connect)
    thread.start()
    try:
        own_workers.restart_workers()
    finally:
        ending.set()
        thread.join()
    assert len(connected) > 100
    assert refused == []
    left = {entry.name for entry in Path(paths[0]).parent.iterdir() if entry.is_socket()}
    assert left == {Path(path).name for path in paths}, "a name that was bound aside is left"
