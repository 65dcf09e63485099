"""KeyRecord and its wire form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.keys.record import KeyRecord, LimitOverride, MalformedRecordError, Owner, Status, Version

RECORDS = st.builds(
    KeyRecord,
    key_id=st.text(min_size=1, max_size=20),
    digest=st.binary(min_size=1, max_size=32),
    pepper_id=st.text(max_size=5),
    version=st.builds(Version, st.integers(0, 2**53), st.integers(0, 2**53)),
    status=st.sampled_from(Status),
    tenant=st.text(max_size=10),
    name=st.text(max_size=10),
    scopes=st.lists(st.text(max_size=5), max_size=4).map(tuple),
    plan=st.text(max_size=5),
    not_before=st.integers(0, 2**53),
    expires_at=st.integers(0, 2**53),
    metadata=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    limits=st.lists(
        st.builds(
            LimitOverride,
            st.text(max_size=5),
            st.floats(0, 1e9, exclude_min=True),
            st.floats(0, 1e9, exclude_min=True),
            st.integers(0, 10**9),
            st.sampled_from(Owner),
        ),
        max_size=3,
    ).map(tuple),
)


@given(RECORDS)
def test_a_record_survives_the_wire(record: KeyRecord) -> None:
    assert KeyRecord.from_bytes(record.to_bytes()) == record


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_make_a_whole_record(data: bytes) -> None:
    try:
        record = KeyRecord.from_bytes(data)
    except MalformedRecordError:
        return
    assert record.key_id
    assert record.digest


@pytest.mark.parametrize("field", ["key_id", "digest"])
def test_a_record_without_what_identifies_it_is_refused(field: str) -> None:
    record = KeyRecord("id", b"digest", "p1", Version(1, 1), Status.ACTIVE, "acme")
    message = record.to_message()
    message.ClearField(field)  # type: ignore[arg-type]
    with pytest.raises(MalformedRecordError):
        KeyRecord.from_message(message)


@pytest.mark.parametrize("status", [0, 9])
def test_a_status_that_is_not_known_is_refused(status: int) -> None:
    message = KeyRecord("id", b"digest", "p1", Version(1, 1), Status.ACTIVE, "acme").to_message()
    message.status = status  # type: ignore[assignment]
    with pytest.raises(MalformedRecordError, match="status"):
        KeyRecord.from_message(message)


@pytest.mark.parametrize(("amount", "period"), [(0, 1), (1, 0), (-1, 1), (float("nan"), 1), (1, float("inf"))])
def test_a_limit_that_is_no_rate_is_refused(amount: float, period: float) -> None:
    limits = (LimitOverride("per-key", amount, period),)
    message = KeyRecord("id", b"digest", "p1", Version(1, 1), Status.ACTIVE, "acme", limits=limits).to_message()
    with pytest.raises(MalformedRecordError, match="limit"):
        KeyRecord.from_message(message)


def test_a_limit_of_an_earlier_version_is_the_keys_own_and_one_of_an_unknown_owner_is_refused() -> None:
    limits = (LimitOverride("per-key", 1, 1, owner=Owner.PLAN),)
    message = KeyRecord("id", b"digest", "p1", Version(1, 1), Status.ACTIVE, "acme", limits=limits).to_message()
    message.limits[0].ClearField("owner")
    assert KeyRecord.from_message(message).limits == (LimitOverride("per-key", 1, 1, owner=Owner.KEY),)
    message.limits[0].owner = 9  # type: ignore[assignment]
    with pytest.raises(MalformedRecordError, match="owner"):
        KeyRecord.from_message(message)


def test_versions_are_ordered_by_epoch_and_then_revision() -> None:
    assert Version(1, 9) < Version(2, 1) < Version(2, 2)
