"""One stack for all tests that leave it as it was, and one of its own for each that does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import http1, http2
from tests.e2e.answer import Send
from tests.e2e.running import Running, running_stack, start_joining_envoy


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def joining_url(stack: Running) -> str:
    """Of a second Envoy before the same sidecar, with `encode_raw_headers` off as gateways have it."""
    return start_joining_envoy(stack)


@pytest.fixture(params=["raw", "joined"])
def url(request: pytest.FixtureRequest, stack: Running) -> str:
    """Of either Envoy."""
    joining: str = request.getfixturevalue("joining_url")
    return stack.url if request.param == "raw" else joining


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Running]:
    """For a test that leaves it in pieces."""
    with running_stack(tmp_path) as running:
        yield running


@pytest.fixture(params=[http1.send, http2.send], ids=["http1", "http2"])
def send(request: pytest.FixtureRequest) -> Send:
    chosen: Send = request.param
    return chosen
