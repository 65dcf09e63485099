"""NINJIO: an `apiKey` header, rights to read and write by access point, keys of customer accounts."""

import json
import time
from collections.abc import Iterator

import pytest

from extauth.demo.presets.ninjio import NINJIO
from extauth.keys.token import generate
from tests.e2e.eventually import eventually
from tests.e2e.presets import expect
from tests.e2e.presets.platform import Platform, new_tenant, running_platform

ROOT = "/api/api_gateway/customer"
CAMPAIGNS = f"{ROOT}/campaigns/training/"
REQUIRED = {"error": "API key required", "status": 401}
INVALID = {"error": "Invalid API key", "status": 401}
FORBIDDEN = {"error": "Access forbidden", "status": 403}
CHALLENGE = 'ApiKey realm="customer"'


@pytest.fixture(scope="module")
def ninjio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running_platform(NINJIO, tmp_path_factory.mktemp("ninjio")) as platform:
        yield platform


@pytest.mark.parametrize("name", ["apiKey", "apikey", "APIKEY"])
def test_the_key_in_its_header(ninjio: Platform, name: str) -> None:
    key = ninjio.issue(scopes=("campaigns:read",))
    answer = ninjio.send(CAMPAIGNS, (name, key.secret), ("Content-Type", "application/json"))
    expect.passed(answer, key.secret, key.id, key.tenant)
    assert (answer.json["method"], answer.json["path"]) == ("GET", CAMPAIGNS)
    assert answer.upstream_header("apikey") == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", [CAMPAIGNS, f"{ROOT}/users/1", ROOT])
def test_every_endpoint_requires_a_key(ninjio: Platform, method: str, path: str) -> None:
    answer = ninjio.send(path, method=method)
    if method == "HEAD":
        assert (answer.status, answer.header("content-length")) == (401, str(len(json.dumps(REQUIRED))))
    else:
        expect.refused(answer, 401, REQUIRED)


@pytest.mark.parametrize("headers", [(), (("apiKey", ""),), (("x-api-key", "elsewhere"),), (("Cookie", "apiKey=a"),)])
def test_no_key(ninjio: Platform, headers: tuple[tuple[str, str], ...]) -> None:
    answer = ninjio.send(CAMPAIGNS, *headers)
    expect.refused(answer, 401, REQUIRED)
    assert answer.header("www-authenticate") == CHALLENGE


def test_an_invalid_key(ninjio: Platform) -> None:
    for secret in (str(generate("ninjio")), "YOUR_API_KEY_HERE", "x" * 4000, "a,b", "ninjio_\xe9"):
        answer = ninjio.send(CAMPAIGNS, ("apiKey", secret))
        expect.refused(answer, 401, INVALID)
        assert answer.header("www-authenticate") == CHALLENGE


@pytest.mark.parametrize("change", ["revoke", "expire", "disable"])
def test_a_key_that_ended_is_invalid(ninjio: Platform, change: str) -> None:
    key = ninjio.issue(scopes=("campaigns:read",))
    assert ninjio.send(CAMPAIGNS, ("apiKey", key.secret)).status == 200
    ninjio.running.keys(change, key.id)
    eventually(lambda: ninjio.send(CAMPAIGNS, ("apiKey", key.secret)).status == 401, 4)
    expect.refused(ninjio.send(CAMPAIGNS, ("apiKey", key.secret)), 401, INVALID)


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (("campaigns:read",), "GET", CAMPAIGNS, 200),
        (("campaigns:read",), "HEAD", CAMPAIGNS, 200),
        (("campaigns:read",), "POST", CAMPAIGNS, 403),
        (("campaigns:read",), "DELETE", CAMPAIGNS, 403),
        (("campaigns:write",), "POST", CAMPAIGNS, 200),
        (("campaigns:write",), "GET", CAMPAIGNS, 403),
        (("campaigns:read", "campaigns:write"), "PUT", CAMPAIGNS, 200),
        (("campaigns:read", "campaigns:write"), "GET", f"{ROOT}/users", 403),
        (("users:read",), "GET", f"{ROOT}/users/1?page=2", 200),
        (("users:read",), "GET", CAMPAIGNS, 403),
        ((), "GET", CAMPAIGNS, 403),
        (("campaigns:read",), "GET", ROOT, 403),
    ],
)
def test_read_and_write_by_access_point(
    ninjio: Platform, scopes: tuple[str, ...], method: str, path: str, status: int
) -> None:
    key = ninjio.issue(scopes=scopes)
    answer = ninjio.send(path, ("apiKey", key.secret), method=method)
    if status == 403:
        expect.refused(answer, 403, FORBIDDEN)
    else:
        assert answer.status == status


def test_a_key_is_its_customer_accounts(ninjio: Platform) -> None:
    """Each acts for its own account, whatever a client claims, and draws on limits of its own."""
    first, second = (ninjio.issue(scopes=("campaigns:read",)) for _ in range(2))
    assert first.secret != second.secret
    for key in (first, second):
        claim = ("x-auth-tenant", "somebody-else")
        answer = ninjio.send(CAMPAIGNS, ("apiKey", key.secret), claim)
        expect.passed(answer, key.secret, key.id, key.tenant)
        assert answer.header("x-ratelimit-remaining") == "59"


def test_a_key_can_be_viewed_once(ninjio: Platform) -> None:
    """It is in the answer that made it, and in nothing that the registry says or keeps afterwards."""
    tenant = new_tenant()
    made = ninjio.running.keys("create", "--name", "seen once", "--tenant", tenant, "--output", "json")
    issued = json.loads(made)
    assert issued["secret"].startswith("ninjio_")
    client = ninjio.running.client
    seen = [
        ninjio.running.keys("show", issued["id"]),
        ninjio.running.keys("list", "--tenant", tenant),
        json.dumps(client.call("GET", f"/v1/keys/{issued['id']}")),
        json.dumps(client.call("GET", "/v1/keys", query={"tenant": tenant})),
        json.dumps(client.call("PATCH", f"/v1/keys/{issued['id']}", {"name": "seen"})),
    ]
    secret = issued["secret"].split("_")[2]
    assert all(issued["id"] in text and secret not in text for text in seen)
    files = [path for path in ninjio.running.layout.directory.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_standard_limits_apply_to_all_endpoints(ninjio: Platform) -> None:
    key = ninjio.issue(scopes=("campaigns:read", "users:read"))
    answers, elapsed = ninjio.burst(CAMPAIGNS, [("apiKey", key.secret)], 80)
    last = expect.limited(answers, elapsed, burst=60, per_second=2)
    expect.refused(last, 429, {"error": "Rate limit exceeded", "status": 429})
    assert ninjio.send(f"{ROOT}/users", ("apiKey", key.secret)).status == 429


def test_a_client_that_waits_gets_on(ninjio: Platform) -> None:
    """For backoff a client learns how long to wait at least."""
    key = ninjio.issue(scopes=("campaigns:read",))
    answers, _ = ninjio.burst(CAMPAIGNS, [("apiKey", key.secret)], 80)
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.header("retry-after") == "1"
    time.sleep(1)
    assert ninjio.send(CAMPAIGNS, ("apiKey", key.secret)).status == 200


def test_another_host_or_path_is_no_api(ninjio: Platform) -> None:
    key = ninjio.issue(scopes=("campaigns:read",))
    for answer in (
        ninjio.send(CAMPAIGNS, ("apiKey", key.secret), host="elsewhere.example"),
        ninjio.send("/api/other", ("apiKey", key.secret)),
    ):
        expect.refused(answer, 403, FORBIDDEN)
