"""`python -m extauth.demo.issuer PORT SIDECAR_SETTINGS KEY_FILE`: an authorization server that trusts everyone.

It publishes its key set, and gives a token to who asks by the client credentials grant (RFC 6749, 4.4). The client's
id becomes the subject; `account` becomes the tenant.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from extauth.demo.errors import DemoError
from extauth.demo.token_issuer import JWKS_PATH, TokenIssuer, read_token_issuer

TOKEN_PATH = "/token"  # noqa: S105 (a path)
_HOST = "127.0.0.1"
_LIFETIME = 3600  # seconds
_LARGEST_BODY = 65536  # bytes


class AuthorizationServer:
    """An ASGI application."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI: untyped arguments)
        match scope["method"], scope["path"]:
            case "GET", path if path == JWKS_PATH:
                await _answer(send, 200, self._issuer.public_keys())
            case "POST", path if path == TOKEN_PATH:
                await _answer(send, *self._token(dict(parse_qsl((await _body(receive)).decode("latin-1")))))
            case _:
                await _answer(send, 404, {"error": "not_found"})

    def _token(self, form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        """Status and body (RFC 6749, 5)."""
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if not form.get("client_id") or not form.get("account"):
            return 400, {"error": "invalid_request", "error_description": "client_id and account are required"}
        names = self._issuer.settings.claims
        scope = form.get("scope", "")
        claims = {names.subject: form["client_id"], names.scopes: scope, str(names.tenant): form["account"]}
        token = self._issuer.sign(claims, _LIFETIME)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": _LIFETIME, "scope": scope}


async def _body(receive: Any) -> bytes:  # noqa: ANN401 (ASGI)
    body, more = b"", True
    while more and len(body) < _LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Any, status: int, content: Mapping[str, Any]) -> None:  # noqa: ANN401 (ASGI)
    body = (json.dumps(content) + "\n").encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(port: int, sidecar_settings: Path, key_file: Path) -> None:
    """Serve until a signal."""
    issuer = read_token_issuer(sidecar_settings, key_file)
    if issuer is None:
        raise DemoError(f"{sidecar_settings} names no issuer of tokens")
    uvicorn.run(AuthorizationServer(issuer), host=_HOST, port=port, lifespan="off", log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
