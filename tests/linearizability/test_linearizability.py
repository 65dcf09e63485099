"""A nemesis at work on real servers: every answer that was given meanwhile can be explained.

The promise of docs/reliability.md is for a machine that has time. Here it is wider, since tests share theirs with
others; `python -m tests.linearizability` takes it at its word.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.linearizability.checker import UNANSWERED, UNAVAILABLE
from tests.linearizability.key_state import DISABLED, EXPIRED, INVALID, MISSING_SCOPE, OK, REVOKED
from tests.linearizability.run import record
from tests.linearizability.scene import MAX_STALE
from tests.linearizability.summary import told
from tests.linearizability.troubles import Bounds
from tests.support.postgresql_server import PostgresqlServer

BOUNDS = Bounds(promise=3.0, recovery=8.0, max_stale=MAX_STALE)
SECONDS = 25

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    server = PostgresqlServer()
    server.start()
    server.execute("CREATE DATABASE registry")
    yield server.url("registry")
    server.remove()


def judge(folder: Path, seed: int, database: str, *, keeps: bool) -> None:
    found = record(folder, SECONDS, seed, database, keeps=keeps)
    assert [told(one, found.troubles) for one in found.violations(BOUNDS)] == [], f"seed {seed}"
    assert {OK, REVOKED, EXPIRED, DISABLED, INVALID, MISSING_SCOPE} <= set(found.answers) - {UNAVAILABLE, UNANSWERED}
    assert found.troubles, "the nemesis has slept"
    assert found.changes.total() > SECONDS


@pytest.mark.parametrize(("seed", "keeps"), [(42, False), (3, True)])
def test_every_answer_can_be_explained(tmp_path: Path, seed: int, keeps: bool) -> None:
    judge(tmp_path, seed, f"sqlite:///{tmp_path}/registry.db", keeps=keeps)


def test_every_answer_can_be_explained_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    judge(tmp_path, 4, postgresql_url, keeps=False)
