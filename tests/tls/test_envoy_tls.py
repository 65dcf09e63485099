"""Envoy and the sidecar: TLS, certificates of both, and the secret, all from the generated configuration."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from extauth.cli.main import main
from extauth.envoy.parameters import ENVOY_VARIABLE
from tests.support.certificates import CertificateAuthority
from tests.support.lone_sidecar import free_port
from tests.support.wait import wait_until
from tests.tls.processes import answer, envoy, sidecar, status

SECRET = "of this Envoy, and of no other"


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


def listening(authority: CertificateAuthority, folder: Path, *addresses: str) -> dict[str, object]:
    (folder / "secret").write_text(SECRET)
    return {
        "grpc": list(addresses),
        "admin": f"127.0.0.1:{free_port()}",
        "tls": {**authority.sign("sidecar").settings, "client_ca_file": str(authority.path)},
        "envoy_secret": {"accepted": [{"file": str(folder / "secret")}]},
    }


@pytest.mark.slow
def test_only_the_envoy_with_certificate_and_secret_is_answered(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    files = authority.sign("envoy")
    own = {"--certificate": str(files.certificate), "--certificate-key": str(files.key)}
    trusted = {"--sidecar-ca": str(authority.path), **own}
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other")
    with sidecar(tmp_path, listening(authority, tmp_path, f"127.0.0.1:{free_port()}")):
        with envoy(tmp_path, trusted, **{ENVOY_VARIABLE: SECRET}) as url:
            wait_until(lambda: status(url) == 401, 20)
            assert json.loads(answer(url)[1])["error"] == "missing_key"
        with envoy(tmp_path, trusted, **{ENVOY_VARIABLE: "guessed"}) as url:
            wait_until(lambda: "untrusted_proxy" in answer(url)[1], 20)
            assert status(url) == 503
        for options in (
            {**trusted, "--sidecar-name": "another.example.com"},
            {**trusted, "--sidecar-ca": str(other.path)},
            {
                **trusted,
                "--certificate": str(other.sign("x").certificate),
                "--certificate-key": str(other.sign("x").key),
            },
        ):
            with envoy(tmp_path, options, **{ENVOY_VARIABLE: SECRET}) as url:
                assert [answer(url) for _ in range(3)] == [(503, "")] * 3, options


def config(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(
        main, ["envoy", "config", "-c", str(folder / "extauth.yaml"), "--part", "cluster", *options]
    )


def test_what_is_missing_for_tls_is_said(tmp_path: Path, authority: CertificateAuthority) -> None:
    with sidecar(tmp_path, listening(authority, tmp_path, f"127.0.0.1:{free_port()}", f"unix:{tmp_path}/x.sock")):
        assert "name those that Envoy uses by --sidecar" in config(tmp_path).output
        address = ("--sidecar", "sidecar.example.com:9001")
        assert "--sidecar-ca" in config(tmp_path, *address).output
        assert "--certificate" in config(tmp_path, *address, "--sidecar-ca", "/ca.pem").output
        files = ("--sidecar-ca", "/ca.pem", "--certificate", "/a.pem", "--certificate-key", "/b.pem")
        done = config(tmp_path, *address, *files)
        assert (done.exit_code, "sni: sidecar.example.com" in done.output) == (0, True)
        assert "transport_socket" not in config(tmp_path, "--sidecar", f"unix:{tmp_path}/x.sock").output
