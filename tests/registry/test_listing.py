"""Lists: filters, order and pages."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from extauth.registry.errors import InvalidError
from extauth.registry.filtering import Filter
from extauth.registry.key import IssuedKey, Key, State
from extauth.registry.operations import KeyRegistry


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


def test_every_state_is_found_and_agrees_with_the_key(
    create: Callable[..., IssuedKey], registry: KeyRegistry, clock: Callable[[], int]
) -> None:
    create()
    create(not_before=clock() + 60_000)
    registry.disable(create().key.id, "tester")
    registry.revoke(create().key.id, "", "tester")
    registry.expire(create().key.id, None, "tester")
    disabled_and_expired = create().key.id
    registry.disable(disabled_and_expired, "tester")
    registry.expire(disabled_and_expired, None, "tester")
    found = {state: registry.find(Filter(state=state), 10).keys for state in State}
    assert {state: len(keys) for state, keys in found.items()} == {
        State.ACTIVE: 1,
        State.PENDING: 1,
        State.SUSPENDED: 0,
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
    ],
)
def test_a_search_is_checked(registry: KeyRegistry, wanted: Filter, limit: int, field: str) -> None:
    with pytest.raises(InvalidError, match=field):
        registry.find(wanted, limit)
