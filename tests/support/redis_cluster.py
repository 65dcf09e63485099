"""A real Redis Cluster on the loopback, of three primaries, and replicas where a test wants a failover."""

import random
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.cluster import RedisCluster
from redis.crc import key_slot

from extauth.settings.redis import RedisSettings
from tests.support.certificates import CertificateFiles
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

PRIMARIES = 3
SLOTS = 16384
_BUS = 10_000  # a node's own port on the bus is so much higher


class ClusterServers:
    """Used like RedisServer.

    `node_timeout` is after how many milliseconds a node is taken for dead, `needs_all` whether no node answers then
    until all slots are served again. With `tls` nodes speak nothing else, and `ca` is whom clients trust.
    """

    def __init__(
        self,
        version: str,
        directory: Path,
        *,
        replicas: int = 0,
        node_timeout: int = 10_000,
        needs_all: bool = True,
        tls: CertificateFiles | None = None,
        ca: Path | None = None,
    ) -> None:
        self._ca = ca
        self.ports = [free_port() for _ in range(PRIMARIES + replicas)]
        options = {
            "bind": "127.0.0.1",
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(node_timeout),
            "cluster-require-full-coverage": "yes" if needs_all else "no",
            "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": "0",
            **(_options_of(tls, ca) if tls else {}),
        }
        own = "tls-port" if tls else "port"
        self.nodes = [
            RedisServer(
                version,
                directory,
                *_arguments({**options, own: str(port), "cluster-config-file": f"nodes-{port}.conf"}),
                name=f"node-{port}",
            )
            for port in self.ports
        ]
        self._is_made = False

    def start(self) -> None:
        """All nodes; they remember their slots."""
        for node in self.nodes:
            node.start()
        if not self._is_made:
            self._make()
            self._is_made = True
        self.wait_until_whole()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def signal(self, number: int) -> None:
        for node in self.nodes:
            node.signal(number)

    def client(self) -> RedisCluster:
        options: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(self._ca)} if self._ca else {}
        return RedisCluster(host="127.0.0.1", port=self.ports[0], **options)

    def settings(self, **changes: object) -> RedisSettings:
        nodes = [f"127.0.0.1:{port}" for port in self.ports]
        cluster = {"nodes": nodes, "tls": self._ca is not None}
        return RedisSettings.model_validate({"cluster": cluster, "tls_ca_file": self._ca and str(self._ca), **changes})

    def wait_until_whole(self) -> None:
        """Until every node that lives says that all slots are served."""
        wait_until(lambda: all(map(_is_whole, self.nodes)), 60)

    def primary_of(self, name: str) -> RedisServer:
        """The node that serves a name now."""
        with self.client() as client:
            node: Any = client.get_node_from_key(name)
            return self.nodes[self.ports.index(node.port)]

    def has_moved(self, name: str, origin: RedisServer) -> bool:
        """Whether every node that lives says that another one than `origin` serves a name."""
        old = self.ports[self.nodes.index(origin)]
        return all(old not in _owner_ports(node, name) for node in self.nodes if _information(node)) and all(
            map(_is_whole, self.nodes)
        )

    def wait_for_replicas(self) -> None:
        """Until the replicas have what their primaries have."""
        for node in self.nodes[:PRIMARIES]:
            with node.client() as client:
                assert client.wait(1, 10_000) == 1

    @contextmanager
    def moving(self, name: str, origin: RedisServer, target: RedisServer) -> Iterator[None]:
        """The slot of a name is on its way from one node to another, and has moved when this is left."""
        slot = key_slot(name.encode())
        with origin.client() as giver, target.client() as taker:
            taker_id, giver_id = (one.execute_command("CLUSTER", "MYID").decode() for one in (taker, giver))
            taker.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", giver_id)
            giver.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", taker_id)
            yield
            keys = giver.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
            port = self.ports[self.nodes.index(target)]
            if keys:
                giver.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "KEYS", *keys)
            for one in (taker, giver):
                one.execute_command("CLUSTER", "SETSLOT", slot, "NODE", taker_id)

    def _make(self) -> None:
        for index, node in enumerate(self.nodes):
            with node.client() as client:
                if index < PRIMARIES:
                    bounds = [SLOTS * one // PRIMARIES for one in (index, index + 1)]
                    client.execute_command("CLUSTER", "ADDSLOTS", *range(*bounds))
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.ports[0])
        wait_until(lambda: all(_known(node) == len(self.nodes) for node in self.nodes), 60)
        for index, node in enumerate(self.nodes[PRIMARIES:]):
            with self.nodes[index % PRIMARIES].client() as client:
                primary = client.execute_command("CLUSTER", "MYID").decode()
            with node.client() as client:
                client.execute_command("CLUSTER", "REPLICATE", primary)
            wait_until(lambda node=node: _has_followed(node), 60)


def _options_of(tls: CertificateFiles, ca: Path | None) -> dict[str, str]:
    return {
        "tls-cluster": "yes",
        "tls-replication": "yes",
        "tls-auth-clients": "no",
        "tls-cert-file": str(tls.certificate),
        "tls-key-file": str(tls.key),
        "tls-ca-cert-file": str(ca),
    }


def _arguments(options: Mapping[str, str]) -> list[str]:
    return [text for name, value in options.items() for text in (f"--{name}", value)]


def free_port() -> int:
    """A port of which the one on the bus is free too; both below those that the system gives to connections."""
    while True:
        port = random.randint(11_000, 17_500)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + _BUS))
            except OSError:
                continue
            return port


def _information(node: RedisServer) -> dict[str, str]:
    """CLUSTER INFO of a node; nothing while it does not answer."""
    try:
        with node.client() as client:
            text = client.execute_command("CLUSTER", "INFO")
    except redis.RedisError:
        return {}
    if isinstance(text, dict):
        return text
    return dict(line.split(":") for line in text.decode().split())


def _is_whole(node: RedisServer) -> bool:
    found = _information(node)
    return not found or (found["cluster_state"] == "ok" and int(found["cluster_slots_ok"]) == SLOTS)


def _owner_ports(node: RedisServer, name: str) -> list[int]:
    """The port of the primary of a name, as this node knows it."""
    slot = key_slot(name.encode())
    with node.client() as client:
        shards: Any = client.execute_command("CLUSTER", "SLOTS")
    if isinstance(shards, dict):  # redis-py reads it so
        return [int(found["primary"][1]) for (first, last), found in shards.items() if first <= slot <= last]
    return [int(primary[1]) for first, last, primary, *_ in shards if first <= slot <= last]


def _known(node: RedisServer) -> int:
    return int(_information(node).get("cluster_known_nodes", 0))


def _has_followed(node: RedisServer) -> bool:
    with node.client() as client:
        found: Any = client.info("replication")
    return found["role"] == "slave" and found["master_link_status"] == "up"
