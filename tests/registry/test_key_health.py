"""Keys that need attention, on every kind of database and over real HTTP."""

import re
from collections.abc import Callable

import httpx2
import pytest
from sqlalchemy import event

from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.errors import InvalidError
from extauth.registry.key import IssuedKey
from extauth.registry.key_health import FINDINGS, Finding, KeyHealth
from extauth.registry.ledger import Ledger
from extauth.registry.operations import KeyRegistry
from extauth.registry.server import RegistryServer
from extauth.registry.usage_tables import DAY, HOUR
from tests.registry.conftest import Clock
from tests.support.usage import batch, row

THRESHOLDS: dict[Finding, int] = {"expiring": 14 * DAY, "used_after_rotation": DAY, "unused": 90 * DAY}


@pytest.fixture
def health(database: Database, clock: Clock) -> KeyHealth:
    return KeyHealth(database, THRESHOLDS, clock)


@pytest.fixture
def use(database: Database, clock: Clock) -> Callable[..., None]:
    """Let sidecars tell that keys are used now."""
    ledger = Ledger(database, clock)
    numbers = iter(range(1, 1000))

    def use(*key_ids: str) -> None:
        now = clock()
        ledger.add([batch(next(numbers), *(row(key_id, now) for key_id in key_ids))])

    return use


def found(health: KeyHealth, finding: Finding, **wanted: object) -> list[str]:
    """Ids, with as many pages as it takes; the count says the same."""
    ids: list[str] = []
    cursor = ""
    while True:
        page = health.find(finding, 2, cursor=cursor, **wanted)  # type: ignore[arg-type]
        ids += [key.id for key in page.keys]
        cursor = page.next_cursor
        if not cursor:
            break
    if "threshold" not in wanted:
        assert health.count(**wanted)[finding] == len(ids)  # type: ignore[arg-type]
    return ids


def test_keys_that_expire_soon(
    create: Callable[..., IssuedKey], registry: KeyRegistry, health: KeyHealth, clock: Clock
) -> None:
    now = clock()
    ids = [create(expires_at=now + days * DAY).key.id for days in (13, 2, 5, 15, 1)]
    create()
    revoked, rotated, expired = (create(expires_at=now + days * DAY).key.id for days in (3, 4, 1))
    registry.revoke(revoked, "", "tester")
    successor = registry.rotate(rotated, 3600, "ada", "tester").key.id
    clock.let_pass(-DAY)
    registry.expire(expired, None, "tester")
    clock.let_pass(DAY)
    assert found(health, "expiring") == [ids[4], ids[1], successor, ids[2], ids[0]]
    assert found(health, "expiring", threshold=2 * DAY - HOUR) == [ids[4]]
    clock.let_pass(3 * DAY)
    assert found(health, "expiring") == [successor, ids[2], ids[0], ids[3]]


def test_keys_that_are_used_after_their_rotation(
    create: Callable[..., IssuedKey],
    registry: KeyRegistry,
    health: KeyHealth,
    clock: Clock,
    use: Callable[..., None],
) -> None:
    before, after, never, other = (create().key.id for _ in range(4))
    use(before)
    clock.let_pass(1)
    successors = [registry.rotate(key_id, 30 * 86400, "ada", "tester").key.id for key_id in (before, after, never)]
    clock.let_pass(1)
    use(after, other, *successors)
    assert found(health, "used_after_rotation") == [after]
    registry.revoke(after, "", "tester")  # those who still send it should know
    assert found(health, "used_after_rotation") == [after]
    clock.let_pass(2 * DAY)
    assert found(health, "used_after_rotation") == []
    assert found(health, "used_after_rotation", threshold=3 * DAY) == [after]


def test_keys_that_are_not_used(
    create: Callable[..., IssuedKey],
    registry: KeyRegistry,
    health: KeyHealth,
    clock: Clock,
    use: Callable[..., None],
) -> None:
    now = clock()
    used, revoked, rotated, old, disabled = (create().key.id for _ in range(5))
    expiring = create(expires_at=now + 95 * DAY).key.id
    pending = create(not_before=now + 50 * DAY).key.id
    clock.let_pass(DAY)
    never = create().key.id
    use(old, used, rotated)
    registry.revoke(revoked, "", "tester")
    registry.disable(disabled, "tester")
    clock.let_pass(DAY)
    use(used)
    assert found(health, "unused") == []
    clock.let_pass(88 * DAY + 1)
    young = create().key.id
    registry.rotate(rotated, 300 * 86400, "ada", "tester")
    assert sorted(found(health, "unused")) == sorted([disabled, expiring])
    clock.let_pass(2 * DAY)
    assert found(health, "unused")[-2:] == [old, used]  # those that were never used come first
    assert sorted(found(health, "unused")) == sorted([disabled, expiring, never, old, used])
    clock.let_pass(100 * DAY)
    assert sorted(found(health, "unused")) == sorted(
        [disabled, never, old, used, pending, young, *successor(registry, rotated)]
    )


def successor(registry: KeyRegistry, key_id: str) -> list[str]:
    rotated_to = registry.show(key_id).rotated_to
    assert rotated_to is not None
    return [rotated_to]


def test_keys_of_one_tenant(create: Callable[..., IssuedKey], health: KeyHealth, clock: Clock) -> None:
    soon = clock() + DAY
    ids = [create(tenant=tenant, expires_at=soon).key.id for tenant in ("acme", "other", "acme")]
    assert sorted(found(health, "expiring", tenant="acme")) == sorted([ids[0], ids[2]])
    assert found(health, "expiring", tenant="nobody") == []


def test_pages_have_keys_of_the_same_time_once(
    create: Callable[..., IssuedKey], health: KeyHealth, clock: Clock
) -> None:
    soon = clock() + DAY
    ids = sorted(create(expires_at=soon).key.id for _ in range(7))
    assert found(health, "expiring") == ids


def test_searches_are_checked(health: KeyHealth) -> None:
    for wanted in ({"limit": 0}, {"tenant": "\x00"}, {"tenant": "x" * 64}):
        with pytest.raises(InvalidError):
            health.find("unused", **{"limit": 1, **wanted})  # type: ignore[arg-type]
    for cursor in ("x", "eyJhIjoxfQ", "WzIsMSwiYSJd", "WzAsIjEiLCJhIl0", "WzAsMSwiISJd", "W1tbW1tb"):
        with pytest.raises(InvalidError, match="cursor"):
            health.find("unused", 1, cursor=cursor)


def test_each_list_is_a_walk_along_an_index_on_sqlite(database: Database, health: KeyHealth) -> None:
    """With a million keys, anything else takes seconds. PostgreSQL plans by the rows that there are."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    event.listen(database._engine, "before_cursor_execute", note)
    health.count()
    for finding in FINDINGS:
        health.find(finding, 1)
    event.remove(database._engine, "before_cursor_execute", note)
    if database._url.get_backend_name() != "sqlite":
        return
    with database.read() as connection:
        for statement in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple("1" * statement.count("?")))
            steps = [step.detail for step in plan if "LEFT-JOIN" not in step.detail]
            assert re.match(
                r"SEARCH keys USING (COVERING )?INDEX keys_(by_expiry|by_last_use|unused|rotated_last_use) ", steps[0]
            )
            assert not any("SCAN" in step or step == "USE TEMP B-TREE FOR ORDER BY" for step in steps), steps


def test_it_is_counted_over_http(http: httpx2.Client, server: RegistryServer) -> None:
    soon = times.to_rfc3339(times.now() + DAY)
    for tenant in ("acme", "acme", "other"):
        http.post("/v1/keys", json={"name": "a", "tenant": tenant, "expires_at": soon}).raise_for_status()
    assert http.get("/v1/keys/health", params={"tenant": "acme"}).json() == {
        "items": [
            {"finding": "expiring", "keys": 2, "within": "14d"},
            {"finding": "used_after_rotation", "keys": 0, "within": "1d"},
            {"finding": "unused", "keys": 0, "within": "90d"},
        ]
    }
    first = http.get("/v1/keys/health/expiring", params={"limit": 2}).json()
    second = http.get("/v1/keys/health/expiring", params={"cursor": first["next_cursor"]}).json()
    assert [item["tenant"] for item in (*first["items"], *second["items"])].count("acme") == 2
    assert http.get("/v1/keys/health/expiring", params={"within": "1h"}).json() == {"items": [], "next_cursor": ""}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/keys/health/lost", "finding"),
        ("/v1/keys/health/unused?within=soon", "within"),
        ("/v1/keys/health/unused?limit=501", "limit"),
        ("/v1/keys/health/unused?cursor=x", "cursor"),
        ("/v1/keys/health?within=1d", "within"),
    ],
)
def test_queries_are_checked(shared_http: httpx2.Client, path: str, named: str) -> None:
    answer = shared_http.get(path)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [named]
