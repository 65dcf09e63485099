"""An AI API: `Authorization: Bearer <key>`, four permissions, errors with codes and details."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from extauth.demo.presets.ai_api import AI_API
from extauth.keys.token import generate
from extauth.registry import times
from tests.e2e.eventually import eventually
from tests.e2e.presets import expect
from tests.e2e.presets.platform import Header, Platform, running_platform

GENERATE, MODELS, WEBHOOKS = "/v1/generate", "/v1/models", "/v1/webhooks/w1"
READ, WRITE, ADMIN, WEBHOOK = (("read",), ("write",), ("admin",), ("webhook",))


def error(code: str, message: str, **details: Any) -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "message": message, "details": details}}


def invalid(key_id: str) -> dict[str, Any]:
    return error("INVALID_API_KEY", "The provided API key is invalid", key_id=key_id)


MISSING = error("MISSING_API_KEY", "API key is required", header="Authorization")


@pytest.fixture(scope="module")
def ai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running_platform(AI_API, tmp_path_factory.mktemp("ai")) as platform:
        yield platform


def test_the_key_in_its_header(ai: Platform) -> None:
    key = ai.issue(scopes=READ)
    answer = ai.send(GENERATE, ("Authorization", f"Bearer {key.secret}"), method="POST")
    expect.passed(answer, key.secret, key.id, key.tenant)
    assert (answer.json["method"], answer.json["path"]) == ("POST", GENERATE)
    assert answer.upstream_header("authorization") == []
    assert expect.rate_headers(answer)[:2] == (60, 59)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [GENERATE, MODELS, WEBHOOKS, "/v1"])
def test_all_requests_need_a_key(ai: Platform, method: str, path: str) -> None:
    answer = ai.send(path, method=method)
    expect.refused(answer, 401, MISSING)
    assert answer.header("www-authenticate") == 'Bearer realm="v1"'


def test_a_key_elsewhere_is_missing(ai: Platform) -> None:
    key = ai.issue(scopes=READ)
    for headers in (
        [("Authorization", key.secret)],
        [("Authorization", f"Basic {key.secret}")],
        [("Authorization", "Bearer")],
        [("x-api-key", key.secret)],
    ):
        expect.refused(ai.send(MODELS, *headers), 401, MISSING)
    expect.refused(ai.send(f"{MODELS}?api_key={key.secret}"), 401, MISSING)


def test_an_invalid_key(ai: Platform) -> None:
    """It is told the id that stands in it; what is no key has none."""
    unknown = generate("ai")
    answer = ai.send(MODELS, ai.header(str(unknown)))
    expect.refused(answer, 401, invalid(unknown.key_id))
    assert answer.header("www-authenticate") == 'Bearer realm="v1", error="invalid_token"'
    expect.refused(ai.send(MODELS, ai.header("YOUR_API_KEY")), 401, invalid(""))


def test_an_expired_key(ai: Platform) -> None:
    key = ai.issue(scopes=READ)
    assert ai.send(MODELS, ai.header(key.secret)).status == 200
    expired = ai.running.client.call("POST", f"/v1/keys/{key.id}/expire", {})
    eventually(lambda: ai.send(MODELS, ai.header(key.secret)).status == 401, 4)
    expired_at = f"{expired['expires_at'][:19]}Z"
    body = error("EXPIRED_API_KEY", "The API key has expired", expired_at=expired_at)
    expect.refused(ai.send(MODELS, ai.header(key.secret)), 401, body)
    assert abs(times.from_rfc3339(expired_at) - times.now()) < 60_000


@pytest.mark.parametrize(
    ("scopes", "method", "path", "allowed"),
    [
        (READ, "GET", MODELS, True),
        (READ, "POST", GENERATE, True),
        (READ, "POST", MODELS, False),
        (READ, "PUT", f"{MODELS}/m1", False),
        (READ, "DELETE", f"{MODELS}/m1", False),
        (READ, "GET", WEBHOOKS, False),
        (WRITE, "POST", MODELS, True),
        (WRITE, "PATCH", f"{MODELS}/m1", True),
        (WRITE, "POST", GENERATE, False),
        (WRITE, "DELETE", f"{MODELS}/m1", False),
        (WRITE, "POST", WEBHOOKS, False),
        (WEBHOOK, "POST", WEBHOOKS, True),
        (WEBHOOK, "DELETE", WEBHOOKS, True),
        (WEBHOOK, "GET", MODELS, False),
        (ADMIN, "GET", MODELS, True),
        (ADMIN, "POST", GENERATE, True),
        (ADMIN, "PUT", f"{MODELS}/m1", True),
        (ADMIN, "DELETE", f"{MODELS}/m1", True),
        (ADMIN, "DELETE", WEBHOOKS, True),
        ((), "GET", MODELS, False),
        ((*READ, *WRITE), "GET", MODELS, True),
    ],
)
def test_permissions(ai: Platform, scopes: tuple[str, ...], method: str, path: str, allowed: bool) -> None:
    key = ai.issue(scopes=scopes)
    answer = ai.send(path, ai.header(key.secret), method=method)
    if allowed:
        expect.passed(answer, key.secret, key.id, key.tenant)
    else:
        body = error("INSUFFICIENT_PERMISSIONS", "The API key does not permit this", key_id=key.id)
        expect.refused(answer, 403, body)


def test_keys_for_different_purposes(ai: Platform) -> None:
    """Several keys of one account: each is unique, with permissions and a bucket of its own."""
    reader = ai.issue(scopes=READ)
    admin = ai.issue(reader.tenant, scopes=ADMIN)
    assert reader.secret != admin.secret
    for key, status in ((reader, 403), (admin, 200)):
        assert ai.send(f"{MODELS}/m1", ai.header(key.secret), method="DELETE").status == status
        answer = ai.send(MODELS, ai.header(key.secret))
        expect.passed(answer, key.secret, key.id, reader.tenant)
    assert expect.rate_headers(answer)[1] in {58, 59}


def test_rotation_in_four_steps(ai: Platform) -> None:
    old = ai.issue(scopes=READ)
    new = json.loads(ai.running.keys("rotate", old.id, "--grace", "24h", "--output", "json"))
    eventually(lambda: works(ai, ai.header(new["secret"])), 4)
    assert works(ai, ai.header(old.secret)), "both work while applications are updated"
    answer = ai.send(MODELS, ai.header(new["secret"]))
    expect.passed(answer, new["secret"], new["id"], old.tenant)
    ai.running.keys("revoke", old.id)
    eventually(lambda: not works(ai, ai.header(old.secret)), 4)
    expect.refused(ai.send(MODELS, ai.header(old.secret)), 401, invalid(old.id))
    assert works(ai, ai.header(new["secret"]))


def works(ai: Platform, header: Header) -> bool:
    return ai.send(MODELS, header).status == 200


def test_too_many_requests(ai: Platform) -> None:
    key = ai.issue(scopes=READ)
    answers, elapsed = ai.burst(MODELS, [ai.header(key.secret)], 75)
    last = expect.limited(answers, elapsed, burst=60, per_second=1)
    assert last.header("retry-after") == "1"
    expect.refused(last, 429, error("RATE_LIMIT_EXCEEDED", "Rate limit exceeded", retry_after=1))


def test_a_client_that_waits_gets_on(ai: Platform) -> None:
    key = ai.issue(scopes=READ)
    answers, _ = ai.burst(MODELS, [ai.header(key.secret)], 75)
    refused = next(answer for answer in answers if answer.status == 429)
    time.sleep(int(str(refused.header("retry-after"))))
    assert works(ai, ai.header(key.secret))


def test_limits_are_told_ahead(ai: Platform) -> None:
    """A client can stay within them: each answer says how many requests are left."""
    key = ai.issue(scopes=READ)
    for left in (59, 58, 57):
        now = time.time()
        limit, remaining, reset = expect.rate_headers(ai.send(MODELS, ai.header(key.secret)))
        assert limit == 60
        assert left <= remaining <= left + 1
        assert now <= reset <= now + 60 - left + 2


@pytest.mark.parametrize(
    ("path", "host", "status", "code"),
    [("/v1/models;x=1", "", 400, "bad_request"), (MODELS, "other.example.com", 403, "INSUFFICIENT_PERMISSIONS")],
)
def test_every_other_error_has_a_message(ai: Platform, path: str, host: str, status: int, code: str) -> None:
    """Clients read `error.message`, whatever the error."""
    answer = ai.send(path, ai.header(ai.issue(scopes=READ).secret), host=host)
    assert answer.status == status
    assert list(answer.json) == ["success", "error"]
    assert (answer.json["success"], list(answer.json["error"])) == (False, ["code", "message", "details"])
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["message"]
