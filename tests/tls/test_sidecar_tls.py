"""`extauth serve` with TLS: both listeners, one process or several, and certificates that are replaced."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from tests.support.certificates import CertificateAuthority, CertificateFiles
from tests.support.check_messages import Answer, check_request
from tests.support.lone_sidecar import free_port
from tests.support.wait import wait_until
from tests.support.wire_client import CHECK
from tests.tls.processes import sidecar

_PATIENCE = 30  # seconds
_NO_KEY = check_request({"accept": "*/*"})


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


def ask(address: str, ca: Path, client: CertificateFiles | None = None) -> int:
    """The HTTP status of a check without a key."""
    pair = (client.key.read_bytes(), client.certificate.read_bytes()) if client else (None, None)
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read_bytes(), *pair)) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
        return Answer.parse(check(_NO_KEY, timeout=10)).http_status


def page(url: str, ca: Path, client: CertificateFiles | None = None) -> str:
    context = ssl.create_default_context(cafile=str(ca))
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    with urllib.request.urlopen(url, timeout=10, context=context) as found:
        return str(found.read(), "utf-8")


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except (OSError, urllib.error.URLError, grpc.RpcError):
        return True
    return False


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_checks_and_admin_over_mutual_tls_with_certificates_that_change(
    tmp_path: Path, authority: CertificateAuthority, workers: int
) -> None:
    port, admin = free_port(), f"127.0.0.1:{free_port()}"
    grpc_tls = {**authority.sign("grpc").settings, "client_ca_file": str(authority.path)}
    admin_tls = {**authority.sign("admin").settings, "client_ca_file": str(authority.path)}
    listen = {"grpc": [f"127.0.0.1:{port}"], "tls": grpc_tls, "admin": admin, "admin_tls": admin_tls}
    envoy, metrics = authority.sign("envoy"), f"https://{admin}/metrics"
    with sidecar(tmp_path, listen, workers=workers) as log:
        assert ask(f"127.0.0.1:{port}", authority.path, envoy) == 401
        assert "extauth_tls_certificate_expiry_timestamp_seconds" in page(metrics, authority.path, envoy)
        assert refused(lambda: ask(f"127.0.0.1:{port}", authority.path))
        assert refused(lambda: page(metrics, authority.path))
        assert refused(lambda: urllib.request.urlopen(f"http://{admin}/metrics", timeout=10))

        for name in ("grpc", "admin"):
            authority.sign(name)
        applied = [f'extauth_tls_reloads_total{{listener="{name}",outcome="applied"}}' for name in ("grpc", "admin")]
        times = (float(workers), 1.0)
        wait_until(
            lambda: all(
                f"{series} {count}" in page(metrics, authority.path, envoy)
                for series, count in zip(applied, times, strict=True)
            ),
            _PATIENCE,
        )
        assert ask(f"127.0.0.1:{port}", authority.path, envoy) == 401
        (tmp_path / "grpc.key").write_text("no key")
        wait_until(lambda: "certificate_refused_and_the_old_one_kept" in log.read_text(), _PATIENCE)
        assert ask(f"127.0.0.1:{port}", authority.path, envoy) == 401
        assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("listener", ["tls", "admin_tls"])
def test_a_bad_certificate_at_the_start_is_named(
    tmp_path: Path, authority: CertificateAuthority, listener: str, workers: int
) -> None:
    """And nothing is served in the clear in its place."""
    files = authority.sign("server")
    authority.sign("other").key.rename(files.key)
    listen = {"grpc": [f"127.0.0.1:{free_port()}"], "admin": f"127.0.0.1:{free_port()}", listener: files.settings}
    with sidecar(tmp_path, listen, workers=workers) as log:
        text = log.read_text()
    assert "KEY_VALUES_MISMATCH" in text
    assert "Traceback" not in text
    assert not [line for line in text.splitlines() if line.startswith("{") and json.loads(line)["event"] == "serving"]
