"""A real Redis with a replica, and three sentinels that make it the master when the first one is gone."""

import os
import subprocess
from pathlib import Path
from typing import Any

import redis

from extauth.settings.redis import RedisSettings
from tests.support.redis_cluster import free_port
from tests.support.redis_server import RedisServer, binary_of
from tests.support.wait import wait_until

SERVICE = "extauth"
_PASSWORD, _OF_SENTINELS = "of redis", "of sentinels"
_SENTINELS = 3


class SentinelServers:
    """`start`, then `kill` at the end. A master is taken for dead after a second."""

    def __init__(self, version: str, directory: Path) -> None:
        self._version = version
        self._directory = directory
        self.ports = [free_port(), free_port()]
        first, second = self.ports
        self.nodes = [self._node(first), self._node(second, "--replicaof", "127.0.0.1", str(first))]
        self._sentinels = {free_port(): None for _ in range(_SENTINELS)}
        self._processes: list[subprocess.Popen[bytes]] = []
        for name, secret in (("redis", _PASSWORD), ("sentinels", _OF_SENTINELS)):
            (directory / name).write_text(secret)

    def _node(self, port: int, *arguments: str) -> RedisServer:
        own = ("--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
        return RedisServer(self._version, self._directory, *own, *arguments, name=f"node-{port}", password=_PASSWORD)

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        wait_until(lambda: self._says(self.nodes[1])["master_link_status"] == "up", 60)
        for port in self._sentinels:
            self._start_sentinel(port)
        for port in self._sentinels:
            wait_until(lambda port=port: self._knows_all(port), 60)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()
        for process in self._processes:
            process.kill()
            process.wait()

    def settings(self) -> dict[str, Any]:
        """As in a settings file."""
        return {
            "sentinel": {
                "service": SERVICE,
                "nodes": [f"127.0.0.1:{port}" for port in self._sentinels],
                "password": {"file": str(self._directory / "sentinels")},
            },
            "password": {"file": str(self._directory / "redis")},
        }

    def master(self) -> RedisServer:
        """The one that the sentinels name."""
        port = self._ask(next(iter(self._sentinels)))["port"]
        return self.nodes[self.ports.index(int(port))]

    def role(self, node: RedisServer) -> str:
        return str(self._says(node)["role"])

    def demote(self) -> None:
        """Let the sentinels make the other one the master, although nothing is wrong with the first."""
        with self._sentinel(next(iter(self._sentinels))) as client:
            client.execute_command("SENTINEL", "FAILOVER", SERVICE)

    def wait_for_replica(self) -> None:
        """Until the other one has what the master has."""
        with self.master().client() as client:
            assert client.wait(1, 10_000) == 1

    def _start_sentinel(self, port: int) -> None:
        folder = self._directory / f"sentinel-{port}"
        folder.mkdir()
        configuration = folder / "sentinel.conf"
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            f'requirepass "{_OF_SENTINELS}"',
            f'sentinel sentinel-pass "{_OF_SENTINELS}"',
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.ports[0]} 2",
            f'sentinel auth-pass {SERVICE} "{_PASSWORD}"',
            f"sentinel down-after-milliseconds {SERVICE} 1000",
            f"sentinel failover-timeout {SERVICE} 5000",
        ]
        configuration.write_text("\n".join([*lines, ""]))
        command = ["redis-server", str(configuration), "--sentinel"]
        with (folder / "log").open("wb") as log:
            binary = os.fspath(binary_of(self._version))
            self._processes.append(subprocess.Popen(command, executable=binary, stdout=log, stderr=subprocess.STDOUT))

    def _sentinel(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, password=_OF_SENTINELS)

    def _ask(self, port: int) -> dict[str, Any]:
        with self._sentinel(port) as client:
            found: dict[str, Any] = client.sentinel_master(SERVICE)
            return found

    def _knows_all(self, port: int) -> bool:
        try:
            found = self._ask(port)
        except redis.RedisError:
            return False
        return found["num-slaves"] == 1 and found["num-other-sentinels"] == _SENTINELS - 1

    def _says(self, node: RedisServer) -> dict[str, Any]:
        try:
            with node.client() as client:
                found: dict[str, Any] = client.info("replication")
                return found
        except redis.RedisError:
            return {"role": "away", "master_link_status": "down"}


def settings_of(servers: SentinelServers, **changes: object) -> RedisSettings:
    return RedisSettings.model_validate({**servers.settings(), **changes})
