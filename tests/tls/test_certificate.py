"""Reading certificates, and taking over those that change."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.settings.tls import ServerTls
from extauth.telemetry.tls_metrics import TlsMetrics
from extauth.tls.certificate import ServerCertificate
from extauth.tls.material import TlsError
from tests.support.certificates import CertificateAuthority

HOUR = timedelta(hours=1)


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def metrics() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def certificate(authority: CertificateAuthority, metrics: CollectorRegistry) -> ServerCertificate:
    settings = ServerTls(**authority.sign("server").settings, client_ca_file=authority.path)
    return ServerCertificate("grpc", settings, TlsMetrics(metrics))


def reloads(metrics: CollectorRegistry, outcome: str) -> float | None:
    return metrics.get_sample_value("extauth_tls_reloads_total", {"listener": "grpc", "outcome": outcome})


@pytest.mark.parametrize("lifetime", [HOUR, -HOUR], ids=["in force", "ended"])
def test_its_end_is_told_also_when_it_has_come(
    certificate: ServerCertificate,
    authority: CertificateAuthority,
    metrics: CollectorRegistry,
    lifetime: timedelta,
) -> None:
    authority.sign("server", lifetime=lifetime)
    certificate.look()
    told = metrics.get_sample_value("extauth_tls_certificate_expiry_timestamp_seconds", {"listener": "grpc"})
    assert told == pytest.approx(time.time() + lifetime.total_seconds(), abs=60)


def test_the_same_files_are_taken_over_once(
    certificate: ServerCertificate, authority: CertificateAuthority, metrics: CollectorRegistry
) -> None:
    certificate.look()
    assert (reloads(metrics, "applied"), reloads(metrics, "refused")) == (0, 0)
    authority.sign("server")
    certificate.look()
    certificate.look()
    assert reloads(metrics, "applied") == 1


def test_the_same_fault_is_told_once_and_files_made_good_are_taken(
    certificate: ServerCertificate, authority: CertificateAuthority, metrics: CollectorRegistry, tmp_path: Path
) -> None:
    (tmp_path / "server.crt").write_text("no certificate")
    before = certificate.material
    certificate.look()
    certificate.look()
    assert certificate.material is before
    assert reloads(metrics, "refused") == 1
    authority.sign("server")
    certificate.look()
    assert certificate.material is not before
    assert reloads(metrics, "applied") == 1


def _other_key(authority: CertificateAuthority, folder: Path) -> None:
    authority.sign("other").key.rename(folder / "server.key")


def _passphrase(authority: CertificateAuthority, _folder: Path) -> None:
    authority.sign("server", passphrase=b"of a key")


def _no_certificate(_authority: CertificateAuthority, folder: Path) -> None:
    (folder / "server.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def _no_key(_authority: CertificateAuthority, folder: Path) -> None:
    (folder / "server.key").unlink()


def _no_authority(_authority: CertificateAuthority, folder: Path) -> None:
    (folder / "ca.pem").write_text("")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_other_key, r"server\.key: KEY_VALUES_MISMATCH"),
        (_passphrase, "the key has a passphrase"),
        (_no_certificate, r"server\.crt with"),
        (_no_key, r"server\.key cannot be read: No such file"),
        (_no_authority, r"ca\.pem"),
    ],
)
def test_faults_name_the_file(authority: CertificateAuthority, tmp_path: Path, spoil: object, told: str) -> None:
    settings = ServerTls(**authority.sign("server").settings, client_ca_file=authority.path)
    assert callable(spoil)
    spoil(authority, tmp_path)
    with pytest.raises(TlsError, match=told) as raised:
        ServerCertificate("grpc", settings, TlsMetrics(CollectorRegistry()))
    assert "PRIVATE" not in str(raised.value)
