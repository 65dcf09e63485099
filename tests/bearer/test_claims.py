"""Claims: where they stand, and what they may look like."""

from typing import Any

import pytest

from extauth.bearer.claims import Claims, Refusal, find
from tests.bearer.conftest import MakeRoom
from tests.bearer.tokens import NOW, claims, sign


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("sub", "u"),
        ("realm.roles", ["r"]),
        ("realm.deep.er", 1),
        ("https://example.com/org", "acme"),
        ("a.b", "whole"),
        ("realm.x.y", "rest"),
        ("realm", {"roles": ["r"], "deep": {"er": 1}, "x.y": "rest"}),
        ("none", None),
        ("realm.none", None),
        ("sub.none", None),
        ("realm.roles.0", None),
        ("realm.", None),
        (".", None),
    ],
)
def test_paths(path: str, found: object) -> None:
    members = {
        "sub": "u",
        "realm": {"roles": ["r"], "deep": {"er": 1}, "x.y": "rest"},
        "https://example.com/org": "acme",
        "a.b": "whole",
        "a": {"b": "inner"},
    }
    assert find(members, path) == found


def test_claims_may_have_other_names_and_stand_in_others(room: MakeRoom) -> None:
    names = {
        "subject": "client_id",
        "tenant": "org.id",
        "scopes": "realm_access.roles",
        "plan": "https://x.example/plan",
    }
    found = room(claims=names).verify(
        sign(
            claims(
                sub=None,
                client_id="c1",
                org={"id": 42},
                realm_access={"roles": ["read", "write", "read"]},
                **{"https://x.example/plan": "gold"},
            )
        ),
        NOW,
    )
    assert isinstance(found, Claims)
    assert (found.subject, found.tenant, found.scopes, found.plan) == ("c1", "42", ("read", "write"), "gold")


@pytest.mark.parametrize(
    ("scopes", "found"),
    [
        ("a b", ("a", "b")),
        (" a  b a ", ("a", "b")),
        ("", ()),
        ([], ()),
        (None, ()),
        (["a", "b c"], ("a", "b c")),
        ("a\tb", None),
        (["a", 1], None),
        ({"a": 1}, None),
        (7, None),
    ],
)
def test_scopes(room: MakeRoom, scopes: Any, found: tuple[str, ...] | None) -> None:
    outcome = room().verify(sign(claims(scope=scopes)), NOW)
    assert outcome is Refusal.MISSING_CLAIM if found is None else isinstance(outcome, Claims)
    if isinstance(outcome, Claims):
        assert outcome.scopes == found


@pytest.mark.parametrize(
    "value", [None, "", ["x"], {"x": 1}, True, 1.5, 2**64, "a\r\nx-admin: 1", "a\x00", "\ud800", "x" * 513]
)
@pytest.mark.parametrize("claim", ["sub", "tenant"])
def test_subject_and_tenant_must_be_there_and_fit_into_a_header(room: MakeRoom, claim: str, value: Any) -> None:
    members = claims(**{"tenant": "acme", claim: value})
    assert room(claims={"tenant": "tenant"}).verify(sign(members), NOW) is Refusal.MISSING_CLAIM


@pytest.mark.parametrize("claim", ["plan", "jti"])
def test_plan_and_token_id_may_be_absent_but_not_odd(room: MakeRoom, claim: str) -> None:
    made = room(claims={"plan": "plan"})
    absent = made.verify(sign(claims(**{claim: None})), NOW)
    assert isinstance(absent, Claims)
    assert {"plan": absent.plan, "jti": absent.token_id}[claim] == ""
    assert made.verify(sign(claims(**{claim: ["x"]})), NOW) is Refusal.MISSING_CLAIM


def test_text_outside_ascii_stays_as_it_is(room: MakeRoom) -> None:
    found = room().verify(sign(claims(sub="Zoë|北京")), NOW)
    assert isinstance(found, Claims)
    assert found.subject == "Zoë|北京"
