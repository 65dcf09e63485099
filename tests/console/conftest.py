"""A real registry behind each test of its console."""

from collections.abc import Callable, Iterator

import httpx2
import pytest

from extauth.registry.server import RegistryServer
from tests.console.visitor import Visitor
from tests.registry.conftest import TOKEN, serve, settings_in


@pytest.fixture(scope="session")
def console_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A registry for tests that do not mind the keys of other tests."""
    yield from serve(settings_in(tmp_path_factory.mktemp("console")))


@pytest.fixture(scope="session")
def api(console_server: RegistryServer) -> Iterator[httpx2.Client]:
    """The REST API of `console_server`."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=f"http://{console_server.http_address}", headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def visitor(console_server: RegistryServer) -> Iterator[Callable[[str], Visitor]]:
    """Make a visitor who has signed in with this token."""
    clients: list[httpx2.Client] = []

    def make(token: str = TOKEN) -> Visitor:
        client = httpx2.Client(base_url=f"http://{console_server.http_address}", timeout=10)
        clients.append(client)
        found = Visitor(client)
        assert found.sign_in(token).status_code == 303
        return found

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def owner(visitor: Callable[[str], Visitor]) -> Visitor:
    return visitor(TOKEN)


@pytest.fixture
def stranger(console_server: RegistryServer) -> Iterator[Visitor]:
    """Somebody who has not signed in."""
    with httpx2.Client(base_url=f"http://{console_server.http_address}", timeout=10) as client:
        yield Visitor(client)
