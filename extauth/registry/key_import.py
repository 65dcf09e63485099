"""What an import of keys is: the rows that are sent, how far it has come, and what it makes of one row."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from extauth.keys import imported, token
from extauth.keys.digest import Pepper
from extauth.registry.errors import FieldProblem
from extauth.registry.key import NewKey

KIND = "import"


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A key that somebody has already: its text, or the SHA-256 of it. `repr` shows neither."""

    new: NewKey
    secret: str = field(default="", repr=False)
    sha256: bytes = field(default=b"", repr=False)
    """Used when there is no `secret`."""

    @property
    def id(self) -> str:
        """The one in its text when it is a key in our format, or else a new one."""
        return token.key_id_of(self.secret) or token.new_key_id()

    @property
    def prefix(self) -> str:
        """Empty for a key that another system made."""
        return token.prefix_of(self.secret) if token.key_id_of(self.secret) else ""

    def digests(self, peppers: Sequence[Pepper]) -> list[bytes]:
        """What a sidecar looks it up by, under each pepper."""
        if self.secret:
            return [imported.digest_of_any(pepper, self.secret) for pepper in peppers]
        return [imported.digest(pepper, self.sha256) for pepper in peppers]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: a key, or what is wrong with it. `line` counts from 1 in what was sent."""

    line: int
    text: bytes = field(repr=False)
    """All of it, to know it again by."""
    key: ImportedKey | None
    problems: Sequence[FieldProblem] = ()


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was refused; `row` counts from 1 in the whole file, `line` in what was sent."""

    row: int
    line: int
    problem: FieldProblem


@dataclass(frozen=True, slots=True)
class KeyImport:
    """How far an import has come. Times are Unix milliseconds."""

    id: str
    tenant: str
    """That of whoever imports, empty for all tenants."""
    actor: str
    position: int
    """So many rows are done."""
    created: int
    refused: int
    started_at: int
    updated_at: int
    last_row: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What one request did; with `stopped` rows were left, for there were too many problems for one answer."""

    state: KeyImport
    problems: Sequence[RowProblem]
    stopped: bool = False
