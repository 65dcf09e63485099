"""Changes of tenants and plans with more keys than one transaction takes."""

import threading
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from extauth.keys.record import LimitOverride, Owner, Status
from extauth.registry import propagation
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.plan import PlanUpdate
from extauth.registry.plans import PlanRegistry
from extauth.registry.propagator import Propagator
from extauth.registry.schema import changes
from extauth.registry.tenant import NewTenant, TenantUpdate
from extauth.registry.tenants import TenantRegistry
from tests.support.wait import wait_until

FAST, SLOW = LimitOverride("per-key", 100, 1), LimitOverride("per-key", 1, 1)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propagation, "BATCH", 3)


def finish(propagator: Propagator) -> int:
    """How many transactions it took."""
    number = 0
    while propagator.run_once():
        number += 1
        assert number < 100
    return number


def test_the_first_keys_are_told_at_once_and_the_others_in_turn(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, propagator: Propagator, history: History
) -> None:
    ids = {create(tenant="acme").key.id for _ in range(8)}
    assert tenants.update("acme", TenantUpdate(limits=(FAST,)), "tester").propagating
    assert history.revision() == 8 + 3
    assert finish(propagator) == 2
    assert not tenants.show("acme").propagating
    told = {change.record.key_id: change.record for change in history.changes_after(8, 100)}
    assert told.keys() == ids
    assert {record.limits for record in told.values()} == {(FAST._replace(owner=Owner.TENANT),)}
    assert history.revision() == 16  # each once, without a gap


def test_a_change_on_the_way_begins_anew_and_the_last_word_holds(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, propagator: Propagator, history: History
) -> None:
    for _ in range(8):
        create(tenant="acme")
    tenants.update("acme", TenantUpdate(limits=(FAST,)), "tester")
    propagator.run_once()
    tenants.update("acme", TenantUpdate(limits=(SLOW,)), "tester")
    finish(propagator)
    assert {change.record.limits for change in history.changes_after(0, 100)} == {(SLOW._replace(owner=Owner.TENANT),)}


def test_a_suspension_does_not_wait_for_a_large_plan(
    create: Callable[..., IssuedKey],
    tenants: TenantRegistry,
    plans: PlanRegistry,
    propagator: Propagator,
    history: History,
) -> None:
    for _ in range(20):
        create(tenant="big", plan="gold")
    bad = {create(tenant="bad").key.id for _ in range(6)}
    plans.update("gold", PlanUpdate(limits=(FAST,)), "tester")
    tenants.suspend("bad", "", "tester")
    propagator.run_once()
    refused = {
        change.record.key_id for change in history.changes_after(0, 100) if change.record.status is not Status.ACTIVE
    }
    assert refused == bad
    assert plans.show("gold").propagating
    finish(propagator)
    assert not plans.show("gold").propagating


def test_a_plan_reaches_the_keys_of_all_tenants_on_it(
    create: Callable[..., IssuedKey],
    tenants: TenantRegistry,
    plans: PlanRegistry,
    propagator: Propagator,
    history: History,
) -> None:
    create(tenant="x", plan="gold")
    for number in range(7):
        tenants.create(NewTenant(f"t{number}", plan="gold"), "tester")
    for number in (0, 0, 2, 3, 3, 3, 3, 3, 6):
        create(tenant=f"t{number}")
    plans.update("gold", PlanUpdate(limits=(FAST,)), "tester")
    finish(propagator)
    of_plan = (FAST._replace(owner=Owner.PLAN),)
    assert [change.record.limits for change in history.changes_after(0, 100)] == [of_plan] * 10


def test_keys_that_change_meanwhile_end_right_too(
    create: Callable[..., IssuedKey],
    registry: KeyRegistry,
    tenants: TenantRegistry,
    propagator: Propagator,
    history: History,
) -> None:
    ids = [create(tenant="acme").key.id for _ in range(9)]
    registry.disable(ids[7], "tester")
    tenants.suspend("acme", "", "tester")
    registry.enable(ids[7], "tester")
    registry.revoke(ids[8], "", "tester")
    registry.disable(ids[0], "tester")
    finish(propagator)
    tenants.resume("acme", "tester")
    finish(propagator)
    present = {record.key_id: record.status for record in history.records("", 100)}
    followed = {change.record.key_id: change.record.status for change in history.changes_after(0, 100)}
    assert followed == present
    assert [present[key_id] for key_id in ids] == [Status.DISABLED, *[Status.ACTIVE] * 7, Status.REVOKED]


def test_changes_are_told_in_the_name_of_whoever_made_them(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, propagator: Propagator, database: Database
) -> None:
    for _ in range(5):
        create(tenant="acme")
    tenants.suspend("acme", "", "ada")
    finish(propagator)
    with database.read() as connection:
        rows = connection.execute(select(changes.c.actor, changes.c.action).where(changes.c.revision > 5)).all()
    assert [tuple(row) for row in rows] == [("ada", "tenant_suspended")] * 5


def test_a_batch_that_fails_leaves_nothing_and_comes_again(
    create: Callable[..., IssuedKey],
    tenants: TenantRegistry,
    propagator: Propagator,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(8):
        create(tenant="acme")
    tenants.suspend("acme", "", "tester")
    with monkeypatch.context() as broken:
        broken.setattr(propagation, "delete", lambda _: (_ for _ in ()).throw(UnavailableError("gone")))
        propagator.run_once()
        with pytest.raises(UnavailableError):
            propagator.run_once()
    assert history.revision() == 8 + 6
    finish(propagator)
    assert history.revision() == 8 + 8


def test_two_replicas_and_writers_at_once_leave_no_key_out_and_no_gap(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, database: Database, history: History
) -> None:
    for _ in range(30):
        create(tenant="acme")
    tenants.suspend("acme", "", "tester")
    replicas = [Propagator(database, RegistryMetrics(CollectorRegistry())) for _ in range(2)]
    for replica in replicas:
        replica.start()
    writers = [threading.Thread(target=lambda: [create(tenant="other") for _ in range(5)]) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    wait_until(lambda: not tenants.show("acme").propagating)
    for replica in replicas:
        replica.stop(5)
    assert history.revision() == 30 + 30 + 15
    refused = [record for record in history.records("", 100) if record.status is Status.DISABLED]
    assert {record.tenant for record in refused} == {"acme"}
    assert len(refused) == 30
    with database.read() as connection:
        assert connection.execute(select(changes.c.revision).order_by(changes.c.revision)).scalars().all() == list(
            range(1, 76)
        )


def test_what_is_waiting_is_measured(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, database: Database
) -> None:
    for _ in range(5):
        create(tenant="acme")
    tenants.suspend("acme", "", "tester")
    metrics = RegistryMetrics(CollectorRegistry())
    propagator = Propagator(database, metrics)

    def waiting() -> float | None:
        return metrics.registry.get_sample_value("extauth_registry_propagating")

    propagator.run_once()
    assert waiting() == 1
    assert not propagator.run_once()
    assert waiting() == 0
