"""Who reads the registry's log may stop reading: it goes on, publishes, and ends in time."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.registry_process import NAMES, Registry
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_registry_whose_log_nobody_reads(tmp_path: Path) -> None:
    redis = RedisServer("redis-8.2", tmp_path)
    redis.start()
    registry = Registry(tmp_path / "registry", f"sqlite:///{tmp_path}/registry.db", redis.url)
    os.mkfifo(registry.log)
    reader = os.open(registry.log, os.O_RDONLY | os.O_NONBLOCK)
    registry.start()
    try:
        wait_until(registry.is_ready, 60)
        _fill(registry.log)
        redis.kill()  # of which it tells
        key = registry.create()
        redis.start()
        with redis.client() as client:
            wait_until(lambda: client.exists(NAMES.state) and registry.is_ready(), 60)
        assert registry.client.call("GET", f"/v1/keys/{key}")["id"] == key
        registry.end(signal.SIGTERM)
        assert registry.process.returncode == 0
    finally:
        registry.process.kill()
        registry.process.wait()
        os.close(reader)
        redis.kill()


def _fill(pipe: Path) -> None:
    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b"x")
    except BlockingIOError:
        os.close(writer)
