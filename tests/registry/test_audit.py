"""The audit trail: what is written of a change, that nothing is forgotten, and how it is read."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from extauth.registry.audit import Target, record
from extauth.registry.audit_listing import AuditFilter, AuditTrail
from extauth.registry.database import Database
from extauth.registry.errors import InvalidError, UnavailableError
from extauth.registry.key import IssuedKey
from extauth.registry.operations import KeyRegistry
from extauth.registry.origin import ORIGIN, Origin
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from tests.registry.identities import bearer, make_token
from tests.registry.test_permissions import EXPECTED


@pytest.fixture
def trail(database: Database) -> AuditTrail:
    return AuditTrail(database)


def test_a_new_key_is_told_with_its_fields_and_without_its_digest(
    create: Callable[..., IssuedKey], trail: AuditTrail
) -> None:
    issued = create(name="ci", tenant="acme", scopes=("a",))
    entry = trail.find(AuditFilter(target=issued.key.id), 10).entries[0]
    assert (entry.actor, entry.action, entry.kind, entry.target) == ("tester", "created", "key", issued.key.id)
    assert (entry.tenant, entry.at, entry.before) == ("acme", issued.key.created_at, {})
    assert (entry.after["name"], entry.after["scopes"], entry.after["status"]) == ("ci", ["a"], "active")
    assert not {"digest", "pepper_id", "revision"} & set(entry.after)
    assert issued.secret not in repr(entry)


def test_of_a_change_the_fields_that_differ_are_told(
    create: Callable[..., IssuedKey], registry: KeyRegistry, trail: AuditTrail
) -> None:
    key_id = create().key.id
    registry.disable(key_id, "somebody")
    entry = trail.find(AuditFilter(target=key_id), 10).entries[0]
    assert (entry.actor, entry.action) == ("somebody", "disabled")
    assert (entry.before, entry.after) == ({"status": "active"}, {"status": "disabled"})


def test_what_changes_nothing_is_not_told(
    create: Callable[..., IssuedKey], registry: KeyRegistry, trail: AuditTrail
) -> None:
    key_id = create().key.id
    registry.enable(key_id, "tester")
    registry.revoke(key_id, "", "tester")
    registry.revoke(key_id, "again", "tester")
    actions = [entry.action for entry in trail.find(AuditFilter(target=key_id), 10).entries]
    assert actions == ["revoked", "created"]


def test_both_keys_of_a_rotation_are_told(
    create: Callable[..., IssuedKey], registry: KeyRegistry, trail: AuditTrail
) -> None:
    old = create().key.id
    new = registry.rotate(old, 0, "ada", "tester").key.id
    told = [(entry.target, entry.action) for entry in trail.find(AuditFilter(), 2).entries]
    assert told == [(old, "rotated"), (new, "created")]


def test_neither_subject_nor_token_id_of_a_revocation_is_told(tokens: TokenRegistry, trail: AuditTrail) -> None:
    tokens.revoke_tokens(Tokens("https://a", "sub", "alice@example.com"), "left", None, "tester")
    (entry,) = trail.find(AuditFilter(), 10).entries
    assert (entry.kind, entry.tenant, entry.after["issuer"]) == ("revocation", None, "https://a")
    assert "alice" not in repr(entry)


def test_a_change_that_cannot_be_told_is_not_made(
    create: Callable[..., IssuedKey], registry: KeyRegistry, database: Database
) -> None:
    key = create().key
    with database.write() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO audit_away"))
    with pytest.raises(UnavailableError):
        registry.disable(key.id, "tester")
    assert registry.show(key.id) == key


def test_the_origin_is_that_of_the_request(create: Callable[..., IssuedKey], trail: AuditTrail) -> None:
    before = ORIGIN.set(Origin("192.0.2.1", "curl/8"))
    try:
        create()
    finally:
        ORIGIN.reset(before)
    entry = trail.find(AuditFilter(), 1).entries[0]
    assert (entry.address, entry.user_agent) == ("192.0.2.1", "curl/8")


def test_entries_are_filtered_and_paged(database: Database, trail: AuditTrail) -> None:
    with database.write() as connection:
        for at in range(10):
            target = Target("key", f"key {at % 5}", "acme" if at % 2 else None)
            record(connection, f"actor {at % 3}", "created", target, {}, {"number": at}, at)

    def numbers(limit: int = 20, cursor: str = "", **wanted: Any) -> list[int]:
        return [entry.after["number"] for entry in trail.find(AuditFilter(**wanted), limit, cursor).entries]

    assert numbers() == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert numbers(tenant="acme") == [9, 7, 5, 3, 1]
    assert numbers(actor="actor 1") == [7, 4, 1]
    assert numbers(target="key 2") == [7, 2]
    assert numbers(begin=3, end=6) == [5, 4, 3]
    assert numbers(tenant="acme", actor="actor 1", begin=2) == [7]
    first = trail.find(AuditFilter(), 4)
    assert numbers(4, first.next_cursor) == [5, 4, 3, 2]
    assert trail.find(AuditFilter(), 10).next_cursor == ""


@pytest.mark.parametrize(
    ("wanted", "cursor"),
    [
        (AuditFilter(begin=2, end=2), ""),
        (AuditFilter(actor="\n"), ""),
        (AuditFilter(tenant="x" * 200), ""),
        (AuditFilter(), "x"),
        (AuditFilter(), "YXVkaXQgOTk5OTk5OTk5OTk5OTk5OTk5OTk"),
    ],
)
def test_what_cannot_be_searched(trail: AuditTrail, wanted: AuditFilter, cursor: str) -> None:
    with pytest.raises(InvalidError):
        trail.find(wanted, 10, cursor)


def test_who_when_and_from_where_are_told_over_rest(http: httpx2.Client) -> None:
    token = make_token(http, "editor")
    name = http.get("/v1/identity", headers=bearer(token)).json()["name"]
    headers = {**bearer(token), "user-agent": "a client\t1.0", "x-forwarded-for": "192.0.2.7"}
    key_id = http.post("/v1/keys", json={"name": "a", "tenant": "acme"}, headers=headers).json()["id"]
    page = http.get("/v1/audit", params={"target": key_id}).json()
    (entry,) = page["items"]
    assert (entry["actor"], entry["action"], entry["kind"], entry["tenant"]) == (name, "created", "key", "acme")
    assert entry["address"] == "127.0.0.1"  # nobody has said that the client is a trusted proxy
    assert entry["user_agent"] == "a client1.0"
    assert entry["at"].endswith("Z")
    assert page["next_cursor"] == ""
    recent = http.get("/v1/audit", params={"from": entry["at"], "actor": name}).json()["items"]
    assert [item["target"] for item in recent if item["kind"] == "key"] == [key_id]


REPORTS = "POST /v1/leak-reports/github"
"""Of leaked keys, signed by others: test_leak_reports looks at what is told of them."""
CHANGES = [operation for operation in EXPECTED if not operation.startswith("GET ") and operation != REPORTS]
IMPORTED = "sixteen-letters-or-more"
STEPS: list[tuple[str, str, Mapping[str, Any] | None]] = [
    ("POST /v1/plans", "", {"name": "gold"}),
    ("PATCH /v1/plans/{name}", "gold", {"description": "new"}),
    ("DELETE /v1/plans/{name}", "gold", None),
    ("POST /v1/tenants", "", {"id": "acme"}),
    ("PATCH /v1/tenants/{tenant_id}", "acme", {"name": "new"}),
    ("POST /v1/tenants/{tenant_id}/suspend", "acme", None),
    ("POST /v1/tenants/{tenant_id}/resume", "acme", None),
    ("DELETE /v1/tenants/{tenant_id}", "acme", None),
    ("POST /v1/keys", "", {"name": "a key", "tenant": "acme"}),
    ("POST /v1/keys:import", "", {"name": "imported", "tenant": "acme", "secret": f"of_another_{IMPORTED}"}),
    ("PATCH /v1/keys/{key_id}", "key", {"name": "new"}),
    ("POST /v1/keys/{key_id}/disable", "key", None),
    ("POST /v1/keys/{key_id}/enable", "key", None),
    ("POST /v1/keys/{key_id}/rotate", "key", None),
    ("POST /v1/keys/{key_id}/expire", "key", None),
    ("POST /v1/keys/{key_id}/revoke", "key", None),
    ("POST /v1/token-revocations", "", {"issuer": "https://a", "subject": "b"}),
    ("POST /v1/token-revocations/{revocation_id}/lift", "revocation", None),
    ("POST /v1/admin-tokens", "", {"name": "a token", "role": "viewer"}),
    ("POST /v1/admin-tokens/{token_id}/rotate", "token", None),
    ("POST /v1/admin-tokens/{token_id}/revoke", "token", None),
]
"""Every operation that changes something, in an order in which each does."""


def test_every_operation_that_changes_something_is_told(http: httpx2.Client) -> None:
    assert sorted(operation for operation, _, _ in STEPS) == sorted(CHANGES)
    made: dict[str, str] = {}
    secrets = []
    for operation, names, body in STEPS:
        method, path = operation.split()
        if "{" in path:
            path = path[: path.index("{")] + made.get(names, names) + path[path.index("}") + 1 :]
        before = total(http)
        answer = http.request(method, path, json=dict(body) if body is not None else None)
        assert answer.status_code < 300, f"{operation}: {answer.text}"
        assert total(http) > before, operation
        answered = answer.json() if answer.content else {}
        secrets += [answered["secret"]] if "secret" in answered else []
        kind = {"/v1/keys": "key", "/v1/token-revocations": "revocation", "/v1/admin-tokens": "token"}.get(path)
        if kind:
            made[kind] = answered["id"]
    everything = http.get("/v1/audit", params={"limit": 500}).text
    assert len(secrets) == 4
    assert not any(secret.split("_")[-1] in everything for secret in (*secrets, IMPORTED))


def total(http: httpx2.Client) -> int:
    return len(http.get("/v1/audit", params={"limit": 500}).json()["items"])
