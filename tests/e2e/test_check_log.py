"""What a sidecar writes of its checks, as a file of its log has it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.eventually import eventually
from tests.e2e.http1 import send
from tests.e2e.running import Running, running_stack
from tests.e2e.scenario import PLAIN


@pytest.fixture(scope="module")
def logging_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_stack(tmp_path_factory.mktemp("stack"), {"check_log": {"allowed": 1, "refused": 1}}) as running:
        yield running


def test_checks_are_told_of_without_their_secrets(logging_stack: Running) -> None:
    key = logging_stack.issue()
    assert send(logging_stack.url, f"{PLAIN}?token=in-the-query", [key.header]).status == 200
    assert send(logging_stack.url, PLAIN, [("x-api-key", key.secret + "x")]).status == 401
    log = Path(logging_stack.layout.log("sidecar"))
    eventually(lambda: _reasons(log) == ["ok", "malformed_key"], 10)
    passed = next(line for line in _lines(log) if line["reason"] == "ok")
    assert (passed["api"], passed["key_id"], passed["tenant"], passed["path"]) == ("plain", key.id, key.tenant, PLAIN)
    assert passed["request_id"]
    text = log.read_text()
    assert key.secret not in text
    assert "in-the-query" not in text


def _lines(log: Path) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "check"]


def _reasons(log: Path) -> list[str]:
    return [line["reason"] for line in _lines(log)]
