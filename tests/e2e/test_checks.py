"""Who passes, who does not, and what each side gets to see."""

import pytest

from extauth.keys.token import generate
from tests.e2e import http1, http2
from tests.e2e.answer import Answer, Send
from tests.e2e.running import Running
from tests.e2e.scenario import BEARER, CONTEXT, PLAIN, SCOPED, UNCHECKED

_MESSAGES = {
    "missing_key": "An API key is required.",
    "ambiguous_key": "More than one API key was sent.",
    "malformed_key": "The API key is malformed.",
    "invalid_key": "The API key is not valid.",
    "missing_scope": "The API key does not permit this request.",
    "no_policy": "No API is served here.",
}


def assert_denied(answer: Answer, status: int, reason: str, challenge: str | None) -> None:
    """The whole denial: nothing of it came from the upstream."""
    assert (answer.status, answer.json) == (status, {"error": reason, "message": _MESSAGES[reason]})
    headers = dict(answer.headers)
    del headers["date"]
    assert headers == {
        "content-type": "application/json",
        "content-length": str(len(answer.body)),
        "cache-control": "no-store",
        "server": "envoy",
        **({"www-authenticate": challenge} if challenge else {}),
    }


def test_a_key_passes_and_the_upstream_learns_whose_it_is(stack: Running, send: Send) -> None:
    key = stack.issue(tenant="globex")
    headers = [key.header, ("content-type", "text/plain"), ("x-mine", "1")]
    answer = send(stack.url, "/orders?page=2&key=x", headers, method="POST", body=b"hello")
    assert answer.status == 200
    seen = answer.json
    assert (seen["method"], seen["path"], seen["body_length"]) == ("POST", "/orders?page=2&key=x", 5)
    assert answer.upstream_header("x-auth-key-id") == [key.id]
    assert answer.upstream_header("x-auth-tenant") == ["globex"]
    assert answer.upstream_header("x-api-key") == []
    assert answer.upstream_header("x-mine") == ["1"]
    assert key.secret.encode() not in answer.body


def test_what_a_client_says_about_itself_is_replaced(stack: Running, send: Send) -> None:
    key = stack.issue(tenant="globex")
    lies = [("x-auth-key-id", "root"), ("x-auth-tenant", "a"), ("x-auth-tenant", "b"), ("x-caller", "root")]
    failure_mode = ("x-envoy-auth-failure-mode-allowed", "true")
    answer = send(stack.url, PLAIN, [*lies, failure_mode, key.header])
    assert answer.status == 200
    assert answer.upstream_header("x-auth-key-id") == [key.id]
    assert answer.upstream_header("x-auth-tenant") == ["globex"]
    assert answer.upstream_header("x-caller") == []
    assert answer.upstream_header("x-envoy-auth-failure-mode-allowed") == []


def test_identity_is_removed_where_nothing_is_checked(stack: Running, send: Send) -> None:
    answer = send(stack.url, UNCHECKED, [("x-auth-key-id", "root"), ("x-auth-tenant", "a")])
    assert answer.status == 200
    assert answer.upstream_header("x-auth-key-id") == answer.upstream_header("x-auth-tenant") == []


def test_no_key(stack: Running, send: Send) -> None:
    challenge = 'ApiKey realm="plain"'
    assert_denied(send(stack.url, PLAIN), 401, "missing_key", challenge)
    assert_denied(send(stack.url, PLAIN, [("x-api-key", "")]), 401, "missing_key", challenge)
    assert_denied(send(stack.url, "/?x-api-key=1", [("authorization", "Bearer 1")]), 401, "missing_key", challenge)


def test_a_key_that_nobody_has(stack: Running, send: Send) -> None:
    unknown = str(generate("e2e"))
    assert_denied(send(stack.url, PLAIN, [("x-api-key", unknown)]), 401, "invalid_key", 'ApiKey realm="plain"')


@pytest.mark.parametrize("text", ["junk", "e2e_short", "e2e_" + "0" * 51, "{typo}", "{key} {key}", "{key}é"])
def test_what_cannot_be_a_key(stack: Running, send: Send, text: str) -> None:
    key = str(generate("e2e"))
    typo = key[:-1] + ("0" if key[-1] != "0" else "1")
    value = text.format(key=key, typo=typo)
    assert_denied(send(stack.url, PLAIN, [("x-api-key", value)]), 401, "malformed_key", 'ApiKey realm="plain"')


@pytest.mark.parametrize("other", ["same", "another", "unknown", "empty"])
@pytest.mark.parametrize("good_first", [True, False])
def test_two_keys_are_refused(stack: Running, url: str, send: Send, other: str, good_first: bool) -> None:
    good = stack.issue().secret
    second = {"same": good, "another": stack.issue().secret, "unknown": str(generate("e2e")), "empty": ""}[other]
    values = [good, second] if good_first else [second, good]
    answer = send(url, PLAIN, [("x-api-key", value) for value in values])
    assert_denied(answer, 401, "ambiguous_key", 'ApiKey realm="plain"')


def test_a_bearer_token(stack: Running, url: str, send: Send) -> None:
    key = stack.issue(tenant="globex")
    answer = send(url, BEARER, [("authorization", f"bearer {key.secret}"), ("x-caller", "root")])
    assert answer.status == 200
    assert answer.upstream_header("x-caller") == [key.id]
    assert answer.upstream_header("x-caller-tenant") == ["globex"]
    assert answer.upstream_header("authorization") == []
    challenge = 'Bearer realm="bearer"'
    twice = [("authorization", f"Bearer {key.secret}")] * 2
    assert_denied(send(url, BEARER, twice), 401, "ambiguous_key", f'{challenge}, error="invalid_token"')
    assert_denied(send(url, BEARER, [("authorization", f"Basic {key.secret}")]), 401, "missing_key", challenge)
    assert_denied(send(url, BEARER, [key.header]), 401, "missing_key", challenge)


def test_scopes(stack: Running, send: Send) -> None:
    with_scope, without = stack.issue(scopes=["orders:read", "more"]), stack.issue(scopes=["orders:write"])
    assert send(stack.url, SCOPED, [with_scope.header]).status == 200
    assert_denied(send(stack.url, SCOPED, [without.header]), 403, "missing_scope", None)


def test_the_route_and_not_the_client_chooses_by_context(stack: Running, send: Send) -> None:
    gold, other = stack.issue(scopes=["gold"]), stack.issue()
    assert send(stack.url, CONTEXT, [gold.header]).status == 200
    assert_denied(send(stack.url, CONTEXT, [other.header]), 403, "missing_scope", None)
    assert send(stack.url, PLAIN, [other.header, ("tier", "gold")]).status == 200


def test_a_host_that_no_api_serves(stack: Running, send: Send) -> None:
    url = stack.url.replace("127.0.0.1", "localhost")
    assert_denied(send(url, PLAIN, [stack.issue().header]), 403, "no_policy", None)


@pytest.mark.parametrize("path", ["/a%2fb", "/a%5cb", "/a%00b"])
def test_paths_with_two_meanings_are_refused(stack: Running, send: Send, path: str) -> None:
    assert send(stack.url, path, [stack.issue().header]).status == 400


@pytest.mark.parametrize("path", ["/scoped/x", "//scoped//x", "/a/../scoped/x", "/a/%2e%2e/scoped/x", "/%73coped/x"])
def test_no_spelling_of_a_path_avoids_its_api(stack: Running, send: Send, path: str) -> None:
    assert_denied(send(stack.url, path, [stack.issue().header]), 403, "missing_scope", None)


def test_underscores_do_not_pass_for_hyphens(stack: Running) -> None:
    headers = [stack.issue().header, ("x_auth_tenant", "root")]
    assert http1.send(stack.url, PLAIN, headers).status == 400
    with pytest.raises(ConnectionError, match="StreamReset"):
        http2.send(stack.url, PLAIN, headers)
