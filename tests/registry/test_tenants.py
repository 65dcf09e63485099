"""The operations on tenants, and what they do to the records of their keys, on every kind of database."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from extauth.keys.record import KeyRecord, LimitOverride, Owner, Status
from extauth.registry.admin_schema import audit
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, InvalidError, NotFoundError, StaleError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, KeyUpdate, NewKey, State
from extauth.registry.operations import KeyRegistry
from extauth.registry.plan import NewPlan, PlanUpdate
from extauth.registry.plans import PlanRegistry
from extauth.registry.tenant import NewTenant, Tenant, TenantStatus, TenantUpdate
from extauth.registry.tenant_listing import TenantFilter
from extauth.registry.tenants import TenantRegistry

SLOW, FAST = LimitOverride("per-key", 1, 1), LimitOverride("per-key", 100, 1, 200)
DAILY = LimitOverride("daily", 5000, 86400)


def record(history: History, key_id: str) -> KeyRecord:
    """As it was published last: what a follower of all changes has."""
    followed, seen = {}, 0
    while batch := history.changes_after(seen, 500):
        seen = batch[-1].revision
        followed.update({change.record.key_id: change.record for change in batch})
    found: KeyRecord = followed[key_id]
    assert found in history.records("", 500)
    return found


def test_a_tenant_is_made_with_its_first_key(create: Callable[..., IssuedKey], tenants: TenantRegistry) -> None:
    first = create(tenant="acme").key
    create(tenant="acme")
    tenant = tenants.show("acme")
    assert tenant == Tenant("acme", "acme", first.created_at, first.created_at)


def test_a_key_can_be_refused_unless_its_tenant_and_plan_are_there(
    registry: KeyRegistry, tenants: TenantRegistry, plans: PlanRegistry, history: History
) -> None:
    def create(**fields: str) -> None:
        registry.create(NewKey(name="a", created_by="b", **fields), "tester", existing=True)

    with pytest.raises(InvalidError, match="tenant"):
        create(tenant="acme")
    tenants.create(NewTenant("acme"), "tester")
    with pytest.raises(InvalidError, match="plan"):
        create(tenant="acme", plan="gold")
    plans.create(NewPlan("gold"), "tester")
    create(tenant="acme", plan="gold")
    assert history.revision() == 1
    with pytest.raises(NotFoundError):
        tenants.show("other")


def test_a_tenant_can_be_read_again(tenants: TenantRegistry, plans: PlanRegistry) -> None:
    plans.create(NewPlan("gold"), "tester")
    made = tenants.create(NewTenant("acme", "Acme é", "gold", (SLOW, DAILY), {"crm": "7"}), "tester")
    assert tenants.show("acme") == made
    assert (made.name, made.plan, made.limits, made.metadata) == ("Acme é", "gold", (SLOW, DAILY), {"crm": "7"})
    assert (made.status, made.revision, made.created_at) == (TenantStatus.ACTIVE, 1, made.updated_at)


def test_two_tenants_have_two_ids(tenants: TenantRegistry) -> None:
    tenants.create(NewTenant("acme"), "tester")
    with pytest.raises(ConflictError, match="exists"):
        tenants.create(NewTenant("acme", "another"), "tester")
    assert tenants.create(NewTenant("Acme"), "tester").id == "Acme"


def test_all_problems_of_a_new_tenant_come_at_once(tenants: TenantRegistry) -> None:
    wrong = NewTenant(
        "a b",
        "\n",
        "-",
        (
            LimitOverride("A", 0, 1),
            LimitOverride("a", 1, 0),
            LimitOverride("a", 1, 1),
            LimitOverride("b", 1, 1, -1),
            LimitOverride("c", 1 / 3, 86400, 10**9),  # no bucket could keep it exactly
        ),
        {"": ""},
    )
    with pytest.raises(InvalidError) as refused:
        tenants.create(wrong, "tester")
    assert [problem.field for problem in refused.value.problems] == [
        "id",
        "name",
        "plan",
        "limits[0].name",
        "limits[0].rate",
        "limits[1].rate",
        "limits[2].name",
        "limits[3].burst",
        "limits[4].burst",
        "metadata",
    ]


def test_a_tenant_is_on_a_plan_that_is_there(tenants: TenantRegistry) -> None:
    with pytest.raises(InvalidError, match="plan"):
        tenants.create(NewTenant("acme", plan="gold"), "tester")
    tenants.create(NewTenant("acme"), "tester")
    with pytest.raises(InvalidError, match="plan"):
        tenants.update("acme", TenantUpdate(plan="gold"), "tester")
    assert tenants.update("acme", TenantUpdate(plan=""), "tester").revision == 1


@pytest.mark.parametrize("tenant_id", ["nobody", "", "a b", "\x00", "x" * 200])
def test_an_unknown_tenant_is_not_found(tenants: TenantRegistry, tenant_id: str) -> None:
    operations: tuple[Callable[[], object], ...] = (
        lambda: tenants.show(tenant_id),
        lambda: tenants.update(tenant_id, TenantUpdate(name="a"), "tester"),
        lambda: tenants.suspend(tenant_id, "", "tester"),
        lambda: tenants.resume(tenant_id, "tester"),
        lambda: tenants.delete(tenant_id, "tester"),
    )
    for operation in operations:
        with pytest.raises(NotFoundError, match="tenant"):
            operation()


def test_an_update_replaces_what_is_given_and_counts(tenants: TenantRegistry, let_pass: Callable[[int], None]) -> None:
    made = tenants.create(NewTenant("acme", limits=(SLOW,), metadata={"a": "b"}), "tester")
    let_pass(1000)
    changed = tenants.update("acme", TenantUpdate(name="Acme", metadata={}), "tester")
    assert (changed.name, changed.limits, changed.metadata, changed.revision) == ("Acme", (SLOW,), {}, 2)
    assert changed.created_at == made.created_at < changed.updated_at
    assert tenants.update("acme", TenantUpdate(name="Acme"), "tester") == changed
    assert tenants.update("acme", TenantUpdate(limits=()), "tester").limits == ()


def test_a_change_for_another_revision_is_refused(tenants: TenantRegistry) -> None:
    tenants.create(NewTenant("acme"), "tester")
    tenants.update("acme", TenantUpdate(name="b"), "tester", expected={1})
    with pytest.raises(StaleError, match="2"):
        tenants.update("acme", TenantUpdate(name="c"), "tester", expected={1})
    with pytest.raises(StaleError):
        tenants.delete("acme", "tester", expected=set())
    assert tenants.show("acme").name == "b"
    tenants.delete("acme", "tester", expected={1, 2})


class TestRecords:
    """What a change of a tenant does to its keys."""

    def test_a_keys_limits_go_before_its_tenants_and_those_before_its_plans(
        self, create: Callable[..., IssuedKey], tenants: TenantRegistry, plans: PlanRegistry, history: History
    ) -> None:
        burst = LimitOverride("burst", 3, 1)
        plans.create(NewPlan("gold", limits=(SLOW, DAILY, burst)), "tester")
        tenants.create(NewTenant("acme", plan="gold", limits=(FAST, LimitOverride("burst", 4, 1))), "tester")
        key = create(tenant="acme", limits=(LimitOverride("burst", 5, 1),)).key
        expected = (
            FAST._replace(owner=Owner.TENANT),
            DAILY._replace(owner=Owner.PLAN),
            LimitOverride("burst", 5, 1, owner=Owner.KEY),
        )
        assert key.terms.limits == record(history, key.id).limits == expected
        assert key.terms.plan == record(history, key.id).plan == "gold"
        assert key.plan == ""

    def test_a_keys_own_plan_goes_before_its_tenants(
        self, create: Callable[..., IssuedKey], tenants: TenantRegistry, plans: PlanRegistry, history: History
    ) -> None:
        plans.create(NewPlan("gold", limits=(FAST,)), "tester")
        plans.create(NewPlan("free", limits=(SLOW, DAILY)), "tester")
        tenants.create(NewTenant("acme", plan="free"), "tester")
        key = create(tenant="acme", plan="gold").key
        assert record(history, key.id).plan == "gold"
        assert record(history, key.id).limits == (FAST._replace(owner=Owner.PLAN),)

    def test_a_change_reaches_the_keys_of_the_tenant_and_no_others(
        self, create: Callable[..., IssuedKey], tenants: TenantRegistry, history: History
    ) -> None:
        mine, other = create(tenant="acme").key, create(tenant="other").key
        tenants.update("acme", TenantUpdate(limits=(SLOW,)), "tester")
        assert record(history, mine.id).limits == (SLOW._replace(owner=Owner.TENANT),)
        assert record(history, mine.id).version.revision == 3
        assert record(history, other.id).version.revision == 2
        assert not tenants.show("acme").propagating

    def test_a_name_is_of_no_concern_to_keys(
        self, create: Callable[..., IssuedKey], tenants: TenantRegistry, history: History
    ) -> None:
        create(tenant="acme")
        tenants.update("acme", TenantUpdate(name="Acme", metadata={"a": "b"}), "tester")
        assert history.revision() == 1

    def test_a_suspended_tenants_keys_are_refused_and_keep_their_own_status(
        self,
        create: Callable[..., IssuedKey],
        registry: KeyRegistry,
        tenants: TenantRegistry,
        history: History,
        clock: Callable[[], int],
    ) -> None:
        works, disabled, revoked = (create(tenant="acme").key.id for _ in range(3))
        elsewhere = create(tenant="other").key.id
        registry.disable(disabled, "tester")
        registry.revoke(revoked, "", "tester")
        suspended = tenants.suspend("acme", "unpaid", "tester")
        assert (suspended.status, suspended.suspended_reason) == (TenantStatus.SUSPENDED, "unpaid")
        statuses = [record(history, key_id).status for key_id in (works, disabled, revoked, elsewhere)]
        assert statuses == [Status.DISABLED, Status.DISABLED, Status.REVOKED, Status.ACTIVE]
        assert registry.show(works).status is Status.ACTIVE
        assert registry.show(works).state(clock()) is State.SUSPENDED
        resumed = tenants.resume("acme", "tester")
        assert (resumed.status, resumed.suspended_reason) == (TenantStatus.ACTIVE, "")
        statuses = [record(history, key_id).status for key_id in (works, disabled, revoked)]
        assert statuses == [Status.ACTIVE, Status.DISABLED, Status.REVOKED]

    def test_suspending_twice_counts_once(
        self, create: Callable[..., IssuedKey], tenants: TenantRegistry, history: History
    ) -> None:
        create(tenant="acme")
        first = tenants.suspend("acme", "unpaid", "tester")
        assert tenants.suspend("acme", "another reason", "tester") == first
        assert history.revision() == 2

    def test_a_suspended_tenant_gets_no_new_keys_but_its_keys_may_change(
        self, create: Callable[..., IssuedKey], registry: KeyRegistry, tenants: TenantRegistry, history: History
    ) -> None:
        key_id = create(tenant="acme").key.id
        tenants.suspend("acme", "", "tester")
        with pytest.raises(ConflictError, match="suspended"):
            create(tenant="acme")
        registry.update(key_id, KeyUpdate(name="new"), "tester")
        successor = registry.rotate(key_id, 60, "ada", "tester").key
        assert record(history, successor.id).status is Status.DISABLED
        tenants.resume("acme", "tester")
        assert record(history, successor.id).status is Status.ACTIVE

    def test_a_key_that_is_enabled_later_has_what_changed_meanwhile(
        self,
        create: Callable[..., IssuedKey],
        registry: KeyRegistry,
        tenants: TenantRegistry,
        plans: PlanRegistry,
        history: History,
    ) -> None:
        key_id = create(tenant="acme", plan="gold", limits=(DAILY,)).key.id
        registry.disable(key_id, "tester")
        revision = history.revision()
        tenants.update("acme", TenantUpdate(limits=(FAST,)), "tester")
        plans.update("gold", PlanUpdate(limits=(SLOW,)), "tester")
        assert history.revision() == revision  # it is refused: nobody needs to know
        assert record(history, key_id).limits == ()
        registry.enable(key_id, "tester")
        assert set(record(history, key_id).limits) == {FAST._replace(owner=Owner.TENANT), DAILY}


def test_only_a_tenant_that_never_had_a_key_can_be_deleted(
    create: Callable[..., IssuedKey], registry: KeyRegistry, tenants: TenantRegistry
) -> None:
    registry.revoke(create(tenant="acme").key.id, "", "tester")
    with pytest.raises(ConflictError, match="has keys"):
        tenants.delete("acme", "tester")
    tenants.create(NewTenant("empty"), "tester")
    tenants.delete("empty", "tester")
    with pytest.raises(NotFoundError):
        tenants.show("empty")


def test_tenants_are_listed_by_id_and_filtered(tenants: TenantRegistry, plans: PlanRegistry) -> None:
    plans.create(NewPlan("gold"), "tester")
    for number in range(5):
        plan = "gold" if number % 2 else ""
        tenants.create(NewTenant(f"t{number}", f"Customer {number}%", plan), "tester")
    tenants.suspend("t3", "", "tester")

    def ids(limit: int = 10, **fields: object) -> list[str]:
        return [tenant.id for tenant in tenants.find(TenantFilter(**fields), limit).items]  # type: ignore[arg-type]

    assert ids() == ["t0", "t1", "t2", "t3", "t4"]
    assert ids(plan="gold") == ["t1", "t3"]
    assert ids(status=TenantStatus.SUSPENDED) == ["t3"]
    assert ids(text="customer 2%") == ids(text="T2") == ids(id="t2") == ["t2"]
    assert ids(text="_") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_pages_of_tenants_hold_each_once(tenants: TenantRegistry, limit: int) -> None:
    made = [tenants.create(NewTenant(f"t{number}"), "tester").id for number in range(5)]
    found, cursor = [], ""
    while page := tenants.find(TenantFilter(), limit, cursor):
        found += [tenant.id for tenant in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
        tenants.create(NewTenant(f"a{len(found)}-meanwhile"), "tester")
    assert found == made


def test_a_search_is_checked(tenants: TenantRegistry) -> None:
    for limit, cursor, wanted in (
        (0, "", TenantFilter()),
        (1, "x", TenantFilter()),
        (1, "", TenantFilter(text="\x00")),
    ):
        with pytest.raises(InvalidError):
            tenants.find(wanted, limit, cursor)


def test_the_audit_trail_tells_of_tenants(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, database: Database
) -> None:
    create(tenant="acme")
    tenants.suspend("acme", "unpaid", "ada")
    tenants.create(NewTenant("empty"), "ada")
    tenants.delete("empty", "ada")
    columns = audit.c
    with database.read() as connection:
        statement = select(columns.actor, columns.action, columns.target, columns.tenant)
        rows = connection.execute(statement.where(columns.kind == "tenant").order_by(columns.id)).all()
    assert [tuple(row) for row in rows] == [
        ("tester", "tenant_created", "acme", "acme"),
        ("ada", "tenant_suspended", "acme", "acme"),
        ("ada", "tenant_created", "empty", "empty"),
        ("ada", "tenant_deleted", "empty", "empty"),
    ]
