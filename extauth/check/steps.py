"""What a check carries along, and how one step of it hands over to the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from extauth.check import answer
from extauth.check.answer import Header
from extauth.check.api import ServedApi
from extauth.check.grant import Grant
from extauth.check.rate_status import RateStatus
from extauth.check.request import Request
from extauth.keys.token import key_id_of
from extauth.policy.reasons import Reason
from extauth.telemetry.cells import Cell

Verdict: TypeAlias = tuple[Reason, bytes]
"""How a check ended, and the serialised CheckResponse that says so. A bare tuple: a named one is slow to make."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A step that needs an answer from elsewhere. `begin` asks, and hands on the step that follows from the answer."""

    begin: "Callable[[Callable[[Step], None]], None]"


Step: TypeAlias = Verdict | Wait


_LAST = 253_402_300_799  # Unix seconds at the end of 9999


@dataclass(slots=True)
class Check:
    """One check on its way. Times in monotonic seconds."""

    api: ServedApi
    request: Request
    started: float
    deadline: float
    grant: Grant | None = None
    """Known once the caller is."""
    credential: str = field(default="", repr=False)
    """What was sent. It may be a secret: nothing but its key id may be told."""
    lookup: Cell | None = None
    """Counts how the lookup in memory went."""
    leased: Sequence[Cell] = ()
    """Count the tokens that leases gave it."""
    asked_redis: bool = False


def let_pass(check: Check, response: bytes, reason: Reason = Reason.OK) -> Verdict:
    """End the check well: with this answer, and what must be hidden from the upstream in this request."""
    concealment = check.api.concealment
    if concealment.is_the_same_for_all:  # and so is in the answer
        return reason, response
    cookie = concealment.cookie(check.request)
    parameters = concealment.parameters(check.request)
    if cookie is not None or parameters:
        set_cookie = [("cookie", cookie)] if cookie else ()
        response += answer.more((), set_cookie, ["cookie"] if cookie == "" else (), parameters)
    return reason, response


def refuse(check: Check, reason: Reason, status: RateStatus | None = None, headers: Sequence[Header] = ()) -> Verdict:
    """End the check with what its API says for this reason; `headers` beside those of its template."""
    denials = check.api.denials
    values = _values(check, status) if denials.needs_values(reason) else None
    return reason, denials.write(reason, grpc=check.request.is_grpc, values=values, headers=headers)


def _values(check: Check, status: RateStatus | None) -> dict[str, str]:
    """What the placeholders of a template stand for."""
    caller = check.grant.caller if check.grant else None
    return {
        "method": check.request.method,
        "path": check.request.path,
        "endpoint": check.api.endpoint(check.request.path),
        "key_id": caller.id if caller else key_id_of(check.credential) or "",
        "tenant": caller.tenant if caller else "",
        "expires_at": rfc3339(caller.expires_at) if caller and caller.expires_at else "",
        "limit": str(status.limit) if status else "",
        "retry_after": str(status.retry_after) if status else "",
    }


def rfc3339(milliseconds: int) -> str:
    """Unix milliseconds as UTC to the second; RFC 3339 has four digits for the year."""
    return datetime.fromtimestamp(min(max(milliseconds // 1000, 0), _LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
