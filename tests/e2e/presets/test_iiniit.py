"""iiniit: API keys in a header or the query for servers, OAuth 2.0 tokens for those who act for users."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from extauth.demo.presets.iiniit import IINIIT
from extauth.keys.token import generate
from tests.e2e.answer import Answer
from tests.e2e.eventually import eventually
from tests.e2e.presets import expect, tokens
from tests.e2e.presets.platform import Header, Platform, new_tenant, running_platform

DEVICES = "/v1/devices"
REALM = 'realm="developer"'
MISSING = {"error": "missing_key", "message": "An API key is required."}
INVALID = {"error": "invalid_key", "message": "The API key is not valid."}
EXPIRED = {"error": "expired_key", "message": "The API key has expired."}
REVOKED = {"error": "revoked_key", "message": "The API key has been revoked."}
AMBIGUOUS = {"error": "ambiguous_key", "message": "More than one API key was sent."}
MALFORMED = {"error": "malformed_key", "message": "The API key is malformed."}
FORBIDDEN = {"error": "missing_scope", "message": "The API key does not permit this request."}


@pytest.fixture(scope="module")
def iiniit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running_platform(IINIIT, tmp_path_factory.mktemp("iiniit")) as platform:
        yield platform


def claims(scope: str = "read", **more: Any) -> dict[str, Any]:
    return {"sub": "ada", "account": new_tenant(), "scope": scope, **more}


def bearer(token: str) -> Header:
    return "Authorization", f"Bearer {token}"


def ask_for_token(iiniit: Platform, **form: str) -> Mapping[str, Any]:
    """A flow of OAuth 2.0, at the platform's own server."""
    body = urlencode({"grant_type": "client_credentials", **form}).encode()
    with urllib.request.urlopen(f"{iiniit.running.layout.issuer_url}/token", body, timeout=10) as response:
        answer: Mapping[str, Any] = json.load(response)
    return answer


@pytest.mark.parametrize("scheme", ["ApiKey", "apikey", "APIKEY "])
def test_a_key_in_the_header(iiniit: Platform, scheme: str) -> None:
    key = iiniit.issue(scopes=("read",))
    answer = iiniit.send(f"{DEVICES}?page=2", ("Authorization", f"{scheme} {key.secret}"))
    expect.passed(answer, key.secret, key.id, key.tenant)
    assert answer.json["path"] == f"{DEVICES}?page=2"
    assert answer.upstream_header("authorization") == []


@pytest.mark.parametrize(
    "query",
    ["api_key={key}", "page=2&api_key={key}&name=a%20b&tag=x&tag=y", "api_key={key}&empty=", "a=1&api_key={key}"],
)
def test_a_key_in_the_query(iiniit: Platform, query: str) -> None:
    """The upstream gets all other parameters, and no key."""
    key = iiniit.issue(scopes=("read",))
    answer = iiniit.send(f"{DEVICES}?{query.format(key=key.secret)}")
    expect.passed(answer, key.secret, key.id, key.tenant)
    seen = urlsplit(answer.json["path"])
    sent = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "api_key"]
    assert (seen.path, sorted(parse_qsl(seen.query, keep_blank_values=True))) == (DEVICES, sorted(sent))


@pytest.mark.parametrize(
    ("scope", "method", "status"),
    [
        ("read", "GET", 200),
        ("read", "POST", 403),
        ("write", "POST", 200),
        ("write", "GET", 403),
        ("read write", "DELETE", 200),
        ("read write", "GET", 200),
        ("", "GET", 403),
        ("reader", "GET", 403),
    ],
)
def test_scopes_of_a_token(iiniit: Platform, scope: str, method: str, status: int) -> None:
    said = claims(scope)
    token = iiniit.issuer.sign(said, 300)
    answer = iiniit.send(DEVICES, bearer(token), method=method)
    if status == 200:
        expect.passed(answer, token, "ada", said["account"])
    else:
        expect.refused(answer, 403, FORBIDDEN)
        assert answer.header("www-authenticate") == f'Bearer {REALM}, error="insufficient_scope"'


@pytest.mark.parametrize(("scopes", "method", "status"), [(("read",), "POST", 403), (("write",), "POST", 200)])
def test_scopes_of_a_key(iiniit: Platform, scopes: tuple[str, ...], method: str, status: int) -> None:
    key = iiniit.issue(scopes=scopes)
    for answer in (
        iiniit.send(DEVICES, iiniit.header(key.secret), method=method),
        iiniit.send(f"{DEVICES}?api_key={key.secret}", method=method),
    ):
        assert answer.status == status
        if status == 403:
            expect.refused(answer, 403, FORBIDDEN)


def test_a_token_from_the_oauth_flow(iiniit: Platform) -> None:
    """A user's token acts on behalf of that user: the upstream is told whose request it is."""
    account = new_tenant()
    given = ask_for_token(iiniit, client_id="grace", account=account, scope="read write")
    assert (given["token_type"], given["scope"]) == ("Bearer", "read write")
    for method in ("GET", "POST"):
        answer = iiniit.send(DEVICES, bearer(given["access_token"]), method=method)
        expect.passed(answer, given["access_token"], "grace", account)
        assert answer.upstream_header("authorization") == []


@pytest.mark.parametrize("headers", [(), (("Authorization", ""),), (("Authorization", "Basic YTpi"),)])
def test_no_credential(iiniit: Platform, headers: tuple[Header, ...]) -> None:
    answer = iiniit.send(DEVICES, *headers)
    expect.refused(answer, 401, MISSING)
    assert answer.header("www-authenticate") == f"ApiKey {REALM}, Bearer {REALM}"


def test_an_invalid_key(iiniit: Platform) -> None:
    unknown = str(generate("iiniit"))
    expect.refused(iiniit.send(DEVICES, iiniit.header(unknown)), 401, INVALID)
    expect.refused(iiniit.send(f"{DEVICES}?api_key={unknown}"), 401, INVALID)
    expect.refused(iiniit.send(DEVICES, iiniit.header("nonsense")), 401, MALFORMED)
    expect.refused(iiniit.send(f"{DEVICES}?api_key="), 401, MISSING)


def test_tokens_that_nobody_issued(iiniit: Platform) -> None:
    issuer, good = iiniit.issuer, iiniit.issuer.sign(claims(), 300)
    assert iiniit.send(DEVICES, bearer(good)).status == 200
    for token in (
        tokens.forged(issuer, claims()),
        tokens.unsigned(good),
        tokens.altered(good, scope="read write"),
        tokens.signed_with_published_key(issuer, claims()),
        issuer.sign(claims(iss="https://elsewhere.example"), 300),
        issuer.sign(claims(aud="https://elsewhere.example"), 300),
        issuer.sign({"sub": "ada", "scope": "read"}, 300),
    ):
        answer = iiniit.send(DEVICES, bearer(token))
        expect.refused(answer, 401, INVALID)
        assert answer.header("www-authenticate") == f'ApiKey {REALM}, Bearer {REALM}, error="invalid_token"'


def test_an_expired_token(iiniit: Platform) -> None:
    expect.refused(iiniit.send(DEVICES, bearer(iiniit.issuer.sign(claims(), -3600))), 401, EXPIRED)
    answer = iiniit.send(DEVICES, bearer(tokens.not_yet(iiniit.issuer, claims())))
    expect.refused(answer, 401, {"error": "not_yet_valid", "message": "The API key is not valid yet."})


def test_one_method_at_a_time(iiniit: Platform) -> None:
    """A key is no token, a token no key, and two credentials are none."""
    key, token = iiniit.issue(scopes=("read",)), iiniit.issuer.sign(claims(), 300)
    expect.refused(iiniit.send(DEVICES, bearer(key.secret)), 401, MALFORMED)
    expect.refused(iiniit.send(DEVICES, iiniit.header(token)), 401, MALFORMED)
    expect.refused(iiniit.send(f"{DEVICES}?api_key={token}"), 401, MALFORMED)
    for header in (bearer(token), iiniit.header(key.secret)):
        expect.refused(iiniit.send(f"{DEVICES}?api_key={key.secret}", header), 401, AMBIGUOUS)
    expect.refused(iiniit.send(DEVICES, bearer(token), iiniit.header(key.secret)), 401, AMBIGUOUS)


def test_rotated_keys(iiniit: Platform) -> None:
    old = iiniit.issue(scopes=("read",))
    secret = iiniit.running.keys("rotate", old.id, "--grace", "1h", "--quiet").strip()
    eventually(lambda: iiniit.send(DEVICES, iiniit.header(secret)).status == 200, 4)
    assert iiniit.send(DEVICES, iiniit.header(old.secret)).status == 200
    other = iiniit.issue(scopes=("read",))
    iiniit.running.keys("rotate", other.id, "--grace", "0s")
    eventually(lambda: iiniit.send(DEVICES, iiniit.header(other.secret)).status == 401, 4)


def test_revoked_credentials_end_at_once(iiniit: Platform) -> None:
    key = iiniit.issue(scopes=("read",))
    header = iiniit.header(key.secret)
    assert iiniit.send(DEVICES, header).status == 200
    iiniit.running.keys("revoke", key.id)
    expect.refused(_soon_refused(iiniit, header), 401, REVOKED)
    token, other = (iiniit.issuer.sign(claims(sub=new_tenant()), 300) for _ in range(2))
    revoked = {"issuer": "https://auth.iiniit.com", "jti": tokens.claims_of(token)["jti"]}
    assert iiniit.send(DEVICES, bearer(token)).status == 200
    iiniit.running.client.call("POST", "/v1/token-revocations", revoked)
    expect.refused(_soon_refused(iiniit, bearer(token)), 401, REVOKED)
    assert iiniit.send(DEVICES, bearer(other)).status == 200


def _soon_refused(iiniit: Platform, header: Header) -> Answer:
    eventually(lambda: iiniit.send(DEVICES, header).status != 200, 4)
    return iiniit.send(DEVICES, header)
