"""Keys by joserfc: JWKS documents (RFC 7517), PEM, shared secrets. The only file of the sidecar that imports joserfc.

Of a JWK only its public members are taken; a key that cannot be used (another type, for encryption, too weak) is left
out, as RFC 7517 section 5 asks. A key fits the algorithms of its own type and no others, so that no public key can be
taken for a shared secret.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from extauth.bearer.errors import IssuerUnavailableError
from extauth.bearer.key_set import KeySet, VerificationKey

MAX_KEYS = 64
_RSA_BITS = range(2048, 8192 + 1)  # RFC 7518, 3.3; and not so large that a check takes milliseconds
_RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVE_ALGORITHMS = {
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
    "Ed25519": frozenset({"EdDSA"}),
    "Ed448": frozenset({"EdDSA"}),
}
_PUBLIC_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
_PublicKey = RSAKey | ECKey | OKPKey
_TYPES: tuple[type[_PublicKey], ...] = (RSAKey, ECKey, OKPKey)
_MODELS = {model.name: model for model in JWS_ALGORITHMS}
_PEM = re.compile(rb"-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----[^-]+-----END \1-----")
_UNUSABLE = (JoseError, UnsupportedAlgorithm, SecurityWarning, ValueError, TypeError, KeyError)
"""What joserfc and cryptography raise for keys that are not right; the warning, of weak ones, where it is an error."""


def read_jwks(document: bytes) -> KeySet:
    """The keys of a JWKS document; IssuerUnavailableError when it is none, or has no key that can be used."""
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        raise IssuerUnavailableError("reply", "the key set is not JSON") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise IssuerUnavailableError("reply", "the key set has no list of keys")
    if len(entries) > MAX_KEYS:
        raise IssuerUnavailableError("reply", f"the key set has {len(entries)} keys; at most {MAX_KEYS} are read")
    return _key_set([key for entry in entries if (key := _from_jwk(entry)) is not None])


def read_key_file(document: bytes) -> KeySet:
    """The keys of a JWKS document, or of PEM public keys and certificates, however many."""
    blocks = [match[0] for match in _PEM.finditer(document)]
    if not blocks:
        return read_jwks(document)
    return _key_set([key for block in blocks[:MAX_KEYS] if (key := _from_pem(block)) is not None])


def shared_secret(secret: bytes) -> KeySet:
    """A secret for HMAC; ValueError for one that is a public key, which is no secret."""
    return KeySet([_verification_key(OctKey.import_key(secret), None, frozenset({"HS256", "HS384", "HS512"}))])


def _key_set(keys: list[VerificationKey]) -> KeySet:
    if not keys:
        raise IssuerUnavailableError("reply", "the key set has no key that signatures can be checked with")
    return KeySet(keys)


def _from_jwk(entry: Any) -> VerificationKey | None:  # noqa: ANN401 (JSON of any shape)
    if not isinstance(entry, Mapping) or not _is_for_signatures(entry):
        return None
    members = _PUBLIC_MEMBERS.get(str(entry.get("kty")), ())
    key_id = entry.get("kid")
    if not members or not (key_id is None or isinstance(key_id, str)):
        return None
    try:
        key = _imported({name: entry[name] for name in members})
    except _UNUSABLE:
        return None
    algorithms = _algorithms(key)
    if "alg" in entry:
        algorithms &= {entry["alg"]} if isinstance(entry["alg"], str) else set()
    return _verification_key(key, key_id, algorithms) if algorithms else None


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _imported(members: Mapping[str, str]) -> _PublicKey:
    kind = next(kind for kind in _TYPES if kind.key_type == members["kty"])
    return kind.import_key(dict(members))


def _from_pem(block: bytes) -> VerificationKey | None:
    for kind in _TYPES:
        try:
            key = kind.import_key(block)
        except _UNUSABLE:
            continue
        algorithms = _algorithms(key)
        return _verification_key(key, None, algorithms) if algorithms else None
    return None


def _algorithms(key: _PublicKey) -> frozenset[str]:
    if isinstance(key, RSAKey):
        return _RSA_ALGORITHMS if key.raw_value.key_size in _RSA_BITS else frozenset()
    return _CURVE_ALGORITHMS.get(key.curve_name, frozenset())


def _verification_key(key: _PublicKey | OctKey, key_id: str | None, algorithms: frozenset[str]) -> VerificationKey:
    def verify(algorithm: str, signed: bytes, signature: bytes) -> bool:
        try:
            return algorithm in algorithms and _MODELS[algorithm].verify(signed, signature, key)
        except _UNUSABLE:  # no signature is known that the libraries raise these for
            return False

    return VerificationKey(key_id, algorithms, verify)
