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

import yaml
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select, update

from extauth.demo.ports import HOST
from extauth.keys import token
from extauth.publish.publisher import Publisher
from extauth.registry import schema
from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from extauth.registry.history import History
from extauth.registry.key import NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.store.client import connect
from extauth.store.names import Names
from extauth.store.publishing import PublishingStores
from extauth.telemetry.publisher_metrics import PublisherMetrics
from tests.bench.load.load import Load
from tests.bench.load.requests import checks
from tests.bench.load.result import Result
from tests.bench.messages import check_request
from tests.bench.processes import resident
from tests.e2e.running import free_base
from tests.support.keys import PEPPER
from tests.support.redis_server import PACKAGES, RedisServer

Value = TypeVar("Value")
Row = tuple[str, str]
PEPPER_TEXT = "a pepper for tests, 32 bytes long"
_TENANTS = 100


def measure(count: int, folder: Path) -> Iterator[Row]:
    """What was measured and its value, as they become known."""
    redis = RedisServer(next(iter(PACKAGES)), folder)
    redis.start()
    try:
        database = Database(f"sqlite:///{folder / 'registry.db'}")
        database.migrate()
        keys = make_keys(database, count)
        publisher, stores = publisher_of(database, redis)
        _, seconds = timed(publisher.publish_once)
        yield "publish to an empty Redis", f"{seconds:.1f} s"
        with redis.client() as client:
            yield "Redis memory a key", f"{int(client.info('memory')['used_memory']) / count:.0f} bytes"
            client.flushall()
        stores.leadership.number = 0  # Redis has forgotten it
        publisher._writer.forget()
        _, seconds = timed(publisher.publish_once)
        yield "publish again after Redis lost everything", f"{seconds:.1f} s"
        yield from measure_sidecar(keys, folder, redis)
        stores.leadership.close()
        database.close()
    finally:
        redis.kill()


def measure_sidecar(keys: Sequence[str], folder: Path, redis: RedisServer) -> Iterator[Row]:
    admin = f"{HOST}:{free_base(1)}"
    config = write_config(folder, redis, admin, size=len(keys))
    started = time.monotonic()
    with sidecar(config, admin) as process:
        yield "`extauth serve`: start to ready", f"{time.monotonic() - started:.2f} s"
        ask_for(keys[:_TENANTS] * 100, folder)  # what a start leaves behind is cleared away under load
        before = resident(process.pid)
        first = ask_for(keys, folder)
        rest = first if first.failed == 0 else ask_for(keys, folder)
        after = resident(process.pid)
        yield "sidecar memory, empty", f"{before / 2**20:.0f} MiB"
        yield "sidecar memory, all keys cached", f"{after / 2**20:.0f} MiB"
        yield "memory a cached key", f"{(after - before) / len(keys):.0f} bytes"
        yield "first check of every key, 64 in flight", f"{first.rate:,.0f} a second, {first.failed} errors"
        yield "keys that are not in memory after it", f"{rest.failed}"


def make_keys(database: Database, count: int) -> list[str]:
    """Some by the registry, each with a tenant of its own, and the rest as copies of their rows, which is quick."""
    registry = KeyRegistry(database, "bench", [PEPPER], RegistryMetrics(CollectorRegistry()))
    new = [NewKey(name=f"key {n}", tenant=f"tenant-{n}", created_by="bench", scopes=("read",)) for n in range(_TENANTS)]
    made = [registry.create(one, "bench").secret for one in new]
    more = [token.generate("bench") for _ in range(count - len(made))]
    with database.write() as connection:
        rows, changes = (connection.execute(select(table)).mappings().all() for table in (schema.keys, schema.changes))
        change = next(one for one in changes if one["key_id"])
        counter = schema.registry.c.revision
        revision = connection.execute(select(counter)).scalar_one() + 1
        copies = [
            {**rows[n % len(rows)], "id": one.key_id, "digest": PEPPER.digest(str(one)), "revision": revision + n}
            for n, one in enumerate(more)
        ]
        connection.execute(insert(schema.keys), copies)
        connection.execute(
            insert(schema.changes),
            [{**change, "key_id": copy["id"], "revision": copy["revision"]} for copy in copies],
        )
        connection.execute(update(schema.registry).values({counter: revision + len(copies) - 1}))
    return made + [str(one) for one in more]


def publisher_of(database: Database, redis: RedisServer) -> tuple[Publisher, PublishingStores]:
    stores = PublishingStores.on(connect(redis.settings(), timeout=10), Names("extauth"), "bench", lease_seconds=60)
    publisher = Publisher(
        History(database),
        stores,
        PublisherMetrics(CollectorRegistry()),
        source_error=UnavailableError,
        poll_interval=0.1,
        reconcile_interval=3600,
        reconcile_rate=1_000_000,
    )
    return publisher, stores


def write_config(folder: Path, redis: RedisServer, admin: str, size: int) -> Path:
    (folder / "pepper").write_text(PEPPER_TEXT)
    path = folder / "extauth.yaml"
    settings = {
        "listen": {"grpc": [f"unix:{folder / 'extauth.sock'}"], "admin": admin},
        "redis": {"url": redis.url, "timeout": "5s"},
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


def ask_for(keys: Sequence[str], folder: Path) -> Result:
    """Check every key once, 64 at a time, with all patience."""
    requests = checks(f"unix:{folder / 'extauth.sock'}", [check_request(key, "/") for key in keys], timeout="5S")
    with Load(requests) as load:
        return load.closed_loop(32, seconds=300, most=len(keys))


def timed(work: Callable[[], Value]) -> tuple[Value, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started
