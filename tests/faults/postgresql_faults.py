"""What can go wrong with the registry's PostgreSQL: each fault is a context in which it does."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.faults.check_watch import Verdicts
from tests.faults.fault_proxy import FaultProxy
from tests.faults.group import Fault, Group
from tests.faults.installation import Installation
from tests.faults.small_disk import filled, small_disk
from tests.support.postgresql_server import SETTINGS, USER, PostgresqlServer
from tests.support.wait import wait_until

_CONNECTIONS = 40
_REGISTRIES = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'registry'"
_PATIENCE = 15.0  # seconds: more than a registry takes for an answer, whatever its database does


@dataclass(frozen=True, slots=True)
class Site:
    """Two registries on one database, behind a proxy."""

    server: PostgresqlServer
    proxy: FaultProxy
    installation: Installation
    has_own_disk: bool

    def suffer(self, fault: Fault) -> Verdicts:
        return self.installation.suffer(lambda _: fault(self))

    def expect_recovery(self) -> None:
        self.installation.expect_recovery()


@contextmanager
def begin(folder: Path) -> Iterator[Site]:
    with ExitStack() as opened:
        server = PostgresqlServer({**SETTINGS, "max_connections": str(_CONNECTIONS)})
        opened.callback(server.remove)
        has_own_disk = opened.enter_context(small_disk(server.data, USER))
        server.start()
        opened.callback(server.kill)
        server.execute("CREATE DATABASE registry")
        proxy = FaultProxy(server.socket)
        proxy.start()
        opened.callback(proxy.stop)
        url = f"postgresql://postgres@127.0.0.1:{proxy.port}/registry?sslmode=disable&gssencmode=disable"
        begun = Installation.begin(folder, url, replicas=2, patience=_PATIENCE)
        yield Site(server, proxy, opened.enter_context(begun), has_own_disk)


@contextmanager
def killed(site: Site) -> Iterator[None]:
    site.server.kill()
    yield
    site.server.start()


@contextmanager
def restarted(site: Site) -> Iterator[None]:
    """It is back at once; all connections are gone."""
    site.server.kill()
    site.server.start()
    yield


@contextmanager
def stopped(site: Site) -> Iterator[None]:
    """All of its processes."""
    site.server.signal_all(signal.SIGSTOP)
    try:
        yield
    finally:
        site.server.signal_all(signal.SIGCONT)


@contextmanager
def no_more_connections(site: Site) -> Iterator[None]:
    """Somebody else has taken all of them while the registries' were cut."""
    with ExitStack() as taken:
        with site.proxy.refusing():
            administrator = taken.enter_context(
                psycopg.connect(site.server.conninfo, dbname="postgres", autocommit=True)
            )
            wait_until(lambda: administrator.execute(_REGISTRIES).fetchone() == (0,))
            for _ in range(_CONNECTIONS):
                with suppress(psycopg.OperationalError):  # there is none left
                    taken.enter_context(psycopg.connect(site.server.conninfo, dbname="postgres"))
        yield


@contextmanager
def disk_full(site: Site) -> Iterator[None]:
    """It works until a table needs another page."""
    if not site.has_own_disk:
        pytest.skip("only root can give PostgreSQL a disk that is full")
    with filled(site.server.data):
        wait_until(lambda: site.installation.changes.details)
        yield
    assert site.installation.changes.details == {"the database's disk is full or broken: see the registry's log"}


@contextmanager
def read_only(site: Site) -> Iterator[None]:
    """As a standby is; sessions that there are already, too."""
    site.server.execute("ALTER DATABASE registry SET default_transaction_read_only = on")
    site.proxy.cut()
    yield
    site.server.execute("ALTER DATABASE registry RESET default_transaction_read_only")
    site.proxy.cut()


def _through_the_proxy(fault: Callable[[FaultProxy], AbstractContextManager[None]]) -> Fault:
    return lambda site: fault(site.proxy)


POSTGRESQL = Group(
    title="Faults of PostgreSQL",
    part="PostgreSQL is or does",
    text="""
Two registries work on it, one of which publishes. `changes` as above: 503 is a problem (RFC 9457) that says what to do.
A registry waits 5 seconds for its database, 6 where only it can know that the server is silent, and as long again for a
new connection: 12 seconds in all.
""",
    begin=begin,
    faults={
        "killed, started again": killed,
        "restarted": restarted,
        "stopped (SIGSTOP)": stopped,
        "no more connections (max_connections)": no_more_connections,
        "disk full": disk_full,
        "takes no writes (default_transaction_read_only)": read_only,
        "network: black hole": _through_the_proxy(FaultProxy.black_hole),
        "network: connections refused": _through_the_proxy(FaultProxy.refusing),
        "network: connections reset": _through_the_proxy(FaultProxy.resetting),
    },
    allowed={
        "known": {"200"},
        "limited": {"200"},
        "unseen": {"200"},
        "revoked": {"401"},
        "made up": {"401"},
        "changes": {"200", "201", "503"},
    },
)
