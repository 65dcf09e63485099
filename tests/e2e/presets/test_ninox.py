"""Ninox: each key works in one workspace, may expire at a date and time, is listed, and can be revoked."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from extauth.demo.presets.ninox import NINOX
from extauth.keys.token import generate
from extauth.registry import times
from tests.e2e.eventually import eventually
from tests.e2e.presets import expect
from tests.e2e.presets.platform import Platform, new_tenant, running_platform
from tests.e2e.running import IssuedKey

MISSING = {"error": "missing_key", "message": "An API key is required."}
INVALID = {"error": "invalid_key", "message": "The API key is not valid."}
EXPIRED = {"error": "expired_key", "message": "The API key has expired."}
REVOKED = {"error": "revoked_key", "message": "The API key has been revoked."}
ELSEWHERE = {"error": "wrong_tenant", "message": "The API key belongs to another tenant."}
FORBIDDEN = {"error": "missing_scope", "message": "The API key does not permit this request."}


@pytest.fixture(scope="module")
def ninox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    quickly = {"usage": {"flush_interval": "1s"}}
    with running_platform(NINOX, tmp_path_factory.mktemp("ninox"), quickly) as platform:
        yield platform


def databases(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}/databases"


def create(ninox: Platform, *options: str, workspace: str = "") -> IssuedKey:
    """As a person makes a key for an integration."""
    tenant = workspace or new_tenant()
    arguments = ("create", "--tenant", tenant, "--scope", "read", "--output", "json", *options)
    made = json.loads(ninox.running.keys(*arguments))
    ninox.running.wait_until_published()
    return IssuedKey(tenant, made["id"], made["secret"])


def test_a_key_for_an_external_system(ninox: Platform) -> None:
    key = create(ninox, "--name", "ERP sync")
    answer = ninox.send(f"{databases(key.tenant)}?page=2", ninox.header(key.secret))
    expect.passed(answer, key.secret, key.id, key.tenant)
    assert answer.json["path"] == f"{databases(key.tenant)}?page=2"
    assert answer.upstream_header("authorization") == []
    assert expect.rate_headers(answer)[:2] == (300, 299)


def test_a_key_works_in_its_own_workspace_alone(ninox: Platform) -> None:
    key, other = (ninox.issue(scopes=("read",)) for _ in range(2))
    expect.passed(ninox.send(databases(other.tenant), ninox.header(other.secret)), other.secret, other.id, other.tenant)
    for path in (
        databases(other.tenant),
        f"/v1/workspaces/{other.tenant}",
        databases("nobody"),
        databases(key.tenant.upper()),
        f"{databases(key.tenant + 'x')}?workspace={key.tenant}",
        "/v1/workspaces",
        "/v1/workspaces/",
    ):
        expect.refused(ninox.send(path, ninox.header(key.secret)), 401, ELSEWHERE)


def test_scope(ninox: Platform) -> None:
    reader, writer = ninox.issue(scopes=("read",)), ninox.issue(scopes=("write",))
    path = databases(reader.tenant)
    expect.refused(ninox.send(path, ninox.header(reader.secret), method="POST"), 403, FORBIDDEN)
    path = databases(writer.tenant)
    assert ninox.send(path, ninox.header(writer.secret), method="POST").status == 200
    expect.refused(ninox.send(path, ninox.header(writer.secret)), 403, FORBIDDEN)


def test_no_key_and_no_such_key(ninox: Platform) -> None:
    path = databases("acme")
    answer = ninox.send(path)
    expect.refused(answer, 401, MISSING)
    assert answer.header("www-authenticate") == 'Bearer realm="public"'
    expect.refused(ninox.send(path, ninox.header(str(generate("ninox")))), 401, INVALID)
    expect.refused(ninox.send(path, ("Authorization", str(generate("ninox")))), 401, MISSING)


def test_a_key_expires_at_a_date_and_time(ninox: Platform) -> None:
    moment = times.now() + 4000
    key = create(ninox, "--name", "for a while", "--expires", times.to_rfc3339(moment))
    path, header = databases(key.tenant), ninox.header(key.secret)
    before = ninox.send(path, header)
    assert before.status == 200 or times.now() >= moment
    time.sleep(max(moment - times.now(), 0) / 1000)
    expect.refused(ninox.send(path, header), 401, EXPIRED)
    assert fields(ninox, key)["status"] == "expired"


def test_a_key_without_expiration_date(ninox: Platform) -> None:
    key = create(ninox, "--name", "for good")
    assert fields(ninox, key)["expires_at"] is None
    assert ninox.send(databases(key.tenant), ninox.header(key.secret)).status == 200


def test_the_list_of_a_workspace(ninox: Platform) -> None:
    """Name, scope, expiry, creator and creation date of each of its keys, and of no others'."""
    workspace = new_tenant()
    before = times.now()
    create(ninox, "--name", "Reporting", "--created-by", "ada", workspace=workspace)
    moment = "2099-01-31T12:30:00Z"
    create(ninox, "--name", "Import", "--created-by", "bob", "--expires", moment, workspace=workspace)
    create(ninox, "--name", "Of another")
    listed = ninox.running.keys("list", "--tenant", workspace)
    heading, *rows = listed.splitlines()
    ends = [*(heading.index(name) for name in ("TENANT", "PLAN", "CREATED  ", "EXPIRES", "LAST"))]
    starts = [heading.index(name) for name in ("NAME", "SCOPES", "CREATED BY", "CREATED  ", "EXPIRES")]
    names, scopes, creators, dates, expiries = (
        [row[start:end].strip() for row in rows] for start, end in zip(starts, ends, strict=True)
    )
    assert (names, scopes, creators) == (["Import", "Reporting"], ["read", "read"], ["bob", "ada"])
    assert expiries == ["2099-01-31 12:30Z", "-"]
    assert all(date.endswith("Z") for date in dates)
    items = json.loads(ninox.running.keys("list", "--tenant", workspace, "--output", "json"))["items"]
    for item in items:
        assert before - 1 <= times.from_rfc3339(item["created_at"]) <= times.now()


def test_a_revoked_key(ninox: Platform) -> None:
    key, other = ninox.issue(scopes=("read",)), ninox.issue(scopes=("read",))
    path, header = databases(key.tenant), ninox.header(key.secret)
    assert ninox.send(path, header).status == 200
    ninox.running.keys("revoke", key.id, "--reason", "integration retired")
    eventually(lambda: ninox.send(path, header).status == 401, 4)
    expect.refused(ninox.send(path, header), 401, REVOKED)
    assert fields(ninox, key)["revoked_reason"] == "integration retired"
    assert ninox.send(databases(other.tenant), ninox.header(other.secret)).status == 200


def test_usage_of_a_workspace(ninox: Platform) -> None:
    first = ninox.issue(scopes=("read",))
    second = ninox.issue(first.tenant, scopes=("read",))
    path = databases(first.tenant)
    for key in (first, first, second):
        assert ninox.send(path, ninox.header(key.secret)).status == 200
    assert ninox.send(path, ninox.header(first.secret), method="POST").status == 403
    expected = {first.id: (2, 0, 1), second.id: (1, 0, 0)}
    eventually(lambda: usage(ninox, first.tenant) == expected, 10)


def test_headers_of_a_limit_by_workspace(ninox: Platform) -> None:
    """Two keys of a workspace draw on one bucket."""
    first = ninox.issue(scopes=("read",))
    second = ninox.issue(first.tenant, scopes=("read",))
    answers = [ninox.send(databases(first.tenant), ninox.header(key.secret)) for key in (first, second)]
    assert [expect.rate_headers(answer)[:2] for answer in answers] == [(300, 299), (300, 298)]


def usage(ninox: Platform, workspace: str) -> dict[str, tuple[int, int, int]]:
    """Checks allowed, limited and denied, by key."""
    answer = ninox.running.client.call("GET", "/v1/usage", query={"tenant": workspace, "resolution": "day"})
    return {item["key"]: (item["allowed"], item["limited"], item["denied"]) for item in answer["items"]}


def fields(ninox: Platform, key: IssuedKey) -> dict[str, Any]:
    return ninox.running.client.call("GET", f"/v1/keys/{key.id}")
