"""Who may ask `/check`: TLS with certificates on both sides, and a secret."""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from extauth.demo.ports import HOST
from extauth.policy.http_check import HttpCheckSettings
from tests.e2e.http1 import send
from tests.http_check.proxies import start_nginx
from tests.http_check.stacks import Checked, checked_stack, connect
from tests.support.certificates import CertificateAuthority, CertificateFiles
from tests.support.lone_sidecar import free_port
from tests.support.wait import wait_until
from tests.tls.processes import sidecar

TOLD = {"x-original-method": "GET", "x-original-uri": "/", "x-original-host": HOST}
SECRET = "a secret of the proxies"
NEXT = "the one that comes after it"
PATIENCE = 30
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A sidecar that answers `/check` on TCP with mutual TLS, and on a unix socket; both want a secret."""

    address: str
    socket: str
    authority: CertificateAuthority
    proxy: CertificateFiles
    log: Path

    def ask(self, headers: Mapping[str, str], client: CertificateFiles | None = None) -> tuple[int, dict[str, Any]]:
        """Over TLS."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return answer_of(http.client.HTTPSConnection(self.address, timeout=PATIENCE, context=context), headers)

    def ask_socket(self, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        return answer_of(connect(self.socket), headers)


def answer_of(connection: http.client.HTTPConnection, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    try:
        connection.request("GET", "/check", headers={**TOLD, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    authority = CertificateAuthority(folder)
    address, path = f"{HOST}:{free_port()}", f"unix:{folder}/http.sock"
    for name, secret in (("secret", SECRET), ("next", NEXT)):
        (folder / name).write_text(secret)
    settings = {
        "listen": [address, path],
        "original": "x-original",
        "tls": {**authority.sign("http").settings, "client_ca_file": str(authority.path)},
        "secret": {"accepted": [{"file": str(folder / "secret")}, {"file": str(folder / "next")}]},
    }
    listen = {"grpc": [f"unix:{folder}/x.sock"], "admin": f"{HOST}:{free_port()}"}
    with sidecar(folder, listen, http=settings, log={"level": "debug"}) as log:
        yield Guarded(address, path, authority, authority.sign("proxy"), log)


def test_a_proxy_with_certificate_and_secret_is_answered(guarded: Guarded) -> None:
    for secret in (SECRET, NEXT):
        status, body = guarded.ask({"x-extauth-secret": secret}, guarded.proxy)
        assert (status, body["error"]) == (401, "missing_key")


def test_nobody_else_gets_through_the_handshake(guarded: Guarded, tmp_path: Path) -> None:
    stranger = CertificateAuthority(tmp_path, "other").sign("proxy")
    for client in (None, stranger):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            guarded.ask({"x-extauth-secret": SECRET}, client)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        answer_of(http.client.HTTPConnection(guarded.address, timeout=PATIENCE), {"x-extauth-secret": SECRET})


@pytest.mark.parametrize("sent", ["", "wrong, but of that length", SECRET[:-1], f"{SECRET}, {NEXT}"])
def test_without_the_secret_nothing_is_decided(guarded: Guarded, sent: str) -> None:
    """A denial with the status of our own faults, whatever the key: nobody learns which ones are good."""
    headers = {"x-extauth-secret": sent} if sent else {}
    for status, body in (guarded.ask(headers, guarded.proxy), guarded.ask_socket({**headers, "x-api-key": "nonsense"})):
        assert (status, body["error"]) == (503, "untrusted_proxy")


def test_a_unix_socket_needs_no_tls_but_the_secret(guarded: Guarded) -> None:
    status, body = guarded.ask_socket({"x-extauth-secret": SECRET})
    assert (status, body["error"]) == (401, "missing_key")


def test_a_certificate_that_is_replaced_is_shown_to_new_connections(guarded: Guarded) -> None:
    def serial() -> str:
        context = ssl.create_default_context(cafile=str(guarded.authority.path))
        context.load_cert_chain(guarded.proxy.certificate, guarded.proxy.key)
        connection = http.client.HTTPSConnection(guarded.address, timeout=PATIENCE, context=context)
        try:
            connection.connect()
            return str(connection.sock.getpeercert()["serialNumber"])  # type: ignore[union-attr,index] # it has TLS
        finally:
            connection.close()

    before = serial()
    guarded.authority.sign("http")
    wait_until(lambda: serial() != before, PATIENCE)


def test_the_secret_is_in_no_log(guarded: Guarded) -> None:
    guarded.ask({"x-extauth-secret": f"{SECRET}x"}, guarded.proxy)
    assert SECRET.encode() not in guarded.log.read_bytes()


def test_a_secret_that_is_too_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short")
    settings = {"listen": [f"unix:{tmp_path}/http.sock"], "original": "x-original"}
    secret = {"accepted": [{"file": str(tmp_path / "short")}]}
    with sidecar(tmp_path, {"grpc": [f"unix:{tmp_path}/x.sock"]}, http={**settings, "secret": secret}) as log:
        assert b"fewer than 16 characters" in log.read_bytes()
    with pytest.raises(ValidationError):
        HttpCheckSettings.model_validate({**settings, "secret": {"accepted": []}})


@pytest.mark.slow
def test_nginx_asks_over_tls_with_a_certificate_and_the_secret(tmp_path: Path) -> None:
    """As docs/nginx.md says; and without the secret nobody passes."""
    authority = CertificateAuthority(tmp_path)
    address = f"{HOST}:{free_port()}"
    (tmp_path / "secret").write_text(SECRET)
    more = {
        "tls": {**authority.sign("http").settings, "client_ca_file": str(authority.path)},
        "secret": {"accepted": [{"file": str(tmp_path / "secret")}]},
    }
    with checked_stack(tmp_path, address, "x-original", http=more) as checked:
        key = checked.stack.issue()
        _nginx_passes(checked, authority, key.header, SECRET, status=200)
        _nginx_passes(checked, authority, key.header, "of somebody else", status=503)


def _nginx_passes(
    checked: Checked, authority: CertificateAuthority, header: tuple[str, str], secret: str, *, status: int
) -> None:
    proxy = authority.sign("proxy")
    folder = checked.stack.layout.directory / f"nginx-{status}"
    folder.mkdir()
    with_tls = {
        "proxy_pass http://extauth/check;": f"""proxy_pass https://extauth/check;
        proxy_ssl_certificate {proxy.certificate};
        proxy_ssl_certificate_key {proxy.key};
        proxy_ssl_trusted_certificate {authority.path};
        proxy_ssl_verify on;
        proxy_ssl_name localhost;
        proxy_ssl_protocols TLSv1.3;
        proxy_set_header X-Extauth-Secret "{secret}";"""
    }
    url = start_nginx(checked, folder, more=with_tls)
    answer = send(url, "/orders", [header])
    assert answer.status == status
    if status == 200:
        assert answer.upstream_header("x-extauth-secret") == []
