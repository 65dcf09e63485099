"""Comparing all of the registry with all of Redis, and putting right what differs."""

import time

from extauth.keys.record import KeyRecord
from extauth.publish.source import KeySource
from extauth.store.publication import PRESENT, REFUSED, WRITTEN, Announcement, PublicationStore, State
from extauth.telemetry.logs import logger
from extauth.telemetry.publisher_metrics import PublisherMetrics

_log = logger(__name__)
_PAGE = 500
_OUTCOMES = {WRITTEN: "written", PRESENT: "present", REFUSED: "refused"}


class Reconciler:
    """`run` is idempotent: whatever it finds right, it leaves alone."""

    def __init__(self, source: KeySource, store: PublicationStore, metrics: PublisherMetrics) -> None:
        self._source = source
        self._store = store
        self._metrics = metrics

    def run(self, state: State) -> bool:
        """Write what Redis lost, remove what the registry does not have. False when the state was lost meanwhile."""
        with self._metrics.reconcile_seconds.time():
            revision = self._source.revision()
            return self._write_all(state) and self._remove_strangers(state, revision)

    def _write_all(self, state: State) -> bool:
        last = ""
        while page := self._source.records(last, _PAGE):
            last = page[-1].key_id
            outcomes = self._store.put(page)
            count_outcomes(self._metrics, outcomes)
            # Sidecars must drop what they remember of a record that Redis did not have, or had in an older state.
            repaired = [record for record, outcome in zip(page, outcomes, strict=True) if outcome == WRITTEN]
            if state.complete and repaired:
                _log.warning("redis_had_lost_records", count=len(repaired))
                if not self._announce(state, repaired):
                    return False
        return True

    def _remove_strangers(self, state: State, revision: int) -> bool:
        known: set[bytes] = set()
        last = ""
        while page := self._source.records(last, _PAGE):
            last = page[-1].key_id
            known.update(record.digest for record in page)
        for stored in self._store.stored():
            # A record newer than the list of known ones may be of a key made since; the next run will know it.
            strangers = [
                record
                for record in stored
                if record.digest not in known
                and record.version <= (state.epoch, revision)
                and self._store.remove(record)
            ]
            self._metrics.records.labels("removed").inc(len(strangers))
            if strangers:
                _log.warning("redis_had_records_unknown_to_the_registry", count=len(strangers))
                if not self._announce(state, strangers):
                    return False
        return True

    def _announce(self, state: State, records: list[KeyRecord]) -> bool:
        now = int(time.time() * 1000)
        return self._store.announce(
            state, state.revision, [Announcement(record.digest, record.version, now) for record in records]
        )


def count_outcomes(metrics: PublisherMetrics, outcomes: list[int]) -> None:
    for outcome, label in _OUTCOMES.items():
        metrics.records.labels(label).inc(outcomes.count(outcome))
    if REFUSED in outcomes:
        # Redis knows of a later history: this registry was restored from a backup, or two write to one namespace.
        _log.error("redis_has_newer_records_than_the_registry", count=outcomes.count(REFUSED))
