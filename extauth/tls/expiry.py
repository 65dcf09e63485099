"""When a certificate ends. The `ssl` module tells that only of a peer's, so a certificate is shown to ourselves."""

import ssl
from pathlib import Path

_ANY_TIME = ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME: one that has ended is told of like any other
_ROUNDS = 4


def expires_at(certificate_file: Path, key_file: Path) -> float | None:
    """Unix seconds; None when OpenSSL would not show it. The files must be good."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate_file, key_file)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(certificate_file)
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _ANY_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server)
    try:
        for _ in range(_ROUNDS):
            for side in (theirs, ours):
                _go_on(side)
    except ssl.SSLError:
        return None
    shown = theirs.getpeercert() or {}
    return ssl.cert_time_to_seconds(str(shown["notAfter"])) if "notAfter" in shown else None


def _go_on(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        """The other side has its turn."""
