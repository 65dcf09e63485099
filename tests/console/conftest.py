"""A real registry behind each test of its console, and a real browser before it."""

import shutil
from collections.abc import Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, sync_playwright

from extauth.registry.server import RegistryServer
from tests.console.browsing import (
    FLAGS,
    PATIENCE,
    PHONE,
    Watched,
    make_keys,
    open_window,
    tell_of_publisher,
    use_keys,
)
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("there is no Chromium for the tests of the console: apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=2 * PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    yield from serve(settings_in(tmp_path_factory.mktemp("browser")))


@pytest.fixture(scope="module")
def base(server: RegistryServer) -> str:
    return f"http://{server.http_address}"


@pytest.fixture(scope="module")
def keys(server: RegistryServer, base: str) -> list[str]:
    """Ids of some keys that were used for a month."""
    with httpx2.Client(base_url=base, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as api:
        ids = make_keys(api)
    use_keys(server, ids)
    tell_of_publisher(server)
    return ids


@pytest.fixture
def window(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base)


@pytest.fixture
def dark(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base, color_scheme="dark")


@pytest.fixture
def phone(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base, viewport=PHONE, has_touch=True)


@pytest.fixture
def without_script(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base, java_script_enabled=False)
