"""Lists of keys: filters, order and pages, on every kind of database."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import update

from extauth.registry import schema
from extauth.registry.database import Database
from extauth.registry.errors import InvalidError
from extauth.registry.filtering import Filter
from extauth.registry.key import IssuedKey, Key, State
from extauth.registry.operations import KeyRegistry
from extauth.registry.paging import encode
from extauth.registry.plan import NewPlan
from extauth.registry.plans import PlanRegistry
from extauth.registry.sorting import DIRECTIONS, Direction, Order, Sort
from extauth.registry.tenant import NewTenant
from extauth.registry.tenants import TenantRegistry


def pages(registry: KeyRegistry, wanted: Filter, limit: int) -> Iterator[Sequence[Key]]:
    cursor = ""
    while True:
        page = registry.find(wanted, limit, cursor)
        yield page.keys
        cursor = page.next_cursor
        if not cursor:
            return


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_hold_every_key_once_and_the_newest_first(
    create: Callable[..., IssuedKey], registry: KeyRegistry, limit: int
) -> None:
    made = [create(name=f"key {number}").key for number in range(7)]  # several in one millisecond
    found = [key for page in pages(registry, Filter(), limit) for key in page]
    assert found == sorted(made, key=lambda key: (key.created_at, key.id), reverse=True)


def test_keys_made_meanwhile_do_not_shift_the_pages(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int], let_pass: Callable[[int], None]
) -> None:
    old = [create().key.id for _ in range(4)]
    first = registry.find(Filter(), 2)
    let_pass(10)
    create()
    second = registry.find(Filter(), 2, first.next_cursor)
    assert {key.id for key in [*first.keys, *second.keys]} == set(old)


def test_filters(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    wanted = create(name="Orders 100%", tenant="acme").key.id
    create(name="orders 100x", tenant="other")
    create(name="invoices", tenant="acme")

    def names(**fields: Any) -> list[str]:
        return [key.name for key in registry.find(Filter(**fields), 10).keys]

    assert names(tenant="acme", text="orders") == ["Orders 100%"]
    assert names(text="100%") == ["Orders 100%"]
    assert names(text="_") == []
    assert names(text=wanted[:6].swapcase()) == ["Orders 100%"]
    assert names(tenant="acm") == []


def test_a_plan_is_that_of_the_key_or_else_of_its_tenant(
    create: Callable[..., IssuedKey], registry: KeyRegistry, tenants: TenantRegistry, plans: PlanRegistry
) -> None:
    plans.create(NewPlan("gold"), "tester")
    tenants.create(NewTenant("rich", plan="gold"), "tester")
    create(name="own", plan="gold")
    create(name="tenant's", tenant="rich")
    create(name="another", tenant="rich", plan="free")
    create(name="none")
    found = {key.name: key.terms.plan for key in registry.find(Filter(plan="gold"), 10).keys}
    assert found == {"own": "gold", "tenant's": "gold"}


def test_a_scope_is_found_whole_and_as_it_is_written(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    create(name="a", scopes=("read", "orders:read"))
    create(name="b", scopes=("orders:read*",))
    create(name="c", scopes=("Read",))

    def names(scope: str) -> set[str]:
        return {key.name for key in registry.find(Filter(scope=scope), 10).keys}

    assert (names("read"), names("orders:read"), names("Read"), names("orders")) == ({"a"}, {"a"}, {"c"}, set())


def test_who_made_a_key_is_searched_too(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    create(name="a", created_by="Ada@example.com")
    create(name="b", created_by="bob@example.org")
    assert [key.name for key in registry.find(Filter(text="ada@"), 10).keys] == ["a"]


def test_what_expires_soon_and_what_nobody_uses(
    create: Callable[..., IssuedKey],
    registry: KeyRegistry,
    database: Database,
    clock: Callable[[], int],
    let_pass: Callable[[int], None],
) -> None:
    begin = clock()
    create(name="soon", expires_at=begin + 50_000)
    create(name="late", expires_at=begin + 90_000)
    create(name="never")
    use(database, "late", begin + 10_000)
    use(database, "never", begin + 30_000)

    def names(**fields: Any) -> set[str]:
        return {key.name for key in registry.find(Filter(**fields), 10).keys}

    assert names(expires_before=begin + 60_000) == {"soon"}
    assert names(expires_before=begin + 50_000) == set()
    assert names(unused_since=begin + 20_000) == {"soon", "late"}
    assert names(unused_since=begin + 40_000) == {"soon", "late", "never"}
    assert names(unused_since=begin) == set()  # they were not there yet
    let_pass(60_000)
    assert names(expires_before=begin + 200_000, state=State.ACTIVE) == {"late"}
    assert names(expires_before=begin + 200_000, state=State.EXPIRED) == {"soon"}


def use(database: Database, name: str, at: int) -> None:
    with database.write() as connection:
        connection.execute(update(schema.keys).where(schema.keys.c.name == name).values(last_used_at=at))


VALUES = {
    "created": lambda key: key.created_at,
    "name": lambda key: key.name,
    "expires": lambda key: math.inf if key.expires_at is None else key.expires_at,
    "last_used": lambda key: -math.inf if key.last_used_at is None else key.last_used_at,
}


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", VALUES)
def test_every_order_holds_each_key_once_whatever_the_pages(
    create: Callable[..., IssuedKey],
    registry: KeyRegistry,
    database: Database,
    clock: Callable[[], int],
    sort: Sort,
    direction: Direction,
) -> None:
    now = clock()
    for number, (expiry, last_use) in enumerate(itertools.product([None, 1, 2, 2], [None, 5, 5, 6])):
        create(name=f"key {number % 5}", expires_at=expiry and now + expiry * 100_000)
        if last_use is not None:
            use(database, f"key {number % 5}", now + last_use)
    everything = registry.find(Filter(), 100).keys
    expected = sorted(everything, key=lambda key: (VALUES[sort](key), key.id), reverse=direction == "desc")
    for limit in (1, 5, 16):
        found, cursor = [], ""
        while True:
            page = registry.find(Filter(state=State.ACTIVE), limit, cursor, Order(sort, direction))
            found += page.keys
            cursor = page.next_cursor
            if not cursor:
                break
        assert found == expected


def test_the_usual_direction_of_an_order(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int]
) -> None:
    for number in range(3):
        create(name=f"key {number}", expires_at=clock() + 100_000 + number)
    for sort, direction in DIRECTIONS.items():
        assert registry.find(Filter(), 9, "", Order(sort)) == registry.find(Filter(), 9, "", Order(sort, direction))


def test_a_cursor_belongs_to_its_order(create: Callable[..., IssuedKey], registry: KeyRegistry) -> None:
    for _ in range(2):
        create()
    cursor = registry.find(Filter(), 1, "", Order("name")).next_cursor
    for order in (Order(), Order("name", "desc"), Order("expires")):
        with pytest.raises(InvalidError, match="cursor"):
            registry.find(Filter(), 1, cursor, order)


@pytest.mark.parametrize(
    "forged",
    [
        '["name", false, null, "a"]',
        '["name", false, "\\u0000", "a"]',
        '["name", false, "a", "\\u0000"]',
        '["name", false, 5, "a"]',
        '["name", false, "a"]',
        '{"name": 1}',
        "[" * 50_000,
        '["name", 0, "a", "a"]',
    ],
)
def test_a_forged_cursor_is_refused(forged: str) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        Order("name").sections(encode(forged))


@pytest.mark.parametrize("value", ["1e400", "-1", "true", "99999999999999999999", '"a"'])
def test_a_forged_time_in_a_cursor_is_refused(value: str) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        Order().sections(encode(f'["created", true, {value}, "a"]'))


def test_every_state_is_found_and_agrees_with_the_key(
    create: Callable[..., IssuedKey],
    registry: KeyRegistry,
    tenants: TenantRegistry,
    clock: Callable[[], int],
) -> None:
    create()
    create(not_before=clock() + 60_000)
    create(tenant="bad")
    tenants.suspend("bad", "", "tester")
    registry.disable(create().key.id, "tester")
    registry.revoke(create().key.id, "", "tester")
    registry.expire(create().key.id, None, "tester")
    disabled_and_expired = create().key.id
    registry.disable(disabled_and_expired, "tester")
    registry.expire(disabled_and_expired, None, "tester")
    for sort, tenant in itertools.product(VALUES, ["", "acme"]):
        found = {state: registry.find(Filter(tenant, state), 10, "", Order(sort)).keys for state in State}
        assert {state: len(keys) for state, keys in found.items()} == {
            State.ACTIVE: 1,
            State.PENDING: 1,
            State.SUSPENDED: 0 if tenant else 1,
            State.DISABLED: 1,
            State.EXPIRED: 2,
            State.REVOKED: 1,
        }
        assert all(key.state(clock()) is state for state, keys in found.items() for key in keys)


@pytest.mark.parametrize(
    "cursor", ["x", "ünï", "MTIz", "A" * 100, "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5IGFhYWFhYWFhYWFhYQ"]
)
def test_a_cursor_from_elsewhere_is_refused(registry: KeyRegistry, cursor: str) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        registry.find(Filter(), 10, cursor)


@pytest.mark.parametrize(
    ("wanted", "limit", "field"),
    [
        (Filter(), 0, "limit"),
        (Filter(), 501, "limit"),
        (Filter(tenant="\x00"), 1, "tenant"),
        (Filter(text="x" * 101), 1, "text"),
        (Filter(plan="\x00"), 1, "plan"),
        (Filter(scope='"'), 1, "scope"),
    ],
)
def test_a_search_is_checked(registry: KeyRegistry, wanted: Filter, limit: int, field: str) -> None:
    with pytest.raises(InvalidError, match=field):
        registry.find(wanted, limit)
