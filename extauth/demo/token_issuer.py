"""Who signs the demo's tokens: the issuer in the sidecar's settings, with a new key of the demo's own."""

import json
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from extauth.bearer.settings import IssuerSettings
from extauth.demo.layout import Layout
from extauth.demo.private_file import write_private
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load

JWKS_PATH = "/.well-known/jwks.json"
_PUBLISHED_ALGORITHM = "ES256"
_SECRET_BYTES = 48


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """An issuer with a published key, or with a secret that it shares with the sidecar."""

    settings: IssuerSettings
    key_file: Path

    @property
    def publishes_keys(self) -> bool:
        return self.settings.jwks is not None

    @property
    def environment(self) -> dict[str, str]:
        """The shared secret, under the name by which the sidecar looks for it in its environment."""
        secret = self.settings.secret
        return {secret.env: self._key_text()} if secret is not None and secret.env is not None else {}

    def make_key(self) -> None:
        """Write a new private key or shared secret."""
        if self.publishes_keys:
            key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"})
            write_private(self.key_file, json.dumps(key.as_dict(private=True)) + "\n")
        else:
            write_private(self.key_file, secrets.token_urlsafe(_SECRET_BYTES) + "\n")

    def public_keys(self) -> dict[str, Any]:
        """A key set (RFC 7517)."""
        return {"keys": [self._published_key().as_dict(private=False)]}

    def sign(self, claims: Mapping[str, Any], lifetime: float, token_id: str = "") -> str:
        """A JWT with these claims, which must name its subject; it expired long ago when `lifetime` is negative."""
        now = int(time.time())
        times = {"iat": now + min(int(lifetime), 0) * 2, "exp": now + int(lifetime)}
        said = {"iss": self.settings.issuer, "aud": self.settings.audiences[0], "jti": token_id or str(uuid.uuid4())}
        if self.publishes_keys:
            key = self._published_key()
            header = {"alg": _PUBLISHED_ALGORITHM, "typ": "JWT", "kid": key.kid}
            return jwt.encode(header, {**said, **times, **claims}, key, algorithms=[_PUBLISHED_ALGORITHM])
        algorithm = self.settings.algorithms[0]
        secret = OctKey.import_key(self._key_text())
        return jwt.encode({"alg": algorithm, "typ": "JWT"}, {**said, **times, **claims}, secret, algorithms=[algorithm])

    def _published_key(self) -> ECKey:
        return ECKey.import_key(json.loads(self._key_text()))

    def _key_text(self) -> str:
        return self.key_file.read_text(encoding="utf-8").strip()


def token_issuer(layout: Layout) -> TokenIssuer | None:
    """Of the demo's sidecar; None when it accepts API keys alone."""
    return read_token_issuer(layout.sidecar_settings, layout.issuer_key)


def read_token_issuer(sidecar_settings: Path, key_file: Path) -> TokenIssuer | None:
    """The first issuer in a sidecar's settings file."""
    issuers = load(SidecarSettings, sidecar_settings).bearer.issuers
    return TokenIssuer(issuers[0], key_file) if issuers else None
