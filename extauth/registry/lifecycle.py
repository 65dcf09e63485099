"""What each operation makes of a key, as plain functions: a key in, the changed key out, or a ConflictError.

A key that already is what is asked for comes back as it is, so that a repeated call changes nothing. Revocation and
expiry are final: the record may be gone from Redis by then, and nothing may bring such a key back.
"""

import dataclasses

from extauth.keys.record import Status
from extauth.registry.errors import ConflictError
from extauth.registry.fields import check_expiry, check_times
from extauth.registry.key import UNCHANGED, Key, KeyUpdate, State

ROTATED = "rotated"
_MAKE_A_NEW_ONE = "create a new key"


def revoke(key: Key, now: int, reason: str) -> Key:
    if key.status is Status.REVOKED:
        return key
    return dataclasses.replace(key, status=Status.REVOKED, revoked_at=now, revoked_reason=reason)


def expire(key: Key, now: int, at: int | None) -> Key:
    """End the key `at` that time (Unix milliseconds) or, with None, now."""
    _refuse_revoked(key)
    expired = key.state(now) is State.EXPIRED
    if at is None:
        return key if expired else dataclasses.replace(key, expires_at=now)
    _refuse_expired(key, now)
    check_expiry(key.not_before, at, now)
    return dataclasses.replace(key, expires_at=at)


def disable(key: Key) -> Key:
    _refuse_revoked(key)
    return dataclasses.replace(key, status=Status.DISABLED)


def enable(key: Key) -> Key:
    _refuse_revoked(key)
    return dataclasses.replace(key, status=Status.ACTIVE)


def update(key: Key, now: int, changes: KeyUpdate) -> Key:
    """InvalidError for times that cannot be; only times that change are looked at."""
    _refuse_revoked(key)
    changed = dataclasses.replace(
        key,
        name=key.name if changes.name is None else changes.name,
        scopes=key.scopes if changes.scopes is None else changes.scopes,
        plan=key.plan if changes.plan is None else changes.plan,
        limits=key.limits if changes.limits is None else changes.limits,
        metadata=key.metadata if changes.metadata is None else changes.metadata,
        not_before=key.not_before if changes.not_before is UNCHANGED else changes.not_before,
        expires_at=key.expires_at if changes.expires_at is UNCHANGED else changes.expires_at,
    )
    if (changed.not_before, changed.expires_at) != (key.not_before, key.expires_at):
        _refuse_expired(key, now)
        check_times(changed.not_before, changed.expires_at, now)
    return changed


def check_rotatable(key: Key, now: int) -> None:
    """Raise ConflictError for a key that is revoked, expired or has a successor."""
    if key.rotated_to is not None:
        raise ConflictError("is rotated already", "rotate its successor, named in rotated_to")
    _refuse_revoked(key)
    _refuse_expired(key, now)


def retire(key: Key, now: int, grace: int, successor_id: str) -> Key:
    """The old key of a rotation: it lives on for `grace` milliseconds at most, or is revoked at once with 0."""
    linked = dataclasses.replace(key, rotated_to=successor_id)
    if grace == 0:
        return revoke(linked, now, ROTATED)
    end = now + grace
    return dataclasses.replace(linked, expires_at=end if key.expires_at is None else min(key.expires_at, end))


def _refuse_revoked(key: Key) -> None:
    if key.status is Status.REVOKED:
        raise ConflictError("is revoked, which is final", _MAKE_A_NEW_ONE)


def _refuse_expired(key: Key, now: int) -> None:
    if key.state(now) is State.EXPIRED:
        raise ConflictError("is expired, which is final", _MAKE_A_NEW_ONE)
