"""How long and how much memory many keys take: publishing, sidecar memory, start to ready.

Real SQLite, real Redis on a unix socket, the real `extauth serve`.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import grpc
import yaml
from prometheus_client import CollectorRegistry

from extauth.demo.ports import HOST
from extauth.publish.publisher import Publisher
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.key import IssuedKey, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.transaction import Transaction
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publication import PublicationStore
from extauth.telemetry.publisher_metrics import PublisherMetrics
from tests.bench.processes import resident
from tests.e2e.running import free_base
from tests.support.check_messages import Answer, check_request
from tests.support.keys import PEPPER
from tests.support.redis_server import PACKAGES, RedisServer

CHECK = "/envoy.service.auth.v3.Authorization/Check"
Result = TypeVar("Result")
Row = tuple[str, str]
PEPPER_TEXT = "a pepper for tests, 32 bytes long"


def measure(count: int, folder: Path) -> Iterator[Row]:
    """What was measured and its value, as they become known."""
    redis = RedisServer(next(iter(PACKAGES)), folder)
    redis.start()
    try:
        database = Database(f"sqlite:///{folder / 'registry.db'}")
        database.migrate()
        keys, seconds = timed(lambda: make_keys(database, count))
        yield "make the keys in SQLite, one transaction", f"{seconds:.1f} s"
        publisher, store = publisher_of(database, redis)
        _, seconds = timed(publisher.publish_once)
        yield "publish to an empty Redis", f"{seconds:.1f} s"
        with redis.client() as client:
            yield "Redis memory a key", f"{int(client.info('memory')['used_memory']) / count:.0f} bytes"
            client.flushall()
        publisher._state = None
        _, seconds = timed(publisher.publish_once)
        yield "publish again after Redis lost everything", f"{seconds:.1f} s"
        yield from measure_sidecar(keys, folder, redis)
        store.close()
        database.close()
    finally:
        redis.kill()


def measure_sidecar(keys: Sequence[str], folder: Path, redis: RedisServer) -> Iterator[Row]:
    admin = f"{HOST}:{free_base(1)}"
    config = write_config(folder, redis, admin, size=len(keys))
    started = time.monotonic()
    with sidecar(config, admin) as process:
        yield "`extauth serve`: start to ready", f"{time.monotonic() - started:.2f} s"
        before = resident(process.pid)
        _, seconds = timed(lambda: ask_for(keys, folder))
        after = resident(process.pid)
        yield "sidecar memory, empty", f"{before / 2**20:.0f} MiB"
        yield "sidecar memory, all keys cached", f"{after / 2**20:.0f} MiB"
        yield "memory a cached key", f"{(after - before) / len(keys):.0f} bytes"
        yield "first check of every key, 1 client with 64 calls in flight", f"{len(keys) / seconds:,.0f} a second"


def make_keys(database: Database, count: int) -> list[str]:
    registry = KeyRegistry(database, "bench", [PEPPER], RegistryMetrics(CollectorRegistry()))
    issued: list[IssuedKey] = []
    with database.write() as connection:
        transaction = Transaction(connection, "bench", registry.clock())
        for number in range(count):
            new = NewKey(
                name=f"key {number}", tenant=f"tenant-{number % 100}", created_by="bench", scopes=("read", "write")
            )
            issued.append(registry._issue(transaction, new))
    return [one.secret for one in issued]


def publisher_of(database: Database, redis: RedisServer) -> tuple[Publisher, PublicationStore]:
    store = PublicationStore(connect(redis.settings(), timeout=10), Names("extauth"))
    publisher = Publisher(
        History(database),
        store,
        PublisherMetrics(CollectorRegistry()),
        source_error=UnavailableError,
        poll_interval=0.1,
        reconcile_interval=3600,
    )
    return publisher, store


def write_config(folder: Path, redis: RedisServer, admin: str, size: int) -> Path:
    (folder / "pepper").write_text(PEPPER_TEXT)
    path = folder / "extauth.yaml"
    settings = {
        "listen": {"grpc": [f"unix:{folder / 'extauth.sock'}"], "admin": admin},
        "redis": {"url": redis.url},
        "keys": {"peppers": [{"id": "p1", "file": str(folder / "pepper")}]},
        "cache": {"size": size},
        "check": {"timeout": "5s"},
        "apis": [{"name": "bench", "credentials": [{"header": "x-api-key"}]}],
    }
    path.write_text(yaml.safe_dump(settings))
    return path


@contextmanager
def sidecar(config: Path, admin: str) -> Iterator[subprocess.Popen[bytes]]:
    """A ready sidecar."""
    log = config.with_name("sidecar.log").open("wb")
    with log, subprocess.Popen([sys.executable, "-m", "extauth", "serve", "-c", str(config)], stderr=log) as process:
        while True:
            try:
                with urlopen(f"http://{admin}/readyz", timeout=1):
                    break
            except URLError:
                time.sleep(0.01)
                assert process.poll() is None, config.with_name("sidecar.log").read_text()
        try:
            yield process
        finally:
            process.terminate()


def ask_for(keys: Sequence[str], folder: Path) -> None:
    """Check every key once, 64 at a time."""
    with grpc.insecure_channel(f"unix:{folder / 'extauth.sock'}") as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
        for start in range(0, len(keys), 64):
            calls = [check.future(check_request({"x-api-key": key}), timeout=10) for key in keys[start : start + 64]]
            assert all(Answer.parse(call.result()).code == 0 for call in calls)


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started
