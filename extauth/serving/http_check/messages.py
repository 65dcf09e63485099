"""Between HTTP and ext_authz: the only file that writes a CheckRequest and reads a CheckResponse."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, NamedTuple

from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import (
    AttributeContext,
    CheckRequest,
    CheckResponse,
    HeaderMap,
    HeaderValue,
    HeaderValueOption,
)

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Names in lower case."""
_BODY = b"x-extauth-body"
_ENVOYS_ADDRESS = b"x-envoy-external-address"
"""In which an Envoy at the edge tells of the client's address: anybody else's is not believed."""
_IN_ONE_LINE = bytes.maketrans(bytes(range(32)) + b"\x7f", b" " * 33)
_LONGEST_BODY = 2048  # bytes of a header; nginx reads 4096 of all of them by default


@dataclass(frozen=True, slots=True)
class OriginalHeaders:
    """The headers in which a proxy tells of the request that it asks about."""

    method: bytes
    uri: bytes
    host: bytes
    address: bytes
    """Of the client; the last one of several counts."""
    repeats_body: bool
    """Whether the proxy drops the body of a denial, and so needs it in a header."""

    def all(self) -> frozenset[bytes]:
        return frozenset({self.method, self.uri, self.host, self.address})


ORIGINAL: Mapping[Literal["x-original", "x-forwarded"], OriginalHeaders] = {
    "x-original": OriginalHeaders(
        method=b"x-original-method",
        uri=b"x-original-uri",
        host=b"x-original-host",
        address=b"x-original-address",
        repeats_body=True,
    ),
    "x-forwarded": OriginalHeaders(
        method=b"x-forwarded-method",
        uri=b"x-forwarded-uri",
        host=b"x-forwarded-host",
        address=b"x-forwarded-for",
        repeats_body=False,
    ),
}


class HttpAnswer(NamedTuple):
    """What the proxy is told."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def write_request(headers: RawHeaders, original: OriginalHeaders, context: Mapping[str, str]) -> bytes | None:
    """A serialised CheckRequest; None when the proxy does not tell of a request, or tells of two."""
    found = {name: [value for key, value in headers if key == name] for name in original.all()}
    if any(len(found[name]) != 1 for name in (original.method, original.uri, original.host)):
        return None
    method, uri, host = (found[name][0] for name in (original.method, original.uri, original.host))
    if not method or not uri.startswith(b"/"):
        return None
    address = found[original.address][-1].rpartition(b",")[2].strip() if found[original.address] else b""
    # A proxy's own name for itself is not the host that the client asked for.
    told = original.all() - {original.address} | {b"host", _ENVOYS_ADDRESS}
    headers = [*(pair for pair in headers if pair[0] not in told), *([(_ENVOYS_ADDRESS, address)] if address else [])]
    lines = [HeaderValue(key=name.decode("latin-1"), raw_value=value) for name, value in headers]
    http = AttributeContext.HttpRequest(
        method=method.decode("latin-1"),
        path=uri.decode("latin-1"),
        host=host.decode("latin-1"),
        header_map=HeaderMap(headers=lines),
    )
    attributes = AttributeContext(request=AttributeContext.Request(http=http), context_extensions=context)
    attributes.source.address.socket_address.address = address.decode("latin-1")
    return CheckRequest(attributes=attributes).SerializeToString()


def read_response(message: bytes, original: OriginalHeaders) -> HttpAnswer:
    """What a serialised CheckResponse says, as HTTP. Headers for the upstream and for the client stand side by side."""
    response = CheckResponse.FromString(message)
    kind = response.WhichOneof("http_response")
    if kind == "ok_response" and response.HasField("status") and response.status.code == 0:
        ok = response.ok_response
        return HttpAnswer(HTTPStatus.OK, _pairs([*ok.headers, *ok.response_headers_to_add]), b"")
    denied = response.error_response if kind == "error_response" else response.denied_response
    headers, body = _pairs(denied.headers), denied.body.encode()
    if original.repeats_body and len(body) <= _LONGEST_BODY:
        headers.append((_BODY, body.translate(_IN_ONE_LINE)))
    # What is neither a pass nor a denial would pass at Envoy; here it does not.
    return HttpAnswer(denied.status.code or HTTPStatus.SERVICE_UNAVAILABLE, headers, body)


def _pairs(options: Iterable[HeaderValueOption]) -> list[tuple[bytes, bytes]]:
    return [(option.header.key.encode("latin-1"), option.header.value.encode()) for option in options]
