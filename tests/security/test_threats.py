"""Each threat of docs/SECURITY.md names the tests that hold its answer."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "SECURITY.md").read_text()
ROWS = re.findall(r"^\| ([STRIDE]) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize(("letter", "threat", "answer", "tests"), ROWS, ids=[row[1][:50] for row in ROWS])
def test_the_tests_of_a_threat_exist(letter: str, threat: str, answer: str, tests: str) -> None:
    named = re.findall(r"`(test_\w+)`", tests)
    assert named, f"{letter}: {threat}: {answer}"
    assert not set(named) - TESTS


def test_every_letter_is_thought_of_in_the_flows_that_let_somebody_in() -> None:
    for flow in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:3]:
        assert set(re.findall(r"^\| ([STRIDE]) \|", flow, re.MULTILINE)) == set("STRIDE"), flow[:20]


def test_no_row_is_overlooked() -> None:
    assert len(ROWS) == len(re.findall(r"^\| [A-Z] \|", PAGE, re.MULTILINE)) > 25
