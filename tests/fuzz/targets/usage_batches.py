"""Any bytes as a batch of usage in Redis: it is one that a sidecar could have made, or it is refused."""

import zlib
from collections.abc import Iterator
from contextlib import suppress

from extauth.store.usage_batch import ALLOWED, LIMITED, MalformedBatchError, UsageBatch, UsageRow
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

ID = b"0123456789abcdef-7"


def _run(data: bytes) -> None:
    choices = Choices(data)
    number = choices.one_of((ID, ID + b"0" * 40, b"", choices.taken(40)))
    rest = choices.rest()
    for rows in (rest, zlib.compress(rest)):
        with suppress(MalformedBatchError):
            batch = UsageBatch.from_fields({b"id": number, b"rows": rows})
            again = batch.to_fields()
            assert UsageBatch.from_fields({b"id": str(again["id"]).encode(), b"rows": bytes(again["rows"])}) == batch  # type: ignore[arg-type]
            assert all(row.total >= 0 and row.key_id.isprintable() for row in batch.rows)


def _seeds() -> Iterator[bytes]:
    row = UsageRow(
        "key", "acme", "api", 60_000 * 9, 1_800_000_000_000, {ALLOWED: 1, LIMITED: 2, "denied:expired_key": 3}
    )
    packed = bytes(UsageBatch("0123456789abcdef", 1, [row, row]).to_fields()["rows"])  # type: ignore[arg-type]
    for first in range(4):
        yield bytes([first]) + packed
        yield bytes([first]) + zlib.decompress(packed)
        yield bytes([first]) + b'[["key","acme","api",9,9,1,2,3]]'
    yield b"\0" + zlib.compress(b"[" * 100_000)


TARGET = Target("usage_batches", _run, _seeds, ('"allowed"', '"denied:', "1e999", "\\ud800"), 1024)
