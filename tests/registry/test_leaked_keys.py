"""What a report does to keys in the database, and what becomes of it when that fails half way."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from extauth.keys.digest import Pepper
from extauth.registry import leaks as leaks_module
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.key import IssuedKey, State
from extauth.registry.leaks import Found, LeakReports
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from tests.registry.conftest import Clock


@pytest.fixture
def reports(database: Database, pepper: Pepper, clock: Clock) -> LeakReports:
    second = Pepper("second", b"another pepper of 32 bytes or more")
    return LeakReports(database, [second, pepper], RegistryMetrics(CollectorRegistry()), clock)


def found(secrets: Sequence[str]) -> list[Found]:
    return [Found(secret, "a key", "content", "") for secret in secrets]


def test_keys_are_found_under_any_pepper_on_every_database(
    reports: LeakReports, create: Callable[..., IssuedKey], registry: KeyRegistry
) -> None:
    issued = [create() for _ in range(3)]
    registry.disable(issued[1].key.id, "tester")
    assert reports.report("github", found(["x", *(one.secret for one in issued)])) == [False, True, True, True]
    assert {registry.show(one.key.id).state(0) for one in issued} == {State.REVOKED}
    assert sorted(leak.key_state for leak in reports.find(10).leaks) == ["active", "active", "disabled"]


def test_a_report_that_takes_too_long_goes_on_when_it_comes_again(
    reports: LeakReports, create: Callable[..., IssuedKey], registry: KeyRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = [create() for _ in range(4)]
    secrets = [one.secret for one in issued]
    ticks = iter(range(1000))
    monkeypatch.setattr(leaks_module, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr(leaks_module, "PATIENCE", 2.5)
    with pytest.raises(UnavailableError):
        reports.report("github", found(secrets))
    assert [registry.show(one.key.id).status.name for one in issued] == ["REVOKED", "REVOKED", "ACTIVE", "ACTIVE"]
    monkeypatch.setattr(leaks_module, "PATIENCE", 20)
    assert reports.report("github", found(secrets)) == [True] * 4
    assert len(reports.find(10).leaks) == 4


def test_a_database_that_fails_is_told_so_that_the_report_comes_again(
    reports: LeakReports, create: Callable[..., IssuedKey], registry: KeyRegistry, database: Database
) -> None:
    secret = create().secret
    with database.write() as connection:
        connection.execute(text("ALTER TABLE leak_reports RENAME TO away"))
    with pytest.raises(UnavailableError):
        reports.report("github", found([secret]))
    with database.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO leak_reports"))
    assert reports.report("github", found([secret])) == [True]
