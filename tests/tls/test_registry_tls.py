"""The registry over TLS: REST, the console's cookie, gRPC, and the command line with its own certificate."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx2
import pytest
from click.testing import CliRunner, Result
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from extauth.cli.main import main
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.tls.material import TlsError
from tests.support.certificates import CertificateAuthority, CertificateFiles

TOKEN = "an-admin-token-of-16-or-more"


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def settings(tmp_path: Path, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch) -> RegistrySettings:
    monkeypatch.setenv("PEPPER", "a pepper for tests, 32 bytes long")
    monkeypatch.setenv("TOKEN", TOKEN)
    tls = {**authority.sign("registry").settings, "client_ca_file": str(authority.path)}
    return RegistrySettings.model_validate(
        {
            "database": f"sqlite:///{tmp_path}/registry.db",
            "listen": {"http": "127.0.0.1:0", "grpc": "127.0.0.1:0", "tls": tls},
            "keys": {"peppers": [{"id": "p1", "env": "PEPPER"}]},
            "admin_token": {"env": "TOKEN"},
        }
    )


@pytest.fixture
def server(settings: RegistrySettings) -> Iterator[RegistryServer]:
    server = RegistryServer(settings, CollectorRegistry())
    server.start()
    yield server
    server.stop()


def context_of(ca: Path, client: CertificateFiles | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


def client(server: RegistryServer, ca: Path, files: CertificateFiles | None) -> httpx2.Client:
    return httpx2.Client(base_url=f"https://{server.http_address}", verify=context_of(ca, files), timeout=10)


def test_rest_asks_for_a_certificate(server: RegistryServer, authority: CertificateAuthority, tmp_path: Path) -> None:
    with client(server, authority.path, authority.sign("admin")) as http:
        assert http.get("/healthz").status_code == 200
    (tmp_path / "other").mkdir()
    stranger = CertificateAuthority(tmp_path / "other").sign("admin")
    for files in (None, stranger):
        with client(server, authority.path, files) as http, pytest.raises(httpx2.TransportError):
            http.get("/healthz")
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://{server.http_address}/healthz", timeout=5)


def test_a_certificate_that_is_replaced_is_shown_to_new_connections(
    server: RegistryServer, authority: CertificateAuthority, tmp_path: Path
) -> None:
    """And clients of a CA that was replaced are out."""
    admin = authority.sign("admin")
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other", "ca")
    replaced = other.sign("registry")
    for old, new in (("registry.crt", replaced.certificate), ("registry.key", replaced.key), ("ca.pem", other.path)):
        (tmp_path / f"old-{old}").write_bytes((tmp_path / old).read_bytes())
        (tmp_path / old).write_bytes(new.read_bytes())
    assert server._tls is not None
    server._tls.look()
    with client(server, other.path, other.sign("admin")) as http:
        assert http.get("/healthz").status_code == 200
    with client(server, other.path, admin) as http, pytest.raises(httpx2.TransportError):
        http.get("/healthz")


def test_the_consoles_cookie_is_for_tls_alone(server: RegistryServer, authority: CertificateAuthority) -> None:
    with client(server, authority.path, authority.sign("admin")) as http:
        signed_in = http.post("/console/sign-in", data={"token": TOKEN})
    (cookie,) = signed_in.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie


def test_grpc_is_served_with_the_same_certificate(server: RegistryServer, authority: CertificateAuthority) -> None:
    files, address = authority.sign("watcher"), str(server.grpc_address)
    root = authority.path.read_bytes()
    known = grpc.ssl_channel_credentials(root, files.key.read_bytes(), files.certificate.read_bytes())
    with grpc.secure_channel(address, known) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    options = [("grpc.use_local_subchannel_pool", 1)]
    unknown = grpc.ssl_channel_credentials(root)
    with grpc.secure_channel(address, unknown, options) as channel, pytest.raises(grpc.RpcError):
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)


def test_bad_files_stop_the_start(settings: RegistrySettings, authority: CertificateAuthority) -> None:
    authority.sign("other").key.rename(authority.sign("registry").key)
    with pytest.raises(TlsError, match="KEY_VALUES_MISMATCH"):
        RegistryServer(settings, CollectorRegistry())


def run(server: RegistryServer, **environment: str) -> Result:
    fixed = {"REGISTRY_URL": f"https://{server.http_address}", "REGISTRY_TOKEN": TOKEN}
    return CliRunner().invoke(main, ["keys", "list", "--output", "json"], env={**fixed, **environment})


def test_the_command_line_comes_with_a_certificate(
    server: RegistryServer, authority: CertificateAuthority, tmp_path: Path
) -> None:
    files = authority.sign("admin")
    both = tmp_path / "admin.pem"
    both.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    done = run(server, REGISTRY_CA_FILE=str(authority.path), REGISTRY_CERTIFICATE_FILE=str(both))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["items"] == []
    assert run(server).exit_code == 3, "the system's CAs did not sign it"
    assert run(server, REGISTRY_CA_FILE=str(authority.path)).exit_code == 3, "no certificate of ours"
    unreadable = run(server, REGISTRY_CA_FILE=str(tmp_path / "missing"))
    assert (unreadable.exit_code, "REGISTRY_CA_FILE" in unreadable.output) == (2, True)
