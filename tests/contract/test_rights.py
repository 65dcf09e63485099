"""What a policy lets a key do: its own tenant, scopes by method and path; and what the upstream learns of it."""

import pytest

from tests.support.check_messages import check_request
from tests.support.decider import API, BenchMaker, published


def test_the_tenant_of_the_host_must_be_the_keys(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "tenant": {"host": "{tenant}.example.com"}})
    key, _ = published(bench, tenant="Acme")
    assert bench.get(key, host="acme.example.com").code == 0
    assert bench.get(key, host="ACME.example.com:8443").code == 0
    for host in ("other.example.com", "example.com", "a.acme.example.com", "acme.example.org", ".example.com", ""):
        answer = bench.get(key, host=host)
        assert (answer.http_status, answer.reason) == (401, "wrong_tenant"), host


def test_the_tenant_of_the_path_must_be_the_keys(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "tenant": {"path": "/v1/workspaces/{tenant}"}})
    key, _ = published(bench)
    for path in ("/v1/workspaces/acme", "/v1/workspaces/acme/", "/v1/workspaces/acme/tables?x=/v1/workspaces/other"):
        assert bench.get(key, path=path).code == 0
    for path in (
        "/v1/workspaces/other",
        "/v1/workspaces/ACME",
        "/v1/workspaces",
        "/v1/workspaces/",
        "/v2/workspaces/acme",
    ):
        assert bench.get(key, path=path).reason == "wrong_tenant", path
    assert bench.get(key, path="/v1/workspaces/other/../acme").http_status == 400


def test_the_tenant_of_a_header_must_be_the_keys(bench_of: BenchMaker) -> None:
    bench = bench_of({**API, "tenant": {"header": "X-Workspace"}})
    key, _ = published(bench)
    assert bench.ask(check_request({"x-api-key": key, "x-workspace": "acme"})).code == 0
    for headers in ({}, {"x-workspace": "other"}, {"x-workspace": "acme,other"}, {"x-workspace": ""}):
        assert bench.ask(check_request({"x-api-key": key, **headers})).reason == "wrong_tenant"
    lax = bench_of({**API, "tenant": {"header": "X-Workspace", "required": False}})
    assert lax.ask(check_request({"x-api-key": key})).code == 0
    assert lax.ask(check_request({"x-api-key": key, "x-workspace": "other"})).reason == "wrong_tenant"


RIGHTS = [
    {"methods": ["GET", "HEAD"], "paths": ["/v1/{area}"], "scopes": ["{area}:read"]},
    {"methods": ["POST"], "paths": ["=/v1/reports"], "any_of": ["reports:write", "admin"]},
    {"paths": ["/v1/{area}"], "scopes": ["{area}:write", "write"]},
]


@pytest.mark.parametrize(
    ("method", "path", "scopes", "allowed"),
    [
        ("GET", "/v1/users", ("users:read",), True),
        ("HEAD", "/v1/users/7", ("users:read",), True),
        ("GET", "/v1/users", ("reports:read", "users:write"), False),
        ("POST", "/v1/reports", ("admin",), True),
        ("POST", "/v1/reports", ("reports:read",), False),
        ("POST", "/v1/reports/7", ("admin",), False),
        ("DELETE", "/v1/users/7", ("users:write", "write"), True),
        ("DELETE", "/v1/users/7", ("users:write",), False),
        ("GET", "/v1", ("users:read",), False),
        ("GET", "/v2/users", ("users:read", "admin"), False),
        ("GET", "/v1/", (":read",), False),
        ("GET", "/v1/users%20x", ("users:read",), False),
    ],
)
def test_rights_by_method_and_path(
    bench_of: BenchMaker, method: str, path: str, scopes: tuple[str, ...], allowed: bool
) -> None:
    bench = bench_of({**API, "permissions": RIGHTS})
    key, _ = published(bench, scopes=scopes)
    answer = bench.get(key, method=method, path=path)
    assert (answer.code == 0) == allowed
    if not allowed:
        assert (answer.http_status, answer.reason) == (403, "missing_scope")


def test_the_upstream_learns_what_is_asked_for_and_clients_cannot_fill_the_rest(bench_of: BenchMaker) -> None:
    names = {"key_id": "x-caller", "tenant": "x-org", "name": "x-name", "scopes": "x-scopes", "plan": "x-plan"}
    bench = bench_of({**API, "upstream_headers": names})
    key, record = published(bench, name="Schlüssel 100%\r\n", scopes=("a", "b"))
    answer = bench.ask(check_request({"x-api-key": key, "x-plan": "gold"}))
    assert answer.set_headers == {
        "x-caller": record.key_id,
        "x-org": "acme",
        "x-name": "Schl%C3%BCssel 100%25%0D%0A",
        "x-scopes": "a b",
    }
    assert answer.removed_headers == ["x-api-key", "x-plan"]
