"""What can go wrong with a registry on SQLite, and on the way to it."""

import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from extauth.cli.exit_codes import ExitCode
from extauth.demo import binaries
from extauth.registry.client import TIMEOUT
from tests.faults.change_watch import NO_ANSWER, UNREACHABLE
from tests.faults.group import Group
from tests.faults.installation import Installation
from tests.faults.registry_process import TOKEN
from tests.support.wait import wait_until

_FILE = "registry.db"
_LOCKED = {
    "the database is locked by another process: try again",
    "the database is busy: try again",  # of those that wait behind one who waits for the lock
}
_PATIENCE = 8.0  # seconds: longer than the registry waits for its database
_STARTS = 10.0  # seconds that the command itself may take on a busy machine


@contextmanager
def begin(folder: Path) -> Iterator[Installation]:
    with Installation.begin(folder, f"sqlite:///{folder / _FILE}", patience=_PATIENCE) as installation:
        yield installation


@contextmanager
def killed(installation: Installation) -> Iterator[None]:
    """In the middle of its work, and started again on the same database."""
    registry = installation.healthy
    registry.end(signal.SIGKILL)
    yield
    registry.start()
    wait_until(registry.is_ready, 60)


@contextmanager
def stopped(installation: Installation) -> Iterator[None]:
    registry = installation.healthy
    registry.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        registry.signal(signal.SIGCONT)


@contextmanager
def unreachable(installation: Installation) -> Iterator[None]:
    """A command that is run meanwhile ends with a clear word."""
    (proxy,) = installation.proxies
    with proxy.black_hole():
        _expect_unreachable(f"http://127.0.0.1:{proxy.port}")
        yield


@contextmanager
def disk_full(installation: Installation) -> Iterator[None]:
    """None of its files may grow past a page: neither the database's log of changes nor its own log."""
    process = installation.healthy.process.pid
    before, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, most))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (before, most))
    assert installation.changes.details == {"the database's disk is full or broken: see the registry's log"}


@contextmanager
def locked(installation: Installation) -> Iterator[None]:
    """Another process has begun to write, and does not come to an end."""
    with closing(sqlite3.connect(installation.folder / _FILE, isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    assert installation.changes.details
    assert installation.changes.details <= _LOCKED


def _expect_unreachable(url: str) -> None:
    environment = {**os.environ, "REGISTRY_URL": url, "REGISTRY_TOKEN": TOKEN}
    started = time.monotonic()
    command = [str(binaries.extauth()), "keys", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert time.monotonic() - started < TIMEOUT + _STARTS
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stderr.startswith(f"Error: the registry at {url} is not reachable: "), done.stderr


REGISTRY = Group(
    title="Faults of the registry",
    part="The registry is or does",
    text="""
Its database is SQLite here. `changes` is what somebody is told who makes keys through REST all the time, and revokes
every second one; `unreachable` means that no connection was made, `no answer` that none came while that caller waited.

Checks never ask the registry, so nobody who is checked notices. A change that is not confirmed is done wholly or not at
all, and one that was confirmed is kept: afterwards Redis has the same keys as the registry, and those that were made or
revoked meanwhile are. In the black hole `extauth keys list` ended with exit code 3.
""",
    begin=begin,
    faults={
        "killed (SIGKILL), started again": killed,
        "stopped (SIGSTOP)": stopped,
        "network: black hole before it": unreachable,
        "disk full": disk_full,
        "database locked by another process": locked,
    },
    allowed={
        "known": {"200"},
        "limited": {"200"},
        "unseen": {"200"},
        "revoked": {"401"},
        "made up": {"401"},
        "changes": {"200", "201", "503"},
    },
    exceptions={
        "killed (SIGKILL), started again": {"changes": {"200", "201", UNREACHABLE}},
        "stopped (SIGSTOP)": {"changes": {"200", "201", NO_ANSWER}},
        "network: black hole before it": {"changes": {"200", "201", NO_ANSWER}},
    },
)
