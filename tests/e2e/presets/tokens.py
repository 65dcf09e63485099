"""Tokens that are not as an issuer would make them."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from extauth.demo.token_issuer import TokenIssuer


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(_decoded(token.split(".")[1]))
    return claims


def forged(issuer: TokenIssuer, claims: Mapping[str, Any]) -> str:
    """Good in all but the key that it is signed with."""
    header = json.loads(_decoded(issuer.sign(claims, 300).split(".")[0]))
    all_claims = claims_of(issuer.sign(claims, 300))
    key = ECKey.generate_key("P-256") if issuer.publishes_keys else OctKey.generate_key(384)
    return jwt.encode(header, all_claims, key, algorithms=[header["alg"]])


def unsigned(token: str) -> str:
    """The same claims under `alg: none` (RFC 7519, 6)."""
    header = _encoded(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    return f"{header}.{token.split('.')[1]}."


def altered(token: str, **claims: Any) -> str:
    """With the signature of other claims."""
    header, _, signature = token.split(".")
    return f"{header}.{_encoded(json.dumps({**claims_of(token), **claims}).encode())}.{signature}"


def signed_with_published_key(issuer: TokenIssuer, claims: Mapping[str, Any]) -> str:
    """HS256 with the public key as the secret, which some servers took for a good signature."""
    key = OctKey.import_key(json.dumps(issuer.public_keys()["keys"][0]))
    return jwt.encode({"alg": "HS256"}, claims_of(issuer.sign(claims, 300)), key, algorithms=["HS256"])


def not_yet(issuer: TokenIssuer, claims: Mapping[str, Any]) -> str:
    """Good in an hour."""
    return issuer.sign({**claims, "nbf": int(time.time()) + 3600}, 7200)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
