"""Verifying tokens: every algorithm, every claim, every edge of time."""

from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey

from extauth.bearer.claims import MAX_TOKEN_LENGTH, Claims, Refusal
from tests.bearer.conftest import MakeRoom, Room, issuer
from tests.bearer.tokens import ASYMMETRIC, AUDIENCE, NOW, SECRET, SYMMETRIC, claims, jwks, key_for, sign


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_every_algorithm_with_a_key_set(room: MakeRoom, keys_file: Path, algorithm: str) -> None:
    keys_file.write_bytes(jwks(key_for(algorithm)))
    verify = room(algorithms=[algorithm]).verify
    token = sign(algorithm=algorithm)
    assert isinstance(verify(token, NOW), Claims)
    head, payload, signature = token.split(".")
    assert verify(f"{head}.{payload}.{signature[::-1]}", NOW) in {Refusal.BAD_SIGNATURE, Refusal.MALFORMED}
    assert verify(f"{head}.{sign(claims(sub='root')).split('.')[1]}.{signature}", NOW) is Refusal.BAD_SIGNATURE
    assert verify(f"{head}.{payload}.", NOW) is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize("algorithm", SYMMETRIC)
def test_every_algorithm_with_a_secret(room: MakeRoom, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    monkeypatch.setenv("SECRET", SECRET.decode())
    verify = room(keys_file=None, secret={"env": "SECRET"}, algorithms=[algorithm]).verify
    assert isinstance(verify(sign(algorithm=algorithm), NOW), Claims)
    assert isinstance(verify(sign(algorithm=algorithm, kid="any"), NOW), Claims)
    forged = sign(claims(sub="root"), algorithm, OctKey.import_key(SECRET[::-1]))
    assert verify(forged, NOW) is Refusal.BAD_SIGNATURE
    other = next(name for name in SYMMETRIC if name != algorithm)
    assert verify(sign(algorithm=other), NOW) is Refusal.WRONG_ALGORITHM
    assert verify(sign()[:-4] + "AAAA", NOW) is Refusal.WRONG_ALGORITHM


def test_what_the_claims_say(room: MakeRoom) -> None:
    assert room().verify(sign(claims(nbf=NOW - 1)), NOW) == Claims(
        issuer_name="main",
        subject="user-1",
        token_id="t1",
        tenant="",
        scopes=("a", "b"),
        plan="",
        expires_at=int(NOW + 300) * 1000,
        not_before=int(NOW - 1) * 1000,
    )


@pytest.mark.parametrize(
    ("changes", "now", "outcome"),
    [
        ({"exp": NOW}, NOW + 29.9, None),
        ({"exp": NOW}, NOW + 30, Refusal.EXPIRED),
        ({"exp": NOW + 0.5}, NOW + 30.4, None),
        ({"exp": NOW + 0.5}, NOW + 30.5, Refusal.EXPIRED),
        ({"nbf": NOW + 30}, NOW, None),
        ({"nbf": NOW + 30.1}, NOW, Refusal.NOT_YET_VALID),
        ({"exp": None}, NOW, Refusal.MISSING_CLAIM),
        ({"exp": "1900000000"}, NOW, Refusal.MISSING_CLAIM),
        ({"exp": True}, NOW, Refusal.MISSING_CLAIM),
        ({"exp": NOW * 1000}, NOW, Refusal.MISSING_CLAIM),
        ({"exp": 10**400}, NOW, Refusal.MISSING_CLAIM),
        ({"exp": -1}, NOW, Refusal.MISSING_CLAIM),
        ({"nbf": "now"}, NOW, Refusal.MISSING_CLAIM),
        ({"iat": NOW + 9999}, NOW, None),
    ],
)
def test_times(room: MakeRoom, changes: dict[str, Any], now: float, outcome: Refusal | None) -> None:
    found = room(leeway="30s").verify(sign(claims(**changes)), now)
    assert found == outcome if outcome else isinstance(found, Claims)


@pytest.mark.parametrize(
    ("issued", "now", "outcome"),
    [
        (NOW, NOW + 69.9, None),
        (NOW, NOW + 70, Refusal.EXPIRED),
        (NOW + 10.1, NOW, Refusal.NOT_YET_VALID),
        (None, NOW, Refusal.MISSING_CLAIM),
    ],
)
def test_a_greatest_age(room: MakeRoom, issued: float | None, now: float, outcome: Refusal | None) -> None:
    found = room(leeway="10s", max_age="1m").verify(sign(claims(iat=issued)), now)
    assert found == outcome if outcome else isinstance(found, Claims)


@pytest.mark.parametrize(
    ("audience", "accepted"),
    [
        (AUDIENCE, True),
        (["other", AUDIENCE], True),
        ("other", False),
        (["other"], False),
        ([], False),
        (None, False),
        ([None, {"a": 1}], False),
        ({AUDIENCE: 1}, False),
        (AUDIENCE + "/", False),
    ],
)
def test_audience(room: MakeRoom, audience: Any, accepted: bool) -> None:
    found = room().verify(sign(claims(aud=audience)), NOW)
    assert isinstance(found, Claims) if accepted else found is Refusal.WRONG_AUDIENCE


@pytest.mark.parametrize(
    "iss", ["https://issuer.example/", "HTTPS://ISSUER.EXAMPLE", "", None, 7, ["https://issuer.example"]]
)
def test_the_issuer_is_compared_exactly(room: MakeRoom, iss: Any) -> None:
    assert room().verify(sign(claims(iss=iss)), NOW) is Refusal.UNKNOWN_ISSUER


@pytest.mark.parametrize(
    ("found", "accepted"),
    [
        ("at+jwt", True),
        ("AT+JWT", True),
        ("application/at+jwt", True),
        ("JWT", False),
        (None, False),
        (["at+jwt"], False),
    ],
)
def test_a_required_type(room: MakeRoom, found: Any, accepted: bool) -> None:
    outcome = room(required_type="at+jwt").verify(sign(typ=found), NOW)
    assert isinstance(outcome, Claims) if accepted else outcome is Refusal.WRONG_TYPE


def test_issuers_are_told_apart_by_iss_and_each_has_its_own_keys(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(jwks(key_for("ES256")))
    (tmp_path / "b").write_bytes(jwks(key_for("ES256", "other")))
    room = Room(
        issuer(name="a", issuer="a", keys_file=str(tmp_path / "a")),
        issuer(name="b", issuer="b", keys_file=str(tmp_path / "b")),
    )
    room.read()
    ours, theirs = key_for("ES256"), key_for("ES256", "other")
    found = room.verify(sign(claims(iss="b"), key=theirs), NOW)
    assert isinstance(found, Claims)
    assert found.issuer_name == "b"
    assert room.verify(sign(claims(iss="b"), key=ours), NOW) is Refusal.UNKNOWN_KEY
    assert room.verify(sign(claims(iss="b"), key=ours, kid="other"), NOW) is Refusal.BAD_SIGNATURE


def test_a_token_without_kid_is_tried_with_every_key_that_fits(room: MakeRoom, keys_file: Path) -> None:
    keys_file.write_bytes(jwks(key_for("ES256", "x"), key_for("RS256"), key_for("ES256", "y")))
    assert isinstance(room().verify(sign(key=key_for("ES256", "y"), kid=None), NOW), Claims)
    assert room().verify(sign(key=key_for("ES256", "z"), kid=None), NOW) is Refusal.BAD_SIGNATURE


def test_a_longer_token_is_not_read(room: MakeRoom) -> None:
    token = sign(claims(filler="x" * 11_000))
    assert len(token) < MAX_TOKEN_LENGTH
    assert isinstance(room().verify(token, NOW), Claims)
    assert room().verify(sign(claims(filler="x" * 12_500)), NOW) is Refusal.MALFORMED


def test_a_token_seen_before_costs_no_signature_check_and_dies_at_its_end(
    room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = room(leeway="30s")
    token = sign()
    first = made.verify(token, NOW)
    monkeypatch.setattr("extauth.bearer.verify.parse", None)  # whoever takes a token apart now fails
    assert made.verify(token, NOW + 329) is first
    assert made.metric("extauth_bearer_cache_hits_total", issuer="main") == 1
    assert made.metric("extauth_bearer_verifications_total", issuer="main", outcome="ok") == 2
    monkeypatch.undo()
    assert made.verify(token, NOW + 330) is Refusal.EXPIRED


def test_a_refusal_is_not_remembered(room: MakeRoom) -> None:
    made = room()
    token = sign(claims(nbf=NOW + 60))
    assert made.verify(token, NOW) is Refusal.NOT_YET_VALID
    assert isinstance(made.verify(token, NOW + 60), Claims)


def test_a_token_seen_before_is_verified_again_when_the_keys_change(room: MakeRoom, keys_file: Path) -> None:
    made = room()
    token = sign()
    assert isinstance(made.verify(token, NOW), Claims)
    keys_file.write_bytes(jwks(key_for("ES256", "new")))
    made.read(later=60)
    assert made.verify(token, NOW) is Refusal.UNKNOWN_KEY


def test_outcomes_are_counted(room: MakeRoom) -> None:
    made = room()
    made.verify("junk", NOW)
    made.verify(sign(claims(aud="other")), NOW)
    assert made.metric("extauth_bearer_verifications_total", issuer="none", outcome="malformed") == 1
    assert made.metric("extauth_bearer_verifications_total", issuer="main", outcome="wrong_audience") == 1


def test_whose_fault_a_refusal_is() -> None:
    assert {refusal for refusal in Refusal if refusal.is_ours} == {Refusal.KEYS_UNAVAILABLE, Refusal.UNAVAILABLE}
