"""When a sidecar with workers is ready, by what they report."""

from typing import Any

import pytest

from extauth.serving.workers.census import Readiness
from extauth.serving.workers.process import Reply


class Worker:
    """Reports what it was told to."""

    def __init__(self, number: int) -> None:
        self.worker = number
        self.problem: str | None = None
        self.ready = False

    def ask(self, do: str) -> Reply:
        assert do == "report"
        reply = Reply()
        components = {"listener": "ok", "warm": "ok" if self.ready else "has not read the change feed yet"}
        reply.put({"report": {"ready": self.ready, "components": components}})
        return reply


class Fleet:
    def __init__(self) -> None:
        self.workers = [Worker(0), Worker(1)]

    def in_place(self) -> list[Any]:
        return self.workers


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def readiness(fleet: Fleet) -> Readiness:
    given: Any = fleet
    return Readiness(given)


def test_the_first_time_all_must_be_ready_and_then_one_is_enough(fleet: Fleet, readiness: Readiness) -> None:
    first, second = fleet.workers
    assert not readiness.report().ready
    first.ready = True
    report = readiness.report()
    assert not report.ready
    assert report.components == {"worker 0": "ok", "worker 1": "warm: has not read the change feed yet"}
    second.ready = True
    assert readiness.report().ready
    first.ready = False
    assert readiness.report().ready
    second.ready = False
    assert not readiness.report().ready
    first.ready = True
    assert readiness.report().ready


def test_what_drains_is_not_ready(fleet: Fleet, readiness: Readiness) -> None:
    for worker in fleet.workers:
        worker.ready = True
    assert readiness.report().ready
    readiness.draining = True
    report = readiness.report()
    assert not report.ready
    assert report.components["shutdown"] == "draining"
