"""Imports of keys on every kind of database: each row once, however often the file is sent."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from extauth.keys import imported, token
from extauth.keys.digest import Pepper
from extauth.keys.record import Status
from extauth.registry import imports as imports_module
from extauth.registry.audit_listing import AuditFilter, AuditTrail
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, FieldProblem, UnavailableError
from extauth.registry.filtering import Filter
from extauth.registry.history import History
from extauth.registry.imports import Importer, KeyImports
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.key_import import ImportedKey, Row
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.plan import NewPlan
from extauth.registry.plans import PlanRegistry
from extauth.registry.tenants import TenantRegistry

ALL = Importer("move", "ada")
SECOND = Pepper("second", b"another pepper of 32 bytes or more")


@pytest.fixture
def imports(database: Database, pepper: Pepper, monkeypatch: pytest.MonkeyPatch) -> KeyImports:
    monkeypatch.setattr(imports_module, "BATCH", 3)
    return KeyImports(database, [pepper, SECOND], RegistryMetrics(CollectorRegistry()))


def secret_of(number: int) -> str:
    return f"foreign-key-number-{number:05}"


def row(number: int, **changes: object) -> Row:
    fields = {"name": f"key {number}", "tenant": "acme", "created_by": "ada", **changes}
    return Row(number, secret_of(number).encode(), ImportedKey(NewKey(**fields), secret_of(number)))


def rows(count: int) -> list[Row]:
    return [row(number) for number in range(1, count + 1)]


def names(registry: KeyRegistry) -> list[str]:
    return sorted(key.name for key in registry.find(Filter(), 500).keys)


def test_every_row_becomes_a_key_that_checks_can_find(
    imports: KeyImports, registry: KeyRegistry, history: History, pepper: Pepper
) -> None:
    result = imports.take(ALL, rows(7))
    assert (result.state.position, result.state.created, result.state.refused, result.problems) == (7, 7, 0, [])
    assert names(registry) == [f"key {number}" for number in range(1, 8)]
    changes = history.changes_after(0, 100)
    assert [change.revision for change in changes] == list(range(1, 8))
    wanted = {imported.digest(pepper, imported.sha256_of(secret_of(number))) for number in range(1, 8)}
    assert {change.record.digest for change in changes} == wanted
    assert {change.record.pepper_id for change in changes} == {"first"}


def test_a_key_may_be_told_by_its_sha256(imports: KeyImports, history: History, pepper: Pepper) -> None:
    sha256 = hashlib.sha256(secret_of(1).encode()).digest()
    one = row(1)
    assert one.key is not None
    assert imports.take(ALL, [replace(one, key=ImportedKey(one.key.new, sha256=sha256))]).state.created == 1
    by_sha256 = history.changes_after(0, 1)[0].record
    assert by_sha256.digest == imported.digest(pepper, imported.sha256_of(secret_of(1)))
    again = imports.take(replace(ALL, id="another"), rows(1))
    assert again.state.refused == 1  # the same key, in the clear this time


def test_a_key_in_our_own_format_keeps_its_id(imports: KeyImports, registry: KeyRegistry, history: History) -> None:
    text = str(token.generate("old"))
    one = row(1)
    assert one.key is not None
    imports.take(ALL, [replace(one, key=ImportedKey(one.key.new, text))])
    key = registry.show(token.key_id_of(text) or "")
    assert (key.prefix, key.status) == ("old", Status.ACTIVE)
    assert history.changes_after(0, 1)[0].record.digest == Pepper("first", b"a pepper of 32 bytes or even more").digest(
        text
    )


def test_the_same_file_again_does_nothing_and_a_longer_one_goes_on(imports: KeyImports, registry: KeyRegistry) -> None:
    imports.take(ALL, rows(4))
    again = imports.take(ALL, rows(4))
    assert (again.state.position, again.state.created, again.problems) == (4, 4, [])
    longer = imports.take(ALL, rows(9))
    assert (longer.state.position, longer.state.created) == (9, 9)
    assert len(names(registry)) == 9


def test_what_breaks_off_goes_on_where_it_was(imports: KeyImports, registry: KeyRegistry) -> None:
    def broken(after: int) -> Iterator[Row]:
        yield from rows(after)
        raise UnavailableError("the file broke off")

    for after in (2, 5, 8):
        with pytest.raises(UnavailableError):
            imports.take(ALL, broken(after))
    assert imports.find(None)[0].position == 6  # two whole batches
    assert imports.take(ALL, rows(10)).state.created == 10
    assert len(names(registry)) == 10


def test_a_failure_of_the_database_leaves_all_of_a_batch_or_nothing(
    imports: KeyImports, registry: KeyRegistry, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = imports_module._advance
    calls = iter(range(100))

    def failing(*arguments: object) -> None:
        advance(*arguments)  # type: ignore[arg-type]
        if next(calls) == 1:
            raise UnavailableError("away")

    monkeypatch.setattr(imports_module, "_advance", failing)
    with pytest.raises(UnavailableError):
        imports.take(ALL, rows(8))
    assert (imports.find(None)[0].position, len(names(registry))) == (3, 3)
    assert imports.take(ALL, rows(8)).state.created == 8
    assert len(names(registry)) == 8


def test_parts_of_a_file_may_come_one_by_one(imports: KeyImports) -> None:
    every = rows(9)
    imports.take(ALL, every[:4], more=True)
    assert imports.take(ALL, every[4:6], position=4, more=True).state.position == 6
    overlapping = imports.take(ALL, every[5:], position=5)
    assert (overlapping.state.position, overlapping.state.created) == (9, 9)
    with pytest.raises(ConflictError, match="row 9 only"):
        imports.take(ALL, [row(11)], position=10)


def test_another_file_is_not_taken_for_the_same(imports: KeyImports, registry: KeyRegistry) -> None:
    imports.take(ALL, rows(4))
    for other in ([*rows(3), row(40), row(41)], rows(3), [row(number) for number in range(20, 30)]):
        with pytest.raises(ConflictError, match="another file"):
            imports.take(ALL, other)
    assert len(names(registry)) == 4


def test_two_requests_at_once_do_each_row_once(imports: KeyImports, registry: KeyRegistry) -> None:
    def slow() -> Iterator[Row]:
        yield from rows(6)  # the other request comes while the second batch is read
        imports.take(ALL, rows(9))
        yield from rows(9)[6:]

    with pytest.raises(ConflictError, match="by another request"):
        imports.take(ALL, slow())
    assert len(names(registry)) == 9


def test_bad_rows_are_refused_and_the_others_are_taken(imports: KeyImports, registry: KeyRegistry) -> None:
    bad = Row(2, b"bad", None, (FieldProblem("name", "is empty"), FieldProblem("plan", "is odd")))
    result = imports.take(ALL, [row(1), bad, row(3), replace(row(1), line=4), row(5)])
    assert (result.state.created, result.state.refused, result.state.position) == (3, 2, 5)
    told = [(problem.row, problem.line, problem.problem.field) for problem in result.problems]
    assert told == [(2, 2, "name"), (2, 2, "plan"), (4, 4, "secret")]
    assert names(registry) == ["key 1", "key 3", "key 5"]


def test_a_key_twice_in_one_batch_is_made_once(imports: KeyImports) -> None:
    result = imports.take(ALL, [row(1), row(1)])
    assert (result.state.created, result.state.refused) == (1, 1)


def test_a_key_that_is_there_under_another_pepper_is_refused(database: Database, pepper: Pepper) -> None:
    metrics = RegistryMetrics(CollectorRegistry())
    KeyImports(database, [SECOND], metrics).take(ALL, rows(1))
    result = KeyImports(database, [pepper, SECOND], metrics).take(replace(ALL, id="later"), rows(1))
    assert result.problems[0].problem.message == "is that of a key that is here already"


def test_too_many_problems_stop_it_and_it_goes_on_when_sent_again(
    imports: KeyImports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports_module, "MAX_PROBLEMS", 4)
    bad = [Row(number, b"%d" % number, None, (FieldProblem("name", "is empty"),)) for number in range(1, 13)]
    seen: list[int] = []
    for _ in range(3):
        result = imports.take(ALL, [*bad, row(13)])
        seen += [problem.row for problem in result.problems]
    assert not result.stopped
    assert seen == list(range(1, 13))
    assert (result.state.created, result.state.refused) == (1, 12)


def test_tenants_and_plans_come_into_being_with_their_first_key(
    imports: KeyImports, registry: KeyRegistry, tenants: TenantRegistry, plans: PlanRegistry
) -> None:
    plans.create(NewPlan("gold", scopes=("read",)), "ada")
    imports.take(ALL, [row(1, plan="gold"), row(2, tenant="new", plan="silver"), row(3, scopes=("own",), plan="gold")])
    assert tenants.show("new").id == "new"
    assert plans.show("silver").scopes == ()
    assert {key.name: key.scopes for key in registry.find(Filter(), 10).keys} == {
        "key 1": ("read",),
        "key 2": (),
        "key 3": ("own",),
    }


def test_no_key_of_a_suspended_tenant_is_made(
    imports: KeyImports, tenants: TenantRegistry, create: Callable[..., IssuedKey]
) -> None:
    create(tenant="acme")
    tenants.suspend("acme", "", "ada")
    assert imports.take(ALL, rows(1)).problems[0].problem.field == "tenant"


def test_an_importer_of_one_tenant_makes_neither_tenants_nor_plans(imports: KeyImports) -> None:
    result = imports.take(Importer("own", "ada", "acme"), rows(1))
    assert result.problems[0].problem == FieldProblem("tenant", "is not there", "make it first, or name another")


def test_imports_of_different_tenants_do_not_meet(imports: KeyImports, create: Callable[..., IssuedKey]) -> None:
    create(tenant="acme")
    imports.take(Importer("move", "ada", "acme"), rows(2))
    assert [one.position for one in imports.find("acme", "move")] == [2]
    assert [imports.find(other) for other in (None, "other")] == [[], []]
    assert imports.find("acme", "another") == []


def test_an_import_has_one_beginning_and_one_end_in_the_audit_trail(imports: KeyImports, database: Database) -> None:
    imports.take(ALL, rows(4), more=True)
    imports.take(ALL, rows(9)[4:], position=4)
    imports.take(ALL, rows(9))
    entries = AuditTrail(database).find(AuditFilter(target="move"), 10).entries
    assert [(entry.action, entry.kind, entry.actor) for entry in entries] == [
        ("import_ended", "import", "ada"),
        ("import_begun", "import", "ada"),
    ]
    assert entries[0].after == {"position": 9, "created": 9, "refused": 0}


def test_nothing_that_is_kept_or_shown_has_a_secret(imports: KeyImports, database: Database) -> None:
    every: Sequence[Row] = rows(3)
    imports.take(ALL, every)
    assert secret_of(1) not in repr(every)
    with database.read() as connection:
        kept = connection.exec_driver_sql("SELECT * FROM key_imports").all()
        kept += connection.exec_driver_sql("SELECT * FROM keys").all()
        kept += connection.exec_driver_sql("SELECT * FROM audit").all()
    for number in (1, 2, 3):
        assert secret_of(number) not in str(kept)
        assert hashlib.sha256(secret_of(number).encode()).digest() not in [bytes(row.digest) for row in kept[1:4]]
