"""PostgreSQL over TLS, as docs/tls.md writes its URL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from extauth.registry.database import Database
from extauth.registry.errors import UnavailableError
from tests.support.certificates import CertificateAuthority
from tests.support.postgresql_server import PostgresqlServer
from tests.support.tls_terminator import tls_terminator


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    server.start()
    yield server
    server.remove()


def reachable(url: str) -> bool:
    database = Database(url, deadline=5)
    try:
        database.migrate()
        database.ping()
    except UnavailableError:
        return False
    finally:
        database.close()
    return True


def test_both_sides_show_a_certificate(server: PostgresqlServer, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other")
    ours, theirs = authority.sign("extauth"), other.sign("extauth")
    socket = Path(server.url("x").partition("host=")[2]) / ".s.PGSQL.5432"
    with tls_terminator(socket, authority.sign("postgresql"), authority.path, postgresql=True) as port:
        place = f"postgres@127.0.0.1:{port}/postgres?sslmode=verify-full"
        shown = f"sslcert={ours.certificate}&sslkey={ours.key}"
        assert reachable(f"postgresql://{place}&sslrootcert={authority.path}&{shown}")
        assert not reachable(f"postgresql://{place}&sslrootcert={other.path}&{shown}"), "a server of a stranger's"
        assert not reachable(f"postgresql://{place}&sslrootcert={authority.path}"), "a client without a certificate"
        stranger = f"sslcert={theirs.certificate}&sslkey={theirs.key}"
        assert not reachable(f"postgresql://{place}&sslrootcert={authority.path}&{stranger}"), "a stranger"
        elsewhere = place.replace("127.0.0.1", "127.0.0.2")
        assert not reachable(f"postgresql://{elsewhere}&sslrootcert={authority.path}&{shown}"), "another host's"
