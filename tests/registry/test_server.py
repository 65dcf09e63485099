"""Starting and stopping, and what stands in the way of a start."""

import socket
import threading
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from extauth.registry.addresses import ListenError
from extauth.registry.errors import UnavailableError
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.settings.values import SecretError


def changed(settings: RegistrySettings, **fields: object) -> RegistrySettings:
    return settings.model_copy(update=fields)


def listening(settings: RegistrySettings, **fields: str | None) -> RegistrySettings:
    return changed(settings, listen=settings.listen.model_copy(update=fields))


def http_threads() -> int:
    return sum(thread.name == "registry-http" for thread in threading.enumerate())


def test_the_real_ports_are_told(server: RegistryServer) -> None:
    for address in (server.http_address, server.grpc_address or ""):
        host, _, port = address.rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0


def test_stopping_frees_ports_and_threads_and_may_be_repeated(server: RegistryServer) -> None:
    before = http_threads()
    addresses = [server.http_address, server.grpc_address]
    server.stop()
    server.stop()
    for address in filter(None, addresses):
        host, _, port = address.rpartition(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=1)
    assert http_threads() == before - 1


def test_an_open_request_is_answered_before_the_end(server: RegistryServer, http: httpx2.Client) -> None:
    assert http.get("/healthz").status_code == 200  # the connection stays open
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    stopping.join(10)
    assert not stopping.is_alive()


def test_keys_outlive_a_restart(
    server: RegistryServer, http: httpx2.Client, settings: RegistrySettings, token: str
) -> None:
    key_id = http.post("/v1/keys", json={"name": "a", "tenant": "b"}).json()["id"]
    server.stop()
    again = RegistryServer(settings, CollectorRegistry())
    again.start()
    try:
        headers = {"authorization": f"Bearer {token}"}
        assert httpx2.get(f"http://{again.http_address}/v1/keys/{key_id}", headers=headers).status_code == 200
        assert again.history.revision() == 1
    finally:
        again.stop()


@pytest.mark.parametrize("which", ["http", "grpc"])
def test_a_busy_port_is_told_and_nothing_is_left_open(settings: RegistrySettings, which: str) -> None:
    before = http_threads()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        server = RegistryServer(listening(settings, **{which: address}), CollectorRegistry())
        with pytest.raises(ListenError, match=address):
            server.start()
    assert http_threads() == before


def test_a_database_that_cannot_be_made_is_told(settings: RegistrySettings, tmp_path: Path) -> None:
    server = RegistryServer(changed(settings, database=f"sqlite:///{tmp_path}/no/where.db"), CollectorRegistry())
    with pytest.raises(UnavailableError, match=r"where\.db"):
        server.start()


def test_grpc_can_be_switched_off(settings: RegistrySettings) -> None:
    server = RegistryServer(listening(settings, grpc=None), CollectorRegistry())
    server.start()
    assert server.grpc_address is None
    assert httpx2.get(f"http://{server.http_address}/readyz").status_code == 200
    server.stop()


def test_unix_sockets_and_all_interfaces(settings: RegistrySettings, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    server = RegistryServer(listening(settings, http=f"unix:{path}", grpc="*:0"), CollectorRegistry())
    server.start()
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), base_url="http://registry") as client:
        assert client.get("/readyz").status_code == 200
    assert server.http_address == f"unix:{path}"
    assert str(server.grpc_address).startswith("*:")
    server.stop()


@pytest.mark.parametrize("address", ["*:0", "[::1]:0", "localhost:0"])
def test_other_addresses(settings: RegistrySettings, address: str) -> None:
    server = RegistryServer(listening(settings, http=address), CollectorRegistry())
    server.start()
    port = server.http_address.rpartition(":")[2]
    host = "127.0.0.1" if address.startswith("*") else address.rpartition(":")[0]
    assert httpx2.get(f"http://{host}:{port}/healthz").status_code == 200
    server.stop()


@pytest.mark.parametrize(
    ("name", "value"), [("token", ""), ("token", "short"), ("token", "with a space in it"), ("pepper", "short")]
)
def test_secrets_that_could_be_guessed_are_refused(
    settings: RegistrySettings, tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / name).write_text(value)
    with pytest.raises(SecretError) as refused:
        RegistryServer(settings, CollectorRegistry())
    assert not value or value not in str(refused.value)
