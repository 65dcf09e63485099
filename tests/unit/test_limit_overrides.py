"""What a caller has in place of a policy's limit, and whose bucket that is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.check.caller import Caller
from extauth.check.limit import Limiter, UncountableLimitError
from extauth.keys.record import KeyRecord, LimitOverride, MalformedRecordError, Owner
from extauth.policy.schema import Api
from extauth.settings.rate import LARGEST
from extauth.store.bucket import Shape
from extauth.store.draw import Bucket, Draw
from extauth.store.names import Names
from tests.support.keys import issue

TENANT_BUCKET = "n:bucket:{acme}:demo:x:"
PLAN_BUCKET = "n:bucket:{demo:x::plan=gold}"
PLAN_IN_TENANT = "n:bucket:{acme}:demo:x::plan=gold"


def bucket(by: object, *limits: LimitOverride, **fields: object) -> tuple[Bucket, str]:
    """What a request of a key with these overrides draws on, and the name of a bucket of the key's own."""
    limit = {"name": "x", "by": by, "rate": "1/s", **fields}
    credentials = [{"header": "x-api-key"}]
    limiter = Limiter(Api.model_validate({"name": "demo", "credentials": credentials, "limits": [limit]}), Names("n"))
    _, record = issue(tenant="acme", plan="gold", limits=limits)
    draw = limiter.draw(Caller.of_key(record))
    assert isinstance(draw, Draw)
    return draw.buckets[0], f"n:bucket:{{acme}}:demo:x:{record.key_id}"


def of(owner: Owner) -> LimitOverride:
    return LimitOverride("x", 5, 60, 7, owner)


def test_rate_and_burst_are_replaced() -> None:
    shape = bucket("key", of(Owner.KEY))[0].shape
    assert shape == Shape.of(5, 60, 7)
    assert bucket("key", LimitOverride("x", 2.5, 60))[0].shape == Shape.of(2.5, 60, 3)


def test_one_of_another_name_has_no_effect() -> None:
    assert bucket("key", LimitOverride("y", 5, 60))[0].shape == Shape.of(1, 1, 1)


@pytest.mark.parametrize(
    ("by", "owner", "name"),
    [
        ("key", None, "own"),
        ("key", Owner.KEY, "own"),
        ("key", Owner.TENANT, "own"),
        ("key", Owner.PLAN, "own"),
        ("tenant", None, TENANT_BUCKET),
        ("tenant", Owner.KEY, "own"),
        ("tenant", Owner.TENANT, TENANT_BUCKET),
        ("tenant", Owner.PLAN, PLAN_IN_TENANT),
        ("plan", None, PLAN_BUCKET),
        ("plan", Owner.PLAN, PLAN_BUCKET),
        ("plan", Owner.TENANT, PLAN_IN_TENANT),
        ("api", None, "n:bucket:{demo:x:}"),
        ("api", Owner.KEY, "own"),
        ("api", Owner.TENANT, TENANT_BUCKET),
        ("api", Owner.PLAN, PLAN_BUCKET),
        (["tenant", "plan"], Owner.PLAN, PLAN_IN_TENANT),
        (["api", "key"], Owner.PLAN, "own"),
    ],
)
def test_the_bucket_belongs_to_the_owner(by: object, owner: Owner | None, name: str) -> None:
    found, own = bucket(by, *([of(owner)] if owner is not None else []))
    assert found.name == (own if name == "own" else name)


@pytest.mark.parametrize(
    ("rate", "override", "leased"),
    [
        ("1/s", LimitOverride("x", 1000, 1), True),
        ("1000/s", LimitOverride("x", 1, 1), False),
        ("1000/s", LimitOverride("x", 1000, 1, 500), False),
    ],
)
def test_auto_goes_by_the_override(rate: str, override: LimitOverride, leased: bool) -> None:
    assert bucket("key", override, rate=rate)[0].leased is leased
    assert bucket("key", override, rate=rate, mode="exact")[0].leased is False


NUMBERS = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@given(NUMBERS, NUMBERS, st.integers(0, 2**64 - 1), st.sampled_from(Owner))
def test_what_a_record_may_hold_is_counted_exactly_or_refused(
    amount: float, period: float, burst: int, owner: Owner
) -> None:
    _, record = issue(limits=(LimitOverride("x", amount, period, burst, owner),))
    try:
        limits = KeyRecord.from_bytes(record.to_bytes()).limits
    except MalformedRecordError:
        return
    try:
        shape = bucket("key", *limits)[0].shape
    except UncountableLimitError:
        return
    assert shape.amount >= 1
    assert shape.period >= 1
    assert shape.burst * shape.period <= LARGEST


def test_what_cannot_be_counted_is_told_without_numbers() -> None:
    with pytest.raises(UncountableLimitError, match="the limit 'x' of its plan"):
        bucket("key", LimitOverride("x", 1, 2_592_000, 10**9, Owner.PLAN))
