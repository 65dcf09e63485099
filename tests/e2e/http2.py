"""HTTP/2 requests, without TLS and without an upgrade."""

import socket
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events

from tests.e2e.answer import Answer, Headers
from tests.e2e.http1 import PATIENCE

_STREAM = 1


def send(url: str, path: str = "/", headers: Headers = (), *, method: str = "GET", body: bytes = b"") -> Answer:
    place = urlsplit(url)
    pseudo = [(":method", method), (":scheme", "http"), (":authority", place.netloc), (":path", path)]
    config = h2.config.H2Configuration(header_encoding="latin-1", validate_outbound_headers=False)
    connection = h2.connection.H2Connection(config)
    with socket.create_connection((str(place.hostname), place.port), timeout=PATIENCE) as wire:
        connection.initiate_connection()
        connection.send_headers(_STREAM, [*pseudo, *headers], end_stream=not body)
        if body:
            connection.send_data(_STREAM, body, end_stream=True)
        wire.sendall(connection.data_to_send())
        return _receive(wire, connection)


def _receive(wire: socket.socket, connection: h2.connection.H2Connection) -> Answer:
    found: list[tuple[str, str]] = []
    body = bytearray()
    while data := wire.recv(65536):
        for event in connection.receive_data(data):
            match event:
                case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                    found.extend((str(name), str(value)) for name, value in event.headers)
                case h2.events.DataReceived():
                    body.extend(event.data)
                    connection.acknowledge_received_data(event.flow_controlled_length, _STREAM)
                case h2.events.StreamEnded():
                    fields = [(name, value) for name, value in found if name != ":status"]
                    return Answer(int(dict(found)[":status"]), fields, bytes(body))
                case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    raise ConnectionError(f"Envoy ended the stream: {event}")
        wire.sendall(connection.data_to_send())
    raise ConnectionError("Envoy closed the connection")
