"""What can go wrong with a Redis: each fault is a context in which it does."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.faults.fault_proxy import FaultProxy, garbage, half, late_by
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until


@dataclass(frozen=True, slots=True)
class Site:
    """A Redis, the proxy in front of it, and a way to publish all keys anew."""

    server: RedisServer
    proxy: FaultProxy
    publish: Callable[[], None]

    def configure(self, **values: object) -> None:
        with self.server.client() as client:
            for name, value in values.items():
                client.config_set(name.replace("_", "-"), str(value))

    def command(self, *words: str) -> Any:
        with self.server.client() as client:
            return client.execute_command(*words)


Fault = Callable[[Site], AbstractContextManager[None]]


@contextmanager
def killed(site: Site) -> Iterator[None]:
    site.server.kill()
    yield
    site.server.start()
    site.publish()


@contextmanager
def empty(site: Site) -> Iterator[None]:
    """It comes back at once and knows nothing."""
    site.server.kill()
    site.server.start()
    yield
    site.publish()


@contextmanager
def flushed(site: Site) -> Iterator[None]:
    site.command("FLUSHALL")
    yield
    site.publish()


@contextmanager
def stopped(site: Site) -> Iterator[None]:
    site.server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        site.server.signal(signal.SIGCONT)


@contextmanager
def paused(site: Site) -> Iterator[None]:
    """It holds back every answer, for two seconds."""
    site.command("CLIENT", "PAUSE", "2000", "ALL")
    yield


@contextmanager
def busy(site: Site) -> Iterator[None]:
    """A script of somebody else's runs and runs."""
    with site.server.client() as client:
        client.config_set("lua-time-limit", "50")
        connection = client.connection_pool.get_connection()
        connection.send_command("EVAL", "while true do end", "0")
        yield
        client.script_kill()
        connection.disconnect()


@contextmanager
def loading(site: Site) -> Iterator[None]:
    """It reads its dump, slowly."""
    site.command("SAVE")
    site.server.kill()
    site.server.start("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    assert _is_loading(site.server)
    yield
    wait_until(lambda: not _is_loading(site.server), 60)


@contextmanager
def read_only(site: Site) -> Iterator[None]:
    """A failover has made it a replica."""
    site.command("REPLICAOF", "127.0.0.1", "1")
    yield
    site.command("REPLICAOF", "NO", "ONE")


@contextmanager
def master_down(site: Site) -> Iterator[None]:
    """The same, and it does not serve what may be old."""
    site.configure(replica_serve_stale_data="no")
    with read_only(site):
        yield
    site.configure(replica_serve_stale_data="yes")


@contextmanager
def out_of_memory(site: Site) -> Iterator[None]:
    site.configure(maxmemory=1)
    yield
    site.configure(maxmemory=0)


@contextmanager
def disk_full(site: Site) -> Iterator[None]:
    """It cannot write its dump, and therefore takes no writes (MISCONF)."""
    with site.server.client() as client:
        Path(client.config_get("dir")["dir"]).rmdir()
        client.config_set("save", "3600 1")
        client.set("something", "to write")
        client.execute_command("BGSAVE")
        wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield
        client.config_set("stop-writes-on-bgsave-error", "no")


@contextmanager
def refused_password(site: Site) -> Iterator[None]:
    site.configure(requirepass="changed")
    site.proxy.cut()
    yield
    with redis.Redis(unix_socket_path=str(site.server.socket), password="changed") as client:
        client.config_set("requirepass", "")


@contextmanager
def no_more_clients(site: Site) -> Iterator[None]:
    with site.server.client() as client:  # has its connection already
        client.config_set("maxclients", "1")
        site.proxy.cut()
        yield
        client.config_set("maxclients", "10000")


@contextmanager
def forgetting_scripts(site: Site) -> Iterator[None]:
    for _ in range(20):
        site.command("SCRIPT", "FLUSH")
        time.sleep(0.02)
    yield


def _through_the_proxy(fault: Callable[[FaultProxy], AbstractContextManager[None]]) -> Fault:
    return lambda site: fault(site.proxy)


def _is_loading(server: RedisServer) -> bool:
    with server.client() as client:
        return bool(client.info("persistence")["loading"])


FAULTS: Mapping[str, Fault] = {
    "killed": killed,
    "restarted, empty": empty,
    "emptied (FLUSHALL)": flushed,
    "stopped (SIGSTOP)": stopped,
    "answers held back (CLIENT PAUSE)": paused,
    "busy with a script (BUSY)": busy,
    "loading its dump (LOADING)": loading,
    "demoted to a replica (READONLY)": read_only,
    "a replica without a master (MASTERDOWN)": master_down,
    "out of memory (OOM)": out_of_memory,
    "disk full (MISCONF)": disk_full,
    "password changed (NOAUTH)": refused_password,
    "no more clients (maxclients)": no_more_clients,
    "forgets its scripts (NOSCRIPT)": forgetting_scripts,
    "network: black hole": _through_the_proxy(FaultProxy.black_hole),
    "network: connections refused": _through_the_proxy(FaultProxy.refusing),
    "network: connections reset": _through_the_proxy(FaultProxy.resetting),
    "network: answers half a second late": _through_the_proxy(lambda proxy: proxy.answering(late_by(0.5))),
    "network: answers cut off": _through_the_proxy(lambda proxy: proxy.answering(half)),
    "network: answers garbled": _through_the_proxy(lambda proxy: proxy.answering(garbage)),
}
