"""CheckRequests as Envoy makes them, and CheckResponses as Envoy reads them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

Pairs = Mapping[str, str] | Iterable[tuple[str, str | bytes]]


def check_request(
    headers: Pairs,
    *,
    method: str = "GET",
    path: str = "/",
    host: str = "api.example.com",
    raw: bool = False,
    context: Mapping[str, str] | None = None,
) -> bytes:
    """A serialised CheckRequest; `raw` as with `encode_raw_headers`."""
    message = CheckRequest()
    http = message.attributes.request.http
    http.method, http.path, http.host, http.scheme, http.protocol = method, path, host, "http", "HTTP/1.1"
    pairs: list[tuple[str, str | bytes]] = list(headers.items() if isinstance(headers, Mapping) else headers)
    pairs = [(":method", method), (":path", path), (":authority", host), *pairs]
    for name, value in pairs:
        if raw:
            encoded = value if isinstance(value, bytes) else value.encode()
            http.header_map.headers.add(key=name, raw_value=encoded)
        else:
            assert isinstance(value, str)
            http.headers[name] = f"{http.headers[name]},{value}" if name in http.headers else value
    message.attributes.context_extensions.update(context or {})
    return message.SerializeToString()


@dataclass(frozen=True)
class Answer:
    """A CheckResponse; `http_status` is what the client of Envoy gets, 200 when it is let through."""

    code: int
    kind: str
    http_status: int
    set_headers: dict[str, str] = field(default_factory=dict)
    removed_headers: list[str] = field(default_factory=list)
    removed_parameters: list[str] = field(default_factory=list)
    response_headers: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def reason(self) -> str:
        """As the body that is not configured says it."""
        return str(json.loads(self.body)["error"])

    @classmethod
    def parse(cls, message: bytes) -> "Answer":
        response = CheckResponse.FromString(message)
        assert response.HasField("status"), "Envoy would ALLOW this"
        kind = str(response.WhichOneof("http_response")).removesuffix("_response")
        if kind == "ok":
            ok = response.ok_response
            return cls(
                response.status.code,
                kind,
                200,
                set_headers=_dict(ok.headers),
                removed_headers=list(ok.headers_to_remove),
                removed_parameters=list(ok.query_parameters_to_remove),
                response_headers=_dict(ok.response_headers_to_add),
            )
        denied = response.denied_response if kind == "denied" else response.error_response
        assert response.status.code != 0, "Envoy would ALLOW this"
        return cls(response.status.code, kind, denied.status.code, headers=_dict(denied.headers), body=denied.body)


def _dict(options: Iterable[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for option in options:
        assert not option.HasField("append")
        assert option.header.key not in found
        found[option.header.key] = option.header.value
    return found
