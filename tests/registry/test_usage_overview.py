"""What the console's page of usage adds up, on each database."""

from extauth.registry.console.usage_overview import UsageOverview
from extauth.registry.database import Database
from extauth.registry.ledger import Ledger
from extauth.registry.usage_tables import DAY, HOUR
from tests.registry.conftest import Clock
from tests.support.usage import batch, row


def test_each_check_counts_once_in_its_period(database: Database, clock: Clock) -> None:
    now = clock() // DAY * DAY + 5 * HOUR
    clock.let_pass(now - clock())
    rows = [row("000000000001", now - hours * HOUR, tenant="acme", allowed=hours + 1) for hours in range(30)]
    Ledger(database, clock).add([batch(1, *rows)])
    overview = UsageOverview(database, clock)
    by_hour = overview.of("hour", 24)
    assert [count.allowed for count in by_hour.counts] == list(range(24, 0, -1))
    by_day = overview.of("day", 2)
    assert [count.allowed for count in by_day.counts] == [sum(range(7, 31)), sum(range(1, 7))]
    assert by_day.outcomes == [("allowed", 465)]
    assert [(user.name, user.total) for user in by_day.keys] == [("000000000001", 465)]
    assert [(user.id, user.total) for user in by_day.tenants] == [("acme", 465)]
    assert overview.of("day", 2, "other").sums.total == 0
