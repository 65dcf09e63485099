"""Backups: whole, of one moment, believed only as they were written, and restored on any kind of database."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData, insert, select

from extauth.keys.digest import Pepper
from extauth.keys.record import Version
from extauth.registry import migrations, times
from extauth.registry.admin_schema import audit, idempotent_answers
from extauth.registry.admin_token import NewAdminToken
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.backup import TABLES, back_up
from extauth.registry.backup_file import BackupError, BackupWriter, Header, TableHead, verify
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, UnavailableError
from extauth.registry.history import History
from extauth.registry.identity import Role
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.restore import restore
from extauth.registry.schema import changes, keys, usage_minutes
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from tests.registry.conftest import BACKENDS, PATIENCE, postgresql_database
from tests.registry.test_migrations import upgrade

NOW = 1_790_000_000_000
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


@pytest.fixture(params=BACKENDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Another database, without tables."""
    if request.param == "sqlite":
        urls: Iterator[str] = iter([f"sqlite:///{tmp_path}/target.db"])
    else:
        urls = postgresql_database(request.getfixturevalue("postgresql_server"), "template0")
    for url in urls:
        database = Database(url, deadline=PATIENCE)
        yield database
        database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.backup"


@pytest.fixture
def filled(
    database: Database,
    registry: KeyRegistry,
    tokens: TokenRegistry,
    admin_tokens: AdminTokens,
    create: Callable[..., IssuedKey],
) -> Database:
    """Something in nearly every table, with rows that refer to each other both ways."""
    first = create(name="né \u2603", plan="gold", scopes=("read",), metadata={"a": "b"}).key
    second = registry.rotate(first.id, 60, "ada", "tester").key
    registry.rotate(second.id, 0, "ada", "tester")
    registry.revoke(create().key.id, "stolen", "tester")
    tokens.revoke_tokens(Tokens("issuer", "sub", "ada"), "left", None, "tester")
    admin = admin_tokens.create(NewAdminToken("ci", Role.EDITOR), "tester").token
    admin_tokens.rotate(admin.id, 60, "tester")
    with database.write() as connection:
        row = {"start": 60_000, "key_id": first.id, "tenant": "acme", "api": "a", "outcome": "allowed", "checks": 7}
        connection.execute(insert(usage_minutes).values(row))
        answer = {"id": b"i" * 32, "fingerprint": b"f" * 32, "answer": b"a secret", "created_at": NOW}
        connection.execute(insert(idempotent_answers).values(answer))
    return database


def rows_of(database: Database) -> dict[str, list[str]]:
    """All that is backed up; as text, since bytes are of another type on each database."""
    with database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in TABLES}


def lines_of(file: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def write_lines(file: Path, lines: Sequence[Any]) -> None:
    file.write_bytes(
        gzip.compress(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines))
    )


def test_everything_is_there_again_on_either_kind_of_database(
    filled: Database, target: Database, file: Path, pepper: Pepper
) -> None:
    written, rows = back_up(filled, file, pepper, NOW)
    before = rows_of(filled)
    assert written == Header(migrations.latest(), NOW, 1, History(filled).revision())
    assert rows == sum(map(len, before.values()))
    assert restore(target, file, [pepper], NOW + 1, force=False) == written
    after = rows_of(target)
    with target.read() as connection:
        told = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
        assert connection.execute(select(idempotent_answers)).all() == []
    assert (told.actor, told.action, told.after["last_revision"]) == (
        "extauth registry restore",
        "restored",
        written.revision,
    )
    assert set(after.pop("audit")) - set(before.pop("audit")) == {repr(told)}
    assert after == before


def test_the_restored_registry_goes_on(filled: Database, target: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    restore(target, file, [pepper], NOW, force=False)
    metrics = RegistryMetrics(CollectorRegistry())
    registry = KeyRegistry(target, "ea", [pepper], metrics)
    made = registry.create(NewKey(name="a key", tenant="acme", created_by="ada"), "tester")
    assert History(target).head() == Version(1, History(filled).revision() + 1)
    assert History(target).mark(1) == History(filled).mark(1), "publishers know it by its history"
    assert AdminTokens(target, [pepper], metrics).create_first("owner", "tester", force=False).secret
    registry.rotate(made.key.id, 0, "ada", "tester")
    target.migrate()


def test_the_tables_are_as_migrations_make_them(
    filled: Database, target: Database, file: Path, pepper: Pepper, database: Database
) -> None:
    def references(one: Database) -> list[tuple[Any, ...]]:
        found = MetaData()
        with one.read() as connection:
            found.reflect(connection)
        return sorted(
            (table.name, str(key.name), bool(key.deferrable), str(key.initially))
            for table in found.tables.values()
            for key in table.foreign_key_constraints
        )

    back_up(filled, file, pepper, NOW)
    target.migrate()
    as_made = references(target)
    restore(target, file, [pepper], NOW, force=False)
    assert references(target) == as_made
    assert len(as_made) >= 6


def test_what_is_there_is_not_lost_without_force(
    filled: Database, target: Database, file: Path, pepper: Pepper
) -> None:
    back_up(filled, file, pepper, NOW)
    target.migrate()
    owner = AdminTokens(target, [pepper], RegistryMetrics(CollectorRegistry())).create_first("a", "b", force=False)
    before = rows_of(target)
    with pytest.raises(ConflictError):
        restore(target, file, [pepper], NOW, force=False)
    assert rows_of(target) == before
    restore(target, file, [pepper], NOW, force=True)
    assert rows_of(target)["keys"] == rows_of(filled)["keys"]
    assert owner.token.id not in repr(rows_of(target)["admin_tokens"])


def test_a_file_that_fails_half_way_leaves_the_database_as_it_was(
    filled: Database, target: Database, file: Path, pepper: Pepper
) -> None:
    header, _ = back_up(filled, file, pepper, NOW)
    with file.open("wb") as output:
        writer = BackupWriter(output, header)
        writer.begin_table(TableHead("tenants", {"id": "text"}))
        writer.write_row(["acme"])
        writer.begin_table(TableHead("of_another_program", {"id": "text"}))
        writer.seal(pepper)
    target.migrate()
    before = rows_of(target)
    with pytest.raises(Exception, match="does not"):  # BackupError, or UnavailableError of the row's other columns
        restore(target, file, [pepper], NOW, force=True)
    assert rows_of(target) == before


@on_sqlite
def test_only_the_owner_may_read_it_and_nothing_is_overwritten(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(BackupError, match="not overwritten"):
        back_up(filled, file, pepper, NOW)
    assert file.read_bytes() == before
    with pytest.raises(BackupError, match="No such file"):
        back_up(filled, file.parent / "nowhere" / "file", pepper, NOW)
    assert [one.name for one in file.parent.glob("*backup*")] == [file.name]


@on_sqlite
def test_it_has_no_secret_and_nothing_without_its_pepper(
    filled: Database, file: Path, pepper: Pepper, create: Callable[..., IssuedKey]
) -> None:
    secret = create().secret
    back_up(filled, file, pepper, NOW)
    text = gzip.decompress(file.read_bytes())
    assert secret[-38:].encode() not in text
    assert b"a secret" not in text
    assert b"idempotent_answers" not in text


@on_sqlite
def test_a_file_that_breaks_off_anywhere_is_refused(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    whole = file.read_bytes()
    assert verify(file, [pepper]).made_at == NOW
    for length in range(0, len(whole), max(len(whole) // 50, 1)):
        file.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            verify(file, [pepper])


@on_sqlite
def test_a_file_that_was_changed_is_refused(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    lines = lines_of(file)
    revoked = next(line for line in lines if isinstance(line, list) and "stolen" in line)
    revoked[revoked.index("revoked")] = "active"
    write_lines(file, lines)
    with pytest.raises(BackupError, match="seal is broken"):
        verify(file, [pepper])


@on_sqlite
@pytest.mark.parametrize("number", range(3))
def test_lines_that_were_left_out_or_added_are_missed(
    filled: Database, file: Path, pepper: Pepper, number: int
) -> None:
    back_up(filled, file, pepper, NOW)
    lines = lines_of(file)
    write_lines(file, [lines[:-1], [*lines[:-2], lines[-1]], [*lines[:-1], ["more"], lines[-1]]][number])
    with pytest.raises(BackupError, match="seal"):
        verify(file, [pepper])


@on_sqlite
def test_another_pepper_does_not_open_it(filled: Database, file: Path, pepper: Pepper) -> None:
    back_up(filled, file, pepper, NOW)
    other = Pepper("other", b"another pepper of 32 bytes or more")
    with pytest.raises(BackupError, match="pepper 'first': add that"):
        verify(file, [other])
    with pytest.raises(BackupError, match="has another secret"):
        verify(file, [Pepper("first", b"another pepper of 32 bytes or more")])
    assert verify(file, [other, pepper])


@on_sqlite
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"not gzip", "not a backup"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(b"not json\n"), "not a backup"),
        (gzip.compress(b'{"extauth_backup": 2}\n'), "later version"),
        (gzip.compress(b'{"extauth_backup": 1, "more": 1}\n'), "later version"),
    ],
    ids=["empty", "text", "nothing in it", "no JSON", "version", "field"],  # gzip writes down the time of day
)
def test_what_is_no_backup_is_told(file: Path, pepper: Pepper, content: bytes, message: str, database_url: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BackupError, match=message):
        verify(file, [pepper])


def test_a_backup_of_a_later_version_is_refused(target: Database, file: Path, pepper: Pepper) -> None:
    with file.open("wb") as output:
        BackupWriter(output, Header("9999", NOW, 1, 1)).seal(pepper)
    with pytest.raises(BackupError, match="later version"):
        restore(target, file, [pepper], NOW, force=False)


def test_a_database_of_another_version_is_not_backed_up(empty_database_url: str, file: Path, pepper: Pepper) -> None:
    database = Database(empty_database_url, deadline=PATIENCE)
    with pytest.raises(UnavailableError, match="no tables"):
        back_up(database, file, pepper, NOW)
    database.migrate()
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0006'")
    with pytest.raises(UnavailableError, match="another version"):
        back_up(database, file, pepper, NOW)
    database.close()
    assert not list(file.parent.glob("*backup*"))


@pytest.mark.parametrize("revision", ["0005", "0006"])
def test_a_backup_of_an_earlier_version_is_brought_to_this_one(
    empty_database_url: str, target: Database, file: Path, pepper: Pepper, revision: str
) -> None:
    """Written by hand from a database of that version, as that version would have."""
    database = Database(empty_database_url, deadline=PATIENCE)
    with database.write() as connection:
        upgrade(connection, revision)
        found = MetaData()
        found.reflect(connection)
        tables = [table for table in found.sorted_tables if table.name in {"registry", "plans", "tenants"}]
        connection.execute(insert(found.tables["plans"]).values(_PLAN))
        with file.open("wb") as output:
            writer = BackupWriter(output, Header(revision, NOW, 1, 0))
            for table in tables:
                writer.begin_table(TableHead(table.name, {column.name: _kind(column) for column in table.columns}))
                for row in connection.execute(select(table)):
                    writer.write_row(list(row))
            writer.seal(pepper)
    database.close()
    restore(target, file, [pepper], NOW, force=False)
    with target.read() as connection:
        assert migrations.present(connection) == migrations.latest()
    assert "'gold'" in rows_of(target)["plans"][0]
    assert History(target).head() == Version(1, 0)


_PLAN = {
    "name": "gold",
    "description": "",
    "limits": [],
    "scopes": ["read"],
    "created_at": 1,
    "updated_at": 1,
    "revision": 1,
}


def _kind(column: Any) -> Any:
    return "json" if column.name in {"limits", "scopes", "metadata"} else "text"


def test_a_backup_is_of_one_moment_while_others_write(
    database: Database, target: Database, file: Path, pepper: Pepper, create: Callable[..., IssuedKey]
) -> None:
    for _ in range(20):
        create()
    stopping = threading.Event()
    made: list[str] = []

    def go_on() -> None:
        while not stopping.is_set():
            made.append(create().key.id)

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        header, _ = back_up(database, file, pepper, times.now())
    finally:
        stopping.set()
        writer.join(PATIENCE)
    restore(target, file, [pepper], NOW, force=False)
    assert made
    with target.read() as connection:
        known = connection.scalars(select(keys.c.revision)).all()
        told = connection.scalars(select(changes.c.revision)).all()
    assert sorted(known) == sorted(told) == list(range(1, header.revision + 1))
    assert History(target).revision() == header.revision
