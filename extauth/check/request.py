"""Reading a CheckRequest: the only file that knows what Envoy asks with."""

from collections.abc import Mapping

from google.protobuf.message import DecodeError

from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import CheckRequest, HeaderMap


class Request:
    """What a check needs to know of the HTTP request. Header names are lower-case; a repeated header's values are
    joined with "," (Envoy does so itself unless `encode_raw_headers` is set).
    """

    __slots__ = ("context", "headers", "host", "method", "path", "query")

    def __init__(
        self, method: str, target: str, host: str, headers: Mapping[str, str], context: Mapping[str, str]
    ) -> None:
        self.method = method
        # Never parsed as a URL: "//x" would be read as an authority. Envoy never sends a fragment.
        self.path, _, self.query = target.partition("?")
        self.host = normalise_host(host)
        self.headers = headers
        self.context = context

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
    if not attributes.request.HasField("http"):
        return None
    http = attributes.request.http
    # CONNECT has no path; anything else without one is not a request that Envoy sends.
    if not http.method or (not http.path and http.method != "CONNECT"):
        return None
    headers = http.headers or _joined(http.header_map)
    return Request(http.method, http.path, http.host, headers, attributes.context_extensions)


def _joined(raw: HeaderMap) -> dict[str, str]:
    headers: dict[str, str] = {}
    for header in raw.headers:
        # A byte outside ASCII becomes a character that no key contains, so it can never pass for another byte.
        value = header.raw_value.decode("ascii", "replace") if header.raw_value else header.value
        name = header.key.lower()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def normalise_host(host: str) -> str:
    """Lower case, without port and final dot: the form that policies are written in."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    if ":" in host:
        host = host.partition(":")[0]
    return host.removesuffix(".").lower()
