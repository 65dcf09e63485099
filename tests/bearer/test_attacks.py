"""Tokens made to be accepted though nobody who may has signed them (RFC 8725)."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from extauth.bearer.claims import Claims, Refusal
from tests.bearer.conftest import MakeRoom, Room, issuer
from tests.bearer.http_server import HttpServer
from tests.bearer.tokens import NOW, claims, encode, jwks, key_for, sign

FOREIGN = key_for("ES256", "foreign")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 1, ["ES256"], {"ES256": 1}])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_no_signature(room: MakeRoom, algorithm: Any, signature: str) -> None:
    for header in ({"alg": algorithm}, {"alg": algorithm, "kid": "k1"}):
        token = f"{encode(header)}.{encode(claims())}.{signature}"
        assert room().verify(token, NOW) is Refusal.WRONG_ALGORITHM


@pytest.mark.parametrize("form", ["pem", "der", "jwk", "n"])
def test_a_public_key_is_no_shared_secret(room: MakeRoom, form: str) -> None:
    public = key_for("RS256", "k2")
    secret = {
        "pem": public.as_pem(private=False),
        "der": public.as_der(private=False),
        "jwk": json.dumps(public.as_dict(private=False)).encode(),
        "n": str(public.as_dict()["n"]).encode(),
    }[form]
    forger = _hmac_key(secret)
    token = sign(algorithm="HS256", key=forger, kid="k2")
    assert room().verify(token, NOW) is Refusal.WRONG_ALGORITHM
    # Not even by someone who lists algorithms without reading the settings' checks.
    loose = room()
    loose.verifier._issuers["https://issuer.example"].algorithms |= {"HS256"}
    assert loose.verify(token, NOW) is Refusal.WRONG_ALGORITHM


def _hmac_key(secret: bytes) -> OctKey:
    return OctKey.import_key({"kty": "oct", "k": encode(secret)}) if not _parses(secret) else OctKey(secret, secret)


def _parses(secret: bytes) -> bool:
    return b"BEGIN" in secret or secret.startswith(b"0\x82")


def test_an_algorithm_that_is_not_listed_or_does_not_fit_the_key(room: MakeRoom) -> None:
    assert room().verify(sign(algorithm="RS512", key=key_for("RS256", "k2")), NOW) is Refusal.WRONG_ALGORITHM
    assert room(algorithms=["PS256"]).verify(sign(algorithm="RS256", key=key_for("RS256", "k2")), NOW) is (
        Refusal.WRONG_ALGORITHM
    )
    # kid names the key for RS256, alg says ES256, which is listed, too.
    assert room().verify(sign(kid="k2"), NOW) is Refusal.WRONG_ALGORITHM


def test_a_kid_that_names_another_key_or_a_file_or_nothing(room: MakeRoom) -> None:
    for key_id in ("../../etc/passwd", "' or 1=1", "", "K1", "\x00"):
        assert room().verify(sign(key=FOREIGN, kid=key_id), NOW) is Refusal.UNKNOWN_KEY
    assert room().verify(sign(key=FOREIGN, kid="k1"), NOW) is Refusal.BAD_SIGNATURE
    for strange in (1, ["k1"], {"k1": 1}, True):
        assert room().verify(sign(kid=strange), NOW) is Refusal.MALFORMED


@pytest.mark.parametrize("kid", ["k1", "foreign", None])
def test_keys_in_the_header_are_not_looked_at(room: MakeRoom, server: HttpServer, kid: str | None) -> None:
    public = FOREIGN.as_dict(private=False)
    server.reply = lambda _: pytest.fail("asked for a key that a client named")
    header: dict[str, Any] = {"jwk": public, "jku": server.url(), "x5u": server.url(), "x5c": ["AAAA"], "x5t": "AAAA"}
    found = room().verify(sign(key=FOREIGN, **{**header, "kid": kid}), NOW)
    assert found in {Refusal.BAD_SIGNATURE, Refusal.UNKNOWN_KEY}
    assert isinstance(room().verify(sign(**header), NOW), Claims)
    assert server.seen == []


@pytest.mark.parametrize("critical", [["exp"], ["b64"], [], None, "b64"])
def test_critical_headers_are_refused(room: MakeRoom, critical: Any) -> None:
    header = {"alg": "ES256", "kid": "k1", "crit": critical, "b64": False}
    token = f"{encode(header)}.{encode(claims())}.AAAA"
    assert room().verify(token, NOW) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d.e",  # JWE
        "\u0430.b.c",
        "\udc80.b.c",
        "GOOD=",
        "GOOD\n",
        " GOOD",
        "GOOD.GOOD",
        "Bearer GOOD",
        json.dumps({"payload": encode(claims()), "signatures": []}),
    ],
)
def test_what_is_not_a_signed_token(room: MakeRoom, token: str) -> None:
    assert room().verify(token.replace("GOOD", sign()), NOW) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{",
        b"\xff",
        b'{"iss": "a", "iss": "https://issuer.example"}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b'{"exp": ' + b"9" * 5000 + b"}",
        b"[" * 11_000,
        b'{"a":' * 2_200 + b"1" + b"}" * 2_200,
    ],
)
def test_payloads_that_are_not_claims(room: MakeRoom, payload: bytes) -> None:
    assert room().verify(sign(payload), NOW) in {Refusal.MALFORMED, Refusal.UNKNOWN_ISSUER}


def test_a_header_with_two_algorithms(room: MakeRoom) -> None:
    head = b'{"alg":"none","alg":"ES256","kid":"k1"}'
    assert room().verify(f"{encode(head)}.{sign().partition('.')[2]}", NOW) is Refusal.MALFORMED


def test_a_token_has_one_spelling(room: MakeRoom) -> None:
    assert room().verify(sign().replace(".", "=.", 1), NOW) is Refusal.MALFORMED
    # The signature has 64 bytes, so its last character carries 2 bits and 4 that mean nothing.
    token = sign()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    padded = (token.rpartition(".")[2] + "==", twin.rpartition(".")[2] + "==")
    assert base64.urlsafe_b64decode(padded[0]) == base64.urlsafe_b64decode(padded[1])
    assert room().verify(twin, NOW) is Refusal.MALFORMED


@pytest.fixture(scope="module")
def shared_room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    path: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.write_bytes(jwks(key_for("ES256"), key_for("RS256", "k2")))
    made = Room(issuer(keys_file=str(path)))
    made.read()
    return made


GOOD = (sign(), sign(algorithm="RS256", key=key_for("RS256", "k2")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(token=st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_.-]{0,80}"))
def test_any_text_is_refused(shared_room: Room, token: str) -> None:
    assert isinstance(shared_room.verify(token, NOW), Refusal)


@FUZZ
@given(data=st.data(), token=st.sampled_from(GOOD))
def test_a_changed_token_is_refused(shared_room: Room, data: st.DataObject, token: str) -> None:
    start = data.draw(st.integers(0, len(token) - 1))
    end = data.draw(st.integers(start, min(start + 5, len(token))))
    new = data.draw(st.text("ABCDabcd0123-_.=", max_size=5) | st.text(max_size=3))
    changed = token[:start] + new + token[end:]
    if changed != token:
        assert isinstance(shared_room.verify(changed, NOW), Refusal)


@FUZZ
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64"]), JSON | st.sampled_from(["ES256", "k1"])
    ),
    payload=JSON,
    signature=st.binary(max_size=70),
)
def test_a_made_up_token_is_refused(shared_room: Room, header: dict[str, Any], payload: Any, signature: bytes) -> None:
    members = {**claims(), **payload} if isinstance(payload, dict) else payload
    token = f"{encode({'alg': 'ES256', 'kid': 'k1', **header})}.{encode(members)}.{encode(signature)}"
    assert isinstance(shared_room.verify(token, NOW), Refusal)


@FUZZ
@given(changes=st.dictionaries(st.sampled_from(["sub", "exp", "nbf", "iat", "jti", "scope", "aud"]), JSON))
def test_signed_claims_of_any_shape_are_judged(shared_room: Room, changes: dict[str, Any]) -> None:
    found = shared_room.verify(sign({**claims(), **changes}), NOW)
    if isinstance(found, Claims):
        assert found.subject.isprintable()
        assert found.token_id.isprintable()
        assert all(scope.isprintable() for scope in found.scopes)
        assert 0 <= found.expires_at < 2**63
