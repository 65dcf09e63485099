"""Admin tokens: made, used, rotated, revoked; what is stored of them."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from extauth.keys.token import key_id_of
from extauth.registry.admin_schema import admin_tokens as table
from extauth.registry.admin_token import NewAdminToken, TokenState
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, InvalidError, NotFoundError
from extauth.registry.identity import Identity, Role
from extauth.registry.tenant import NewTenant
from extauth.registry.tenants import TenantRegistry

HOUR = 3_600_000
VIEWER = NewAdminToken("a token", Role.VIEWER)


@pytest.fixture
def acme(tenants: TenantRegistry) -> str:
    return tenants.create(NewTenant("acme"), "tester").id


def test_a_token_tells_who_has_it(admin_tokens: AdminTokens, acme: str) -> None:
    issued = admin_tokens.create(NewAdminToken("ci", Role.EDITOR, acme), "tester")
    token = issued.token
    assert issued.secret.startswith(f"extauth_admin_{token.id}_")
    assert key_id_of(issued.secret) == token.id
    assert admin_tokens.identify(issued.secret) == Identity(f"admin-token:{token.id}", Role.EDITOR, "acme")
    assert (token.name, token.created_by, token.last_used_at) == ("ci", "tester", None)
    assert issued.secret not in repr(issued)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        lambda secret: secret[:-7] + secret[-6:],
        lambda secret: secret.replace("extauth_admin", "ea"),
        lambda secret: secret + " ",
        lambda _: "",
        lambda _: "ä" * 70,
    ],
)
def test_what_is_not_a_token_tells_nothing(admin_tokens: AdminTokens, spoil: Callable[[str], str]) -> None:
    secret = admin_tokens.create(VIEWER, "tester").secret
    assert admin_tokens.identify(spoil(secret)) is None


def test_a_token_of_another_registry_tells_nothing(admin_tokens: AdminTokens, database: Database) -> None:
    issued = admin_tokens.create(VIEWER, "tester")
    with database.write() as connection:
        connection.execute(table.delete())
    assert admin_tokens.identify(issued.secret) is None


def test_a_token_is_found_under_any_pepper(admin_tokens: AdminTokens) -> None:
    secret = admin_tokens.create(VIEWER, "tester").secret
    admin_tokens._peppers = list(reversed(admin_tokens._peppers))
    assert admin_tokens.identify(secret) is not None


def test_neither_token_nor_secret_is_stored(admin_tokens: AdminTokens, database: Database) -> None:
    secret = admin_tokens.create(VIEWER, "tester").secret
    with database.read() as connection:
        stored = repr(connection.execute(select(table)).all())
        stored += repr(connection.execute(text("SELECT * FROM audit")).all())
    assert key_id_of(secret) in stored
    assert secret.split("_")[-1] not in stored


def test_use_is_noted_once_a_minute(
    admin_tokens: AdminTokens, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    issued = admin_tokens.create(VIEWER, "tester")
    admin_tokens.identify(issued.secret)
    first = admin_tokens.show(issued.token.id).last_used_at
    assert first is not None
    assert clock() - first < 60_000
    admin_tokens.identify(issued.secret)
    assert admin_tokens.show(issued.token.id).last_used_at == first
    let_pass(61_000)
    admin_tokens.identify(issued.secret)
    assert (admin_tokens.show(issued.token.id).last_used_at or 0) >= first + 61_000


def test_a_token_ends_when_it_expires(
    admin_tokens: AdminTokens, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    issued = admin_tokens.create(NewAdminToken("a", Role.OWNER, None, clock() + HOUR), "tester")
    assert admin_tokens.identify(issued.secret) is not None
    let_pass(HOUR)
    assert admin_tokens.identify(issued.secret) is None
    assert issued.token.state(clock()) is TokenState.EXPIRED
    with pytest.raises(ConflictError, match="expired"):
        admin_tokens.rotate(issued.token.id, 60, "tester")


def test_a_revoked_token_is_nobody_at_once_and_stays_so(admin_tokens: AdminTokens) -> None:
    issued = admin_tokens.create(VIEWER, "tester")
    revoked = admin_tokens.revoke(issued.token.id, "leaked", "tester")
    assert admin_tokens.identify(issued.secret) is None
    assert admin_tokens.revoke(issued.token.id, "again", "tester") == revoked
    assert revoked.revoked_reason == "leaked"
    with pytest.raises(ConflictError, match="revoked"):
        admin_tokens.rotate(issued.token.id, 60, "tester")


def test_a_successor_has_the_same_rights_and_the_old_token_some_time(
    admin_tokens: AdminTokens, acme: str, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    old = admin_tokens.create(NewAdminToken("ci", Role.EDITOR, acme, clock() + 5 * HOUR), "tester")
    new = admin_tokens.rotate(old.token.id, 3600, "rotator")
    assert (new.token.role, new.token.tenant, new.token.expires_at) == (Role.EDITOR, "acme", old.token.expires_at)
    assert (new.token.rotated_from, new.token.created_by) == (old.token.id, "rotator")
    assert admin_tokens.show(old.token.id).rotated_to == new.token.id
    assert admin_tokens.identify(old.secret) is not None
    with pytest.raises(ConflictError, match="rotated"):
        admin_tokens.rotate(old.token.id, 3600, "rotator")
    let_pass(HOUR)
    assert admin_tokens.identify(old.secret) is None
    assert admin_tokens.identify(new.secret) is not None


def test_without_grace_the_old_token_ends_at_once(admin_tokens: AdminTokens) -> None:
    old = admin_tokens.create(VIEWER, "tester")
    admin_tokens.rotate(old.token.id, 0, "tester")
    assert admin_tokens.identify(old.secret) is None
    assert admin_tokens.show(old.token.id).revoked_reason == "rotated"


@pytest.mark.parametrize(
    ("new", "fields"),
    [
        (NewAdminToken("", Role.VIEWER), ["name"]),
        (NewAdminToken("a\n", Role.VIEWER), ["name"]),
        (NewAdminToken("a", Role.VIEWER, "a b"), ["tenant"]),
        (NewAdminToken("a", Role.VIEWER, "nobody"), ["tenant"]),
        (NewAdminToken("a", Role.PUBLISHER, "acme"), ["tenant"]),
        (NewAdminToken("a", Role.VIEWER, None, 1), ["expires_at"]),
    ],
)
def test_what_cannot_be_made(admin_tokens: AdminTokens, acme: str, new: NewAdminToken, fields: list[str]) -> None:
    with pytest.raises(InvalidError) as refused:
        admin_tokens.create(new, "tester")
    assert [problem.field for problem in refused.value.problems] == fields


def test_unknown_tokens_and_values_out_of_bounds(admin_tokens: AdminTokens) -> None:
    for token_id in ("", "000000000000", "x" * 12, "'; --"):
        with pytest.raises(NotFoundError):
            admin_tokens.show(token_id)
    token_id = admin_tokens.create(VIEWER, "tester").token.id
    with pytest.raises(InvalidError):
        admin_tokens.rotate(token_id, -1, "tester")
    with pytest.raises(InvalidError):
        admin_tokens.revoke(token_id, "x" * 201, "tester")


def test_lists_are_paged_newest_first(admin_tokens: AdminTokens, acme: str, let_pass: Callable[[int], None]) -> None:
    made = []
    for number in range(5):
        made.append(admin_tokens.create(NewAdminToken("a", Role.VIEWER, acme if number % 2 else None), "tester").token)
        let_pass(10)
    first = admin_tokens.find("", 3)
    second = admin_tokens.find("", 3, first.next_cursor)
    assert [*first.tokens, *second.tokens] == made[::-1]
    assert second.next_cursor == ""
    assert {token.id for token in admin_tokens.find("acme", 10).tokens} == {made[1].id, made[3].id}


def test_lists_that_cannot_be(admin_tokens: AdminTokens) -> None:
    for tenant, limit, cursor in (("\0", 10, ""), ("", 0, ""), ("", 10, "x")):
        with pytest.raises(InvalidError):
            admin_tokens.find(tenant, limit, cursor)


def test_the_first_owner_is_made_once(
    admin_tokens: AdminTokens, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    admin_tokens.create(NewAdminToken("of a while", Role.OWNER, None, clock() + HOUR), "tester")
    with pytest.raises(ConflictError):
        admin_tokens.create_first("first", "init", force=False)
    let_pass(HOUR)
    assert not admin_tokens.owner_exists()
    first = admin_tokens.create_first("first", "init", force=False)
    assert admin_tokens.identify(first.secret) == Identity(f"admin-token:{first.token.id}", Role.OWNER)
    with pytest.raises(ConflictError):
        admin_tokens.create_first("second", "init", force=False)
    assert admin_tokens.create_first("second", "init", force=True).token.role is Role.OWNER


def test_an_owner_of_one_tenant_is_not_the_first_owner(admin_tokens: AdminTokens, acme: str) -> None:
    admin_tokens.create(NewAdminToken("a", Role.OWNER, acme), "tester")
    assert not admin_tokens.owner_exists()
    admin_tokens.create_first("first", "init", force=False)
    assert admin_tokens.owner_exists()
