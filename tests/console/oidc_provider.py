"""A small OpenID provider on loopback, which signs everybody in at once and checks what a client has to send."""

import base64
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from extauth.bearer.settings import IssuerSettings
from extauth.demo.token_issuer import TokenIssuer
from tests.bearer.http_server import HttpServer, Reply, Seen

CLIENT, SECRET = "extauth console", "a secret: of the client"


class Provider:
    """`said` and `header` go into its ID tokens; `replies` are given in place of its own, by path."""

    def __init__(self, folder: Path, *, is_public: bool = False) -> None:
        self.said: dict[str, Any] = {"sub": "ada", "email": "ada@example.com", "groups": ["everybody", "admins"]}
        self.replies: dict[str, Reply] = {}
        self.lifetime = 300.0
        self.codes: list[str] = []
        self._is_public = is_public
        self._asked: dict[str, dict[str, str]] = {}
        self._server = HttpServer()
        self._server.reply = self._reply
        self.issuer = self._server.url().rstrip("/")
        settings = {
            "name": "provider",
            "issuer": self.issuer,
            "audiences": [CLIENT],
            "jwks": {"url": self.url("/jwks")},
        }
        self.signer = TokenIssuer(IssuerSettings.model_validate(settings), folder / "provider-key")
        self.signer.make_key()

    def url(self, path: str) -> str:
        return self._server.url(path)

    def stop(self) -> None:
        self._server.stop()

    def _reply(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        if parts.path in self.replies:
            return self.replies[parts.path]
        if parts.path == "/authorize":
            return self._authorize(dict(parse_qsl(parts.query)))
        if parts.path == "/token":
            return self._token(seen)
        return Reply(json.dumps(self.signer.public_keys()).encode())

    def _authorize(self, query: dict[str, str]) -> Reply:
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["client_id"] == CLIENT
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes.append(code)
        self._asked[code] = query
        back = urlencode({"code": code, "state": query["state"], "iss": self.issuer})
        return Reply(status=303, headers={"Location": f"{query['redirect_uri']}?{back}"})

    def _token(self, seen: Seen) -> Reply:
        form = dict(parse_qsl(seen.body.decode()))
        asked = self._asked.pop(form.get("code", ""), None)  # a code is for once
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fits = asked is not None and (
            form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
            and self._is_the_client(seen, form)
        )
        if asked is None or not fits:
            return Reply(b'{"error": "invalid_grant"}', 400)
        token = self.signer.sign({"nonce": asked["nonce"], **self.said}, self.lifetime)
        return Reply(json.dumps({"id_token": token, "access_token": "x", "token_type": "Bearer"}).encode())

    def _is_the_client(self, seen: Seen, form: dict[str, str]) -> bool:
        if self._is_public:
            return form.get("client_id") == CLIENT and "authorization" not in seen.headers
        credentials = f"{quote_plus(CLIENT)}:{quote_plus(SECRET)}".encode()
        return seen.headers.get("authorization") == f"Basic {base64.b64encode(credentials).decode()}"
