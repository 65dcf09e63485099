"""The operations on keys, on every kind of database."""

from collections.abc import Callable

import pytest

from extauth.keys.digest import Pepper
from extauth.keys.record import Status
from extauth.keys.token import key_id_of
from extauth.registry.errors import ConflictError, InvalidError, NotFoundError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, KeyUpdate, NewKey, State
from extauth.registry.operations import KeyRegistry

FULL = {
    "name": "billing éxport",
    "scopes": ("orders:read", "orders:write"),
    "plan": "gold",
    "metadata": {"team": "billing", "x/y": ""},
    "created_by": "ada",
}


def test_a_created_key_can_be_read_again(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int]
) -> None:
    later = clock() + 60_000
    issued = create(**FULL, not_before=later, expires_at=later + 1)
    assert registry.show(issued.key.id) == issued.key
    assert issued.key.state(clock()) is State.PENDING
    assert issued.key.revision == 1
    assert issued.key.metadata == FULL["metadata"]


def test_the_secret_is_a_well_formed_key_and_is_found_by_its_digest(
    create: Callable[..., IssuedKey], history: History, pepper: Pepper
) -> None:
    issued = create()
    assert key_id_of(issued.secret) == issued.key.id
    (record,) = history.records("", 10)
    assert (record.pepper_id, record.digest) == ("first", pepper.digest(issued.secret))


def test_the_secret_is_not_in_the_representation(create: Callable[..., IssuedKey]) -> None:
    issued = create()
    assert issued.secret not in repr(issued)


def test_all_problems_of_a_new_key_come_at_once(registry: KeyRegistry, clock: Callable[[], int]) -> None:
    now = clock()
    new = NewKey(
        name="",
        tenant="a/b",
        created_by="x\n",
        scopes=("ok", "no space", "ok"),
        plan="-",
        metadata={"fine": "\x00", "not fine": ""},
        not_before=now + 2000,
        expires_at=now + 1000,
    )
    with pytest.raises(InvalidError) as refused:
        registry.create(new, "tester")
    fields = [problem.field for problem in refused.value.problems]
    assert fields == [
        "name",
        "tenant",
        "scopes[1]",
        "scopes[2]",
        "plan",
        "metadata.fine",
        "metadata",
        "expires_at",
        "created_by",
    ]
    assert all(problem.message and problem.remedy for problem in refused.value.problems)


def test_a_refused_key_takes_no_revision(registry: KeyRegistry, history: History) -> None:
    with pytest.raises(InvalidError):
        registry.create(NewKey(name="", tenant="acme", created_by="x"), "tester")
    assert history.revision() == 0


@pytest.mark.parametrize("key_id", ["000000000000", "", "x" * 200, "\x00", "'; --", "\uff10" * 12])
def test_an_unknown_id_is_not_found(registry: KeyRegistry, key_id: str) -> None:
    with pytest.raises(NotFoundError):
        registry.show(key_id)
    with pytest.raises(NotFoundError):
        registry.revoke(key_id, "", "tester")


def test_revocation_is_final_and_idempotent(
    create: Callable[..., IssuedKey], registry: KeyRegistry, history: History
) -> None:
    key_id = create().key.id
    revoked = registry.revoke(key_id, "leaked", "tester")
    assert revoked.status is Status.REVOKED
    assert revoked.revoked_reason == "leaked"
    assert revoked.revoked_at is not None
    assert registry.revoke(key_id, "another reason", "tester") == revoked
    assert history.revision() == revoked.revision == 2
    operations: tuple[Callable[[], object], ...] = (
        lambda: registry.enable(key_id, "tester"),
        lambda: registry.disable(key_id, "tester"),
        lambda: registry.expire(key_id, None, "tester"),
        lambda: registry.update(key_id, KeyUpdate(name="new"), "tester"),
    )
    for operation in operations:
        with pytest.raises(ConflictError, match="revoked"):
            operation()
    assert registry.show(key_id) == revoked


def test_a_reason_that_cannot_be_printed_is_refused(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    with pytest.raises(InvalidError, match="reason"):
        registry.revoke(create().key.id, "\x1b[2J", "tester")


def test_disabling_and_enabling_each_count_once(
    create: Callable[..., IssuedKey], registry: KeyRegistry, history: History, clock: Callable[[], int]
) -> None:
    key_id = create().key.id
    assert registry.disable(key_id, "tester").state(clock()) is State.DISABLED
    assert registry.disable(key_id, "tester").revision == 2
    assert registry.enable(key_id, "tester").state(clock()) is State.ACTIVE
    assert registry.enable(key_id, "tester").revision == 3
    assert history.revision() == 3


def test_a_key_expires_now(create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int]) -> None:
    key_id = create().key.id
    expired = registry.expire(key_id, None, "tester")
    assert expired.state(clock()) is State.EXPIRED
    assert registry.expire(key_id, None, "tester") == expired
    with pytest.raises(ConflictError, match="expired"):
        registry.expire(key_id, clock() + 60_000, "tester")


def test_a_key_expires_later(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    key_id = create().key.id
    at = clock() + 60_000
    assert registry.expire(key_id, at, "tester").expires_at == at
    assert registry.expire(key_id, at + 1, "tester").expires_at == at + 1
    let_pass(61_000)
    assert registry.show(key_id).state(clock()) is State.EXPIRED


def test_a_key_cannot_have_expired_in_the_past_or_before_it_begins(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int]
) -> None:
    key_id = create(not_before=clock() + 60_000).key.id
    for at in (clock() - 1, clock() + 30_000):
        with pytest.raises(InvalidError, match="at"):
            registry.expire(key_id, at, "tester")


def test_an_update_replaces_what_is_given_and_leaves_the_rest(
    create: Callable[..., IssuedKey], registry: KeyRegistry
) -> None:
    key = create(**FULL).key
    updated = registry.update(key.id, KeyUpdate(name="new", scopes=(), plan=""), "tester")
    assert (updated.name, updated.scopes, updated.plan) == ("new", (), "")
    assert updated.metadata == key.metadata
    assert registry.update(key.id, KeyUpdate(metadata={}), "tester").metadata == {}
    assert registry.show(key.id).revision == 3
    assert registry.update(key.id, KeyUpdate(name="new"), "tester").revision == 3


def test_an_update_is_checked(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    wrong = KeyUpdate(name=" ", scopes=("*",), plan="no plan", metadata={"": ""})
    with pytest.raises(InvalidError) as refused:
        registry.update(create().key.id, wrong, "tester")
    assert [problem.field for problem in refused.value.problems] == ["name", "scopes[0]", "plan", "metadata"]
