"""Whether a key is in force, and may do what is asked."""

from extauth.keys.record import KeyRecord, Status
from extauth.policy.reasons import Reason

_REFUSED = {Status.REVOKED: Reason.REVOKED_KEY, Status.DISABLED: Reason.DISABLED_KEY}


def permit(record: KeyRecord, required_scopes: frozenset[str], now: int) -> Reason:
    """OK, or the first reason against it. `now` in Unix milliseconds."""
    if record.status is not Status.ACTIVE:
        return _REFUSED[record.status]
    if record.not_before > now:
        return Reason.NOT_YET_VALID
    if record.expires_at and record.expires_at <= now:
        return Reason.EXPIRED_KEY
    if not required_scopes.issubset(record.scopes):
        return Reason.MISSING_SCOPE
    return Reason.OK
