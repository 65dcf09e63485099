"""What can go wrong with the registry's PostgreSQL: each fault is a context in which it does."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.faults.check_watch import Verdicts
from tests.faults.fault_proxy import FaultProxy
from tests.faults.group import Fault, Group
from tests.faults.installation import Installation
from tests.support.postgresql_server import SETTINGS, PostgresqlServer

_CONNECTIONS = 40
_PATIENCE = 15.0  # seconds: more than a registry takes for an answer, whatever its database does


@dataclass(frozen=True, slots=True)
class Site:
    """Two registries on one database, behind a proxy."""

    server: PostgresqlServer
    proxy: FaultProxy
    installation: Installation

    def suffer(self, fault: Fault) -> Verdicts:
        return self.installation.suffer(lambda _: fault(self))

    def expect_recovery(self) -> None:
        self.installation.expect_recovery()


@contextmanager
def begin(folder: Path) -> Iterator[Site]:
    with ExitStack() as opened:
        server = PostgresqlServer({**SETTINGS, "max_connections": str(_CONNECTIONS)})
        server.start()
        opened.callback(server.remove)
        server.execute("CREATE DATABASE registry")
        proxy = FaultProxy(server.socket)
        proxy.start()
        opened.callback(proxy.stop)
        url = f"postgresql://postgres@127.0.0.1:{proxy.port}/registry?sslmode=disable&gssencmode=disable"
        begun = Installation.begin(folder, url, replicas=2, patience=_PATIENCE)
        yield Site(server, proxy, opened.enter_context(begun))


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
    """Somebody else has all of them, and the registries' are cut."""
    with ExitStack() as taken:
        site.server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'registry'")
        for _ in range(_CONNECTIONS):
            try:
                taken.enter_context(psycopg.connect(site.server.conninfo, dbname="postgres"))
            except psycopg.OperationalError:
                break
        yield


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
Two registries work on it, one of which publishes. `changes` as above. An answer of 503 comes within the time that a
registry waits for its database, which is 5 seconds, and 1 more where only the registry itself can know that
the server is silent; it is a problem (RFC 9457) that says what to do.
""",
    begin=begin,
    faults={
        "killed, started again": killed,
        "restarted": restarted,
        "stopped (SIGSTOP)": stopped,
        "no more connections (max_connections)": no_more_connections,
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
