"""What is measured, each as a name and a value, as it becomes known."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from extauth.registry.client import Client
from extauth.registry.database import Database
from tests.bench.keys import publisher_of, timed
from tests.bench.registry.running import DATABASE, TOKEN, Bench

Row = tuple[str, str]
_TENANTS = 1000
_REQUESTS = 100
_KEYS = "/v1/keys"


def write_file(path: Path, count: int) -> None:
    """Keys of another system: half of them told by their text, half by a SHA-256, of a thousand tenants."""
    with path.open("w") as file:
        for number in range(count):
            row = {
                "name": f"{'billing' if number % 10 == 0 else 'service'} {number}",
                "tenant": f"tenant-{number % _TENANTS}",
                "scopes": ["read", "write"][: 1 + number % 2],
                "metadata": {"team": f"team-{number % 50}"},
            }
            told = {"secret": f"sk_live_{number:032x}"} if number % 2 else {"sha256": f"{number:064x}"}
            file.write(json.dumps({**row, **told}) + "\n")


def measure(bench: Bench, count: int) -> Iterator[Row]:
    path = bench.folder / "keys.jsonl"
    write_file(path, count)
    yield from _import(bench, path, count)
    bench.postgresql.execute("VACUUM ANALYZE", DATABASE)  # autovacuum would come to it within minutes
    yield from _requests(bench.client, count)
    _, seconds = timed(lambda: sum(len(part) for part in bench.client.download(f"{_KEYS}:export", {"format": "jsonl"})))
    yield "export of all keys, JSON lines", _rate(seconds, count)


def measure_publishing(bench: Bench, count: int) -> Iterator[Row]:
    """When the registry has ended: one publisher, with Redis and PostgreSQL to itself."""
    with bench.redis.client() as client:
        client.flushall()
    database = Database(bench.postgresql.url(DATABASE))
    publisher, stores = publisher_of(database, bench.redis)
    try:
        _, seconds = timed(publisher.publish_once)
        yield "full publish to an empty Redis", _rate(seconds, count)
        assert bench.published() >= count
    finally:
        stores.leadership.close()
        database.close()


def _import(bench: Bench, path: Path, count: int) -> Iterator[Row]:
    command = [sys.executable, "-m", "extauth", "keys", "import", str(path)]
    environment = {"REGISTRY_URL": bench.url, "REGISTRY_TOKEN": TOKEN.replace(" ", "-")}
    before = bench.cpu()
    _, seconds = timed(lambda: subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL))
    yield "import by `extauth keys import`, while the publisher is at work", _rate(seconds, count)
    _, behind = timed(lambda: _wait_until(lambda: bench.published() >= count))
    yield "then, until Redis has all of them", f"{behind:.1f} s"
    yield "CPU of the registry for both", f"{(bench.cpu() - before) / count * 1e6:.0f} µs a key"
    yield "memory of the registry at most", f"{bench.peak() / 2**20:.0f} MiB"


def _requests(client: Client, count: int) -> Iterator[Row]:
    newest = client.call("GET", _KEYS, query={"limit": 50})
    key_id = newest["items"][0]["id"]
    lists: Mapping[str, Mapping[str, str | int]] = {
        "the newest 50 keys": {},
        "the page after it": {"cursor": newest["next_cursor"]},
        "50 keys by name": {"sort": "name"},
        "50 keys of one tenant": {"tenant": "tenant-7"},
        "50 active keys with a scope": {"status": "active", "scope": "write"},
        "search: a text that every tenth name has": {"text": "billing"},
        "search: a text that one name has": {"text": f"service {count - 1}"},
    }
    for name, query in lists.items():
        yield (
            name,
            _milliseconds(
                lambda query=query: client.call("GET", _KEYS, query=query), 10 if "one name" in name else _REQUESTS
            ),
        )
    yield "show a key", _milliseconds(lambda: client.call("GET", f"{_KEYS}/{key_id}"))
    body = {"name": "new", "tenant": "tenant-7"}
    yield "create a key", _milliseconds(lambda: client.call("POST", _KEYS, body))
    created = [client.call("POST", _KEYS, body)["id"] for _ in range(_REQUESTS)]
    yield "revoke a key", _milliseconds(lambda: client.call("POST", f"{_KEYS}/{created.pop()}/revoke", {}))


def _milliseconds(work: Callable[[], object], times: int = _REQUESTS) -> str:
    """Median and 99th percentile, as a client on this machine sees them, with a connection of its own each time."""
    seconds = sorted(timed(work)[1] for _ in range(times))
    return f"{statistics.median(seconds) * 1e3:.1f} ms, at most {seconds[-1] * 1e3:.0f} ms"


def _rate(seconds: float, count: int) -> str:
    return f"{seconds:.1f} s, {count / seconds:,.0f} keys a second"


def _wait_until(condition: Callable[[], bool], deadline: float = 1800) -> None:
    ends = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)
