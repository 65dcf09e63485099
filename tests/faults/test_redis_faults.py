"""Whatever goes wrong with Redis: nobody gets in who should not, nobody is told 401 or 429 for it, every check is
answered, and everything is as before when it is over.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.outage_run import ALLOWED, OutageRun
from tests.faults.redis_faults import FAULTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(params=["lean", "stock"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OutageRun]:
    with OutageRun.begin(tmp_path, request.param) as run:
        yield run


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_redis(run: OutageRun, name: str) -> None:
    told = {kind: set(found.outcomes) for kind, found in run.suffer(FAULTS[name]).items()}
    assert told.keys() == ALLOWED.keys()
    assert all(told.values()), "nobody asked"
    assert {kind: outcomes - ALLOWED[kind] for kind, outcomes in told.items()} == {kind: set() for kind in ALLOWED}
    run.expect_recovery()
