"""What a browser's request looks like, to Envoy and in the CheckRequest that Envoy makes of it."""

from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import CheckRequest

KEY_HEADER = "x-api-key"
HOST = "api.example.com"
HEADERS = (
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-US,en;q=0.9"),
    ("content-type", "application/json"),
    ("cookie", "session=abcdefghijklmnopqrstuvwxyz0123456789"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 Safari/537.36"),
)
_ADDED_BY_ENVOY = (
    ("x-envoy-external-address", "203.0.113.7"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "http"),
    ("x-request-id", "0b0c9c2e-3e8f-4b0e-9a80-0d3d6f0b2a9a"),
)


def check_request(key: str, path: str, *, raw: bool = False) -> bytes:
    """About 800 bytes with 16 headers; `raw` as with `encode_raw_headers`."""
    message = CheckRequest()
    attributes = message.attributes
    for peer, address, port in ((attributes.source, "203.0.113.7", 43210), (attributes.destination, "10.0.0.8", 8080)):
        peer.address.socket_address.address, peer.address.socket_address.port_value = address, port
    attributes.request.time.FromSeconds(1_800_000_000)
    http = attributes.request.http
    http.id, http.method, http.path, http.host = "3405126988633099112", "GET", path, HOST
    http.scheme, http.protocol, http.size = "http", "HTTP/1.1", -1
    pseudo = ((":authority", HOST), (":path", path), (":method", "GET"), (":scheme", "http"))
    for name, value in (*pseudo, *HEADERS, (KEY_HEADER, key), *_ADDED_BY_ENVOY):
        if raw:
            http.header_map.headers.add(key=name, raw_value=value.encode())
        else:
            http.headers[name] = value
    return message.SerializeToString()
