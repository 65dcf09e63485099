"""Each input that once broke something, and the seeds, are tried again; without atheris."""

import pytest

from tests.fuzz.all_targets import NAMES, target_named
from tests.fuzz.target import FINDINGS


@pytest.mark.parametrize("name", NAMES)
def test_seeds_and_findings_break_nothing(name: str) -> None:
    target = target_named(name)
    inputs = [*target.seeds(), *(path.read_bytes() for path in target.findings)]
    assert len(inputs) > 1
    for data in inputs:
        target.run(data)


def test_every_finding_is_of_a_target() -> None:
    assert {path.name for path in FINDINGS.glob("*")} <= set(NAMES)
