"""The operations on plans, and what they do to the records of keys, on every kind of database."""

from collections.abc import Callable

import pytest

from extauth.keys.record import LimitOverride, Owner
from extauth.registry.errors import ConflictError, InvalidError, NotFoundError, StaleError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, KeyUpdate
from extauth.registry.operations import KeyRegistry
from extauth.registry.plan import NewPlan, Plan, PlanUpdate
from extauth.registry.plans import PlanRegistry
from extauth.registry.tenant import NewTenant, TenantUpdate
from extauth.registry.tenants import TenantRegistry

SLOW, FAST = LimitOverride("per-key", 1, 1), LimitOverride("per-key", 100, 1, 200)


def test_a_plan_is_made_with_the_first_key_that_names_it(
    create: Callable[..., IssuedKey], registry: KeyRegistry, plans: PlanRegistry
) -> None:
    key = create(plan="gold").key
    assert plans.show("gold") == Plan("gold", key.created_at, key.created_at)
    registry.update(key.id, KeyUpdate(plan="silver"), "tester")
    assert plans.show("silver").limits == ()


def test_a_plan_can_be_read_again(plans: PlanRegistry) -> None:
    made = plans.create(NewPlan("gold", "for those who pay", (FAST,), ("read",)), "tester")
    assert plans.show("gold") == made
    assert (made.description, made.limits, made.scopes, made.revision) == ("for those who pay", (FAST,), ("read",), 1)


def test_two_plans_have_two_names(plans: PlanRegistry) -> None:
    plans.create(NewPlan("gold"), "tester")
    with pytest.raises(ConflictError, match="exists"):
        plans.create(NewPlan("gold"), "tester")


def test_all_problems_of_a_new_plan_come_at_once(plans: PlanRegistry) -> None:
    wrong = NewPlan("", "x" * 201, tuple(LimitOverride(f"l{number}", 1, 1) for number in range(17)), ("*",))
    with pytest.raises(InvalidError) as refused:
        plans.create(wrong, "tester")
    assert [problem.field for problem in refused.value.problems] == ["name", "description", "limits", "scopes[0]"]


@pytest.mark.parametrize("name", ["nothing", "", "a b", "\x00"])
def test_an_unknown_plan_is_not_found(plans: PlanRegistry, name: str) -> None:
    operations: tuple[Callable[[], object], ...] = (
        lambda: plans.show(name),
        lambda: plans.update(name, PlanUpdate(description="a"), "tester"),
        lambda: plans.delete(name, "tester"),
    )
    for operation in operations:
        with pytest.raises(NotFoundError, match="plan"):
            operation()


def test_new_keys_that_say_nothing_of_scopes_have_those_of_their_plan(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, plans: PlanRegistry
) -> None:
    plans.create(NewPlan("gold", scopes=("read", "write")), "tester")
    tenants.create(NewTenant("acme", plan="gold"), "tester")
    assert create(tenant="other", plan="gold").key.scopes == ("read", "write")
    assert create(tenant="acme").key.scopes == ("read", "write")
    assert create(tenant="acme", scopes=("read",)).key.scopes == ("read",)
    assert create(tenant="acme", scopes=()).key.scopes == ()
    assert create(tenant="other").key.scopes == ()


def test_a_change_reaches_the_keys_on_the_plan_by_themselves_or_by_their_tenant(
    create: Callable[..., IssuedKey], tenants: TenantRegistry, plans: PlanRegistry, history: History
) -> None:
    plans.create(NewPlan("gold", limits=(SLOW,)), "tester")
    tenants.create(NewTenant("acme", plan="gold"), "tester")
    by_itself, by_tenant = create(tenant="other", plan="gold").key.id, create(tenant="acme").key.id
    neither = create(tenant="acme", plan="free").key.id, create(tenant="other").key.id
    before = history.revision()
    assert plans.update("gold", PlanUpdate(limits=(FAST,)), "tester").revision == 2
    told = {change.record.key_id: change.record.limits for change in history.changes_after(before, 10)}
    assert told[by_itself] == told[by_tenant] == (FAST._replace(owner=Owner.PLAN),)
    assert all(told.get(key_id, ()) == () for key_id in neither)
    assert not plans.show("gold").propagating


def test_words_about_a_plan_are_of_no_concern_to_keys(
    create: Callable[..., IssuedKey], registry: KeyRegistry, plans: PlanRegistry, history: History
) -> None:
    key = create(plan="gold").key
    plans.update("gold", PlanUpdate(description="for all", scopes=("read",)), "tester")
    assert history.revision() == 1
    assert registry.show(key.id).scopes == ()


def test_a_change_for_another_revision_is_refused(plans: PlanRegistry) -> None:
    plans.create(NewPlan("gold"), "tester")
    plans.update("gold", PlanUpdate(description="b"), "tester", expected={1})
    for operation in (
        lambda: plans.update("gold", PlanUpdate(description="c"), "tester", expected={1}),
        lambda: plans.delete("gold", "tester", expected={1}),
    ):
        with pytest.raises(StaleError):
            operation()
    assert plans.show("gold").description == "b"


def test_a_plan_that_is_used_cannot_be_deleted(
    create: Callable[..., IssuedKey], registry: KeyRegistry, tenants: TenantRegistry, plans: PlanRegistry
) -> None:
    key_id = create(plan="gold").key.id
    with pytest.raises(ConflictError, match="some keys"):
        plans.delete("gold", "tester")
    registry.revoke(key_id, "", "tester")
    tenants.create(NewTenant("other", plan="gold"), "tester")
    with pytest.raises(ConflictError, match="some tenants"):
        plans.delete("gold", "tester")
    tenants.update("other", TenantUpdate(plan=""), "tester")
    plans.delete("gold", "tester")
    with pytest.raises(NotFoundError):
        plans.show("gold")
    assert registry.show(key_id).plan == "gold"


def test_plans_are_listed_by_name_in_pages(plans: PlanRegistry) -> None:
    for number in range(5):
        plans.create(NewPlan(f"p{number}", f"Plan {number}%"), "tester")
    first = plans.find("", 3)
    second = plans.find("", 3, first.next_cursor)
    assert [plan.name for plan in [*first.items, *second.items]] == ["p0", "p1", "p2", "p3", "p4"]
    assert second.next_cursor == ""
    assert [plan.name for plan in plans.find("PLAN 3%", 10).items] == ["p3"]
    for text, limit, cursor in (("\x00", 1, ""), ("", 501, ""), ("", 1, "x")):
        with pytest.raises(InvalidError):
            plans.find(text, limit, cursor)
