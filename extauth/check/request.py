"""Reading a CheckRequest: the only file that knows what Envoy asks with."""

from collections.abc import Mapping

from google.protobuf.message import DecodeError

from extauth.check.header_map import HeaderLines
from extauth.wire.envoy.service.auth.v3.late_headers_pb2 import AttributeContext, CheckRequest

_parse = CheckRequest.FromString


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
        self.headers: Mapping[str, str] = http.headers or HeaderLines(http.header_map)
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
        attributes = _parse(message).attributes
    except DecodeError:
        return None
    # A request without a method is none: so is a CheckRequest that tells of no HTTP request at all.
    http = attributes.request.http
    method, path = http.method, http.path
    # CONNECT has no path; anything else without one is not a request that Envoy sends.
    if not method or (not path and method != "CONNECT"):
        return None
    return Request(attributes, http, method, path)


def normalise_host(host: str) -> str:
    """Lower case, without port and final dot: the form that policies are written in."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    if ":" in host:
        host = host.partition(":")[0]
    return host.removesuffix(".").lower()
