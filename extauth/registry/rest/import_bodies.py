"""The rows of an import as they are sent, and the answer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError

from extauth.keys import imported, token
from extauth.registry import fields
from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.identity import Identity
from extauth.registry.key import NewKey
from extauth.registry.key_import import ImportedKey, ImportResult, KeyImport, Row
from extauth.registry.rest.limit_bodies import GivenLimit, given_limits
from extauth.registry.rest.problems import field_problem
from extauth.registry.rest.shapes import GivenBody, GivenTime, ShownBody, ShownTime, shown_time

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_TOO_SHORT = f"use one of {imported.MIN_LENGTH} to {imported.MAX_LENGTH} printable ASCII characters, or make a new key"


class ImportRow(GivenBody):
    """A key that exists already: one of `secret` and `sha256` says which one."""

    name: str = Field(examples=["Billing import"])
    tenant: str = Field(default="", examples=["acme"])
    """That of the token when left out; made unless it is there."""
    plan: str = ""
    """The tenant's when left out; made unless it is there."""
    scopes: list[str] | None = None
    """Those of its plan, if any, when left out."""
    limits: list[GivenLimit] = Field(default=[])
    metadata: dict[str, str] = Field(default={})
    not_before: GivenTime | None = None
    expires_at: GivenTime | None = None
    created_by: str = ""
    """Whoever imports when left out."""
    secret: str = Field(default="", repr=False)
    """The whole key."""
    sha256: str = Field(default="", repr=False)
    """The SHA-256 of the whole key, 64 hexadecimal digits: for a key that is not in the registry's own format."""


FIELDS = tuple(ImportRow.model_fields)


def row_from(line: int, text: bytes, values: Mapping[str, Any] | bytes, importer: Identity, now: int) -> Row:
    """One row of JSON or of values, judged as far as that needs no database; `now` in Unix milliseconds."""
    try:
        given = _parsed(values)
    except ValidationError as error:
        return Row(line, text, None, [_problem(detail) for detail in error.errors(include_input=False)])
    new = _new_key(given, importer)
    problems = [*_credential_problems(given), *_allowance_problems(given, importer)]
    try:
        fields.check_new(new, now)
    except InvalidError as error:
        problems += error.problems
    if problems:
        return Row(line, text, None, problems)
    return Row(line, text, ImportedKey(new, given.secret, bytes.fromhex(given.sha256)))


def _parsed(values: Mapping[str, Any] | bytes) -> ImportRow:
    return ImportRow.model_validate_json(values) if isinstance(values, bytes) else ImportRow.model_validate(values)


def _problem(detail: Mapping[str, Any]) -> FieldProblem:
    return field_problem({**detail, "loc": ("body", *detail["loc"])})


def _new_key(given: ImportRow, importer: Identity) -> NewKey:
    return NewKey(
        name=given.name,
        tenant=given.tenant or importer.tenant or "",
        created_by=given.created_by or importer.name,
        scopes=None if given.scopes is None else tuple(given.scopes),
        plan=given.plan,
        limits=given_limits(given.limits),
        metadata=given.metadata,
        not_before=given.not_before,
        expires_at=given.expires_at,
    )


def _credential_problems(given: ImportRow) -> Iterator[FieldProblem]:
    if bool(given.secret) == bool(given.sha256):
        message = "stands beside sha256" if given.secret else "is missing, and so is sha256"
        yield FieldProblem("secret", message, "use one of the two")
    elif given.sha256 and not _SHA256.fullmatch(given.sha256):
        yield FieldProblem("sha256", "is not a SHA-256", "use 64 hexadecimal digits")
    elif given.secret and token.key_id_of(given.secret) is None and not imported.is_possible(given.secret):
        yield FieldProblem("secret", "is not a key that can be taken", _TOO_SHORT)


def _allowance_problems(given: ImportRow, importer: Identity) -> Iterator[FieldProblem]:
    """What is not for the people of one tenant to say."""
    if importer.tenant is None:
        return
    if given.tenant and not importer.sees(given.tenant):
        yield FieldProblem("tenant", "is not there", "leave it out")
    if given.plan or given.limits:
        yield FieldProblem("plan", "is not for a token of one tenant to say", "leave plan and limits out")


class RowProblemBody(ShownBody):
    """Why a row was refused. The text never repeats what the row has."""

    row: int
    """From 1 in the whole file, without blank lines and the header of CSV."""
    line: int
    """From 1 in what was sent."""
    field: str
    message: str
    remedy: str


class ImportBody(ShownBody):
    """How far an import has come."""

    id: str
    position: int
    """So many rows of the file are done."""
    created: int
    refused: int
    started_at: ShownTime
    updated_at: ShownTime
    stopped: bool
    """Whether rows are left because so many were refused: send the same file again with the same id to go on."""
    problems: list[RowProblemBody]
    """Of the rows that this request did."""

    @classmethod
    def of(cls, result: ImportResult) -> "ImportBody":
        problems = [
            RowProblemBody(row=one.row, line=one.line, **_shown_problem(one.problem)) for one in result.problems
        ]
        return cls(**_shown(result.state), stopped=result.stopped, problems=problems)

    @classmethod
    def of_state(cls, state: KeyImport) -> "ImportBody":
        return cls(**_shown(state), stopped=False, problems=[])


class ImportList(ShownBody):
    """Some imports, latest first; their `problems` were told in the answers to those who sent the rows."""

    items: list[ImportBody]


def _shown(state: KeyImport) -> dict[str, Any]:
    return {
        "id": state.id,
        "position": state.position,
        "created": state.created,
        "refused": state.refused,
        "started_at": shown_time(state.started_at),
        "updated_at": shown_time(state.updated_at),
    }


def _shown_problem(problem: FieldProblem) -> dict[str, str]:
    return {"field": problem.field, "message": problem.message, "remedy": problem.remedy}
