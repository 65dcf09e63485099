"""The wire form of a batch of usage: what goes in comes out, and nothing else is read."""

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extauth.check.decide import _USAGE
from extauth.policy.reasons import Reason
from extauth.store import usage_batch
from extauth.store.usage_batch import MINUTE, MalformedBatchError, UsageBatch, UsageRow
from tests.support.usage import INSTANCE, NOON, batch, row

NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=128)
COUNTS = st.integers(0, 2**32 - 1)
ROWS = st.builds(
    UsageRow,
    NAMES,
    NAMES,
    NAMES,
    st.integers(0, 2**32 - 1).map(lambda minute: minute * MINUTE),
    st.integers(0, 2**53 - 1),
    st.dictionaries(st.sampled_from(["allowed", "limited", "denied", "denied:expired_key", "denied:x9"]), COUNTS),
)
NAMED = ["000000000001", "acme", "orders", NOON // MINUTE, NOON]
GOOD = [*NAMED, {"allowed": 1}]
OLD = [*NAMED, 1, 0, 0]


def wire(fields: dict[str, str | bytes]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() if isinstance(value, str) else value for name, value in fields.items()}


def rows(content: object) -> dict[bytes, bytes]:
    return {b"id": f"{INSTANCE}-1".encode(), b"rows": zlib.compress(json.dumps(content).encode())}


@given(st.lists(ROWS, max_size=5), st.integers(1, 2**50))
@settings(deadline=None)
def test_a_batch_survives_the_way(content: list[UsageRow], sequence: int) -> None:
    sent = UsageBatch(INSTANCE, sequence, content)
    assert UsageBatch.from_fields(wire(sent.to_fields())) == sent


def test_every_reason_can_be_sent() -> None:
    assert len({*_USAGE.values()}) == len(Reason)
    sent = UsageBatch(INSTANCE, 1, [row(**dict.fromkeys(_USAGE.values(), 1))])
    assert UsageBatch.from_fields(wire(sent.to_fields())) == sent


def test_it_is_small() -> None:
    many = [row(f"{number:012}", NOON + number, allowed=number) for number in range(1000)]
    assert len(wire(batch(1, *many).to_fields())[b"rows"]) < 20_000


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"id": b"x", b"rows": rows([])[b"rows"]},
        {b"id": f"{INSTANCE}-0".encode(), b"rows": rows([])[b"rows"]},
        {b"id": f"{INSTANCE}-1".encode()},
        {b"id": f"{INSTANCE}-1".encode(), b"rows": b"not deflated"},
        {b"id": f"{INSTANCE}-1".encode(), b"rows": zlib.compress(b"[]")[:-1]},
        {b"id": f"{INSTANCE}-1".encode(), b"rows": zlib.compress(b"\xff")},
        {b"id": f"{INSTANCE}-1".encode(), b"rows": zlib.compress(b"[" * 100_000)},
        rows({}),
        rows([None]),
        rows([[]]),
        rows([GOOD[:-1]]),
        rows([[*GOOD, 0]]),
        rows([[5, *GOOD[1:]]]),
        rows([["a\x00", *GOOD[1:]]]),
        rows([["x" * 129, *GOOD[1:]]]),
        rows([[*NAMED[:-1], 2**53, {}]]),
        rows([[*NAMED, 1]]),
        rows([[*NAMED, {"allowed": -1}]]),
        rows([[*NAMED, {"allowed": 1.5}]]),
        rows([[*NAMED, {"allowed": True}]]),
        rows([[*NAMED, {"allowed": 2**32}]]),
        rows([[*NAMED, {"let through": 1}]]),
        rows([[*NAMED, {"denied:": 1}]]),
        rows([[*NAMED, {"denied:" + "x" * 33: 1}]]),
        rows([[*NAMED, {f"denied:{number}": 1 for number in range(65)}]]),
        rows([[*OLD[:-1], -1]]),
        rows([[*OLD, 0]]),
    ],
)
def test_anything_else_is_malformed(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(MalformedBatchError):
        UsageBatch.from_fields(fields)


def test_the_rows_of_a_sidecar_that_did_not_tell_reasons_are_read() -> None:
    (found,) = UsageBatch.from_fields(rows([[*NAMED, 3, 2, 1]])).rows
    assert found.checks == {"allowed": 3, "limited": 2, "denied": 1}


def test_a_batch_that_would_fill_memory_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_batch, "MAX_BYTES", 1000)
    with pytest.raises(MalformedBatchError):
        UsageBatch.from_fields(rows([GOOD] * 1000))
