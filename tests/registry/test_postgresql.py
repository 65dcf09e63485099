"""What is PostgreSQL's own: outages, locks, timeouts, and settings of the server that must not matter."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from extauth.keys.digest import Pepper
from extauth.keys.record import Status
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.key import NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from tests.faults.fault_proxy import FaultProxy
from tests.registry.conftest import client_of, postgresql_database
from tests.support.postgresql_server import PostgresqlServer

NEW = NewKey(name="a key", tenant="acme", created_by="somebody")
SHORT = 0.3
"""Seconds."""


@pytest.fixture
def url(postgresql_server: PostgresqlServer, postgresql_template: str) -> Iterator[str]:
    yield from postgresql_database(postgresql_server, postgresql_template)


@pytest.fixture
def open_database(url: str) -> Iterator[Callable[..., Database]]:
    opened: list[Database] = []

    def open_database(**options: float) -> Database:
        opened.append(Database(url, **options))
        return opened[-1]

    yield open_database
    for database in opened:
        database.close()


def registry_of(database: Database) -> KeyRegistry:
    pepper = Pepper("first", b"a pepper of 32 bytes or even more")
    return KeyRegistry(database, "ea", [pepper], RegistryMetrics(CollectorRegistry()))


def name_of(url: str) -> str:
    return url.split("/")[3].split("?", maxsplit=1)[0]


def test_a_lock_of_another_process_is_waited_for_no_longer_than_the_deadline(
    open_database: Callable[..., Database], url: str
) -> None:
    registry = registry_of(open_database(deadline=SHORT))
    with psycopg.connect(url) as other:
        other.execute("SELECT * FROM registry FOR UPDATE")
        with pytest.raises(UnavailableError):
            registry.create(NEW, "tester")
    assert registry.create(NEW, "tester").key.revision == 1


def test_a_statement_takes_no_longer_than_the_deadline(open_database: Callable[..., Database]) -> None:
    database = open_database(deadline=SHORT)
    with pytest.raises(UnavailableError), database.read() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    database.ping()


def test_when_all_connections_are_taken_the_next_one_waits_no_longer(open_database: Callable[..., Database]) -> None:
    database = open_database(deadline=SHORT)
    release = threading.Event()

    def hold() -> None:
        with database.read() as connection:
            connection.execute(text("SELECT 1"))
            held.release()
            release.wait(10)

    held = threading.Semaphore(0)
    with ThreadPoolExecutor(16) as threads:
        for _ in range(16):
            threads.submit(hold)
        for _ in range(16):
            assert held.acquire(timeout=10)
        with pytest.raises(UnavailableError):
            database.ping()
        release.set()


def test_a_connection_that_was_cut_is_made_anew(open_database: Callable[..., Database], url: str) -> None:
    database = open_database()
    registry = registry_of(database)
    registry.create(NEW, "tester")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert registry.create(NEW, "tester").key.revision == 2


def test_a_server_that_says_nothing_is_given_up(postgresql_server: PostgresqlServer) -> None:
    proxy = FaultProxy(postgresql_server.socket)
    proxy.start()
    address = f"127.0.0.1:{proxy.port}/postgres?sslmode=disable&gssencmode=disable"
    database = Database(f"postgresql://postgres@{address}", deadline=SHORT)
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
    with proxy.black_hole(), pytest.raises(UnavailableError), database.read() as connection:
        connection.execute(text("SELECT 1"))
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
    database.close()
    proxy.stop()


def test_a_snapshot_takes_its_time_and_what_comes_after_it_does_not(open_database: Callable[..., Database]) -> None:
    database = open_database(deadline=SHORT)
    with database.snapshot() as connection:
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": SHORT + 1.2})  # a second more than is waited
    with pytest.raises(UnavailableError), database.read() as connection:
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": SHORT + 1.2})


def test_a_server_that_takes_no_writes_is_told(open_database: Callable[..., Database], url: str) -> None:
    registry = registry_of(open_database())
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on".encode())
    with pytest.raises(UnavailableError, match="no changes now"):
        registry.create(NEW, "tester")


def test_a_server_that_is_away_is_told_and_comes_back() -> None:
    server = PostgresqlServer()
    server.start()
    try:
        database = Database(server.url("postgres"))
        database.migrate()
        registry = registry_of(database)
        registry.create(NEW, "tester")
        server.kill()
        with pytest.raises(UnavailableError) as failed:
            registry.create(NEW, "tester")
        assert str(server.url("postgres")) not in str(failed.value)
        server.start()
        assert registry.create(NEW, "tester").key.revision == 2
        database.close()
    finally:
        server.remove()


def test_a_database_that_is_not_there_is_told(postgresql_server: PostgresqlServer) -> None:
    database = Database(postgresql_server.url("nowhere"))
    with pytest.raises(UnavailableError):
        database.migrate()


def test_the_servers_own_isolation_does_not_matter(
    postgresql_server: PostgresqlServer, open_database: Callable[..., Database], url: str
) -> None:
    postgresql_server.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_isolation = 'serializable'")
    databases = [open_database() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        written = threads.map(
            lambda database: [registry_of(database).create(NEW, "tester").key.revision for _ in range(5)], databases
        )
        assert sorted(revision for revisions in written for revision in revisions) == list(range(1, 21))


def test_migrations_are_not_bound_by_the_deadline(
    postgresql_server: PostgresqlServer,
) -> None:
    for url in postgresql_database(postgresql_server, "template0"):
        with psycopg.connect(url) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", [0x65787461757468])
            database = Database(url, deadline=SHORT)
            migrating = threading.Thread(target=database.migrate)
            migrating.start()
            migrating.join(2 * SHORT)
            assert migrating.is_alive()
        migrating.join(30)
        database.ping()
        database.close()


def test_the_registry_serves_from_it(settings: RegistrySettings, url: str) -> None:
    changed = RegistrySettings.model_validate(settings.model_dump() | {"database": url})
    server = RegistryServer(changed, CollectorRegistry())
    server.start()
    for http in client_of(server):
        for number in range(3):
            body = {"name": f"key {number}", "tenant": "acme", "plan": "gold", "scopes": ["read"]}
            assert http.post("/v1/keys", json=body).status_code == 201
        limits = {"limits": [{"name": "per-key", "rate": "10/s"}]}
        assert http.patch("/v1/plans/gold", json=limits).status_code == 200
        assert http.post("/v1/tenants/acme/suspend").status_code == 200
        query = {"sort": "name", "scope": "read", "plan": "gold", "text": "KEY", "limit": "2", "status": "suspended"}
        page = http.get("/v1/keys", params=query).json()
        assert [key["name"] for key in page["items"]] == ["key 0", "key 1"]
        assert http.get("/v1/keys", params=query | {"cursor": page["next_cursor"]}).json()["next_cursor"] == ""
    assert server.history.revision() == 9
    assert {change.record.status for change in server.history.changes_after(0, 10)} == {Status.DISABLED}
    server.stop()
