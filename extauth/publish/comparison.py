"""Comparing all of the registry with all of Redis, a chunk at a time, and putting right what differs.

First every record of the registry is written to Redis, which leaves alone what is right; then every record in Redis is
looked up in the registry. What it holds in memory is one chunk. Where it has come to is a text that another publisher
can go on from: `records:<id of the last one written>`, then `names`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extauth.keys.record import KeyRecord, Status, Version
from extauth.publish.source import KeySource
from extauth.store.names import RecordId
from extauth.store.records import PRESENT, REFUSED, RENEWED, WRITTEN, RecordStore, StoredRecord
from extauth.telemetry.logs import logger
from extauth.telemetry.publisher_metrics import PublisherMetrics

_log = logger(__name__)

CHUNK = 1000  # records
DONE, NAMES = "", "names"
_RECORDS = "records:"
START = _RECORDS
_OUTCOMES = {WRITTEN: "written", RENEWED: "renewed", PRESENT: "present", REFUSED: "refused"}


class Chunk(NamedTuple):
    """What became of a page of the registry's records."""

    size: int
    written: Sequence[Version]
    """Of those that Redis did not have."""
    news: Sequence[tuple[RecordId, Version]]
    """What sidecars must read again."""


class Comparison:
    """`write` until `is_written`, then `next_ids` and `strangers` until `position` is DONE.

    With a `position` it goes on where another one stopped.
    """

    def __init__(
        self, source: KeySource, records: RecordStore, metrics: PublisherMetrics, position: str | None = None
    ) -> None:
        self._source = source
        self._records = records
        self._metrics = metrics
        self._ids: Iterator[list[RecordId]] | None = None
        self._unsettled = position is not None
        self.position = position or START

    @property
    def is_written(self) -> bool:
        """Whether all records of the registry are in Redis."""
        return not self.position.startswith(_RECORDS)

    def write(self) -> Chunk:
        """Write the next records of the registry."""
        page = self._source.records(self.position.removeprefix(_RECORDS), CHUNK)
        outcomes = self._records.put(page)
        count_outcomes(self._metrics, outcomes)
        written = [page[i] for i, outcome in enumerate(outcomes) if outcome == WRITTEN]
        # What the publisher before us wrote in its last chunk may not have been announced: all of it is, this time.
        news = page if self._unsettled else written
        self._unsettled = False
        self.position = f"{_RECORDS}{page[-1].key_id}" if len(page) == CHUNK else NAMES
        ids = [(RecordId(one.pepper_id, one.digest), one.version) for one in news]
        return Chunk(len(page), [one.version for one in written], ids)

    def next_ids(self) -> list[RecordId]:
        """The next records in Redis; afterwards `position` may be DONE."""
        self._ids = self._ids or self._records.ids()
        found = next(self._ids, None)
        if found is None:
            self.position = DONE
        return found or []

    def strangers(self, ids: Sequence[RecordId], head: Version) -> list[StoredRecord]:
        """Those of `ids` that the registry at `head` does not have, and that have no business in Redis."""
        known = self._source.known(ids)
        unknown = self._records.read([one for one in ids if one not in known]) if len(known) < len(set(ids)) else []
        return [stored for stored in unknown if _may_go(stored.record, head)]


def _may_go(record: KeyRecord | None, head: Version) -> bool:
    if record is None:
        return True
    if record.version > head:
        _log.error("redis_has_newer_records_than_the_registry", key=record.key_id)
        return False
    # Revoked after the backup that the registry was restored from: nothing else says so any more.
    return record.status is not Status.REVOKED or record.version.epoch == head.epoch


def count_outcomes(metrics: PublisherMetrics, outcomes: list[int]) -> None:
    for outcome, label in _OUTCOMES.items():
        metrics.records.labels(label).inc(outcomes.count(outcome))
    if REFUSED in outcomes:
        _log.error("redis_has_newer_records_than_the_registry", count=outcomes.count(REFUSED))
