"""docs/faults.md tells of every fault that the suite knows, and of every kind of caller."""

from pathlib import Path

from tests.faults.outage_run import ALLOWED
from tests.faults.redis_faults import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def test_every_fault_has_its_row() -> None:
    head, _, *rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(FAULTS)
    assert head.split(" | ")[1:-3] == list(ALLOWED)


def test_no_row_tells_of_anything_but_what_is_allowed() -> None:
    head, _, *rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    for row in rows:
        told = {kind: {one.split()[0] for one in cell.split(", ")} for kind, cell in zip(head, row, strict=True)}
        assert all(told[kind] <= ALLOWED[kind] for kind in ALLOWED), row[0]
