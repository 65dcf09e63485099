"""What is in force under each pepper, and a registry that refuses to serve without one that is needed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update

from extauth.keys.digest import Pepper
from extauth.keys.record import Status
from extauth.registry import times
from extauth.registry.admin_token import NewAdminToken
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.database import Database
from extauth.registry.filtering import Filter
from extauth.registry.identity import Role
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.pepper_use import MissingPepperError, PepperUse, check_peppers, uses
from extauth.registry.retire_pepper import PepperRetirement
from extauth.registry.schema import keys
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens

OTHER = Pepper("second", b"another pepper of 32 bytes or more")
LATER = 3_600_000


def found(database: Database, after: int = 0) -> list[PepperUse]:
    with database.read() as connection:
        return list(uses(connection, times.now() + after))


def missing(database: Database, *configured: str, after: int = 0) -> str:
    """What is said about it; nothing when all is there."""
    try:
        with database.read() as connection:
            check_peppers(connection, configured, times.now() + after)
    except MissingPepperError as error:
        return str(error)
    return ""


def under_other(database: Database) -> tuple[KeyRegistry, AdminTokens, TokenRegistry]:
    metrics = RegistryMetrics(CollectorRegistry())
    return (
        KeyRegistry(database, "ea", [OTHER], metrics),
        AdminTokens(database, [OTHER], metrics),
        TokenRegistry(database, [OTHER], metrics),
    )


def test_an_empty_registry_needs_none(database: Database) -> None:
    assert found(database) == []
    assert not missing(database)


def test_what_is_in_force_is_counted_and_what_has_ended_is_not(
    database: Database, registry: KeyRegistry, create: Callable[..., IssuedKey]
) -> None:
    used, disabled, revoked, expiring = create(), create(), create(), create(expires_at=times.now() + LATER // 2)
    registry.disable(disabled.key.id, "tester")
    registry.revoke(revoked.key.id, "", "tester")
    with database.write() as connection:
        connection.execute(update(keys).where(keys.c.id == used.key.id).values(last_used_at=12345))
        connection.execute(update(keys).where(keys.c.id == revoked.key.id).values(last_used_at=99999))
    assert found(database) == [PepperUse("first", 3, 12345, 0, 0)]
    assert found(database, after=LATER) == [PepperUse("first", 2, 12345, 0, 0)]
    registry.revoke(used.key.id, "", "tester")
    registry.revoke(disabled.key.id, "", "tester")
    assert not missing(database, "second", after=LATER)
    assert "first" in missing(database, "second")
    assert not found(database, after=LATER)[0].is_needed
    assert expiring.key.expires_at is not None


@pytest.mark.parametrize("kind", ["key", "admin token", "revocation"])
def test_each_kind_keeps_its_pepper(database: Database, kind: str, create: Callable[..., IssuedKey]) -> None:
    create()
    registry, admin_tokens, tokens = under_other(database)
    if kind == "key":
        made = registry.create(NewKey(name="a", tenant="acme", created_by="b"), "tester").key.id
        end = lambda: registry.revoke(made, "", "tester")  # noqa: E731 (one of three)
    elif kind == "admin token":
        made = admin_tokens.create(NewAdminToken("a", Role.VIEWER), "tester").token.id
        end = lambda: admin_tokens.revoke(made, "", "tester")  # type: ignore[assignment,return-value]  # noqa: E731
    else:
        made = tokens.revoke_tokens(Tokens("i", "sub", "a"), "", None, "tester").revocation.id
        end = lambda: tokens.lift(made, "tester")  # type: ignore[assignment,return-value]  # noqa: E731
    assert not missing(database, "first", "second")
    assert "pepper second" in missing(database, "first")
    assert "pepper first, second" in missing(database, "third")
    end()
    assert not missing(database, "first")


def test_a_registry_without_a_pepper_that_is_needed_does_not_start(settings: RegistrySettings, tmp_path: Path) -> None:
    server = RegistryServer(settings, CollectorRegistry())
    server.start()
    made = server.registry.create(NewKey(name="a", tenant="acme", created_by="b"), "tester")
    server.stop()
    (tmp_path / "other").write_text("another pepper of 32 bytes or more")
    changed = settings.model_dump() | {"keys": {"peppers": [{"id": "second", "file": str(tmp_path / "other")}]}}
    other = RegistrySettings.model_validate(changed)
    server = RegistryServer(other, CollectorRegistry())
    with pytest.raises(MissingPepperError, match="pepper first") as refused:
        server.start()
    assert "retire-pepper" in str(refused.value)
    assert made.secret not in str(refused.value)
    both = {"peppers": [{"id": "second", "file": str(tmp_path / "other")}, settings.model_dump()["keys"]["peppers"][0]]}
    server = RegistryServer(RegistrySettings.model_validate(changed | {"keys": both}), CollectorRegistry())
    server.start()
    assert server.registry.create(NewKey(name="b", tenant="acme", created_by="b"), "tester").key.pepper_id == "second"
    server.stop()


def test_retiring_one_ends_what_is_under_it_and_nothing_else(
    database: Database, registry: KeyRegistry, create: Callable[..., IssuedKey]
) -> None:
    kept = create().key
    other, admin_tokens, tokens = under_other(database)
    made = [other.create(NewKey(name="a", tenant="acme", created_by="b"), "tester").key for _ in range(3)]
    admin = admin_tokens.create(NewAdminToken("a", Role.VIEWER), "tester").token
    revocation = tokens.revoke_tokens(Tokens("i", "jti", "a"), "", None, "tester").revocation
    metrics = RegistryMetrics(CollectorRegistry())
    retirement = PepperRetirement(database, registry, AdminTokens(database, [OTHER], metrics), metrics)
    retirement.retire("second")
    retirement.retire("second")
    assert {registry.show(key.id).status for key in made} == {Status.REVOKED}
    assert "second was retired" in registry.show(made[0].id).revoked_reason
    assert registry.show(kept.id).status is Status.ACTIVE
    assert admin_tokens.show(admin.id).revoked_at is not None
    assert tokens.show(revocation.id).expires_at is not None
    assert not missing(database, "first")


def test_keys_are_found_by_their_pepper(
    database: Database, registry: KeyRegistry, create: Callable[..., IssuedKey]
) -> None:
    mine = create().key
    other, _, _ = under_other(database)
    theirs = other.create(NewKey(name="a", tenant="acme", created_by="b"), "tester").key
    assert [key.id for key in registry.find(Filter(pepper="first"), 10).keys] == [mine.id]
    assert [key.id for key in registry.find(Filter(pepper="second"), 10).keys] == [theirs.id]
    assert registry.find(Filter(pepper="third"), 10).keys == []
