"""The API of a request, compared with a reference that reads each condition as the documentation says it."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extauth.check.request import read
from extauth.check.route import Router
from extauth.policy.schema import Match
from tests.support.check_messages import check_request


@dataclass(frozen=True)
class Target:
    number: int
    match: Match
    reads_paths: bool = True


MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "hosts": st.lists(st.sampled_from(["*", "a.example", "*.example"]), max_size=2, unique=True),
        "paths": st.lists(st.sampled_from(["/", "/v1", "/v1/", "=/v1", "/v1/keys"]), max_size=2, unique=True),
        "methods": st.lists(st.sampled_from(["GET", "POST"]), max_size=2, unique=True),
        "context": st.just({"policy": "gold"}),
    },
)
REQUESTS = st.fixed_dictionaries(
    {
        "host": st.sampled_from(["a.example", "B.example:443", "other"]),
        "path": st.sampled_from(["/", "/v1", "/v1/", "/v12", "/v1/keys", "/v1/keys/x", "/v1?a=/v1/keys"]),
        "method": st.sampled_from(["GET", "POST"]),
        "context": st.sampled_from([{}, {"policy": "gold"}, {"policy": "silver"}]),
    }
)


def covers(pattern: str, path: str) -> bool:
    if pattern.startswith("="):
        return path == pattern[1:]
    itself = pattern.rstrip("/")
    return path in {itself, itself + "/"} or path.startswith(itself + "/")


def is_met(match: Match, sent: dict[str, Any]) -> bool:
    host, path = sent["host"].partition(":")[0].lower(), sent["path"].partition("?")[0]
    return (
        (not match.hosts or any(fnmatchcase(host, one) for one in match.hosts))
        and (not match.paths or any(covers(one, path) for one in match.paths))
        and (not match.methods or sent["method"] in match.methods)
        and all(sent["context"].get(name) == value for name, value in match.context.items())
    )


@given(st.lists(MATCHES, max_size=3), REQUESTS)
def test_the_first_whose_conditions_are_met_is_the_one(matches: list[dict[str, Any]], sent: dict[str, Any]) -> None:
    targets = [Target(number, Match.model_validate(match)) for number, match in enumerate(matches)]
    request = read(check_request({}, **sent))
    assert request is not None
    expected = next((target for target in targets if is_met(target.match, sent)), None)
    assert Router(targets).find(request) is expected
