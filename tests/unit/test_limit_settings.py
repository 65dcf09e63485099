"""Limits in a policy file: what can be written, and what a mistake is told as."""

import pytest

from extauth.policy.limits import Limit
from extauth.policy.quota import QuotaValue
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source

FILE = """\
keys:
  peppers:
    - {id: p1, env: PEPPER}
apis:
  - name: demo
    credentials: [{header: X-API-Key}]
    limits:
      - LIMIT
"""


def read(limit: str) -> Limit:
    settings = validate(SidecarSettings, Source(FILE.replace("LIMIT", limit), "extauth.yaml"))
    return settings.apis[0].limits[0]


def test_dimensions_are_one_or_a_list() -> None:
    assert read("{name: x, by: key, rate: 1/s}").by == ("key",)
    assert read("{name: x, by: {header: X-Team}, rate: 1/s}").by == ("header.x-team",)
    assert read("{name: x, by: [tenant, {header: x-team}, address], rate: 1/s}").by == (
        "tenant",
        "header.x-team",
        "address",
    )


def test_a_cost_is_a_number_or_rules() -> None:
    assert read("{name: x, by: key, rate: 10/s, cost: 5}").cost.default == 5
    rules = read("{name: x, by: key, rate: 10/s, cost: {methods: {POST: 5}}}").cost
    assert (rules.default, rules.methods) == (1, {"POST": 5})
    rules = read("{name: x, by: key, rate: 10/s, cost: {header: X-Cost, default: 0, max: 10}}").cost
    assert (rules.default, rules.header, rules.max) == (0, "x-cost", 10)


def test_a_quota_is_a_number_and_a_unit() -> None:
    limit = read("{name: x, by: key, quota: 100000/month}")
    assert (limit.quota, limit.size, limit.rate) == (QuotaValue(100_000, "month"), 100_000, None)


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        ("by: [], rate: 1/s", ".by: a limit has 1 to 6 dimensions (use key, tenant, plan, api, route, address or"),
        ("by: [key, key], rate: 1/s", ".by: a dimension stands here twice (use each once)"),
        ("by: [tenant, user], rate: 1/s", ".by: 'user' is no dimension (use key, tenant, plan, api, route, address or"),
        ("by: {header: 'x team'}, rate: 1/s", ".by: 'x team' is no name of a header (use one such as x-team)"),
        ("by: route, rate: 1/s", ": a route is the one of `paths` that matches (use `paths` with `by: route`)"),
        ("by: key", ": a limit is a rate or a quota (use one of the two)"),
        ("by: key, rate: 1/s, quota: 1/day", ".quota: a limit is a rate or a quota (use one of the two)"),
        ("by: key, quota: 5/12h", ".quota: '5/12h' is not a quota (use 1 to 1,000,000,000 requests over hour, day,"),
        ("by: key, quota: 0/day", ".quota: '0/day' is not a quota (use 1 to"),
        ("by: key, quota: 5/day, burst: 5", ".burst: a quota is what its bucket holds (use `quota` alone)"),
        ("by: key, rate: 10/s, cost: 11", ".cost: a cost of 11 never fits (use at most 10, which the bucket holds)"),
        ("by: key, quota: 5/day, cost: {methods: {PUT: 6}}", ".cost: a cost of 6 never fits (use at most 5, which"),
        ("by: key, rate: 10/s, cost: {header: x-cost, max: 20}", ".cost: a cost of 20 never fits (use at most 10"),
        ("by: key, rate: 10/s, cost: {header: x-cost}", ".cost: `max` bounds what a header may say (use both"),
        ("by: key, rate: 10/s, cost: {max: 5}", ".cost.max: `max` bounds what a header may say (use both"),
        (
            "by: key, rate: 10/s, cost: {methods: {PUT: 6}, header: x-cost, max: 5}",
            ".cost.header: the cost has one source (use either methods or header)",
        ),
        ("by: key, rate: 10/s, cost: -1", ".cost: Input should be greater than or equal to 0"),
        ("by: key, rate: 10/s, cost: {methods: {post: 1}}", ".cost.methods.post"),
        ("by: key, rate: 10/s, methods: [post]", ".methods[0]: "),
        ("by: key, rate: 10/s, paths: [v1]", ".paths[0]: 'v1' is not a path (use /a/path"),
    ],
)
def test_mistakes_are_named_with_a_remedy(limit: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(f"{{name: x, {limit}}}")
    (found,) = caught.value.problems
    assert f"apis[0].limits[0]{problem}" in str(found)


@pytest.mark.parametrize("header", ["x-envoy-external-address", None])
def test_hops_are_for_a_list_of_addresses(header: str | None) -> None:
    where = f"{{header: {header}, trusted_hops: 1}}" if header else "{trusted_hops: 1}"
    text = FILE.replace("    limits:\n      - LIMIT", f"    client_address: {where}")
    with pytest.raises(SettingsError, match=r"client_address\.trusted_hops: hops are counted in a list of addresses"):
        validate(SidecarSettings, Source(text, "extauth.yaml"))
