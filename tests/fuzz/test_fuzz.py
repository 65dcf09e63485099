"""A few seconds of each target, and 200,000 executions of one that must not grow. `make fuzz` is for longer."""

from pathlib import Path

import pytest

from tests.fuzz.all_targets import NAMES, target_named
from tests.fuzz.runs import HAS_ATHERIS, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not HAS_ATHERIS, reason="atheris has no wheel for this Python or system"),
]
SECONDS = 5
EXECUTIONS = 200_000
WARM = 40_000
"""Executions after which caches are full."""
GROWTH = 48 * 1024 * 1024
"""Bytes: what libFuzzer itself keeps of inputs that are new."""


@pytest.mark.parametrize("name", NAMES)
def test_a_few_seconds_find_nothing(name: str, tmp_path: Path) -> None:
    done = run(target_named(name), tmp_path / "corpus", f"-max_total_time={SECONDS}", findings=tmp_path / "findings")
    assert done.finding is None, f"{done.finding.read_bytes()!r}\n{done.output[-4000:]}"
    assert done.executions > 0
    assert done.coverage > 0


def test_memory_does_not_grow(tmp_path: Path) -> None:
    done = run(target_named("check_messages"), tmp_path / "corpus", f"-runs={EXECUTIONS}", findings=tmp_path / "found")
    assert done.finding is None, done.output[-4000:]
    assert max(done.memory) >= EXECUTIONS * 0.9
    assert max(done.memory.values()) - done.memory[WARM] < GROWTH, done.memory
