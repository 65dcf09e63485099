"""Keys of every kind, and tokens signed with them."""

import base64
import json
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

NOW = 1_800_000_000.0
ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"
SECRET = b"a secret for tests that is long enough for HS512, which is 64 bytes"

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SYMMETRIC = ("HS256", "HS384", "HS512")


@cache
def key_for(algorithm: str, key_id: str = "k1") -> Any:
    """The same key whenever it is asked for: keys for RSA take a while to make."""
    if algorithm in _CURVES:
        return ECKey.generate_key(_CURVES[algorithm], {"kid": key_id})
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", {"kid": key_id})
    if algorithm in SYMMETRIC:
        return OctKey.import_key(SECRET)
    return _rsa_key(key_id)


@cache
def _rsa_key(key_id: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": key_id})


def jwks(*keys: Key, **members: Any) -> bytes:
    """A key set of public keys; `members` are added to each."""
    return json.dumps({"keys": [{**key.as_dict(private=False), **members} for key in keys]}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None takes one away."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 300, "iat": NOW, "jti": "t1", "scope": "a b"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def sign(
    members: Mapping[str, Any] | bytes | None = None,
    algorithm: str = "ES256",
    key: Key | None = None,
    **header: Any,
) -> str:
    """A token; `header` changes the usual one, None taking a member away."""
    key = key or key_for(algorithm)
    payload = members if isinstance(members, bytes) else json.dumps(members or claims())
    head = {"alg": algorithm, "kid": key.kid if key.key_type != "oct" else None, "typ": "JWT", **header}
    # Signed by hand: a header that joserfc would not write is just what some tests are about.
    model = jws.JWSRegistry.algorithms[algorithm]
    signed = f"{encode({k: v for k, v in head.items() if v is not None})}.{encode(payload)}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return f"{signed}.{encode(model.sign(signed.encode(), key))}"


def encode(value: object) -> str:
    """base64url without padding, of bytes, text or anything that is JSON."""
    data = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
