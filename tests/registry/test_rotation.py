"""Rotation: two keys, one transaction, and never a moment without a key that works."""

from collections.abc import Callable

import pytest

from extauth.keys.record import Status
from extauth.registry.errors import ConflictError, InvalidError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, State
from extauth.registry.operations import KeyRegistry


def test_the_successor_has_the_same_rights_and_both_link_to_each_other(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int]
) -> None:
    end = clock() + 3_600_000
    old = create(scopes=("a", "b"), plan="gold", metadata={"k": "v"}, expires_at=end).key
    issued = registry.rotate(old.id, 60.0, "ada", "tester")
    new, retired = issued.key, registry.show(old.id)
    for field in ("name", "tenant", "scopes", "plan", "metadata", "not_before", "expires_at", "prefix"):
        assert getattr(new, field) == getattr(old, field)
    assert (new.rotated_from, retired.rotated_to) == (old.id, new.id)
    assert new.created_by == "ada"
    assert registry.show(new.id) == new


def test_the_old_key_lives_through_the_grace_period(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    old = create().key
    before = clock()
    registry.rotate(old.id, 60.0, "ada", "tester")
    retired = registry.show(old.id)
    assert retired.expires_at is not None
    assert before + 60_000 <= retired.expires_at <= clock() + 60_000
    assert retired.state(clock()) is State.ACTIVE
    let_pass(61_000)
    assert retired.state(clock()) is State.EXPIRED


def test_grace_never_prolongs_a_key(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int]
) -> None:
    end = clock() + 1_000
    old = create(expires_at=end).key
    registry.rotate(old.id, 3600.0, "ada", "tester")
    assert registry.show(old.id).expires_at == end


def test_no_grace_revokes_at_once(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    old = create().key
    issued = registry.rotate(old.id, 0.0, "ada", "tester")
    retired = registry.show(old.id)
    assert (retired.status, retired.revoked_reason) == (Status.REVOKED, "rotated")
    assert retired.rotated_to == issued.key.id


def test_the_successor_comes_first_in_the_history(
    create: Callable[..., IssuedKey], registry: KeyRegistry, history: History
) -> None:
    old = create().key
    issued = registry.rotate(old.id, 0.0, "ada", "tester")
    assert [change.record.key_id for change in history.changes_after(1, 10)] == [issued.key.id, old.id]
    assert history.revision() == 3


def test_the_successor_of_a_disabled_key_is_disabled(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    old = create().key
    registry.disable(old.id, "tester")
    assert registry.rotate(old.id, 60.0, "ada", "tester").key.status is Status.DISABLED


def test_a_key_that_is_rotated_revoked_or_expired_cannot_be_rotated(
    create: Callable[..., IssuedKey], registry: KeyRegistry, history: History
) -> None:
    rotated, revoked, expired = (create().key.id for _ in range(3))
    registry.rotate(rotated, 60.0, "ada", "tester")
    registry.revoke(revoked, "", "tester")
    registry.expire(expired, None, "tester")
    before = history.revision()
    for key_id, word in ((rotated, "rotated"), (revoked, "revoked"), (expired, "expired")):
        with pytest.raises(ConflictError, match=word):
            registry.rotate(key_id, 60.0, "ada", "tester")
    assert history.revision() == before


@pytest.mark.parametrize("grace", [-1.0, float("nan"), float("inf"), 366 * 86400.0])
def test_a_grace_out_of_bounds_is_refused(
    create: Callable[..., IssuedKey], registry: KeyRegistry, grace: float
) -> None:
    with pytest.raises(InvalidError, match="grace"):
        registry.rotate(create().key.id, grace, "ada", "tester")


def test_a_successor_can_be_rotated_in_turn(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    first = create().key.id
    second = registry.rotate(first, 60.0, "ada", "tester").key.id
    third = registry.rotate(second, 60.0, "ada", "tester").key
    assert third.rotated_from == second
    assert registry.show(second).rotated_from == first
