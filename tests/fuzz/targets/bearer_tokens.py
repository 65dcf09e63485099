"""Any text in place of a bearer token: nothing but the tokens that were signed is ever accepted."""

import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from extauth.bearer.claims import Claims, Refusal
from tests.bearer.conftest import Room, issuer
from tests.bearer.tokens import NOW, claims, encode, jwks, key_for, sign
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

ALGORITHMS = ("ES256", "RS256", "none", "None", "HS256", "PS256", "ES384", "", 7, None, ["ES256"])
KEY_IDS = ("k1", "k2", "", "../k1", "K1", "k1\0", None, 1, ["k1"], {"kid": "k1"}, "\ud800")
VALUES = (None, "", "a b", -1, 1e300, 2**63, 10**400, [], {}, True, ["a", 1], "\ud800", "\r\nx: y", [[[[]]]])
TEXT, PARTS, RESIGNED = 0, 1, 2


@cache
def _room() -> Room:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "keys.json"
        path.write_bytes(jwks(key_for("ES256"), key_for("RS256", "k2")))
        room = Room(issuer(keys_file=str(path)))
        room.read()
    return room


@cache
def _good() -> tuple[str, ...]:
    return (sign(), sign(algorithm="RS256", key=key_for("RS256", "k2")))


def _run(data: bytes) -> None:
    choices = Choices(data)
    kind = choices.number(3)
    if kind == TEXT:
        _judge(choices.rest().decode(errors="surrogateescape"))
    elif kind == PARTS:
        _judge(_made_up(choices))
    else:
        _judge_signed(choices)


def _judge(token: str) -> None:
    found = _room().verify(token, NOW)
    assert isinstance(found, Refusal) or token in _good(), token


def _made_up(choices: Choices) -> str:
    """Parts of good tokens and of false ones."""
    good = choices.one_of(_good()).split(".")
    header: dict[str, Any] = {"alg": choices.one_of(ALGORITHMS), "kid": choices.one_of(KEY_IDS), "typ": "JWT"}
    for name in ("crit", "jwk", "jku", "x5c", "b64"):
        if choices.number(4) == 0:
            header[name] = choices.one_of(VALUES)
    heads = (good[0], encode(header), encode(choices.taken()), encode('{"alg":"none","alg":"ES256","kid":"k1"}'))
    bodies = (good[1], encode(_claims(choices)), encode(choices.taken()), encode("[" * 3000))
    tails = (good[2], "", encode(choices.taken(70)), good[2] + "=", good[2][:-1] + "A")
    return choices.one_of("..,\n").join((choices.one_of(heads), choices.one_of(bodies), choices.one_of(tails)))


def _claims(choices: Choices) -> dict[str, Any]:
    members = claims()
    for _ in range(choices.number(4)):
        members[choices.one_of([*members, "nbf", "tenant", choices.text(8)])] = choices.one_of(VALUES)
    return members


def _judge_signed(choices: Choices) -> None:
    """Claims of any shape by the issuer itself: what is accepted can stand in headers and be stored."""
    members = _claims(choices)
    found = _room().verify(sign(json.dumps(members).encode() if choices.number(2) else choices.rest()), NOW)
    if isinstance(found, Claims):
        assert found.subject
        assert found.subject.isprintable()
        assert found.token_id.isprintable()
        assert all(scope.isprintable() for scope in found.scopes)
        assert 0 <= found.not_before < 2**63
        assert NOW * 1000 - 30_000 <= found.expires_at < 2**63


def _seeds() -> Iterator[bytes]:
    for token in _good():
        yield bytes([TEXT]) + token.encode()
    for number in range(32):
        yield bytes([PARTS, *((number * step) % 256 for step in range(1, 40))])
        yield bytes([RESIGNED, *((number * step) % 256 for step in range(1, 40))])


TARGET = Target("bearer_tokens", _run, _seeds, ("eyJ", '"alg":"none"', '"iss":"https://issuer.example"'), 2048)
