"""The history: strictly increasing revisions without gaps, and nobody who sees one before its predecessor."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from extauth.keys.digest import Pepper
from extauth.keys.record import KeyRecord, LimitOverride, Status, Version
from extauth.registry.database import Database
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, KeyUpdate, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.plan import PlanUpdate
from extauth.registry.plans import PlanRegistry
from extauth.registry.schema import changes
from extauth.registry.schema import tenants as tenants_table
from extauth.registry.tenant import TenantStatus, TenantUpdate
from extauth.registry.tenant_listing import TenantFilter
from extauth.registry.tenants import TenantRegistry


def test_an_empty_registry_has_an_epoch_and_no_revision(history: History) -> None:
    assert (history.epoch(), history.revision()) == (1, 0)
    assert history.changes_after(0, 10) == []
    assert history.records("", 10) == []


def test_a_record_is_the_public_half_of_the_key(
    create: Callable[..., IssuedKey], history: History, pepper: Pepper, clock: Callable[[], int]
) -> None:
    now = clock()
    issued = create(
        name="n", scopes=("a",), plan="gold", metadata={"k": "v"}, not_before=now + 1000, expires_at=now + 2000
    )
    expected = KeyRecord(
        key_id=issued.key.id,
        digest=pepper.digest(issued.secret),
        pepper_id="first",
        version=Version(1, 1),
        status=Status.ACTIVE,
        tenant="acme",
        name="n",
        scopes=("a",),
        plan="gold",
        not_before=now + 1000,
        expires_at=now + 2000,
        metadata={"k": "v"},
    )
    (change,) = history.changes_after(0, 10)
    assert change.record == expected
    assert change.revision == 1
    assert change.committed_at == issued.key.created_at
    assert list(history.records("", 10)) == [expected]


def test_a_key_is_told_once_in_its_present_state(
    create: Callable[..., IssuedKey], registry: KeyRegistry, history: History
) -> None:
    first, second = create().key.id, create().key.id
    registry.disable(first, "tester")
    registry.revoke(first, "", "tester")
    told = [(change.revision, change.record.key_id, change.record.status) for change in history.changes_after(0, 10)]
    assert told == [(2, second, Status.ACTIVE), (4, first, Status.REVOKED)]
    assert history.changes_after(4, 10) == []


def test_changes_can_be_read_in_parts(create: Callable[..., IssuedKey], history: History) -> None:
    ids = [create().key.id for _ in range(5)]
    first = history.changes_after(0, 2)
    rest = history.changes_after(first[-1].revision, 10)
    assert [change.record.key_id for change in [*first, *rest]] == ids


def test_records_come_in_pages_by_id_and_tombstones_with_them(
    create: Callable[..., IssuedKey], registry: KeyRegistry, history: History
) -> None:
    ids = [create().key.id for _ in range(5)]
    registry.revoke(ids[0], "", "tester")
    found, after = [], ""
    while page := history.records(after, 2):
        found += [record.key_id for record in page]
        after = found[-1]
    assert sorted(found) == sorted(ids)


def test_every_change_is_written_down_with_its_actor(
    create: Callable[..., IssuedKey], registry: KeyRegistry, database: Database
) -> None:
    key_id = create().key.id
    registry.disable(key_id, "somebody")
    with database.read() as connection:
        rows = connection.execute(select(changes.c.revision, changes.c.key_id, changes.c.action, changes.c.actor)).all()
    assert [tuple(row) for row in rows] == [(1, key_id, "created", "tester"), (2, key_id, "disabled", "somebody")]


def test_writers_at_once_leave_no_gap_and_a_watcher_sees_their_order(registry: KeyRegistry, database: Database) -> None:
    writers, each = 8, 15
    new = NewKey(name="a key", tenant="acme", created_by="somebody")
    done = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        history = History(database)
        while not done.is_set() or history.revision() > (seen[-1] if seen else 0):
            seen.extend(change.revision for change in history.changes_after(seen[-1] if seen else 0, 1000))
            done.wait(0.001)

    def write(_number: int) -> list[int]:
        return [registry.create(new, "tester").key.revision for _ in range(each)]

    with ThreadPoolExecutor(writers + 1) as threads:
        watcher = threads.submit(watch)
        try:
            written = list(threads.map(write, range(writers)))
        finally:
            done.set()
        watcher.result()
    everything = list(range(1, writers * each + 1))
    assert seen == everything  # a revision that was overtaken would be missing: only later ones are asked for
    assert sorted(revision for revisions in written for revision in revisions) == everything
    assert all(revisions == sorted(revisions) for revisions in written)


def test_writers_of_several_processes_leave_no_gap(database: Database, database_url: str, pepper: Pepper) -> None:
    writers, each = 8, 5
    others = [Database(database_url, deadline=60) for _ in range(writers)]  # each has connections and a turn

    def write(other: Database) -> list[int]:
        registry = KeyRegistry(other, "ea", [pepper], RegistryMetrics(CollectorRegistry()))
        keys = [registry.create(NewKey("a key", "acme", "somebody"), "tester").key for _ in range(each)]
        changed = [registry.disable(key.id, "tester") for key in keys]
        return [key.revision for key in (*keys, *changed)]

    with ThreadPoolExecutor(writers) as threads:
        written = sorted(revision for revisions in threads.map(write, others) for revision in revisions)
    assert written == list(range(1, 2 * writers * each + 1))
    with database.read() as connection:
        assert list(connection.execute(select(changes.c.revision).order_by(changes.c.revision)).scalars()) == written
        assert connection.execute(select(func.count()).select_from(tenants_table)).scalar_one() == 1
    for other in others:
        other.close()


OF_KEYS = ("create", "disable", "enable", "revoke", "expire", "rotate", "move")
OF_OTHERS = ("limit tenant", "limit plan", "join plan", "suspend", "resume")
OPERATIONS = st.lists(st.tuples(st.sampled_from(OF_KEYS + OF_OTHERS), st.integers(0, 5)), max_size=12)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=OPERATIONS)
def test_whatever_happens_a_follower_ends_with_the_state_of_the_registry(
    create: Callable[..., IssuedKey],
    registry: KeyRegistry,
    tenants: TenantRegistry,
    plans: PlanRegistry,
    history: History,
    clock: Callable[[], int],
    steps: list[tuple[str, int]],
) -> None:
    if tenants.find(TenantFilter(id="acme"), 1).items:
        tenants.resume("acme", "tester")  # as the example before may have left it
    seen = history.revision()
    ids = [create(plan="gold").key.id]
    for name, index in steps:
        if name in OF_OTHERS:
            apply_to_others(tenants, plans, name, index)
        else:
            apply(registry, tenants, create, ids, name, index)
    followed: dict[str, KeyRecord] = {}
    while batch := history.changes_after(seen, 2):
        assert all(change.revision > seen for change in batch)
        seen = batch[-1].revision
        followed |= {change.record.key_id: change.record for change in batch}
    assert seen == history.revision()
    present = {record.key_id: record for record in history.records("", 10_000)}
    for key_id in ids:
        # What has expired is refused for that, and need not be told of anything else.
        if present[key_id].expires_at == 0 or present[key_id].expires_at > clock():
            assert followed[key_id] == present[key_id]
        assert followed[key_id].version == present[key_id].version


def apply(
    registry: KeyRegistry,
    tenants: TenantRegistry,
    create: Callable[..., IssuedKey],
    ids: list[str],
    name: str,
    index: int,
) -> None:
    key_id = ids[index % len(ids)]
    key = registry.show(key_id)
    final = key.status is Status.REVOKED
    if name == "create":
        if tenants.show("acme").status is TenantStatus.ACTIVE:
            ids.append(create(plan="gold" if index % 2 else "").key.id)
    elif name == "revoke":
        registry.revoke(key_id, "", "tester")
    elif name == "move" and not final:
        registry.update(key_id, KeyUpdate(plan="gold" if index % 2 else ""), "tester")
    elif name == "rotate" and not final and key.rotated_to is None and key.expires_at is None:
        ids.append(registry.rotate(key_id, index, "ada", "tester").key.id)
    elif name == "expire" and not final:
        registry.expire(key_id, None, "tester")
    elif name in {"disable", "enable"} and not final:
        getattr(registry, name)(key_id, "tester")


def apply_to_others(tenants: TenantRegistry, plans: PlanRegistry, name: str, index: int) -> None:
    limits = (LimitOverride("per-key", index + 1, 1),)
    if name == "limit tenant":
        tenants.update("acme", TenantUpdate(limits=limits), "tester")
    elif name == "limit plan":
        plans.update("gold", PlanUpdate(limits=limits), "tester")
    elif name == "join plan":
        tenants.update("acme", TenantUpdate(plan="gold" if index % 2 else ""), "tester")
    elif name == "suspend":
        tenants.suspend("acme", "", "tester")
    else:
        tenants.resume("acme", "tester")
