"""TLS in front of a server on a unix socket, of which the wheels that tests use are built without."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.certificates import CertificateFiles

_PIECE = 65536
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # of PostgreSQL's protocol, 55.2.10


@contextmanager
def tls_terminator(
    target: Path, files: CertificateFiles, client_ca: Path | None = None, *, postgresql: bool = False
) -> Iterator[int]:
    """Its port on 127.0.0.1. With `client_ca`, clients must show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(
            target=_accept, args=(listener, context, target), kwargs={"postgresql": postgresql}, daemon=True
        )
        serving.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        serving.join(10)


def _accept(listener: socket.socket, context: ssl.SSLContext, target: Path, *, postgresql: bool) -> None:
    with suppress(OSError):  # of a listener that was closed
        while True:
            plain, _ = listener.accept()
            arguments = (plain, context, target)
            threading.Thread(target=_serve, args=arguments, kwargs={"postgresql": postgresql}, daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, target: Path, *, postgresql: bool) -> None:
    with suppress(OSError), plain:  # a client that was refused
        if postgresql:
            assert plain.recv(len(_SSL_REQUEST)) == _SSL_REQUEST, "not asked for TLS"
            plain.sendall(b"S")
        with context.wrap_socket(plain, server_side=True) as client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(target))
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join(10)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
