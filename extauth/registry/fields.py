"""Which values the fields of keys and revocations may have. Every check names all of its problems at once."""

import re
from collections.abc import Iterator, Mapping, Sequence

from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.key import KeyUpdate, NewKey
from extauth.registry.token_revocation import Tokens
from extauth.store.usage_batch import MAX_TEXT

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/*-]{0,63}")
_TENANT_REMEDY = "use 1 to 63 of A-Z, a-z, 0-9, dot, underscore and hyphen, the first one a letter or digit"
_SCOPE_REMEDY = "use 1 to 64 of A-Z, a-z, 0-9 and : . _ / * -, the first one a letter or digit"

TENANT_LENGTH = 63
NAME_LENGTH = 100
REASON_LENGTH = 200
CLAIM_LENGTH = 512
"""Of `iss`, `sub` and `jti`; checks accept no longer ones in tokens."""
MAX_SCOPES = 64
MAX_METADATA = 16
MAX_LIMIT = 500
_METADATA_VALUE_LENGTH = 256
_LONGEST_GRACE = 365 * 86400.0


def check_new(new: NewKey, now: int) -> None:
    """Raise InvalidError unless a key like this may be made at `now` (Unix milliseconds)."""
    _refuse(
        *_name(new.name),
        *_tenant(new.tenant),
        *_scopes(new.scopes),
        *_plan(new.plan),
        *_metadata(new.metadata),
        *_times(new.not_before, new.expires_at, now),
        *_text("created_by", new.created_by, NAME_LENGTH, required=True),
    )


def check_update(update: KeyUpdate) -> None:
    """Raise InvalidError unless each given field may have its new value."""
    _refuse(
        *(_name(update.name) if update.name is not None else ()),
        *(_scopes(update.scopes) if update.scopes is not None else ()),
        *(_plan(update.plan) if update.plan is not None else ()),
        *(_metadata(update.metadata) if update.metadata is not None else ()),
    )


def check_reason(reason: str) -> None:
    """Raise InvalidError for a reason that is too long or not printable; it may be empty."""
    _refuse(*_text("reason", reason, REASON_LENGTH, required=False))


def check_tokens(tokens: Tokens) -> None:
    """Raise InvalidError unless there can be such tokens."""
    _refuse(*_tokens(tokens))


def check_token_revocation(tokens: Tokens, reason: str, until: int | None, now: int) -> None:
    """Raise InvalidError unless these tokens can be revoked, `until` that time."""
    _refuse(
        *_tokens(tokens),
        *_text("reason", reason, REASON_LENGTH, required=False),
        *(FieldProblem("until", problem.message, problem.remedy) for problem in _times(None, until, now)),
    )


def check_rotation(grace: float, created_by: str) -> None:
    """Raise InvalidError unless `grace` is 0 seconds to a year and `created_by` names somebody."""
    _refuse(*_grace(grace), *_text("created_by", created_by, NAME_LENGTH, required=True))


def check_expiry(not_before: int | None, at: int, now: int) -> None:
    """Raise InvalidError unless a key may be made to expire `at` that time."""
    _refuse(*(FieldProblem("at", problem.message, problem.remedy) for problem in _times(not_before, at, now)))


def check_search(tenant: str, text: str, limit: int) -> None:
    """Raise InvalidError unless keys can be searched for like this."""
    _refuse(
        *_text("tenant", tenant, TENANT_LENGTH, required=False),
        *_text("text", text, NAME_LENGTH, required=False),
        *_limit(limit),
    )


def check_usage_search(key_id: str, tenant: str, api: str, span: tuple[int, int], limit: int) -> None:
    """Raise InvalidError unless usage can be searched for like this; `span` is begin and end in Unix milliseconds."""
    names = (("key", key_id), ("tenant", tenant), ("api", api))
    begin, end = span
    _refuse(
        *(problem for field, name in names for problem in _text(field, name, MAX_TEXT, required=False)),
        *(() if begin < end else [FieldProblem("from", "is not before to", "use an earlier time")]),
        *_limit(limit),
    )


def check_revocation_search(issuer: str, limit: int) -> None:
    """Raise InvalidError unless revocations can be searched for like this."""
    _refuse(*_text("issuer", issuer, CLAIM_LENGTH, required=False), *_limit(limit))


def _refuse(*problems: FieldProblem) -> None:
    if problems:
        raise InvalidError(problems)


def _tokens(tokens: Tokens) -> Iterator[FieldProblem]:
    yield from _text("issuer", tokens.issuer, CLAIM_LENGTH, required=True)
    yield from _text("jti" if tokens.claim == "jti" else "subject", tokens.value, CLAIM_LENGTH, required=True)


def _limit(limit: int) -> Iterator[FieldProblem]:
    if not 1 <= limit <= MAX_LIMIT:
        yield FieldProblem("limit", "is out of bounds", f"use 1 to {MAX_LIMIT}")


def _name(name: str) -> Iterator[FieldProblem]:
    return _text("name", name, NAME_LENGTH, required=True)


def _text(field: str, text: str, longest: int, *, required: bool) -> Iterator[FieldProblem]:
    if required and not text.strip():
        yield FieldProblem(field, "is empty", f"use 1 to {longest} characters")
    elif len(text) > longest:
        yield FieldProblem(field, f"has {len(text)} characters", f"use at most {longest}")
    if not text.isprintable():  # also refuses what UTF-8 cannot hold, and what reorders text on a terminal
        yield FieldProblem(field, "has control or invisible characters", "use printable ones")


def _tenant(tenant: str) -> Iterator[FieldProblem]:
    if not _TENANT.fullmatch(tenant):
        yield FieldProblem("tenant", "is not a tenant's name", _TENANT_REMEDY)


def _plan(plan: str) -> Iterator[FieldProblem]:
    if plan and not _TENANT.fullmatch(plan):
        yield FieldProblem("plan", "is not a plan's name", f"{_TENANT_REMEDY}; or leave it empty")


def _scopes(scopes: Sequence[str]) -> Iterator[FieldProblem]:
    if len(scopes) > MAX_SCOPES:
        yield FieldProblem("scopes", f"has {len(scopes)} scopes", f"use at most {MAX_SCOPES}")
        return
    for index, scope in enumerate(scopes):
        if not _SCOPE.fullmatch(scope):
            yield FieldProblem(f"scopes[{index}]", "is not a scope", _SCOPE_REMEDY)
        elif scope in scopes[:index]:
            yield FieldProblem(f"scopes[{index}]", "stands here twice", "keep one of the two")


def _metadata(metadata: Mapping[str, str]) -> Iterator[FieldProblem]:
    if len(metadata) > MAX_METADATA:
        yield FieldProblem("metadata", f"has {len(metadata)} entries", f"use at most {MAX_METADATA}")
        return
    for name, value in metadata.items():
        if _SCOPE.fullmatch(name):
            yield from _text(f"metadata.{name}", value, _METADATA_VALUE_LENGTH, required=False)
        else:
            yield FieldProblem("metadata", "has an entry with a name that cannot be used", _SCOPE_REMEDY)


def _times(not_before: int | None, expires_at: int | None, now: int) -> Iterator[FieldProblem]:
    if expires_at is None:
        return
    if expires_at <= now:
        yield FieldProblem("expires_at", "is in the past", "use a later time, or none")
    elif not_before is not None and expires_at <= not_before:
        yield FieldProblem("expires_at", "is not after not_before", "use a later time, or none")


def _grace(grace: float) -> Iterator[FieldProblem]:
    if not 0 <= grace <= _LONGEST_GRACE:
        yield FieldProblem("grace", "is out of bounds", "use 0s to 365d")
