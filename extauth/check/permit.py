"""Whether a key is in force, and whether a caller may do what is asked."""

from collections.abc import Mapping
from types import MappingProxyType

from extauth.check.path_pattern import PathPattern, substitute
from extauth.check.request import Request
from extauth.keys.record import KeyRecord, Status
from extauth.policy.reasons import Reason
from extauth.policy.schema import Api, Permission

_NONE: Mapping[str, str] = MappingProxyType({})
_REFUSED = {Status.REVOKED: Reason.REVOKED_KEY, Status.DISABLED: Reason.DISABLED_KEY}


def in_force(record: KeyRecord, now: int) -> Reason:
    """OK, or why the key is not valid. `now` in Unix milliseconds."""
    if record.status is not Status.ACTIVE:
        return _REFUSED[record.status]
    if record.not_before > now:
        return Reason.NOT_YET_VALID
    if record.expires_at and record.expires_at <= now:
        return Reason.EXPIRED_KEY
    return Reason.OK


def is_bounded(record: KeyRecord) -> bool:
    """Whether `in_force` could ever refuse this state of the key."""
    return record.status is not Status.ACTIVE or bool(record.not_before or record.expires_at)


class Permits:
    """What callers of one API must be allowed to do."""

    def __init__(self, api: Api) -> None:
        self._always = frozenset(api.scopes)
        self._rules = [_Rule(permission) for permission in api.permissions]

    def admits(self, request: Request, held: frozenset[str]) -> bool:
        """Whether a caller with these scopes may make the request; the first rule that matches it counts."""
        if not self._always <= held:
            return False
        if not self._rules:
            return True
        for rule in self._rules:
            variables = rule.match(request.method, request.path)
            if variables is not None:
                return rule.satisfied_by(held, variables)
        return False


class _Rule:
    def __init__(self, permission: Permission) -> None:
        self._methods = frozenset(permission.methods)
        self._paths = [PathPattern(path) for path in permission.paths]
        self._fixed = all(path.fixed is not None for path in self._paths)
        fixed = [path.fixed for path in self._paths if path.fixed is not None]
        self._themselves = frozenset(itself for itself, _ in fixed)
        self._below = tuple(below for _, below in fixed if below is not None)
        self._all_of = frozenset(permission.scopes)
        self._any_of = frozenset(permission.any_of)

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        if self._methods and method not in self._methods:
            return None
        if not self._paths:
            return _NONE
        if self._fixed:  # nearly always
            return _NONE if path in self._themselves or path.startswith(self._below) else None
        for pattern in self._paths:
            found = pattern.match(path)
            if found is not None:
                return found
        return None

    def satisfied_by(self, held: frozenset[str], variables: Mapping[str, str]) -> bool:
        all_of, any_of = self._all_of, self._any_of
        if variables:
            all_of, any_of = _named(all_of, variables), _named(any_of, variables)
        return all_of <= held and (not any_of or not held.isdisjoint(any_of))


def _named(scopes: frozenset[str], variables: Mapping[str, str]) -> frozenset[str]:
    return frozenset(substitute(scope, variables) for scope in scopes)
