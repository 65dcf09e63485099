"""The generated code is what the .proto files say, and Envoy's own definitions agree with ours."""

import subprocess
import sys
from pathlib import Path

from envoy_data_plane.envoy.config.core.v3 import HeaderMap, HeaderValue
from envoy_data_plane.envoy.service.auth.v3 import (
    AttributeContext,
    AttributeContextHttpRequest,
    AttributeContextRequest,
    CheckRequest,
    CheckResponse,
)

from extauth.check import answer
from extauth.check.request import read
from extauth.policy.reasons import Reason

ROOT = Path(__file__).parents[2]


def test_the_committed_code_is_what_protoc_makes_of_the_protos(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "protos" / "generate.py", tmp_path], check=True)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.py*") if path.is_file()}
    committed = {
        path.relative_to(ROOT): path.read_text()
        for path in (ROOT / "extauth" / "wire").rglob("*.py*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert made.keys() == committed.keys()
    assert all(made[path] == committed[path] for path in made)


def test_a_request_that_envoys_types_wrote_is_read_here() -> None:
    http = AttributeContextHttpRequest(
        id="1",
        method="POST",
        path="/a?b=c",
        host="api.example.com:443",
        scheme="https",
        protocol="HTTP/2",
        header_map=HeaderMap(headers=[HeaderValue(key="x-api-key", raw_value=b"k")]),
    )
    attributes = AttributeContext(request=AttributeContextRequest(http=http), context_extensions={"policy": "gold"})
    request = read(bytes(CheckRequest(attributes=attributes)))
    assert request is not None
    assert (request.method, request.path, request.query, request.host) == ("POST", "/a", "b=c", "api.example.com")
    assert dict(request.headers) == {"x-api-key": "k"}
    assert dict(request.context) == {"policy": "gold"}


def test_answers_are_read_by_envoys_types() -> None:
    allowed = CheckResponse.parse(answer.allow([("x-auth-tenant", "acme")], ["x-api-key"]))
    assert allowed.status is not None
    assert allowed.status.code == 0
    assert allowed.ok_response is not None
    assert [option.header.value for option in allowed.ok_response.headers if option.header] == ["acme"]
    assert allowed.ok_response.headers_to_remove == ["x-api-key"]
    more = CheckResponse.parse(answer.more([("x-ratelimit-limit", "5")])).ok_response
    assert more is not None
    assert [option.header.key for option in more.response_headers_to_add if option.header] == ["x-ratelimit-limit"]

    denied = CheckResponse.parse(answer.deny(Reason.EXPIRED_KEY, 401, [("content-type", "application/json")], "{}"))
    assert denied.denied_response is not None
    assert denied.denied_response.status is not None
    assert int(denied.denied_response.status.code) == 401
