"""TLS of a listener. The sidecar and the registry describe it in the same words."""

from pathlib import Path

from extauth.settings.model import Settings


class ServerTls(Settings):
    """The certificate of a listener. Files that change are taken over within seconds; bad ones change nothing."""

    certificate_file: Path
    """The certificate in PEM, and after it those that lead to its CA."""
    key_file: Path
    """Its private key in PEM, without a passphrase."""
    client_ca_file: Path | None = None
    """CA certificates in PEM. Clients must then show a certificate that one of these has signed: use a CA that signs
    for nobody else."""
