"""The fold on every kind of database: every check counts once at every resolution, wherever the fold stands."""

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from extauth.registry import migrations, usage_fold
from extauth.registry.database import Database
from extauth.registry.errors import InvalidError
from extauth.registry.ledger import Ledger
from extauth.registry.schema import usage_resolutions, usage_senders
from extauth.registry.usage_fold import Retention, UsageFold
from extauth.registry.usage_listing import UsageFilter
from extauth.registry.usage_tables import DAY, HOUR, LENGTHS, MINUTE, TABLES, Resolution
from extauth.store.usage_batch import UsageBatch
from tests.support.usage import INSTANCE, NOON, batch, row

FOR_EVER: Retention = {"minute": None, "hour": None, "day": None}
LONG_AGO = NOON - 5 * DAY


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_fold, "BATCH", 2)


def fold(database: Database, time: Time, retention: Retention = FOR_EVER) -> None:
    UsageFold(database, retention, time).run(threading.Event())


def sums(ledger: Ledger, resolution: Resolution, begin: int = LONG_AGO) -> Counter[tuple[int, str, str]]:
    """Checks by start, key and outcome."""
    found: Counter[tuple[int, str, str]] = Counter()
    _scope, parts = ledger.export(UsageFilter(begin=begin, by=("key", "outcome"), period=resolution))
    for part in parts:
        for usage in part:
            assert (usage.start, *usage.names) not in found
            found[usage.start, usage.names[0], usage.names[1]] = usage.allowed + usage.limited + usage.denied
    return found


def rows_in(database: Database, resolution: Resolution) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(TABLES[resolution])).scalar_one())


def test_minutes_become_hours_and_hours_days_when_they_are_over(database: Database, time: Time) -> None:
    ledger = Ledger(database, time)
    time.now = NOON + 90 * MINUTE
    ledger.add([batch(1, *(row(key, NOON + minute * MINUTE) for key in "ab" for minute in range(90)))])
    expected = [sums(ledger, resolution) for resolution in LENGTHS]
    assert [rows_in(database, resolution) for resolution in LENGTHS] == [180, 0, 0]
    fold(database, time)
    assert [rows_in(database, resolution) for resolution in LENGTHS] == [180, 4, 2]
    assert [sums(ledger, resolution) for resolution in LENGTHS] == expected
    assert expected[1][NOON, "a", "allowed"] == 60


def test_folding_again_changes_nothing(database: Database, time: Time) -> None:
    ledger = Ledger(database, time)
    ledger.add([batch(1, *(row("a", NOON - minute * MINUTE) for minute in range(200)))])
    fold(database, time)
    before = [sums(ledger, resolution) for resolution in LENGTHS]
    folding = UsageFold(database, FOR_EVER, time)
    assert not folding.step()
    assert not folding.step()
    assert [sums(ledger, resolution) for resolution in LENGTHS] == before


KEYS = ["", "B", "a", "é", "ﬀ"]  # in no locale in this order
ADD = st.tuples(
    st.just("add"),
    st.sampled_from([0, 6, 70, 1500]),  # minutes before noon: few, so that many keys are in one
    st.sampled_from(KEYS),
    st.sampled_from(["allowed", "denied:expired_key"]),
)
STEPS = st.tuples(st.just("step"), st.integers(1, 6), st.none(), st.none())
TIME = st.tuples(st.just("time"), st.integers(1, 200), st.none(), st.none())


@given(st.lists(st.one_of(ADD, ADD, ADD, STEPS, TIME), max_size=20))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_the_same_wherever_the_fold_stands(
    database: Database, small_steps: None, happenings: list[tuple[str, int, str, str]]
) -> None:
    empty(database)
    time = Time()
    ledger, folding = Ledger(database, time), UsageFold(database, FOR_EVER, time)
    counted: Counter[tuple[int, str, str]] = Counter()
    for number, (what, amount, key, outcome) in enumerate(happenings, 1):
        if what == "add":
            minute = NOON - amount * MINUTE
            ledger.add([UsageBatch(INSTANCE, number, [row(key, minute, **{outcome: amount + 1})])])
            counted[minute, key, outcome] += amount + 1
        elif what == "step":
            for _ in range(amount):
                folding.step()
        else:
            time.now += amount * MINUTE
        if what == "step" or number == len(happenings):
            for resolution, length in LENGTHS.items():
                assert sums(ledger, resolution) == summed_up(counted, length)


def test_what_comes_late_counts_once_wherever_the_fold_stands(
    database: Database, time: Time, small_steps: None
) -> None:
    late = [row(key, NOON - minutes * MINUTE) for key in KEYS for minutes in (6, 70, 1500)]
    for steps in range(16):
        empty(database)
        ledger, folding = Ledger(database, time), UsageFold(database, FOR_EVER, time)
        ledger.add([batch(1, *late)])
        for _ in range(steps):
            folding.step()
        for number in range(2, 5):
            ledger.add([batch(number, *late)])
            counted = Counter({(one.minute, one.key_id, "allowed"): number for one in late})
            for resolution, length in LENGTHS.items():
                assert sums(ledger, resolution) == summed_up(counted, length)
            folding.step()


def summed_up(counted: Counter[tuple[int, str, str]], length: int) -> Counter[tuple[int, str, str]]:
    expected: Counter[tuple[int, str, str]] = Counter()
    for (start, key, outcome), checks in counted.items():
        expected[start - start % length, key, outcome] += checks
    return expected


def empty(database: Database) -> None:
    with database.write() as connection:
        for table in (*TABLES.values(), usage_senders):
            connection.execute(delete(table))
        connection.execute(update(usage_resolutions).values(folded_to=0, folded_key="", kept_from=0))


def test_a_crash_in_a_step_leaves_nothing_of_it(
    database: Database, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(database, time)
    ledger.add([batch(1, *(row("a", NOON - minute * MINUTE) for minute in range(5, 200)))])
    before = [sums(ledger, resolution) for resolution in LENGTHS]

    def crash(*_: object, **__: object) -> None:
        raise InterruptedError

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(usage_fold, "_save", crash)  # the last statement of a step
            with pytest.raises(InterruptedError):
                UsageFold(database, FOR_EVER, time).step()
        assert rows_in(database, "hour") == 0
    fold(database, time)
    assert [sums(ledger, resolution) for resolution in LENGTHS] == before


def test_writers_and_folds_at_once_lose_nothing(database: Database, database_url: str, small_steps: None) -> None:
    time = Time()
    others = [Database(database_url) for _ in range(4)]  # as in other processes
    done = threading.Event()

    def add(number: int) -> None:
        ledger = Ledger(others[number], time)
        for sequence in range(1, 41):
            minutes = (NOON - (sequence * 7 + key) % 120 * MINUTE for key in range(3))
            ledger.add(
                [batch(sequence, *(row(f"key {minute % 7}", minute) for minute in minutes), instance=f"{number:016x}")]
            )

    def fold_on(number: int) -> None:
        folding = UsageFold(others[number], FOR_EVER, time)
        while not done.is_set():
            folding.step()

    with ThreadPoolExecutor(4) as threads:
        folding = [threads.submit(fold_on, number) for number in (2, 3)]
        adding = [threads.submit(add, number) for number in (0, 1)]
        for one in adding:
            one.result()
        done.set()
        for one in folding:
            one.result()
    ledger = Ledger(database, time)
    for _ in range(2):
        assert [sums(ledger, resolution).total() for resolution in LENGTHS] == [240, 240, 240]
        fold(database, time)
    for other in others:
        other.close()


def test_each_resolution_is_kept_for_its_time_and_totals_stay(
    database: Database, time: Time, small_steps: None
) -> None:
    ledger = Ledger(database, time)
    ledger.add([batch(1, *(row(key, NOON - hours * HOUR) for key in "abc" for hours in range(1, 100, 3)))])
    days = sums(ledger, "day")
    fold(database, time, {"minute": 6 * HOUR, "hour": 48 * HOUR, "day": None})
    assert rows_in(database, "minute") == 2 * 3
    assert rows_in(database, "hour") == 16 * 3
    assert sums(ledger, "day") == days
    assert sums(ledger, "hour", NOON - 48 * HOUR).total() == 16 * 3
    for resolution, begin in (("minute", NOON - 7 * HOUR), ("hour", NOON - 49 * HOUR)):
        with pytest.raises(InvalidError, match="from"):
            sums(ledger, resolution, begin)  # type: ignore[arg-type]
    assert ledger.find(UsageFilter(begin=NOON - 49 * HOUR, end=NOON - 47 * HOUR), 1).scope.resolution == "day"
    fold(database, time, {"minute": 6 * HOUR, "hour": 48 * HOUR, "day": 2 * DAY})
    midnight = NOON - NOON % DAY
    assert sums(ledger, "day").total() == sum(
        checks for (start, *_), checks in days.items() if start >= midnight - 2 * DAY
    )


def test_usage_that_is_not_folded_is_not_removed(
    database: Database, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short the retention is: what waits for the fold stays."""
    ledger = Ledger(database, time)
    ledger.add([batch(1, *(row("a", NOON - minutes * MINUTE) for minutes in range(120)))])
    shortest: Mapping[Resolution, int] = {"minute": 1, "hour": 1, "day": DAY}
    fold(database, time, shortest)
    assert sums(ledger, "day").total() == 120
    ledger.add([batch(2, row("a", NOON - 2 * HOUR), row("a", NOON - 30 * HOUR))])  # late
    fold(database, time, shortest)
    assert sums(ledger, "day").total() == 122


def test_the_ledger_of_an_earlier_version_is_kept(empty_database_url: str, time: Time) -> None:
    """It had hours and nothing else."""
    database = Database(empty_database_url)
    with database.write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, "0005")
        connection.execute(
            text("INSERT INTO usage_hours VALUES (:hour, 'a', 'acme', 'orders', 'denied', 7)"), {"hour": NOON - HOUR}
        )
    database.migrate()
    ledger = Ledger(database, time)
    time.now = NOON + 3 * HOUR
    ledger.add([batch(1, row("a", NOON - MINUTE), row("a", NOON + MINUTE))])
    for _ in range(2):
        assert sums(ledger, "hour") == {
            (NOON - HOUR, "a", "denied"): 7,
            (NOON - HOUR, "a", "allowed"): 1,
            (NOON, "a", "allowed"): 1,
        }
        assert sums(ledger, "day").total() == 9
        fold(database, time)
    with pytest.raises(InvalidError, match="from"):
        sums(ledger, "minute", NOON - HOUR)
    assert ledger.find(UsageFilter(begin=NOON - HOUR, end=NOON), 1).scope.resolution == "hour"
    database.close()


def test_steps_are_bounded(database: Database, time: Time, small_steps: None) -> None:
    ledger = Ledger(database, time)
    ledger.add([batch(1, *(row(f"key {number}", NOON - HOUR) for number in range(7)))])
    folding = UsageFold(database, FOR_EVER, time)
    grown = []
    while folding.step():
        grown.append(rows_in(database, "hour"))
    assert grown == [2, 4, 6, 7]


def test_it_stops_when_asked(database: Database, time: Time) -> None:
    ledger = Ledger(database, time)
    ledger.add([batch(1, row("a", NOON - HOUR))])
    stopping = threading.Event()
    stopping.set()
    UsageFold(database, FOR_EVER, time).run(stopping)
    assert rows_in(database, "hour") == 0
