"""Key sets and key files: what is taken from them, and what is left out."""

import datetime as dt
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa, x25519
from joserfc.jwk import ECKey, OctKey, OKPKey

from extauth.bearer import jose
from extauth.bearer.errors import IssuerUnavailableError
from extauth.bearer.jose import MAX_KEYS, read_jwks, read_key_file, shared_secret
from tests.bearer.tokens import ASYMMETRIC, encode, jwks, key_for

EC_JWK = key_for("ES256").as_dict(private=False)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"keys": null}',
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [null, 1, "x", [], {}]}',
        b"[" * 100_000,
        json.dumps({"keys": [{"kty": "EC"}] * (MAX_KEYS + 1)}).encode(),
    ],
)
def test_documents_that_are_no_key_sets(document: bytes) -> None:
    with pytest.raises(IssuerUnavailableError) as caught:
        read_jwks(document)
    assert caught.value.kind == "reply"


@pytest.mark.parametrize(
    "odd",
    [
        {**EC_JWK, "use": "enc"},
        {**EC_JWK, "use": ["sig"]},
        {**EC_JWK, "key_ops": ["sign"]},
        {**EC_JWK, "key_ops": "verify"},
        {**EC_JWK, "alg": "RS256"},
        {**EC_JWK, "alg": ["ES256"]},
        {**EC_JWK, "kid": 7},
        {**EC_JWK, "x": EC_JWK["y"]},  # not on the curve
        {**EC_JWK, "x": "!"},
        {**EC_JWK, "x": None},
        {**EC_JWK, "crv": "P-257"},
        {**EC_JWK, "kty": "ML-DSA"},
        {**EC_JWK, "kty": ["EC"]},
        {"kty": "RSA", "n": "AQ", "e": "AQAB"},
        {"kty": "oct", "k": "c2VjcmV0"},
        OctKey.import_key(b"x" * 40).as_dict(private=True),
        OKPKey.generate_key("X25519").as_dict(private=False),
        ECKey.generate_key("secp256k1").as_dict(private=False),
    ],
)
def test_keys_that_cannot_be_used_are_left_out(odd: dict[str, Any]) -> None:
    document = {"keys": [odd, key_for("ES384", "good").as_dict(private=False)]}
    assert [key.key_id for key in read_jwks(json.dumps(document).encode()).keys] == ["good"]


def test_a_weak_key_is_left_out() -> None:
    weak = rsa.generate_private_key(65537, 1024).public_key()
    numbers = weak.public_numbers()
    entry = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    with pytest.raises(IssuerUnavailableError, match="no key"):
        read_jwks(json.dumps({"keys": [entry]}).encode())
    with pytest.raises(IssuerUnavailableError, match="no key"):
        read_key_file(_pem(weak))


def _number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8))


def _pem(key: Any) -> bytes:
    found: bytes = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return found


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_key_fits_the_algorithms_of_its_type_and_curve(algorithm: str) -> None:
    family = {name for name in ASYMMETRIC if name[0] in "RP"} if algorithm[0] in "RP" else {algorithm}
    (key,) = read_jwks(jwks(key_for(algorithm))).keys
    assert key.algorithms == family
    (key,) = read_jwks(jwks(key_for(algorithm), alg=algorithm, use="sig")).keys
    assert key.algorithms == {algorithm}
    (key,) = read_key_file(key_for(algorithm).as_pem(private=False)).keys
    assert key.key_id is None
    assert key.algorithms == family


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_verifying_never_raises(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = read_jwks(jwks(key_for(algorithm))).keys
    signatures = [b"", b"x", *(bytes([byte]) * size for byte in (0, 0xFF) for size in (64, 96, 132, 256, 5000))]
    for signature in signatures:
        assert not any(key.verify(other, b"signed", signature) for other in (*ASYMMETRIC, "HS256", "none", "x"))

    class Raising:
        def verify(self, *_: object) -> bool:
            raise ValueError("a signature of a kind never seen before")

    monkeypatch.setitem(jose._MODELS, algorithm, Raising())
    assert not key.verify(algorithm, b"signed", b"x")


def test_private_members_are_not_taken() -> None:
    (key,) = read_jwks(json.dumps({"keys": [key_for("ES256").as_dict(private=True)]}).encode()).keys
    assert key.algorithms == {"ES256"}


def test_a_file_may_have_several_pem_blocks_and_text_between() -> None:
    certificate = _certificate()
    document = b"first\n" + key_for("ES384").as_pem(private=False) + b"\nsecond\n" + certificate
    assert [key.algorithms for key in read_key_file(document).keys] == [
        {"ES384"},
        {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    ]


def _certificate() -> bytes:
    key = key_for("RS256").private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    name, now = x509.Name([]), dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "document",
    [
        key_for("ES256").as_pem(private=True),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"no keys here",
    ],
    ids=["private", "key", "certificate", "text"],
)
def test_files_without_a_key_that_can_be_used(document: bytes) -> None:
    with pytest.raises(IssuerUnavailableError):
        read_key_file(document)


def test_a_key_of_an_unknown_sort_in_pem() -> None:
    with pytest.raises(IssuerUnavailableError, match="no key"):
        read_key_file(_pem(x25519.X25519PrivateKey.generate().public_key()))


def test_a_public_key_is_refused_as_a_secret() -> None:
    with pytest.raises(ValueError, match="must not be used"):
        shared_secret(key_for("RS256").as_pem(private=False))
