"""A registry as it runs in production: a process of its own, PostgreSQL that keeps what it commits, and Redis."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from extauth.demo.ports import HOST
from extauth.registry.client import Client
from tests.bench.keys import PEPPER_TEXT
from tests.e2e.running import free_base
from tests.support.postgresql_server import PostgresqlServer
from tests.support.redis_server import PACKAGES, RedisServer

DURABLE: Mapping[str, str] = {"listen_addresses": "", "max_wal_size": "4GB", "shared_buffers": "256MB"}
"""Settings of PostgreSQL: else its own, so each commit waits for the disk, and autovacuum runs."""
DATABASE = "registry"
TOKEN = "the admin token of the bench"
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Bench:
    """All that runs, and the files of it."""

    folder: Path
    postgresql: PostgresqlServer
    redis: RedisServer
    url: str
    process: subprocess.Popen[bytes]

    @property
    def client(self) -> Client:
        return Client(self.url, TOKEN.replace(" ", "-"))

    def peak(self) -> int:
        """Bytes of memory that the registry had at most (VmHWM of proc_pid_status(5))."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024

    def cpu(self) -> float:
        """Seconds of CPU that the registry has used."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def published(self) -> int:
        """Keys in Redis."""
        with self.redis.client() as client:
            return int(client.dbsize())


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    """An empty registry."""
    postgresql = PostgresqlServer(DURABLE)
    redis = RedisServer(next(iter(PACKAGES)), folder)
    postgresql.start()
    redis.start()
    try:
        postgresql.execute(f"CREATE DATABASE {DATABASE}")
        address = f"{HOST}:{free_base(1)}"
        with _registry(_config(folder, postgresql, redis, address), f"http://{address}") as process:
            yield Bench(folder, postgresql, redis, f"http://{address}", process)
    finally:
        redis.kill()
        postgresql.remove()


def _config(folder: Path, postgresql: PostgresqlServer, redis: RedisServer, address: str) -> Path:
    (folder / "pepper").write_text(PEPPER_TEXT)
    (folder / "token").write_text(TOKEN.replace(" ", "-"))
    settings: dict[str, Any] = {
        "database": postgresql.url(DATABASE),
        "listen": {"http": address, "grpc": None},
        "admin_token": {"file": str(folder / "token")},
        "keys": {"peppers": [{"id": "p1", "file": str(folder / "pepper")}]},
        "redis": {"url": redis.url},
    }
    path = folder / "registry.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@contextmanager
def _registry(config: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "extauth", "registry", "serve", "-c", str(config)]
    log = config.with_name("registry.log")
    with log.open("wb") as output, subprocess.Popen(command, stderr=output, stdout=output) as process:
        try:
            deadline = time.monotonic() + _PATIENCE
            while not _is_ready(url):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=5):
            return True
    except OSError:  # URLError and TimeoutError are some
        return False
