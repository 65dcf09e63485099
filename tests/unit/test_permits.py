"""A permission's paths, taken together, mean what each of them means by itself."""

from hypothesis import given
from hypothesis import strategies as st

from extauth.check.path_pattern import PathPattern
from extauth.check.permit import Permits
from extauth.check.request import Request, read
from extauth.policy.schema import Api
from tests.support.check_messages import check_request

PATTERNS = st.sampled_from(["/", "=/", "/v1", "=/v1", "/v1/", "/v1/keys", "=/v1/keys", "/v1/{one}", "=/v1/{one}"])
PATHS = st.lists(st.sampled_from(["v1", "v12", "keys", "x"]), max_size=3).map(lambda parts: "/" + "/".join(parts))
HELD = frozenset({"read"})


def request(path: str, method: str = "GET") -> Request:
    found = read(check_request({}, path=path, method=method))
    assert found is not None
    return found


def permits(*paths: str, **more: list[str]) -> Permits:
    permission = {"scopes": ["read"], **({"paths": list(paths)} if paths else {}), **more}
    return Permits(Api.model_validate({"name": "a", "credentials": [{"header": "k"}], "permissions": [permission]}))


@given(st.lists(PATTERNS, max_size=3), PATHS)
def test_a_rule_holds_for_the_paths_of_each_of_its_patterns(patterns: list[str], path: str) -> None:
    expected = not patterns or any(PathPattern(pattern).match(path) is not None for pattern in patterns)
    assert permits(*patterns).admits(request(path), HELD) == expected
    assert not permits(*patterns).admits(request(path), frozenset())


def test_a_rule_holds_for_its_methods_alone() -> None:
    rules = permits("/v1", methods=["GET"])
    assert rules.admits(request("/v1/keys"), HELD)
    assert not rules.admits(request("/v1/keys", "POST"), HELD)
