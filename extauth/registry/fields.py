"""Which values may be given for what is kept here. Every check names all of its problems at once."""

from collections.abc import Iterator

from extauth.registry import rules
from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.key import KeyUpdate, NewKey
from extauth.registry.plan import NewPlan, PlanUpdate
from extauth.registry.tenant import NewTenant, TenantUpdate
from extauth.registry.token_revocation import Tokens
from extauth.store.usage_batch import MAX_TEXT

SLUG_LENGTH = 63
NAME_LENGTH = 100
REASON_LENGTH = 200
CLAIM_LENGTH = 512
"""Of `iss`, `sub` and `jti`; checks accept no longer ones in tokens."""
MAX_LIMIT = 500


def check_new(new: NewKey, now: int) -> None:
    """Raise InvalidError unless a key like this may be made at `now` (Unix milliseconds)."""
    _refuse(
        *_name(new.name),
        *rules.tenant(new.tenant),
        *(rules.scopes(new.scopes) if new.scopes is not None else ()),
        *rules.plan(new.plan),
        *rules.limits(new.limits),
        *rules.metadata(new.metadata),
        *rules.times(new.not_before, new.expires_at, now),
        *rules.text("created_by", new.created_by, NAME_LENGTH, required=True),
    )


def check_update(update: KeyUpdate) -> None:
    """Raise InvalidError unless each given field, apart from the times, may have its new value."""
    _refuse(
        *(_name(update.name) if update.name is not None else ()),
        *(rules.scopes(update.scopes) if update.scopes is not None else ()),
        *(rules.plan(update.plan) if update.plan is not None else ()),
        *(rules.limits(update.limits) if update.limits is not None else ()),
        *(rules.metadata(update.metadata) if update.metadata is not None else ()),
    )


def check_times(not_before: int | None, expires_at: int | None, now: int) -> None:
    """Raise InvalidError unless a key may have these times."""
    _refuse(*rules.times(not_before, expires_at, now))


def check_expiry(not_before: int | None, at: int, now: int) -> None:
    """Raise InvalidError unless a key may be made to expire `at` that time."""
    _refuse(*(FieldProblem("at", problem.message, problem.remedy) for problem in rules.times(not_before, at, now)))


def check_rotation(grace: float, created_by: str) -> None:
    """Raise InvalidError unless `grace` is 0 seconds to a year and `created_by` names somebody."""
    _refuse(*rules.grace(grace), *rules.text("created_by", created_by, NAME_LENGTH, required=True))


def check_reason(reason: str) -> None:
    """Raise InvalidError for a reason that is too long or not printable; it may be empty."""
    _refuse(*rules.text("reason", reason, REASON_LENGTH, required=False))


def check_new_tenant(new: NewTenant) -> None:
    """Raise InvalidError unless there may be a tenant like this."""
    _refuse(
        *rules.tenant(new.id, "id"),
        *rules.text("name", new.name, NAME_LENGTH, required=False),
        *rules.plan(new.plan),
        *rules.limits(new.limits),
        *rules.metadata(new.metadata),
    )


def check_tenant_update(update: TenantUpdate) -> None:
    """Raise InvalidError unless each given field may have its new value."""
    _refuse(
        *(_name(update.name) if update.name is not None else ()),
        *(rules.plan(update.plan) if update.plan is not None else ()),
        *(rules.limits(update.limits) if update.limits is not None else ()),
        *(rules.metadata(update.metadata) if update.metadata is not None else ()),
    )


def check_new_plan(new: NewPlan) -> None:
    """Raise InvalidError unless there may be a plan like this."""
    _refuse(
        *rules.plan_name(new.name),
        *_description(new.description),
        *rules.limits(new.limits),
        *rules.scopes(new.scopes),
    )


def check_plan_update(update: PlanUpdate) -> None:
    """Raise InvalidError unless each given field may have its new value."""
    _refuse(
        *(_description(update.description) if update.description is not None else ()),
        *(rules.limits(update.limits) if update.limits is not None else ()),
        *(rules.scopes(update.scopes) if update.scopes is not None else ()),
    )


def check_search(limit: int, *, text: str = "", tenant: str = "", plan: str = "", scope: str = "") -> None:
    """Raise InvalidError unless keys, tenants or plans can be searched for like this."""
    _refuse(
        *rules.text("tenant", tenant, SLUG_LENGTH, required=False),
        *rules.text("plan", plan, SLUG_LENGTH, required=False),
        *rules.text("text", text, NAME_LENGTH, required=False),
        *rules.scope(scope),
        *_limit(limit),
    )


def check_tokens(tokens: Tokens) -> None:
    """Raise InvalidError unless there can be such tokens."""
    _refuse(*_tokens(tokens))


def check_token_revocation(tokens: Tokens, reason: str, until: int | None, now: int) -> None:
    """Raise InvalidError unless these tokens can be revoked, `until` that time."""
    _refuse(
        *_tokens(tokens),
        *rules.text("reason", reason, REASON_LENGTH, required=False),
        *(FieldProblem("until", problem.message, problem.remedy) for problem in rules.times(None, until, now)),
    )


def check_usage_search(key_id: str, tenant: str, api: str, span: tuple[int, int], limit: int) -> None:
    """Raise InvalidError unless usage can be searched for like this; `span` is begin and end in Unix milliseconds."""
    names = (("key", key_id), ("tenant", tenant), ("api", api))
    begin, end = span
    _refuse(
        *(problem for field, name in names for problem in rules.text(field, name, MAX_TEXT, required=False)),
        *(() if begin < end else [FieldProblem("from", "is not before to", "use an earlier time")]),
        *_limit(limit),
    )


def check_revocation_search(issuer: str, limit: int) -> None:
    """Raise InvalidError unless revocations can be searched for like this."""
    _refuse(*rules.text("issuer", issuer, CLAIM_LENGTH, required=False), *_limit(limit))


def _refuse(*problems: FieldProblem) -> None:
    if problems:
        raise InvalidError(problems)


def _name(name: str) -> Iterator[FieldProblem]:
    return rules.text("name", name, NAME_LENGTH, required=True)


def _description(description: str) -> Iterator[FieldProblem]:
    return rules.text("description", description, REASON_LENGTH, required=False)


def _tokens(tokens: Tokens) -> Iterator[FieldProblem]:
    yield from rules.text("issuer", tokens.issuer, CLAIM_LENGTH, required=True)
    yield from rules.text("jti" if tokens.claim == "jti" else "subject", tokens.value, CLAIM_LENGTH, required=True)


def _limit(limit: int) -> Iterator[FieldProblem]:
    if not 1 <= limit <= MAX_LIMIT:
        yield FieldProblem("limit", "is out of bounds", f"use 1 to {MAX_LIMIT}")
