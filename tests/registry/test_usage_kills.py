"""Exactly once across crashes: sidecars and registries are killed again and again, and nothing is lost or doubled.

What a killed sidecar had not sent is gone; all that it did send is in the ledger, once, at every resolution. Sidecars
say what they send, so this holds to the check.
"""

import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from extauth.publish.usage_collector import UsageCollector
from extauth.registry import times
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.ledger import Ledger
from extauth.registry.schema import usage_senders
from extauth.registry.usage_fold import UsageFold
from extauth.registry.usage_listing import UsageFilter
from extauth.registry.usage_tables import DAY, LENGTHS, levels
from extauth.store.client import connect
from extauth.store.usage_reader import UsageReader
from extauth.telemetry.usage_metrics import CollectorMetrics
from tests.support.redis_server import RedisServer
from tests.support.usage_process import AHEAD, NAMES
from tests.support.wait import wait_until

ROOT = Path(__file__).parents[2]
KILLS = 3  # of each process
_LINE = re.compile(r"(sends|sent) ([0-9a-f]{16}) (\d+) (\d+)")


class Process:
    """One that is killed, and begun again. Keeps what all of its lives have said."""

    def __init__(self, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "tests.support.usage_process", *arguments]
        self.lines: list[str] = []
        self._start()

    @property
    def works(self) -> bool:
        """Whether it has said something in this life."""
        return len(self.lines) > self._before

    def _start(self) -> None:
        self._before = len(self.lines)
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._reading = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reading.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join()

    def kill_and_start(self) -> None:
        self.kill()
        self._start()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer("redis-8.2", tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def senders(redis_server: RedisServer) -> Iterator[list[Process]]:
    senders = [Process("sender", redis_server.url) for _ in range(2)]
    yield senders
    for sender in senders:
        sender.kill()


@pytest.fixture
def collectors(redis_server: RedisServer, database_url: str) -> Iterator[list[Process]]:
    """Two registries at once."""
    collectors = [Process("collector", redis_server.url, database_url) for _ in range(2)]
    yield collectors
    for collector in collectors:
        collector.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everything_that_was_sent_is_in_the_ledger_once(
    database: Database, redis_server: RedisServer, senders: list[Process], collectors: list[Process]
) -> None:
    dice = random.Random(7)
    victims = [*senders, *collectors] * KILLS
    dice.shuffle(victims)
    for victim in victims:
        wait_until(lambda: victim.works, 120)  # noqa: B023 (it is called at once)
        time.sleep(dice.uniform(0, 0.5))  # so that it is killed at any point
        victim.kill_and_start()
    for process in (*senders, *collectors):
        process.kill()
    collect_the_rest(database, redis_server)

    sent: defaultdict[str, dict[int, int]] = defaultdict(dict)
    confirmed: Counter[str] = Counter()
    for line in (line for sender in senders for line in sender.lines):
        match = _LINE.fullmatch(line.strip())
        assert match is not None
        what, instance, sequence, checks = match[1], match[2], int(match[3]), int(match[4])
        if what == "sends":
            assert sent[instance].setdefault(sequence, checks) == checks  # sent again, it is the same
        else:
            confirmed[instance] = sequence
    with database.read() as connection:
        last = {row.instance: row.sequence for row in connection.execute(select(usage_senders))}
        assert levels(connection)["day"].folded_to > 0  # they have folded, too
    assert len(sent) > len(senders) * KILLS
    assert sum(map(len, sent.values())) > 50
    # A batch whose arrival was not confirmed before the kill may have arrived; no other may be missing.
    assert all(last.get(instance, 0) - confirmed[instance] in {0, 1} for instance in sent)
    expected = sum(checks for instance in sent for number, checks in sent[instance].items() if number <= last[instance])
    ledger = Ledger(database)
    assert [total(ledger, resolution) for resolution in LENGTHS] == [expected] * 3
    UsageFold(database, {}, lambda: times.now() + AHEAD).run(threading.Event())
    assert [total(ledger, resolution) for resolution in LENGTHS] == [expected] * 3


def collect_the_rest(database: Database, redis_server: RedisServer) -> None:
    settings = redis_server.settings(namespace="test", timeout="2s")
    metrics = CollectorMetrics(CollectorRegistry())
    reader = UsageReader(connect(settings), NAMES)
    collector = UsageCollector(reader, Ledger(database), metrics, ledger_error=UnavailableError)
    while collector.collect_once():
        pass
    reader.close()
    missing = metrics.batches.labels("missing")._value.get()
    assert missing == 0


def total(ledger: Ledger, resolution: str) -> int:
    wanted = UsageFilter(begin=times.now() - 2 * DAY, by=(), period=resolution)  # type: ignore[arg-type]
    _scope, parts = ledger.export(wanted)
    return sum(usage.allowed + usage.limited + usage.denied for part in parts for usage in part)
