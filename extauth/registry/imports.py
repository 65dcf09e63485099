"""KeyImports: keys that exist already are brought in, batch by batch, however many there are.

Each batch is one transaction, together with how far the import has come. So whatever breaks off, the file can be sent
again under the same id: rows that are done are passed over.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from extauth.keys.digest import Pepper
from extauth.registry import import_batch, times
from extauth.registry.audit import Target
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError
from extauth.registry.import_schema import key_imports
from extauth.registry.key_import import KIND, ImportResult, KeyImport, Row, RowProblem
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.transaction import Action, Transaction, begin

BATCH = 500
"""Rows in one transaction, while which nobody else writes: some 100 ms."""
MAX_PROBLEMS = 5_000
"""After so many an import stops at the end of a batch: an answer has all problems of the rows that are done."""
_LISTED = 100
_COUNTED = ("position", "created", "refused")


@dataclass(frozen=True, slots=True)
class Importer:
    """Who imports under which id, and for which tenant; None for all tenants."""

    id: str
    actor: str
    tenant: str | None = None


class KeyImports:
    """Each call may raise UnavailableError. `clock` in Unix milliseconds."""

    def __init__(
        self,
        database: Database,
        peppers: Sequence[Pepper],
        metrics: RegistryMetrics,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._peppers = tuple(peppers)
        self._metrics = metrics
        self.clock = clock

    def find(self, tenant: str | None, import_id: str = "") -> Sequence[KeyImport]:
        """The latest imports for a tenant, or those for all tenants; with `import_id` that one alone."""
        table = key_imports.c
        statement = select(key_imports).where(table.tenant == (tenant or ""))
        if import_id:
            statement = statement.where(table.id == import_id)
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(table.updated_at.desc(), table.id).limit(_LISTED)).mappings()
            return [_import_from(row) for row in rows]

    def take(self, importer: Importer, rows: Iterable[Row], *, position: int = 0, more: bool = False) -> ImportResult:
        """Import the rows of a file from the one after `position` on; ConflictError when it cannot go on there.

        `more`: other parts of the file follow. An error that `rows` raises leaves what is done by then.
        """
        with self._database.read() as connection:
            state = _find(connection, importer.id, importer.tenant or "")
        state = state or self._new(importer)
        if position > state.position:
            raise _conflict(f"has come to row {state.position} only", "send the rows that follow it")
        found: list[RowProblem] = []
        for batch, is_last in _batches(self._rows_to_do(state, rows, position)):
            state, problems = self._take(importer, state, batch, ends=is_last and not more)
            found += problems
            if len(found) >= MAX_PROBLEMS and not is_last:
                return ImportResult(state, found, stopped=True)
        return ImportResult(state, found)

    def _rows_to_do(self, state: KeyImport, rows: Iterable[Row], position: int) -> Iterator[Row]:
        """The rows after those that are done, when those are of the same file as before; ConflictError."""
        number = position
        for number, row in enumerate(rows, position + 1):
            if number > state.position:
                yield row
            elif number == state.position and self._mark(row) != state.last_row:
                raise _another_file()
        if number < state.position:
            raise _another_file()

    def _take(
        self, importer: Importer, state: KeyImport, rows: Sequence[Row], *, ends: bool
    ) -> tuple[KeyImport, Sequence[RowProblem]]:
        """One batch, in one transaction."""
        prepared = import_batch.prepare(rows, self._peppers, state.position)
        with begin(self._database, importer.actor, self.clock, self._metrics) as transaction:
            if state.position == 0:
                _begin(transaction, state)
            problems = import_batch.write(transaction, prepared, self._peppers, existing=importer.tenant is not None)
            refused = len({problem.row for problem in problems})
            done = dataclasses.replace(
                state,
                position=state.position + len(rows),
                created=state.created + len(rows) - refused,
                refused=state.refused + refused,
                updated_at=transaction.now,
                last_row=self._mark(rows[-1]),
            )
            _advance(transaction, state, done)
            if ends:
                transaction.record(_target(done), {}, _counted(done), Action.IMPORT_ENDED)
        return done, problems

    def _new(self, importer: Importer) -> KeyImport:
        now = self.clock()
        return KeyImport(importer.id, importer.tenant or "", importer.actor, 0, 0, 0, now, now, b"")

    def _mark(self, row: Row) -> bytes:
        return self._peppers[0].digest_of(b"\xffimport" + row.text)


def _batches(rows: Iterable[Row]) -> Iterator[tuple[Sequence[Row], bool]]:
    """Up to BATCH rows, and whether they are the last ones."""
    source = iter(rows)
    first = next(source, None)
    while first is not None:
        batch = [first, *islice(source, BATCH - 1)]
        first = next(source, None)
        yield batch, first is None


def _find(connection: Connection, import_id: str, tenant: str) -> KeyImport | None:
    statement = select(key_imports).where(key_imports.c.id == import_id, key_imports.c.tenant == tenant)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _import_from(row)


def _import_from(row: RowMapping) -> KeyImport:
    return KeyImport(**{**row, "last_row": bytes(row["last_row"])})


def _begin(transaction: Transaction, state: KeyImport) -> None:
    if _find(transaction.connection, state.id, state.tenant) is not None:
        raise _at_work()
    transaction.connection.execute(insert(key_imports).values(dataclasses.asdict(state)))
    transaction.record(_target(state), {}, _counted(state), Action.IMPORT_BEGUN)


def _advance(transaction: Transaction, state: KeyImport, done: KeyImport) -> None:
    table = key_imports.c
    is_ours = table.id == state.id, table.tenant == state.tenant, table.position == state.position
    statement = update(key_imports).where(*is_ours).values(dataclasses.asdict(done))
    if transaction.connection.execute(statement).rowcount != 1:
        raise _at_work()


def _target(state: KeyImport) -> Target:
    return Target(KIND, state.id, state.tenant or None)


def _counted(state: KeyImport) -> Mapping[str, Any]:
    return {name: getattr(state, name) for name in _COUNTED}


def _conflict(message: str, remedy: str, field: str = "position") -> ConflictError:
    return ConflictError(message, remedy, KIND, field)


def _another_file() -> ConflictError:
    return _conflict("was of another file", "send the same file again, or use another id", "id")


def _at_work() -> ConflictError:
    return _conflict("is being sent by another request", "wait for that one to end, then send it again", "id")
