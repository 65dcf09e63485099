"""Keys and what is asked of them, as messages of KeyRegistry. Only shapes are turned; values are judged further in."""

from collections.abc import Iterable

from extauth.keys.record import LimitOverride
from extauth.registry.filtering import Filter
from extauth.registry.key import UNCHANGED, IssuedKey, Key, KeyUpdate, NewKey, State, Unchanged
from extauth.wire.registry.v1 import registry_pb2

_STATES: dict[State, registry_pb2.Key.State.ValueType] = {
    State.ACTIVE: registry_pb2.Key.ACTIVE,
    State.PENDING: registry_pb2.Key.PENDING,
    State.SUSPENDED: registry_pb2.Key.SUSPENDED,
    State.DISABLED: registry_pb2.Key.DISABLED,
    State.EXPIRED: registry_pb2.Key.EXPIRED,
    State.REVOKED: registry_pb2.Key.REVOKED,
}
_STATE_OF = {value: state for state, value in _STATES.items()}


def key_message(key: Key, now: int) -> registry_pb2.Key:
    """As it is at `now`, Unix milliseconds."""
    return registry_pb2.Key(
        id=key.id,
        prefix=key.prefix,
        name=key.name,
        tenant=key.tenant,
        scopes=key.scopes,
        plan=key.plan,
        limits=_limit_messages(key.limits),
        effective_plan=key.terms.plan,
        effective_limits=_limit_messages(key.terms.limits),
        metadata=key.metadata,
        state=_STATES[key.state(now)],
        created_by=key.created_by,
        created_at=key.created_at,
        not_before=key.not_before or 0,
        expires_at=key.expires_at or 0,
        revoked_at=key.revoked_at or 0,
        revoked_reason=key.revoked_reason,
        rotated_from=key.rotated_from or "",
        rotated_to=key.rotated_to or "",
        last_used_at=key.last_used_at or 0,
        revision=key.revision,
    )


def issued_message(issued: IssuedKey, now: int) -> registry_pb2.IssuedKey:
    return registry_pb2.IssuedKey(key=key_message(issued.key, now), secret=issued.secret)


def new_key(request: registry_pb2.CreateKeyRequest, asker: str) -> NewKey:
    return NewKey(
        name=request.name,
        tenant=request.tenant,
        created_by=request.created_by or asker,
        scopes=tuple(request.scopes.values) if request.HasField("scopes") else None,
        plan=request.plan,
        limits=_limits(request.limits),
        metadata=dict(request.metadata),
        not_before=request.not_before or None,
        expires_at=request.expires_at or None,
    )


def key_update(request: registry_pb2.UpdateKeyRequest) -> KeyUpdate:
    def time(name: str, value: int) -> int | Unchanged | None:
        return (value or None) if request.HasField(name) else UNCHANGED  # type: ignore[arg-type] # names of the message

    return KeyUpdate(
        name=request.name if request.HasField("name") else None,
        scopes=tuple(request.scopes.values) if request.HasField("scopes") else None,
        plan=request.plan if request.HasField("plan") else None,
        limits=_limits(request.limits.values) if request.HasField("limits") else None,
        metadata=dict(request.metadata.values) if request.HasField("metadata") else None,
        not_before=time("not_before", request.not_before),
        expires_at=time("expires_at", request.expires_at),
    )


def key_filter(request: registry_pb2.ListKeysRequest, tenant: str) -> Filter:
    """Of one tenant, or of all of them for an empty name."""
    return Filter(
        tenant=tenant,
        state=_STATE_OF.get(request.state),
        plan=request.plan,
        scope=request.scope,
        text=request.text,
        expires_before=request.expires_before or None,
        unused_since=request.unused_since or None,
    )


def _limits(messages: Iterable[registry_pb2.LimitOverride]) -> tuple[LimitOverride, ...]:
    return tuple(LimitOverride(one.name, one.amount, one.period_seconds, one.burst) for one in messages)


def _limit_messages(limits: Iterable[LimitOverride]) -> list[registry_pb2.LimitOverride]:
    return [
        registry_pb2.LimitOverride(name=one.name, amount=one.amount, period_seconds=one.period, burst=one.burst)
        for one in limits
    ]
