"""A CA in memory, and certificates that it signs, as PEM files."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate and its key are."""

    certificate: Path
    key: Path

    @property
    def settings(self) -> dict[str, str]:
        """As in a settings file."""
        return {"certificate_file": str(self.certificate), "key_file": str(self.key)}


class CertificateAuthority:
    """Signs for 127.0.0.1 and localhost, unless told others. `path` is its own certificate."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = _name_of(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / f"{name}.pem"
        basics = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = self._builder(self._name, self._key.public_key(), _DAY)
        for extension, critical in ((basics, True), (usage, True), (identifier, False)):
            builder = builder.add_extension(extension, critical=critical)
        self.path.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def sign(
        self,
        name: str,
        *,
        lifetime: timedelta = _DAY,
        passphrase: bytes | None = None,
        hosts: Sequence[str] = ("localhost",),
        addresses: Sequence[str] = ("127.0.0.1",),
    ) -> CertificateFiles:
        """A new certificate of this name, in the folder; one of the same name is replaced."""
        key = ec.generate_private_key(ec.SECP256R1())
        of_addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        names = x509.SubjectAlternativeName([*map(x509.DNSName, hosts), *of_addresses])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = self._builder(_name_of(name), key.public_key(), lifetime).add_extension(names, critical=False)
        certificate = builder.add_extension(issuer, critical=False).sign(self._key, hashes.SHA256())
        files = CertificateFiles(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            encryption = serialization.BestAvailableEncryption(passphrase)
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        _replace(files.key, text)
        _replace(files.certificate, _pem(certificate))
        files.key.chmod(0o600)
        return files

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _DAY)
            .not_valid_after(now + lifetime)
        )


def _name_of(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _replace(path: Path, text: bytes) -> None:
    """At once, as a Secret's mount does."""
    aside = path.with_suffix(".aside")
    aside.write_bytes(text)
    aside.rename(path)
