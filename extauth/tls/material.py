"""The files of a certificate as they are at one moment, known to fit together."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from extauth.settings.tls import ServerTls


class TlsError(Exception):
    """Files that cannot be used; the text names them and what is wrong, never what they hold."""


@dataclass(frozen=True, slots=True)
class Material:
    """PEM texts, and what the `ssl` module makes of them."""

    certificates: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None
    context: ssl.SSLContext = field(compare=False)

    @classmethod
    def read(cls, settings: ServerTls) -> "Material":
        """Raises TlsError, also for a key that is another certificate's, and for files that change meanwhile."""
        texts = _texts(settings)
        context = _context(settings)
        if _texts(settings) != texts:
            raise TlsError(f"{settings.certificate_file} is being replaced")
        certificates, key, client_ca = texts
        return cls(certificates or b"", key or b"", client_ca, context)


def _texts(settings: ServerTls) -> list[bytes | None]:
    return [
        None if path is None else _read(path)
        for path in (settings.certificate_file, settings.key_file, settings.client_ca_file)
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}") from None


def _context(settings: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key, client_ca = settings.certificate_file, settings.key_file, settings.client_ca_file
    _load(f"{certificate} with {key}", lambda: context.load_cert_chain(certificate, key, _refuse_passphrase))
    if client_ca is not None:
        _load(str(client_ca), lambda: context.load_verify_locations(client_ca))
        context.verify_mode = ssl.CERT_REQUIRED
        # Who resumes a session is not asked for a certificate, and the CA may be another one by then. Sessions of
        # TLS 1.2 stay in OpenSSL's memory, which Python cannot switch off.
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
    return context


def _load(names: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise TlsError(f"{names}: {reason}") from None


def _refuse_passphrase() -> str:
    """Without it OpenSSL would ask at the terminal."""
    raise ValueError("the key has a passphrase: write it without one")
