"""Nudj: JWTs in `x-api-token`, an organisation for each subdomain, limits by type of API."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from extauth.demo.presets.nudj import NUDJ
from extauth.keys.token import generate
from tests.e2e.answer import Answer
from tests.e2e.eventually import eventually
from tests.e2e.presets import expect, tokens
from tests.e2e.presets.platform import Platform, new_tenant, running_platform

ENDPOINTS = {"integration": "users/me", "admin": "communities", "analytics": "events"}
LIMITS = {"integration": 1000, "admin": 500, "analytics": 100}
HEADER = "x-api-token"
FORBIDDEN = {"message": "Insufficient permissions", "code": "FORBIDDEN"}


def path_of(api: str) -> str:
    return f"/api/v2/{api}/{ENDPOINTS[api]}"


def unauthorised(endpoint: str) -> dict[str, Any]:
    return {
        "message": "You must be logged in to access this endpoint.",
        "code": "UNAUTHORIZED",
        "data": {"httpStatus": 401, "path": endpoint},
    }


class Organisation:
    """One with a name of its own, and what its developers do."""

    def __init__(self, nudj: Platform) -> None:
        self.nudj = nudj
        self.name = new_tenant()
        self.host = f"{self.name}.nudj.cx"

    def claims(self, roles: Sequence[str] = tuple(ENDPOINTS), **more: Any) -> dict[str, Any]:
        return {"sub": f"ada@{self.name}", "organisation": self.name, "roles": list(roles), **more}

    def token(self, roles: Sequence[str] = tuple(ENDPOINTS), lifetime: float = 300, **more: Any) -> str:
        return self.nudj.issuer.sign(self.claims(roles, **more), lifetime)

    def send(self, api: str, token: str, header: str = HEADER) -> Answer:
        return self.nudj.send(path_of(api), (header, token), host=self.host)

    def refuses(self, token: str) -> None:
        expect.refused(self.send("admin", token), 401, unauthorised("communities"))


@pytest.fixture(scope="module")
def nudj(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running_platform(NUDJ, tmp_path_factory.mktemp("nudj")) as platform:
        yield platform


@pytest.fixture
def acme(nudj: Platform) -> Organisation:
    return Organisation(nudj)


@pytest.mark.parametrize("api", ENDPOINTS)
@pytest.mark.parametrize("header", ["x-api-token", "X-API-TOKEN", "X-Api-Token"])
@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
def test_one_header_for_all_apis(acme: Organisation, api: str, header: str, prefix: str) -> None:
    token = acme.token()
    answer = acme.send(api, prefix + token, header)
    expect.passed(answer, token, f"ada@{acme.name}", acme.name)
    assert answer.json["path"] == path_of(api)
    assert answer.upstream_header(HEADER) == []


def test_an_api_key_in_place_of_a_jwt(acme: Organisation) -> None:
    key = acme.nudj.issue(acme.name, scopes=("admin",))
    for value in (key.secret, f"Bearer {key.secret}"):
        expect.passed(acme.send("admin", value), key.secret, key.id, acme.name)
    expect.refused(acme.send("analytics", key.secret), 403, FORBIDDEN)
    acme.refuses(str(generate("nudj")))


def test_the_subdomain_names_the_organisation(acme: Organisation) -> None:
    token = acme.token()
    for host in (acme.host, acme.host.upper(), f"{acme.host}:443"):
        answer = acme.nudj.send(f"{path_of('admin')}?limit=10", (HEADER, token), host=host)
        expect.passed(answer, token, f"ada@{acme.name}", acme.name)
        assert answer.json["path"] == "/api/v2/admin/communities?limit=10"


@pytest.mark.parametrize("host", ["globex.nudj.cx", "{name}x.nudj.cx", "x{name}.nudj.cx", "a.{name}.nudj.cx"])
@pytest.mark.parametrize("api", ENDPOINTS)
def test_the_wrong_organisation(acme: Organisation, host: str, api: str) -> None:
    answer = acme.nudj.send(path_of(api), (HEADER, acme.token()), host=host.format(name=acme.name))
    expect.refused(answer, 401, unauthorised(ENDPOINTS[api]))


def test_a_host_of_nobody(acme: Organisation) -> None:
    for host in ("nudj.cx", f"{acme.name}.nudj.cx.evil.example", f"{acme.name}.example"):
        expect.refused(acme.nudj.send(path_of("admin"), (HEADER, acme.token()), host=host), 403, FORBIDDEN)


@pytest.mark.parametrize("api", ENDPOINTS)
def test_no_token(acme: Organisation, api: str) -> None:
    """Nor one where none is looked for; the body names the endpoint."""
    for headers in ([], [(HEADER, "")], [("Authorization", f"Bearer {acme.token()}")], [("Cookie", f"{HEADER}=a")]):
        answer = acme.nudj.send(f"{path_of(api)}?limit=10", *headers, host=acme.host)
        expect.refused(answer, 401, unauthorised(ENDPOINTS[api]))
        assert answer.header("www-authenticate") == f'Bearer realm="{api}"'


def test_tokens_that_nobody_issued(acme: Organisation) -> None:
    good = acme.token(["analytics"])
    assert acme.send("analytics", good).status == 200
    for token in (
        "YOUR_API_TOKEN",
        tokens.forged(acme.nudj.issuer, acme.claims()),
        tokens.unsigned(acme.token()),
        tokens.altered(good, roles=list(ENDPOINTS)),
        tokens.altered(good, organisation="globex"),
        acme.token(iss="https://elsewhere.example"),
        acme.token(aud="https://elsewhere.example"),
        acme.token(organisation=None),
        good.rsplit(".", 1)[0],
    ):
        acme.refuses(token)


def test_an_expired_token(acme: Organisation) -> None:
    acme.refuses(acme.token(lifetime=-3600))
    acme.refuses(tokens.not_yet(acme.nudj.issuer, acme.claims()))


def test_a_token_that_expires(acme: Organisation) -> None:
    """To the second, but for the leeway that clocks are given."""
    token = acme.token(lifetime=-27)
    assert acme.send("admin", token).status == 200
    time.sleep(3.1)
    acme.refuses(token)


@pytest.mark.parametrize("form", ["Token {}", "Bearer", "Bearer Bearer {}", "Basic {}", "{},{}", "{0} {0}", '"{}"'])
def test_an_incorrect_header_format(acme: Organisation, form: str) -> None:
    token = acme.token()
    acme.refuses(form.format(token, token))


@pytest.mark.parametrize("blank", [" ", "\t", "  "])
def test_blanks_within_a_token(acme: Organisation, blank: str) -> None:
    """Around it they mean nothing (RFC 9110, 5.5)."""
    token = acme.token()
    acme.refuses(token[:30] + blank + token[30:])
    assert acme.send("admin", f"{blank}{token}{blank}").status == 200


def test_a_token_in_the_url_is_none(acme: Organisation) -> None:
    for name in (HEADER, "token", "api_token"):
        answer = acme.nudj.send(f"{path_of('admin')}?{name}={acme.token()}", host=acme.host)
        expect.refused(answer, 401, unauthorised("communities"))


@pytest.mark.parametrize("api", ENDPOINTS)
def test_a_token_lacks_the_role(acme: Organisation, api: str) -> None:
    others = [role for role in ENDPOINTS if role != api]
    for roles in (others, [], [api.upper()]):
        expect.refused(acme.send(api, acme.token(roles)), 403, FORBIDDEN)
    assert acme.send(api, acme.token([api])).status == 200


def test_a_revoked_token_ends_at_once(acme: Organisation) -> None:
    token, other = acme.token(), acme.token()
    assert acme.send("admin", token).status == 200
    revoked = {"issuer": "https://nudj.cx", "jti": tokens.claims_of(token)["jti"], "reason": "compromised"}
    acme.nudj.running.client.call("POST", "/v1/token-revocations", revoked)
    eventually(lambda: acme.send("admin", token).status == 401, 4)
    acme.refuses(token)
    assert acme.send("admin", other).status == 200


def test_rotated_tokens(acme: Organisation) -> None:
    """A new one works beside the old one, until all older ones of a developer are refused."""
    old, new = acme.token(), acme.token(sub="ada-2")
    assert [acme.send("admin", token).status for token in (old, new)] == [200, 200]
    revoked = {"issuer": "https://nudj.cx", "subject": f"ada@{acme.name}"}
    acme.nudj.running.client.call("POST", "/v1/token-revocations", revoked)
    eventually(lambda: acme.send("admin", old).status == 401, 4)
    acme.refuses(acme.token())
    assert acme.send("admin", new).status == 200


@pytest.mark.parametrize(("api", "limit"), LIMITS.items())
def test_limits_in_headers(acme: Organisation, api: str, limit: int) -> None:
    now = time.time()
    answer = acme.send(api, acme.token())
    assert answer.status == 200
    found, remaining, reset = expect.rate_headers(answer)
    assert (found, remaining) == (limit, limit - 1)
    assert now <= reset <= now + 3
    assert answer.header("retry-after") is None


@pytest.mark.parametrize(("api", "limit"), LIMITS.items())
def test_a_limit_is_an_organisations(acme: Organisation, api: str, limit: int) -> None:
    """Its tokens share it; another organisation, and another type of API, has its own."""
    other = Organisation(acme.nudj)
    remaining = [
        expect.rate_headers(organisation.send(one, token))[1]
        for organisation, one, token in (
            (acme, api, acme.token()),
            (acme, api, acme.token(sub="bob")),
            (acme, api, acme.token(sub="eve")),
            (other, api, other.token()),
        )
    ]
    assert remaining[0] == remaining[3] == limit - 1
    assert remaining[2] in range(limit - 3, limit)
    for one in LIMITS.keys() - {api}:
        assert expect.rate_headers(acme.send(one, acme.token()))[1] == LIMITS[one] - 1


def test_the_hundred_and_first_request(nudj: Platform) -> None:
    """100 pass and the next does not, where it comes before the bucket has gained another: in 0.6 seconds."""
    for _ in range(5):  # until this machine is quick enough to see just that
        acme = Organisation(nudj)
        answers, elapsed = nudj.burst(path_of("analytics"), [(HEADER, acme.token())], 400, acme.host, until=429)
        *passed, refused = answers
        assert 100 <= len(passed) <= 100 + int(elapsed / 0.6)
        if elapsed < 0.6:
            break
    assert {answer.status for answer in passed} == {200}
    assert [expect.rate_headers(answer)[:2] for answer in (passed[0], refused)] == [(100, 99), (100, 0)]
    body = {"message": "Too many requests", "code": "TOO_MANY_REQUESTS", "data": {"httpStatus": 429, "path": "events"}}
    expect.refused(refused, 429, body)
    assert refused.header("retry-after") == "1"
    assert 58 <= expect.rate_headers(refused)[2] - time.time() <= 61


@pytest.mark.slow
@pytest.mark.parametrize("api", ["admin", "integration"])
def test_larger_limits(nudj: Platform, api: str) -> None:
    acme, limit = Organisation(nudj), LIMITS[api]
    answers, elapsed = nudj.burst(path_of(api), [(HEADER, acme.token())], limit * 3 // 2, acme.host)
    last = expect.limited(answers, elapsed, burst=limit, per_second=limit / 60)
    assert last.json["code"] == "TOO_MANY_REQUESTS"


@pytest.mark.slow
def test_a_minute_fills_the_bucket(nudj: Platform) -> None:
    acme = Organisation(nudj)
    headers = [(HEADER, acme.token(lifetime=600))]
    answers, _ = nudj.burst(path_of("analytics"), headers, 130, acme.host)
    reset = expect.rate_headers(next(answer for answer in answers if answer.status == 429))[2]
    time.sleep(max(reset - time.time(), 0))
    assert expect.rate_headers(acme.send("analytics", acme.token()))[1] == 99
