"""A real database, a real registry and a real server for every test; storage tests run on each `database_url`."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from extauth.keys.digest import Pepper
from extauth.registry import times
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.database import Database
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.plans import PlanRegistry
from extauth.registry.propagator import Propagator
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.registry.tenants import TenantRegistry
from extauth.registry.token_operations import TokenRegistry
from tests.support.postgresql_server import PostgresqlServer

TOKEN = "the-admin-token-of-the-tests"


class Clock:
    """Real time, which a test may move on."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        return times.now() + self._ahead

    def let_pass(self, milliseconds: int) -> None:
        self._ahead += milliseconds


BACKENDS = ("sqlite", "postgresql")
"""Each kind of database that has to pass the same tests."""
TEMPLATE = "template_of_the_tests"
PATIENCE = 30.0
"""Seconds: on a busy machine the usual deadline is reached now and then."""
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables of this version."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresqlServer) -> str:
    """The name of a database with the tables of this version."""
    postgresql_server.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(postgresql_server.url(TEMPLATE))
    return TEMPLATE


def migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


def postgresql_database(server: PostgresqlServer, template: str) -> Iterator[str]:
    """The URL of a copy of `template`."""
    name = f"test_{next(_numbers)}"
    strategy = "" if server.version().startswith("14.") else "STRATEGY FILE_COPY"  # which is the only one there
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=BACKENDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/registry.db"
    else:
        yield from postgresql_database(request.getfixturevalue("postgresql_server"), "template0")


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the tables of this version, and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "registry.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server = request.getfixturevalue("postgresql_server")
        yield from postgresql_database(server, request.getfixturevalue("postgresql_template"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, deadline=PATIENCE)
    yield database
    database.close()


@pytest.fixture
def pepper() -> Pepper:
    return Pepper("first", b"a pepper of 32 bytes or even more")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def let_pass(clock: Clock) -> Callable[[int], None]:
    """Move the registry's time on by some milliseconds."""
    return clock.let_pass


@pytest.fixture
def registry(database: Database, pepper: Pepper, clock: Clock) -> KeyRegistry:
    second = Pepper("second", b"another pepper of 32 bytes or more")
    return KeyRegistry(database, "ea", [pepper, second], RegistryMetrics(CollectorRegistry()), clock)


@pytest.fixture
def tokens(database: Database, pepper: Pepper, clock: Clock) -> TokenRegistry:
    second = Pepper("second", b"another pepper of 32 bytes or more")
    return TokenRegistry(database, [pepper, second], RegistryMetrics(CollectorRegistry()), clock)


@pytest.fixture
def tenants(database: Database, clock: Clock) -> TenantRegistry:
    return TenantRegistry(database, RegistryMetrics(CollectorRegistry()), clock)


@pytest.fixture
def plans(database: Database, clock: Clock) -> PlanRegistry:
    return PlanRegistry(database, RegistryMetrics(CollectorRegistry()), clock)


@pytest.fixture
def propagator(database: Database, clock: Clock) -> Propagator:
    """One that works only when it is told to."""
    return Propagator(database, RegistryMetrics(CollectorRegistry()), clock)


@pytest.fixture
def admin_tokens(database: Database, pepper: Pepper, clock: Clock) -> AdminTokens:
    second = Pepper("second", b"another pepper of 32 bytes or more")
    return AdminTokens(database, [pepper, second], RegistryMetrics(CollectorRegistry()), clock)


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


@pytest.fixture
def create(registry: KeyRegistry) -> Callable[..., IssuedKey]:
    def create(**fields: object) -> IssuedKey:
        given: dict[str, Any] = {"name": "a key", "tenant": "acme", "created_by": "somebody", **fields}
        return registry.create(NewKey(**given), "tester")

    return create


def settings_in(folder: Path) -> RegistrySettings:
    """Settings of a registry that keeps everything in `folder` and listens on free ports."""
    for name, secret in (("token", TOKEN), ("pepper", "a pepper of 32 bytes or even more")):
        (folder / name).write_text(secret)
    return RegistrySettings.model_validate(
        {
            "database": f"sqlite:///{folder}/server.db",
            "listen": {"http": "127.0.0.1:0", "grpc": "127.0.0.1:0"},
            "admin_token": {"file": str(folder / "token")},
            "keys": {"peppers": [{"id": "first", "file": str(folder / "pepper")}]},
            "publish": {"poll_interval": "20ms"},
        }
    )


def serve(settings: RegistrySettings) -> Iterator[RegistryServer]:
    server = RegistryServer(settings, CollectorRegistry())
    server.start()
    yield server
    server.stop()


def client_of(server: RegistryServer) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=f"http://{server.http_address}", headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def settings(tmp_path: Path) -> RegistrySettings:
    return settings_in(tmp_path)


@pytest.fixture
def server(settings: RegistrySettings) -> Iterator[RegistryServer]:
    """A registry without keys."""
    yield from serve(settings)


@pytest.fixture
def http(server: RegistryServer) -> Iterator[httpx2.Client]:
    """The REST API of `server`."""
    yield from client_of(server)


@pytest.fixture(scope="session")
def shared_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A REST API for tests that do not mind the keys of other tests."""
    for server in serve(settings_in(tmp_path_factory.mktemp("shared"))):
        yield from client_of(server)


@pytest.fixture
def token() -> str:
    return TOKEN
