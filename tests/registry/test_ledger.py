"""The ledger on every kind of database: each batch once, sums by hour and day, last use of keys."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text

from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.errors import InvalidError, UnavailableError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey
from extauth.registry.ledger import Ledger
from extauth.registry.operations import KeyRegistry
from extauth.registry.schema import usage_minutes, usage_senders
from extauth.registry.usage_listing import UsageFilter
from extauth.registry.usage_tables import DAY, HOUR, MINUTE
from tests.support.usage import NOON, batch, batches, row

OTHER = "ffeeddccbbaa9988"


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database, lambda: NOON + HOUR)


def checks(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(usage_minutes.c.checks), 0))).scalar_one())


def found(ledger: Ledger, **wanted: object) -> Sequence[tuple[object, ...]]:
    """Start, names and counts of each sum; by the hour unless told otherwise."""
    given = UsageFilter(**{"period": "hour", **wanted})  # type: ignore[arg-type]
    return [(item.start, *item.names, *item[3:]) for item in ledger.find(given, 500).items]


def test_a_batch_counts_once_however_often_it_comes(ledger: Ledger, database: Database) -> None:
    assert ledger.add(batches(3)) == (3, 0)
    assert ledger.add(batches(4)) == (1, 0)
    assert ledger.add([*batches(4), *batches(4, OTHER), *batches(4, OTHER)]) == (4, 0)
    assert checks(database) == 8


def test_batches_that_never_came_are_told_and_do_not_hold_up_the_rest(ledger: Ledger, database: Database) -> None:
    assert ledger.add([batch(1), batch(3)]) == (2, 1)
    assert ledger.add([batch(2), batch(6)]) == (1, 2)
    assert checks(database) == 3


def test_a_batch_that_fails_leaves_nothing_and_can_come_again(ledger: Ledger, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE keys RENAME TO keys_away"))  # needed last, after the sums
    with pytest.raises(UnavailableError):
        ledger.add(batches(2))
    assert checks(database) == 0
    with database.write() as connection:
        connection.execute(text("ALTER TABLE keys_away RENAME TO keys"))
    assert ledger.add(batches(2)) == (2, 0)
    assert checks(database) == 2


def test_writers_at_once_add_each_batch_once(database: Database) -> None:
    def add(number: int) -> int:
        return Ledger(database).add(batches(10, OTHER if number % 2 else "00112233445566ff"))[0]

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(add, range(16))) == 20
    assert checks(database) == 20


def test_usage_is_summed_up_by_minute_hour_day_and_in_all(ledger: Ledger) -> None:
    first = batch(1, row(minute=NOON - 1), row(minute=NOON, limited=2), row(minute=NOON + MINUTE, allowed=3, denied=4))
    ledger.add([first, batch(2, row(minute=NOON - DAY, denied=1))])
    key = ("000000000001", "acme", "orders")
    assert found(ledger, period="minute") == [(NOON + MINUTE, *key, 3, 0, 4), (NOON, *key, 0, 2, 0)]
    assert found(ledger) == [(NOON, *key, 3, 2, 4), (NOON - HOUR, *key, 1, 0, 0)]
    midnight = NOON - NOON % DAY
    assert found(ledger, period="day") == [(midnight, *key, 4, 2, 4), (midnight - DAY, *key, 0, 0, 1)]
    assert found(ledger, period="total", begin=NOON - 2 * HOUR) == [(NOON - 2 * HOUR, *key, 4, 2, 4)]


def test_usage_is_grouped_by_what_is_asked_for(ledger: Ledger) -> None:
    rows = row("a"), row("b", limited=2, **{"denied:expired_key": 3}), row("a", tenant="other", api="admin", denied=4)
    ledger.add([batch(1, *rows)])
    assert found(ledger, by=("tenant",)) == [(NOON, "other", 0, 0, 4), (NOON, "acme", 1, 2, 3)]
    assert found(ledger, by=("api", "key")) == [
        (NOON, "orders", "b", 0, 2, 3),
        (NOON, "orders", "a", 1, 0, 0),
        (NOON, "admin", "a", 0, 0, 4),
    ]
    assert found(ledger, by=("outcome",)) == [
        (NOON, "limited", 0, 2, 0),
        (NOON, "denied:expired_key", 0, 0, 3),
        (NOON, "denied", 0, 0, 4),
        (NOON, "allowed", 1, 0, 0),
    ]
    assert found(ledger, by=()) == [(NOON, 1, 2, 7)]
    assert found(ledger, by=(), period="total", outcome="denied:expired_key") == [(NOON + HOUR - DAY, 0, 0, 3)]
    assert found(ledger, by=(), period="total", api="none") == []


def test_the_resolution_fits_the_time_that_is_asked_for(ledger: Ledger) -> None:
    def length(**wanted: object) -> int:
        return ledger.find(UsageFilter(**wanted), 1).scope.length  # type: ignore[arg-type]

    assert length() == HOUR
    assert length(begin=NOON) == MINUTE
    assert length(begin=NOON - 10 * DAY) == HOUR
    assert length(begin=NOON - 100 * DAY) == DAY
    assert length(begin=NOON - 100 * DAY, period="total") == 101 * DAY  # whole days


def test_whole_periods_are_shown_wherever_the_time_begins_and_ends(ledger: Ledger) -> None:
    ledger.add([batch(1, *(row("a", NOON + minutes * MINUTE) for minutes in (-50, -10, 10, 50)))])
    assert [item[0] for item in found(ledger, begin=NOON - 30 * MINUTE, end=NOON + 30 * MINUTE)] == [NOON, NOON - HOUR]
    scope = ledger.find(UsageFilter(begin=NOON - 1, end=NOON + 1, period="hour"), 1).scope
    assert (scope.begin, scope.end) == (NOON - HOUR, NOON + HOUR)
    assert found(ledger, begin=NOON - 1, end=NOON + 1, by=(), period="hour") == [
        (NOON, 2, 0, 0),
        (NOON - HOUR, 2, 0, 0),
    ]


def test_usage_is_found_by_key_tenant_api_and_time(ledger: Ledger) -> None:
    ledger.add(
        [
            batch(1, row("a"), row("b"), row("b", tenant="other"), row("b", api="admin")),
            batch(2, row("a", NOON - 2 * HOUR)),
        ]
    )
    assert [item[1:4] for item in found(ledger, key_id="b", tenant="acme")] == [
        ("b", "acme", "orders"),
        ("b", "acme", "admin"),
    ]
    assert [item[1] for item in found(ledger, api="admin")] == ["b"]
    assert [item[0] for item in found(ledger, key_id="a")] == [NOON, NOON - 2 * HOUR]
    assert [item[0] for item in found(ledger, key_id="a", begin=NOON - HOUR)] == [NOON]
    assert [item[0] for item in found(ledger, key_id="a", begin=NOON + 1)] == [NOON]
    assert [item[0] for item in found(ledger, key_id="a", end=NOON)] == [NOON - 2 * HOUR]
    assert found(ledger, end=NOON - 3 * HOUR) == []


def test_pages_have_all_and_nothing_twice(ledger: Ledger) -> None:
    rows = [row(f"key {key}", NOON - hour * HOUR, api=api) for key in "ab" for hour in range(3) for api in ("x", "y")]
    ledger.add([batch(1, *rows)])
    for wanted in (
        UsageFilter(period="minute", begin=NOON - 3 * HOUR),
        UsageFilter(period="hour"),
        UsageFilter(period="day"),
        UsageFilter(period="total"),
        UsageFilter(period="hour", by=("api",)),
        UsageFilter(period="hour", by=()),
    ):
        everything = ledger.find(wanted, 500).items
        assert 1 <= len(everything) <= 12
        for limit in (1, 3):
            paged, cursor = [], ""
            while True:
                page = ledger.find(wanted, limit, cursor)
                paged += page.items
                cursor = page.next_cursor
                if not cursor:
                    break
            assert paged == list(everything)


def test_an_export_has_all_in_parts(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extauth.registry.ledger._EXPORT_PAGE", 5)
    ledger.add([batch(1, *(row(f"key {key}", NOON - hour * HOUR) for key in range(4) for hour in range(5)))])
    _scope, parts = ledger.export(UsageFilter(period="hour"))
    exported = [list(part) for part in parts]
    assert [len(part) for part in exported] == [5, 5, 5, 5, 0]
    assert [usage for part in exported for usage in part] == list(ledger.find(UsageFilter(period="hour"), 500).items)


def test_searches_are_checked(ledger: Ledger) -> None:
    with pytest.raises(InvalidError) as refused:
        ledger.find(UsageFilter(key_id="\x00", tenant="x" * 129, begin=NOON, end=NOON), 0)
    assert [problem.field for problem in refused.value.problems] == ["key", "tenant", "from", "limit"]
    for cursor in ("x", "eyJhIjoxfQ", "WyJhIl0", "WzEsMiwzLDRd", "W1tbW1tb", "WzEsImEiLCJiIl0"):
        with pytest.raises(InvalidError, match="cursor"):
            ledger.find(UsageFilter(), 10, cursor)


def test_keys_know_when_they_were_last_used_and_no_revision_is_taken_for_it(
    create: Callable[..., IssuedKey], registry: KeyRegistry, database: Database, history: History
) -> None:
    ledger = Ledger(database)
    key = create().key
    now = times.now()
    ledger.add([batch(1, row(key.id, now), row("not a key", now)), batch(2, row(key.id, now - 120_000, denied=1))])
    assert registry.show(key.id).last_used_at == now
    ledger.add([batch(3, row(key.id, now - 60_000))])
    assert registry.show(key.id).last_used_at == now
    assert registry.disable(key.id, "tester").last_used_at == now
    assert registry.show(key.id).last_used_at == now
    assert history.revision() == 2


def test_the_last_use_of_a_key_is_told_once_a_minute(
    create: Callable[..., IssuedKey], registry: KeyRegistry, ledger: Ledger
) -> None:
    key_id = create().key.id
    for number, (second, told) in enumerate([(10, 10), (50, 10), (61, 61), (59, 61), (119, 61), (120, 120)], 1):
        ledger.add([batch(number, row(key_id, NOON + second * 1000))])
        assert registry.show(key_id).last_used_at == NOON + told * 1000


def test_a_sidecar_whose_clock_is_ahead_used_nothing_in_the_future(
    create: Callable[..., IssuedKey], registry: KeyRegistry, ledger: Ledger
) -> None:
    key = create().key
    ledger.add([batch(1, row(key.id, NOON + 365 * DAY))])
    assert registry.show(key.id).last_used_at == NOON + HOUR
    assert [item[0] for item in found(ledger, end=NOON + DAY, begin=NOON)] == [NOON + HOUR]


def test_sidecars_that_are_gone_are_forgotten(database: Database) -> None:
    Ledger(database, lambda: NOON).add(batches(1))
    Ledger(database, lambda: NOON + 31 * DAY).add(batches(1, OTHER))
    with database.read() as connection:
        assert connection.execute(select(usage_senders.c.instance)).scalars().all() == [OTHER]
