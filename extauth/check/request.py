"""Reading a CheckRequest: the only file that knows what Envoy asks with."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError

from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import AttributeContext, CheckRequest, HeaderMap, HeaderValue


class Request:
    """What a check needs to know of the HTTP request. Header names are lower-case; a repeated header's values are
    joined with "," (Envoy does so itself unless `encode_raw_headers` is set). What few policies ask for is read late.
    """

    __slots__ = ("_attributes", "_host", "headers", "method", "path", "query")

    def __init__(
        self, attributes: AttributeContext, http: AttributeContext.HttpRequest, method: str, path: str
    ) -> None:
        self._attributes = attributes
        self._host: str | None = None
        self.headers: Mapping[str, str] = http.headers or _by_name(http.header_map)
        self.method = method
        # Never parsed as a URL: "//x" would be read as an authority. Envoy never sends a fragment.
        self.path, _, self.query = path.partition("?")

    @property
    def host(self) -> str:
        """In the form that policies are written in."""
        if self._host is None:
            self._host = normalise_host(self._attributes.request.http.host)
        return self._host

    @property
    def context(self) -> Mapping[str, str]:
        """Envoy's `context_extensions`."""
        return self._attributes.context_extensions

    @property
    def peer(self) -> str:
        """The address of the TCP peer that Envoy has; empty for a unix socket."""
        return self._attributes.source.address.socket_address.address

    @property
    def is_grpc(self) -> bool:
        """Whether the client speaks gRPC and so expects trailers; gRPC-Web takes a plain HTTP status."""
        content_type = self.headers.get("content-type", "")
        return content_type.startswith("application/grpc") and not content_type.startswith("application/grpc-web")


def read(message: bytes) -> Request | None:
    """The request in a serialised CheckRequest; None when it is unreadable or tells of no HTTP request."""
    try:
        attributes = CheckRequest.FromString(message).attributes
    except DecodeError:
        return None
    # A request without a method is none: so is a CheckRequest that tells of no HTTP request at all.
    http = attributes.request.http
    method, path = http.method, http.path
    # CONNECT has no path; anything else without one is not a request that Envoy sends.
    if not method or (not path and method != "CONNECT"):
        return None
    return Request(attributes, http, method, path)


class _HeaderLines(Mapping[str, str]):
    """Header lines of which each has a name of its own; a value is decoded when it is asked for."""

    __slots__ = ("_lines",)

    def __init__(self, lines: dict[str, HeaderValue]) -> None:
        self._lines = lines

    def __getitem__(self, name: str) -> str:
        return _text(self._lines[name])

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 (Mapping's own signature)
        line = self._lines.get(name)
        return default if line is None else _text(line)

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def _by_name(raw: HeaderMap) -> Mapping[str, str]:
    lines = {line.key: line for line in raw.headers}
    names = "".join(lines)
    if len(lines) == len(raw.headers) and names == names.lower():
        return _HeaderLines(lines)
    headers: dict[str, str] = {}
    for line in raw.headers:
        name, value = line.key.lower(), _text(line)
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _text(line: HeaderValue) -> str:
    # A byte outside ASCII becomes a character that no key contains, so it can never pass for another byte.
    return line.raw_value.decode("ascii", "replace") if line.raw_value else line.value


def normalise_host(host: str) -> str:
    """Lower case, without port and final dot: the form that policies are written in."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    if ":" in host:
        host = host.partition(":")[0]
    return host.removesuffix(".").lower()
