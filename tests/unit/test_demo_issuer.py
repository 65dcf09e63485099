"""The demo's authorization server: a key set, and tokens that fit it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from extauth.bearer.settings import IssuerSettings, JwksSettings
from extauth.demo.issuer import AuthorizationServer
from extauth.demo.token_issuer import TokenIssuer

_GOOD = b"grant_type=client_credentials&client_id=ada&account=acme&scope=read+write"


@pytest.fixture
def server(tmp_path: Path) -> AuthorizationServer:
    settings = IssuerSettings.model_validate(
        {
            "name": "oauth",
            "issuer": "https://issuer.example",
            "audiences": ["https://api.example"],
            "jwks": JwksSettings(url="https://issuer.example/keys"),
            "claims": {"tenant": "account"},
        }
    )
    issuer = TokenIssuer(settings, tmp_path / "key")
    issuer.make_key()
    return AuthorizationServer(issuer)


def ask(server: AuthorizationServer, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """Status and JSON of an answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(server({"method": method, "path": path}, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_token_fits_the_published_key(server: AuthorizationServer) -> None:
    status, answer = ask(server, "POST", "/token", _GOOD)
    assert (status, answer["token_type"], answer["expires_in"], answer["scope"]) == (200, "Bearer", 3600, "read write")
    _, keys = ask(server, "GET", "/.well-known/jwks.json")
    assert "d" not in keys["keys"][0]
    token = jwt.decode(answer["access_token"], ECKey.import_key(keys["keys"][0]), algorithms=["ES256"])
    named = {name: token.claims[name] for name in ("iss", "aud", "sub", "account", "scope")}
    assert named == {
        "iss": "https://issuer.example",
        "aud": "https://api.example",
        "sub": "ada",
        "account": "acme",
        "scope": "read write",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/token", b"", 400, "unsupported_grant_type"),
        ("POST", "/token", _GOOD.replace(b"client_credentials", b"password"), 400, "unsupported_grant_type"),
        ("POST", "/token", _GOOD.replace(b"ada", b""), 400, "invalid_request"),
        ("POST", "/token", _GOOD.replace(b"acme", b""), 400, "invalid_request"),
        ("GET", "/token", b"", 404, "not_found"),
        ("GET", "/", b"", 404, "not_found"),
    ],
)
def test_what_it_refuses(
    server: AuthorizationServer, method: str, path: str, body: bytes, status: int, error: str
) -> None:
    found, answer = ask(server, method, path, body)
    assert (found, answer["error"]) == (status, error)
