"""What can go wrong with the publisher of two registries on one PostgreSQL, of which one publishes at a time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.group import Group
from tests.faults.installation import Installation
from tests.faults.registry_process import NAMES
from tests.support.postgresql_server import PostgresqlServer
from tests.support.wait import wait_until

_PATIENCE = 8.0  # seconds


@contextmanager
def begin(folder: Path) -> Iterator[Installation]:
    server = PostgresqlServer()
    server.start()
    try:
        server.execute("CREATE DATABASE registry")
        with Installation.begin(folder, server.url("registry"), replicas=2, patience=_PATIENCE) as installation:
            yield installation
    finally:
        server.remove()


@contextmanager
def killed(installation: Installation) -> Iterator[None]:
    """In the middle of its work; the other one goes on."""
    leader = installation.leader()
    leader.end(signal.SIGKILL)
    wait_until(lambda: installation.healthy.is_leading, 30)
    yield
    leader.start()
    wait_until(leader.is_ready, 60)


@contextmanager
def stopped(installation: Installation) -> Iterator[None]:
    """Past its lease, until the other one leads. When it wakes up it believes that it has the lease, for a moment."""
    leader = installation.leader()
    leader.signal(signal.SIGSTOP)
    try:
        wait_until(lambda: installation.healthy.is_leading, 30)
        yield
    finally:
        leader.signal(signal.SIGCONT)
    wait_until(lambda: not leader.is_leading, 30)


@contextmanager
def two_at_once(installation: Installation) -> Iterator[None]:
    """The lease is lost again and again: whoever is first takes it, and the one that had it goes on writing."""
    with installation.redis.client() as client:
        for _ in range(20):
            client.delete(NAMES.leader)
            wait_until(lambda: client.exists(NAMES.leader), 30)
    yield


PUBLISHER = Group(
    title="Faults of the publisher",
    part="The one that publishes",
    text="""
Two registries on one PostgreSQL; the other one takes over, and the fence in Redis keeps the first one from writing when
it wakes up. `changes` are made through the other one. `tests/faults/test_publisher_faults.py` does more of this, under
load.
""",
    begin=begin,
    faults={
        "is killed (SIGKILL)": killed,
        "is stopped (SIGSTOP) past its lease": stopped,
        "loses its lease 20 times, two at once": two_at_once,
    },
    allowed={
        "known": {"200"},
        "limited": {"200"},
        "unseen": {"200"},
        "revoked": {"401"},
        "made up": {"401"},
        "changes": {"200", "201"},
    },
)
