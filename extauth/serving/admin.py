"""The admin port: /metrics, /healthz, /readyz."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from extauth.serving.components import Reporting
from extauth.serving.sockets import BindError
from extauth.settings.values import host_and_port
from extauth.telemetry.logs import logger
from extauth.tls.certificate import ServerCertificate

_log = logger(__name__)

_Page = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""
_Pages = Mapping[str, Callable[[str], _Page]]
"""By path; what makes a page is given the client's Accept header."""


class AdminServer:
    """HTTP/1.1 on threads of its own, so that a scrape never holds up a check for long."""

    def __init__(
        self, address: str, metrics: Collector, readiness: Reporting, tls: ServerCertificate | None = None
    ) -> None:
        pages: _Pages = {
            "/metrics": lambda accept: _metrics(metrics, accept),
            "/healthz": lambda _: (HTTPStatus.OK, "text/plain", b"ok\n"),
            "/readyz": lambda _: _readiness(readiness),
        }
        handler = type("RequestHandler", (_RequestHandler,), {"pages": pages})
        host, port = host_and_port(address)
        try:
            self._server = _Server((host, port), handler, tls)
        except OSError as error:
            raise BindError(f"cannot listen on {address} (listen.admin): {error.strerror}") from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="admin", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], tls: ServerCertificate | None
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._tls = tls
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        if self._tls is None:
            return connection, client
        # The handshake comes with the first read, on the request's own thread: here it would hold up all others.
        wrapped = self._tls.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, client

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (the base's signature)
        """A prober that hangs up early is none of our business; a fault of ours is."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("admin_request_failed")


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds that a client may be idle
    disable_nagle_algorithm = True  # headers and body are two writes; the second must not wait for an ACK

    pages: _Pages

    def do_GET(self) -> None:
        page = self.pages.get(self.path.partition("?")[0], self._unknown)
        status, content_type, body = page(self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _unknown(self, _accept: str) -> _Page:
        return HTTPStatus.NOT_FOUND, "text/plain", f"known here: {', '.join(self.pages)}\n".encode()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the base class)
        """Probes and scrapes are not worth a line each."""


def _metrics(metrics: Collector, accept: str) -> _Page:
    encode, content_type = choose_encoder(accept)
    return HTTPStatus.OK, content_type, encode(metrics)


def _readiness(readiness: Reporting) -> _Page:
    report = readiness.report()
    status = HTTPStatus.OK if report.ready else HTTPStatus.SERVICE_UNAVAILABLE
    body = json.dumps({"ready": report.ready, "components": dict(report.components)})
    return status, "application/json", body.encode() + b"\n"
