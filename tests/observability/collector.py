"""An OpenTelemetry collector that keeps what it gets: OTLP over HTTP, in protobuf."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """What a test wants to know of a span; ids in hexadecimal, empty for none."""

    name: str
    trace: str
    id: str
    parent: str
    service: str
    is_error: bool
    attributes: dict[str, str | bool]


@dataclass(slots=True)
class Collector:
    """All that came, from its own threads."""

    url: str
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    """As they came, without compression."""
    authorizations: set[str | None] = field(default_factory=set)

    def of_trace(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    attributes = {
                        one.key: one.value.bool_value if one.value.HasField("bool_value") else one.value.string_value
                        for one in span.attributes
                    }
                    self.spans.append(
                        Span(
                            name=span.name,
                            trace=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            service=service,
                            is_error=span.status.code == 2,
                            attributes=attributes,
                        )
                    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """One on a free port of loopback."""
    collector = Collector("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers["content-length"]
            body = self.read_chunks() if length is None else self.rfile.read(int(length))
            collector.authorizations.add(self.headers["authorization"])
            collector.take(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def read_chunks(self) -> bytes:
            """As Envoy sends them, without trailers (RFC 9112, 7.1)."""
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
