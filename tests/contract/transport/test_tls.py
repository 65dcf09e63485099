"""TLS on TCP: who gets in, and a certificate that is replaced while serving."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from prometheus_client import CollectorRegistry

from extauth.settings.tls import ServerTls
from extauth.telemetry.tls_metrics import TlsMetrics
from extauth.tls.certificate import ServerCertificate
from tests.support.certificates import CertificateAuthority, CertificateFiles
from tests.support.transport_handler import CommandHandler
from tests.support.transports import make_transport
from tests.support.wire_client import CHECK, WireClient

Secure = Callable[..., tuple[ServerCertificate, str]]


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def secure(name: str, authority: CertificateAuthority, tmp_path: Path) -> Iterator[Secure]:
    """Serve with TLS; the certificate, and where."""
    stops: list[Callable[[], None]] = []

    def secure(client_ca: Path | None = None) -> tuple[ServerCertificate, str]:
        settings = ServerTls(**authority.sign("server").settings, client_ca_file=client_ca)
        certificate = ServerCertificate("grpc", settings, TlsMetrics(CollectorRegistry()))
        unix = f"unix:{tmp_path}/x.sock"
        transport = make_transport(name, CommandHandler(), "127.0.0.1:0", unix, tls=certificate)
        bound = transport.start()
        stops.append(lambda: transport.stop(grace=0))
        return certificate, bound["127.0.0.1:0"]

    yield secure
    for stop in stops:
        stop()


def ask(address: str, ca: Path, client: CertificateFiles | None = None) -> bytes:
    """Over a connection of its own; grpc.RpcError when that is refused."""
    pair = (client.key.read_bytes(), client.certificate.read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(ca.read_bytes(), *pair)
    with grpc.secure_channel(address, credentials, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
        return check(b"here", timeout=10)


def serial_shown(address: str, ca: Path, client: CertificateFiles | None = None) -> str:
    """The serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(["h2"])
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        return str((connection.getpeercert() or {})["serialNumber"])


def test_checks_are_answered_over_tls_and_never_beside_it(secure: Secure, authority: CertificateAuthority) -> None:
    _, address = secure()
    assert ask(address, authority.path) == b"here"
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary(CHECK)(b"here", timeout=5)


def test_unix_sockets_stay_without(secure: Secure, tmp_path: Path) -> None:
    secure()
    with WireClient(f"unix:{tmp_path}/x.sock") as client:
        assert client.ask(b"here").message == b"here"


def test_only_clients_with_a_certificate_of_the_ca_get_in(
    secure: Secure, authority: CertificateAuthority, tmp_path: Path
) -> None:
    _, address = secure(authority.path)
    assert ask(address, authority.path, authority.sign("envoy")) == b"here"
    (tmp_path / "other").mkdir()
    stranger = CertificateAuthority(tmp_path / "other").sign("envoy")
    ended = authority.sign("ended", lifetime=-timedelta(hours=1))
    for nobody in (None, stranger, ended):
        with pytest.raises(grpc.RpcError):
            ask(address, authority.path, nobody)


def test_a_new_certificate_is_shown_to_new_connections_and_open_ones_go_on(
    secure: Secure, authority: CertificateAuthority
) -> None:
    certificate, address = secure()
    before = serial_shown(address, authority.path)
    credentials = grpc.ssl_channel_credentials(authority.path.read_bytes())
    with grpc.secure_channel(address, credentials) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
        assert check(b"before", timeout=10) == b"before"
        authority.sign("server")
        certificate.look()
        assert serial_shown(address, authority.path) != before
        assert check(b"after", timeout=10) == b"after"


def test_a_bad_certificate_changes_nothing(secure: Secure, authority: CertificateAuthority) -> None:
    certificate, address = secure()
    before = serial_shown(address, authority.path)
    authority.sign("other").key.rename(authority.sign("server").key)  # a key that is another's
    certificate.look()
    assert serial_shown(address, authority.path) == before
    assert ask(address, authority.path) == b"here"


def test_clients_of_a_ca_that_was_replaced_are_out(
    secure: Secure, authority: CertificateAuthority, tmp_path: Path
) -> None:
    clients = tmp_path / "clients.pem"
    clients.write_bytes(authority.path.read_bytes())
    certificate, address = secure(clients)
    old = authority.sign("envoy")
    assert ask(address, authority.path, old) == b"here"
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other")
    clients.write_bytes(other.path.read_bytes())
    certificate.look()
    assert ask(address, authority.path, other.sign("envoy")) == b"here"
    with pytest.raises(grpc.RpcError):
        ask(address, authority.path, old)
