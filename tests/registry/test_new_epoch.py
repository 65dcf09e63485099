"""What a new epoch makes of what Redis knows and a restored registry does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from extauth.keys.digest import Pepper
from extauth.keys.record import KeyRecord, Status, Version
from extauth.registry import times
from extauth.registry.admin_schema import audit
from extauth.registry.database import Database
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, State
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.new_epoch import Finding, NewEpoch
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import RevocationStatus, TokenRevocation, Tokens

LATER = Version(1, 1000)


@pytest.fixture
def new_epoch(database: Database, registry: KeyRegistry, tokens: TokenRegistry) -> NewEpoch:
    return NewEpoch(database, registry, tokens, RegistryMetrics(CollectorRegistry()))


@pytest.fixture
def in_redis(history: History) -> Callable[..., KeyRecord]:
    """A key or a revocation as Redis has it: as in the registry, but for some fields."""

    def in_redis(one: IssuedKey | TokenRevocation, **changes: object) -> KeyRecord:
        wanted = one.key.id if isinstance(one, IssuedKey) else one.id
        (record,) = history.records_of([wanted]).values()
        return replace(record, **{"version": LATER, **changes})

    return in_redis


def found(new_epoch: NewEpoch, *records: KeyRecord) -> dict[Finding, set[str]]:
    return {finding: ids for finding, ids in new_epoch.look([records]).ids.items() if ids}


def test_what_redis_refuses_is_found_by_how(
    new_epoch: NewEpoch, create: Callable[..., IssuedKey], in_redis: Callable[..., KeyRecord]
) -> None:
    revoked, disabled, expired, renamed, same = (create() for _ in range(5))
    assert found(
        new_epoch,
        in_redis(revoked, status=Status.REVOKED),
        in_redis(disabled, status=Status.DISABLED),
        in_redis(expired, expires_at=times.now() - 1),
        in_redis(renamed, name="another"),
        in_redis(same),
    ) == {
        Finding.REVOKED: {revoked.key.id},
        Finding.DISABLED: {disabled.key.id},
        Finding.EXPIRED: {expired.key.id},
        Finding.SET_BACK: {renamed.key.id},
    }


def test_what_the_registry_knows_better_is_no_finding_but_a_revocation_always_is(
    new_epoch: NewEpoch, create: Callable[..., IssuedKey], in_redis: Callable[..., KeyRecord], registry: KeyRegistry
) -> None:
    disabled, expired, revoked, gone = (create() for _ in range(4))
    registry.revoke(gone.key.id, "", "tester")
    earlier = Version(1, 0)
    assert found(
        new_epoch,
        in_redis(disabled, status=Status.DISABLED, version=earlier),
        in_redis(expired, expires_at=1, version=earlier),
        in_redis(revoked, status=Status.REVOKED, version=earlier),
        in_redis(gone, status=Status.DISABLED),
    ) == {Finding.REVOKED: {revoked.key.id}}


def test_what_the_registry_does_not_have_is_found(
    new_epoch: NewEpoch, create: Callable[..., IssuedKey], in_redis: Callable[..., KeyRecord]
) -> None:
    issued = create()
    unknown = in_redis(issued, key_id="000000000001", digest=b"1" * 32)
    unknown_revoked = in_redis(issued, key_id="000000000002", digest=b"2" * 32, status=Status.REVOKED)
    another = in_redis(issued, digest=b"3" * 32)
    revocation = in_redis(issued, key_id="tr_000000000001", digest=b"4" * 32, status=Status.REVOKED, tenant="")
    lifted = in_redis(issued, key_id="tr_000000000002", digest=b"5" * 32, tenant="")
    assert found(new_epoch, unknown, unknown_revoked, another, revocation, lifted) == {
        Finding.UNKNOWN: {unknown.key_id, issued.key.id},
        Finding.UNKNOWN_TOKENS: {revocation.key_id},
    }


def test_revocations_of_tokens_that_are_lifted_in_the_backup(
    new_epoch: NewEpoch, tokens: TokenRegistry, in_redis: Callable[..., KeyRecord]
) -> None:
    lifted, held, known = (
        tokens.revoke_tokens(Tokens("issuer", "sub", name), "", None, "tester").revocation for name in "abc"
    )
    tokens.lift(lifted.id, "tester")
    tokens.lift(known.id, "tester")
    assert found(
        new_epoch,
        in_redis(lifted, status=Status.REVOKED),
        in_redis(held, status=Status.ACTIVE),
        in_redis(known, status=Status.REVOKED, version=Version(1, 1)),
    ) == {Finding.TOKENS_REVOKED: {lifted.id}}


def test_what_was_found_is_refused_in_the_new_epoch(
    new_epoch: NewEpoch,
    create: Callable[..., IssuedKey],
    in_redis: Callable[..., KeyRecord],
    registry: KeyRegistry,
    tokens: TokenRegistry,
    history: History,
    database: Database,
) -> None:
    revoked, disabled, expired, renamed = (create() for _ in range(4))
    lifted = tokens.revoke_tokens(Tokens("issuer", "sub", "a"), "", None, "tester").revocation
    tokens.lift(lifted.id, "tester")
    findings = new_epoch.look(
        [
            [in_redis(revoked, status=Status.REVOKED), in_redis(disabled, status=Status.DISABLED)],
            [in_redis(expired, expires_at=times.now() - 1), in_redis(renamed, name="another")],
            [in_redis(lifted, status=Status.REVOKED), in_redis(lifted, status=Status.REVOKED)],
        ]
    )
    before = history.head()
    assert new_epoch.begin(findings, published_epoch=1) == 2
    states = [registry.show(one.key.id).state(times.now() + 1) for one in (revoked, disabled, expired, renamed)]
    assert states == [State.REVOKED, State.DISABLED, State.EXPIRED, State.ACTIVE]
    assert tokens.show(lifted.id).status is RevocationStatus.REVOKED
    assert history.head() == Version(2, before.revision + 4)
    assert new_epoch.begin(findings, published_epoch=1) == 3, "it may be repeated"
    assert history.head() == Version(3, before.revision + 4)
    with database.read() as connection:
        trail = connection.execute(select(audit.c.action, audit.c.actor).order_by(audit.c.id)).all()
    assert [row.action for row in trail if row.actor == "extauth registry new-epoch"] == [
        "revoked",
        "disabled",
        "expired",
        "tokens_revoked",
        "epoch_begun",
        "epoch_begun",
    ]


@pytest.mark.parametrize(("published", "expected"), [(0, 2), (1, 2), (7, 8)])
def test_the_epoch_is_later_than_the_published_one(new_epoch: NewEpoch, published: int, expected: int) -> None:
    assert new_epoch.begin(new_epoch.look([]), published) == expected


def test_a_key_that_was_revoked_meanwhile_is_in_nobodys_way(
    new_epoch: NewEpoch, create: Callable[..., IssuedKey], in_redis: Callable[..., KeyRecord], registry: KeyRegistry
) -> None:
    issued = create()
    findings = new_epoch.look([[in_redis(issued, status=Status.DISABLED)]])
    registry.revoke(issued.key.id, "", "tester")
    assert new_epoch.begin(findings, 1) == 2
    assert registry.show(issued.key.id).status is Status.REVOKED


def test_digests_are_what_keys_are_known_by(history: History, create: Callable[..., IssuedKey], pepper: Pepper) -> None:
    issued = [create() for _ in range(3)]
    wanted = [(pepper.id, pepper.digest(one.secret)) for one in issued]
    others = [("second", wanted[0][1]), (pepper.id, b"x" * 32), ("third", b"y")]
    assert history.known([*wanted, *others]) == set(wanted)
    assert history.known([]) == set()


def test_a_mark_tells_one_history_from_another(
    history: History, create: Callable[..., IssuedKey], tokens: TokenRegistry
) -> None:
    first, second = create().key, create().key
    revocation = tokens.revoke_tokens(Tokens("issuer", "sub", "a"), "", None, "tester").revocation
    assert first.id in history.mark(1)
    assert second.id in history.mark(2)
    assert revocation.id in history.mark(3)
    assert history.mark(0) == history.mark(4) == ""


def test_the_first_change_after_a_revision(history: History, create: Callable[..., IssuedKey]) -> None:
    keys = [create().key for _ in range(3)]
    assert history.committed_after(0) == keys[0].created_at
    assert history.committed_after(2) == keys[2].created_at
    assert history.committed_after(3) is None
