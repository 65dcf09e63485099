"""Redis over TLS: who is believed, who is let in, and files that are replaced."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from extauth.settings.redis import RedisSettings
from extauth.store.client import connect
from tests.support.certificates import CertificateAuthority, CertificateFiles
from tests.support.lone_sidecar import free_port
from tests.support.redis_server import DEBIAN, RedisServer
from tests.support.tls_terminator import tls_terminator

Start = Callable[[], int]


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture(params=["terminated", pytest.param("by Redis", marks=pytest.mark.slow)])
def port(request: pytest.FixtureRequest, tmp_path: Path, authority: CertificateAuthority) -> Iterator[int]:
    """Of a Redis that asks clients for a certificate."""
    files = authority.sign("redis")
    with ExitStack() as stack:
        if request.param == "terminated":
            server = RedisServer("redis-8.2", tmp_path)
            port = stack.enter_context(tls_terminator(server.socket, files, authority.path))
        else:
            port = free_port()
            certificate = ("--tls-cert-file", str(files.certificate), "--tls-key-file", str(files.key))
            clients = ("--tls-ca-cert-file", str(authority.path), "--tls-auth-clients", "yes")
            server = RedisServer(DEBIAN, tmp_path, "--tls-port", str(port), *certificate, *clients)
        server.start()
        stack.callback(server.kill)
        yield port


def settings(port: int, ca: Path, client: CertificateFiles | None, host: str = "127.0.0.1") -> RedisSettings:
    fields = {"url": f"rediss://{host}:{port}/0", "tls_ca_file": str(ca), "timeout": "5s", "connect_timeout": "5s"}
    if client is not None:
        fields |= {"tls_certificate_file": str(client.certificate), "tls_key_file": str(client.key)}
    return RedisSettings.model_validate(fields)


def answers(settings: RedisSettings) -> bool:
    with connect(settings) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def test_both_sides_show_a_certificate(port: int, authority: CertificateAuthority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other")
    assert answers(settings(port, authority.path, authority.sign("extauth")))
    assert not answers(settings(port, authority.path, None)), "a client without a certificate"
    assert not answers(settings(port, authority.path, other.sign("extauth"))), "a client of a stranger's"
    assert not answers(settings(port, other.path, authority.sign("extauth"))), "a server of a stranger's"
    assert not answers(settings(port, authority.path, authority.sign("extauth"), "127.0.0.2")), "another host's"


def test_files_that_are_replaced_count_for_the_next_connection(
    port: int, authority: CertificateAuthority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = CertificateAuthority(tmp_path / "other").sign("extauth")
    with connect(settings(port, authority.path, stranger), connections=1) as client:
        with pytest.raises(redis.RedisError):
            client.ping()
        ours = authority.sign("extauth")
        stranger.certificate.write_bytes(ours.certificate.read_bytes())
        stranger.key.write_bytes(ours.key.read_bytes())
        assert client.ping()


@pytest.mark.parametrize("field", ["tls_certificate_file", "tls_key_file"])
def test_a_certificate_without_its_key_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="belong together"):
        RedisSettings.model_validate({field: "/etc/a.pem"})
