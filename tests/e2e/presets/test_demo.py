"""`extauth demo --preset NAME`, as a person runs it: all that it prints comes true."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from extauth.demo import binaries
from extauth.demo.ports import COUNT
from extauth.demo.presets.names import NAMES
from tests.e2e.eventually import eventually
from tests.e2e.running import free_base
from tests.e2e.test_demo_command import Demo, trials

_WITH_KEY = 'curl -s -o /dev/null -w "%{http_code}" -H "Host: $HOST" -H "$KEY_HEADER: $KEY" "$ENVOY_URL$KEY_PATH"'


@pytest.fixture(params=NAMES)
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "demo", free_base(COUNT), tmp_path, "--preset", request.param)
    try:
        demo.wait_until_ready()
        yield demo
        assert demo.end(signal.SIGINT) == 0
        assert demo.processes() == {}
    finally:
        demo.clean_up()


def test_all_that_it_promises(demo: Demo) -> None:
    assert demo.shell(_WITH_KEY) == "200"
    promised = trials(demo.output)
    assert {"200", "401", "403"} <= {expected for expected, _ in promised}
    for expected, command in promised:
        eventually(lambda expected=expected, command=command: came_true(demo, expected, command), 5)
    for secret in (demo.directory / "secrets").iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600
    assert (demo.directory / "env").stat().st_mode & 0o777 == 0o600


def came_true(demo: Demo, expected: str, command: str) -> bool:
    printed = demo.shell(command)
    if expected.isdigit():
        return printed.startswith(f"HTTP/1.1 {expected} ")
    if expected == "200, then 429":
        return all(text in printed for text in ("HTTP/1.1 200", "HTTP/1.1 429", "retry-after: 1"))
    if expected == "status revoked":
        return re.search(r"^status +revoked$", printed, flags=re.MULTILINE) is not None
    assert expected == "shown", expected
    return bool(printed)


def test_names_are_listed_and_others_refused() -> None:
    shown = extauth("demo", "--help")
    assert "[ai-api|iiniit|ninjio|ninox|nudj]" in shown.stdout
    refused = extauth("demo", "--preset", "nobody")
    assert refused.returncode == 2
    assert all(f"'{name}'" in refused.stderr for name in NAMES)


def extauth(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(binaries.extauth()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
