"""Which values may be given for admin tokens and for searches in the audit trail."""

from collections.abc import Iterator

from extauth.registry import rules
from extauth.registry.admin_token import NewAdminToken
from extauth.registry.errors import FieldProblem, InvalidError
from extauth.registry.identity import Role

NAME_LENGTH = 100
_TEXT_LENGTH = 128


def check_new(new: NewAdminToken, now: int) -> None:
    """Raise InvalidError unless a token like this may be made at `now` (Unix milliseconds)."""
    _refuse(
        *rules.text("name", new.name, NAME_LENGTH, required=True),
        *(rules.tenant(new.tenant) if new.tenant is not None else ()),
        *(_publisher() if new.role is Role.PUBLISHER and new.tenant is not None else ()),
        *rules.times(None, new.expires_at, now),
    )


def check_grace(grace: float) -> None:
    """Raise InvalidError unless `grace` is 0 seconds to a year."""
    _refuse(*rules.grace(grace))


def check_audit_search(tenant: str, actor: str, target: str, span: tuple[int | None, int | None]) -> None:
    """Raise InvalidError unless the audit trail can be searched like this; `span` is begin and end."""
    texts = (("tenant", tenant), ("actor", actor), ("target", target))
    begin, end = span
    _refuse(
        *(problem for field, text in texts for problem in rules.text(field, text, _TEXT_LENGTH, required=False)),
        *(_backwards() if begin is not None and end is not None and end <= begin else ()),
    )


def _publisher() -> Iterator[FieldProblem]:
    yield FieldProblem("tenant", "does not go with the role publisher, which watches all", "leave it out")


def _backwards() -> Iterator[FieldProblem]:
    yield FieldProblem("from", "is not before to", "use an earlier time")


def _refuse(*problems: FieldProblem) -> None:
    if problems:
        raise InvalidError(problems)
