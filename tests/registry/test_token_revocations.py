"""Revoking bearer tokens, on every kind of database: the operations, and what the history tells of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from extauth.keys.digest import Pepper
from extauth.keys.mark import Claim, mark
from extauth.keys.record import KeyRecord, Status, Version
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, InvalidError, NotFoundError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.schema import changes
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import RevocationStatus, Tokens

ISSUER = "https://issuer.example/"
SUBJECT = Tokens(ISSUER, "sub", "ada@example.com")
CLAIMS: tuple[Claim, ...] = ("sub", "jti")
TOKEN = Tokens(ISSUER, "jti", "5f0c")


def test_a_revocation_is_published_as_the_record_that_a_check_looks_for(
    tokens: TokenRegistry, history: History, pepper: Pepper, clock: Callable[[], int]
) -> None:
    until = clock() + 60_000
    revocation = tokens.revoke_tokens(SUBJECT, "left", until, "tester").revocation
    expected = KeyRecord(
        key_id=revocation.id,
        digest=pepper.digest(mark(ISSUER, "sub", "ada@example.com")),
        pepper_id="first",
        version=Version(1, 1),
        status=Status.REVOKED,
        tenant="",
        expires_at=until,
    )
    (change,) = history.changes_after(0, 10)
    assert (change.revision, change.committed_at, change.record) == (1, revocation.created_at, expected)
    assert history.records("", 10) == [expected]
    assert tokens.show(revocation.id) == revocation


def test_revoking_again_changes_nothing(tokens: TokenRegistry, history: History) -> None:
    first = tokens.revoke_tokens(TOKEN, "stolen", None, "tester")
    assert first.is_new
    again = tokens.revoke_tokens(TOKEN, "another reason", None, "tester")
    assert (again.revocation, again.is_new) == (first.revocation, False)
    assert history.revision() == 1


def test_revoking_again_makes_it_last_longer_and_never_shorter(
    tokens: TokenRegistry, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    now = clock()

    def until(end: int | None) -> int | None:
        return tokens.revoke_tokens(SUBJECT, "", end, "tester").revocation.expires_at

    assert until(now + 60_000) == now + 60_000
    assert until(now + 30_000) == now + 60_000
    assert until(now + 90_000) == now + 90_000
    let_pass(100_000)
    assert until(now + 200_000) == now + 200_000
    assert until(None) is None
    assert until(now + 300_000) is None


def test_a_subject_is_lifted_and_revoked_again(tokens: TokenRegistry, history: History, database: Database) -> None:
    revocation = tokens.revoke_tokens(SUBJECT, "left", None, "tester").revocation
    lifted = tokens.lift(revocation.id, "somebody")
    assert lifted.status is RevocationStatus.LIFTED
    assert history.changes_after(1, 10)[0].record.status is Status.ACTIVE
    assert tokens.lift(revocation.id, "somebody") == lifted
    again = tokens.revoke_tokens(SUBJECT, "left again", None, "tester")
    assert (again.revocation.id, again.revocation.reason, again.is_new) == (revocation.id, "left again", False)
    assert history.changes_after(2, 10)[0].record.status is Status.REVOKED
    with database.read() as connection:
        columns = changes.c.revision, changes.c.key_id, changes.c.token_revocation_id, changes.c.action, changes.c.actor
        rows = [tuple(row) for row in connection.execute(select(*columns))]
    assert rows == [
        (1, None, revocation.id, "tokens_revoked", "tester"),
        (2, None, revocation.id, "tokens_lifted", "somebody"),
        (3, None, revocation.id, "tokens_revoked", "tester"),
    ]


def test_the_revocation_of_a_single_token_is_final(tokens: TokenRegistry, history: History) -> None:
    revocation = tokens.revoke_tokens(TOKEN, "", None, "tester").revocation
    with pytest.raises(ConflictError, match="final"):
        tokens.lift(revocation.id, "tester")
    assert history.revision() == 1


@pytest.mark.parametrize("row_id", ["tr_000000000000", "", "tr_", "000000000000", "tr_" + "x" * 200, "tr_\x00"])
def test_an_unknown_id_is_not_found(tokens: TokenRegistry, row_id: str) -> None:
    with pytest.raises(NotFoundError, match="revocation"):
        tokens.show(row_id)
    with pytest.raises(NotFoundError):
        tokens.lift(row_id, "tester")


def test_issuer_claim_and_value_are_told_apart(tokens: TokenRegistry) -> None:
    all_of_them = [Tokens(issuer, claim, value) for issuer in ("a", "ab") for claim in CLAIMS for value in ("c", "bc")]
    ids = {tokens.revoke_tokens(one, "", None, "tester").revocation.id for one in all_of_them}
    assert len(ids) == len(all_of_them)


def test_one_that_was_revoked_under_an_old_pepper_is_still_found(
    tokens: TokenRegistry, database: Database, pepper: Pepper
) -> None:
    old = tokens.revoke_tokens(SUBJECT, "", None, "tester").revocation
    new_pepper = Pepper("third", b"the newest pepper, 32 bytes or more")
    later = TokenRegistry(database, [new_pepper, pepper], RegistryMetrics(CollectorRegistry()))
    assert later.revoke_tokens(SUBJECT, "", None, "tester").revocation == old
    assert later.show_for(SUBJECT) == old
    assert later.revoke_tokens(TOKEN, "", None, "tester").revocation.pepper_id == "third"


def test_what_was_never_revoked_is_not_there(tokens: TokenRegistry) -> None:
    assert tokens.show_for(SUBJECT) is None


def test_problems_come_at_once_and_take_no_revision(tokens: TokenRegistry, history: History) -> None:
    with pytest.raises(InvalidError) as refused:
        tokens.revoke_tokens(Tokens("", "sub", "\ud800"), "\n", 1, "tester")
    assert [problem.field for problem in refused.value.problems] == ["issuer", "subject", "reason", "until"]
    with pytest.raises(InvalidError, match="jti"):
        tokens.show_for(Tokens("a", "jti", "x" * 513))
    assert history.revision() == 0


def test_lists_are_newest_first_by_issuer_and_paged(tokens: TokenRegistry, let_pass: Callable[[int], None]) -> None:
    made = []
    for number in range(5):
        let_pass(1)
        issuer = "other" if number == 2 else ISSUER
        made.append(tokens.revoke_tokens(Tokens(issuer, "jti", str(number)), "", None, "tester").revocation)
    first = tokens.find(ISSUER, 3)
    second = tokens.find(ISSUER, 3, first.next_cursor)
    assert [*first.revocations, *second.revocations] == [made[number] for number in (4, 3, 1, 0)]
    assert second.next_cursor == ""
    assert len(tokens.find("", 10).revocations) == 5
    with pytest.raises(InvalidError, match="limit"):
        tokens.find("", 501)
    with pytest.raises(InvalidError, match="cursor"):
        tokens.find("", 10, "x")


def test_the_history_of_keys_and_tokens_is_one(
    tokens: TokenRegistry, registry: KeyRegistry, history: History, create: Callable[..., IssuedKey]
) -> None:
    first = create().key.id
    revoked = tokens.revoke_tokens(SUBJECT, "", None, "tester").revocation.id
    second = create().key.id
    single = tokens.revoke_tokens(TOKEN, "", None, "tester").revocation.id
    registry.revoke(first, "", "tester")
    seen, told = 0, []
    while page := history.changes_after(seen, 2):
        told += [(change.revision, change.record.key_id) for change in page]
        seen = page[-1].revision
    assert told == [(2, revoked), (3, second), (4, single), (5, first)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_all_records_come_once_in_pages_of_any_size(
    tokens: TokenRegistry, history: History, create: Callable[..., IssuedKey], limit: int
) -> None:
    ids = [create().key.id for _ in range(4)]
    ids += [
        tokens.revoke_tokens(Tokens(ISSUER, "jti", str(number)), "", None, "tester").revocation.id
        for number in range(4)
    ]
    found, after = [], ""
    while page := history.records(after, limit):
        assert len(page) <= limit
        found += [record.key_id for record in page]
        after = found[-1]
    assert sorted(found) == sorted(ids)


def test_writers_at_once_make_one_row_and_no_gap(
    tokens: TokenRegistry, history: History, create: Callable[..., IssuedKey]
) -> None:
    def work(number: int) -> str:
        create()
        return tokens.revoke_tokens(SUBJECT, "", None, f"tester {number}").revocation.id

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(work, range(16)))) == 1
    assert history.revision() == 17
    assert [change.revision for change in history.changes_after(0, 100)] == list(range(1, 18))
