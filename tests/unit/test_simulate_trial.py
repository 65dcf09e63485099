"""Limits tried on arrivals: the arithmetic of Redis' script, and the counts that are made of it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extauth.policy.schema import Api
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load
from extauth.simulate import report
from extauth.simulate.arrival import Arrival
from extauth.simulate.candidate import CandidateError, of_api, of_text, wanted
from extauth.simulate.timeline import Timeline
from extauth.simulate.times import MINUTE, SECOND
from extauth.simulate.trial import Trial
from extauth.store.bucket import Level
from extauth.store.draw import Bucket
from extauth.store.errors import StoreUnavailableError
from extauth.store.shared_buckets import Spend
from tests.support.model_redis import ModelRedis

PRESETS = sorted((Path(__file__).parents[2] / "deploy" / "presets").glob("*.yaml"))
START = 1_700_000_040 * SECOND  # a whole minute
TWO = "by=key,rate=2/s,burst=4; by=tenant,rate=1/s,burst=7"


def arrival(time: int, key: str = "k", tenant: str = "t", cost: int | None = None) -> Arrival:
    return Arrival(time, cost, {"key": key, "tenant": tenant})


COMING = st.lists(
    st.tuples(
        st.integers(-300_000, 3_000_000),  # microseconds since the one before; logs are not always in order
        st.sampled_from("ab"),
        st.sampled_from("xy"),
        st.sampled_from([None, 1, 3, 5]),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(COMING)
def test_what_is_let_through_is_what_redis_lets_through(coming: list[tuple[int, str, str, int | None]]) -> None:
    """The model is compared with the script in tests/contract/test_bucket_scripts.py."""
    trial, redis = Trial(of_text("A", TWO)), ModelRedis()
    latest, time = 0, START
    for gap, key, tenant, cost in coming:
        time += gap
        latest = max(latest, time)
        names = (f"key {key}", f"tenant {tenant}")
        buckets = [
            Bucket(name, limit.shape, cost or 1) for name, limit in zip(names, trial.candidate.limits, strict=True)
        ]
        assert trial.arrive(arrival(time, key, tenant, cost)) == asked(redis, buckets, latest)
    assert trial.requests == len(coming)


def asked(redis: ModelRedis, buckets: Sequence[Bucket], now: int) -> bool:
    """Whether all buckets have enough, by the script's model."""
    found: list[Level] = []

    class Pipeline:
        def evalsha(self, *arguments: Any) -> None:
            spend.answer([redis.evalsha(now, *arguments)])

    def done(levels: Sequence[Level] | StoreUnavailableError) -> None:
        assert not isinstance(levels, StoreUnavailableError)
        found.extend(levels)

    spend = Spend(buckets, math.inf, done)
    spend.ask(cast("Any", Pipeline()))
    return all(level.enough for level in found)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(1, 9)), min_size=1, max_size=60))
def test_the_burst_that_is_needed_is_enough_and_one_less_is_not(coming: list[tuple[int, int]]) -> None:
    def refused(burst: int) -> tuple[int, int]:
        trial, time = Trial(of_text("A", f"by=key,rate=3/s,burst={burst}")), START
        for gap, cost in coming:
            time += gap
            trial.arrive(arrival(time, cost=cost))
        (row,) = report.limit_rows([trial])
        return trial.limited, row["burst_needed"]

    needed = refused(1)[1]
    assert refused(needed) == (0, needed)
    if needed > 1:
        assert refused(needed - 1)[0] > 0


def test_who_was_refused_when_and_how_much() -> None:
    trial = Trial(of_text("A", "by=key,rate=1/min,burst=2"))
    for second in (0, 1, 2, 3, 59, 61, 62, 63, 64):
        trial.arrive(arrival(START + second * SECOND, "busy"))
        trial.arrive(arrival(START + second * SECOND, "calm" if second < 2 else f"calm{second}"))
    (limit,) = report.limit_rows([trial])
    (caller,) = report.caller_rows([trial], top=10)
    # Two at the start, and one when a minute has brought it: 0, 1 and 61.
    assert (trial.requests, trial.limited) == (18, 6)
    assert caller == {
        "candidate": "A",
        "limit": "per-key",
        "caller": "busy",
        "requests": 9,
        "limited": 6,
        "share": 0.666667,
        "first": "2023-11-14T22:14:02.000Z",
        "last": "2023-11-14T22:15:04.000Z",
        "worst_minute": "2023-11-14T22:14:00.000Z",
        "worst_minute_limited": 3,
        "burst_needed": 8,
    }
    assert limit == {
        **{name: value for name, value in caller.items() if name != "caller"},
        "callers": 9,
        "callers_limited": 1,
        "requests": 18,
        "share": 0.333333,
    }


def test_a_request_that_several_limits_refuse_counts_once() -> None:
    trial = Trial(of_text("A", "by=key,rate=1/h,burst=1; by=tenant,rate=1/h,burst=2"))
    for key in ("a", "a", "b", "a", "c"):
        trial.arrive(arrival(START, key))
    by_key, by_tenant = report.limit_rows([trial])
    assert trial.limited == 3
    assert (by_key["limited"], by_tenant["limited"]) == (2, 2)
    assert [row["caller"] for row in report.caller_rows([trial], top=1)] == ["a", "t"]


def test_a_quota_begins_again_with_each_window_of_the_calendar() -> None:
    trial = Trial(of_text("A", "by=tenant,quota=3/hour"))
    hour = START - START % (3600 * SECOND)
    passed = [trial.arrive(arrival(hour + minute * MINUTE)) for minute in (50, 51, 52, 59, 60, 61, 62, 63, 64, 125)]
    assert passed == [True, True, True, False, True, True, True, False, False, True]
    (row,) = report.limit_rows([trial])
    assert (row["limited"], row["burst_needed"]) == (3, 5)
    assert str(trial.candidate.limits[0]) == "per-tenant by tenant: 3/hour"


def passed(text: str, *coming: dict[str, str]) -> list[bool]:
    """One request after the other, all at once."""
    trial = Trial(of_text("A", text))
    return [trial.arrive(Arrival(START, None, values)) for values in coming]


def test_only_requests_of_the_methods_and_paths_count() -> None:
    text = "by=route,rate=1/h,burst=1,methods=POST+PUT,paths=/a/{id}+/b"
    post = {"method": "POST", "path": "/a/1"}
    coming = [post, {**post, "path": "/a/2"}, {**post, "path": "/b/c"}, {**post, "path": "/b"}, {**post, "path": "/a"}]
    assert passed(text, *coming, {**post, "method": "GET"}) == [True, False, True, False, True, True]


def test_by_headers_addresses_and_more() -> None:
    text = "by=header.x-team+address,rate=1/h,burst=1"
    team = {"header.x-team": "red", "address": "192.0.2.1"}
    assert passed(text, team, {**team, "address": "192.0.2.2"}, {**team, "header.x-team": ""}, team) == [
        *[True] * 3,
        False,
    ]
    assert str(of_text("A", text).limits[0]) == "per-x-team-address by header.x-team+address: 1/h, burst 1"


def test_what_requests_cost() -> None:
    api = Api.model_validate(
        {
            "name": "one",
            "credentials": [{"header": "x-api-key"}],
            "limits": [
                {"name": "m", "by": "key", "rate": "1/h", "burst": 10, "cost": {"methods": {"POST": 7, "HEAD": 0}}},
                {"name": "h", "by": "key", "rate": "1/h", "burst": 9, "cost": {"header": "x-cost", "max": 5}},
            ],
        }
    )
    candidate = of_api("A", "extauth.yaml", api)
    assert wanted([candidate]) == ["header.x-cost", "key", "method"]
    trial = Trial(candidate)
    costs = [("POST", "2"), ("GET", "x"), ("GET", "\u0664"), ("HEAD", "0"), ("GET", "99"), ("HEAD", ""), ("POST", "0")]
    let_through = [
        trial.arrive(Arrival(START, None, {"key": "k", "method": method, "header.x-cost": cost}))
        for method, cost in costs
    ]
    # From the first 10 and 9: 7 and 2, 1 and 1, 1 and 1, 0 and 0, 1 and 5; then 0 and 1 of nothing, 7 and 0 of nothing.
    assert let_through == [True, True, True, True, True, False, False]
    assert trial.arrive(Arrival(START, 0, {"key": "k", "method": "POST", "header.x-cost": "3"}))


def test_candidates_are_compared_caller_by_caller() -> None:
    trials = [Trial(of_text("A", "by=key,rate=1/h,burst=1")), Trial(of_text("B", "by=key,rate=1/h,burst=3"))]
    for key in "aaaaabb":
        for trial in trials:
            trial.arrive(arrival(START, key))
    assert report.compared(trials, top=5) == [
        {"by": "key", "caller": "a", "A": 4, "B": 2},
        {"by": "key", "caller": "b", "A": 1, "B": 0},
    ]
    assert [row["share"] for row in report.candidate_rows(trials)] == [0.714286, 0.285714]
    assert wanted([trial.candidate for trial in trials]) == ["key"]


def test_what_clients_chose_does_nothing_to_a_terminal() -> None:
    trial = Trial(of_text("A", "by=header.x-team,rate=1/h,burst=1"))
    for _ in range(2):
        trial.arrive(Arrival(START, None, {"header.x-team": "\x1b[2Jr\u00e9d\r" + "x" * 1000}))
    (row,) = report.caller_rows([trial], top=1)
    assert row["caller"] == "\ufffd[2Jr\u00e9d\ufffd" + "x" * 192
    assert report.compared([trial], top=1)[0]["caller"] == row["caller"]


def test_of_nothing_there_is_nothing_to_tell() -> None:
    trial = Trial(of_text("A", TWO))
    assert [row["share"] for row in report.limit_rows([trial])] == [0.0, 0.0]
    assert list(report.caller_rows([trial], top=3)) == report.compared([trial], top=3) == []
    assert trial.timeline.counts(10).counts == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "use by=key,rate=100/s,burst=200"),
        ("by=key", "a limit is a rate or a quota"),
        ("by=key,rate=fast", "'fast' is not a rate"),
        ("by=key,rate=1/s,burst=0", "burst: Input should be greater"),
        ("by=key,rate=1/s,colour=red", "colour: Extra inputs"),
        ("by=key,rate=1/s,rate=2/s", "each once"),
        ("by=key,rate", "use by=key"),
        ("by=key,rate=1/s;by=key,rate=2/min", "name=per-key-2"),
    ],
)
def test_limits_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(CandidateError, match=message):
        of_text("A", text)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_the_limits_of_every_preset_can_be_tried(path: Path) -> None:
    apis = [api for api in load(SidecarSettings, path).apis if api.limits]
    for api in apis:
        trial = Trial(of_api("A", path.name, api))
        values = dict.fromkeys(wanted([trial.candidate]), "x")
        assert trial.arrive(Arrival(START, None, {**values, "method": "GET", "path": "/"}))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30 * 86_400 * SECOND), st.booleans()), min_size=1), st.integers(5, 40))
def test_a_timeline_keeps_all_counts_in_few_steps(coming: list[tuple[int, bool]], most: int) -> None:
    timeline = Timeline(most=50)
    time = START
    for gap, limited in coming:
        time += gap
        timeline.add(time, limited=limited)
    found = timeline.counts(most)
    assert sum(count.requests for _, count in found.counts) == len(coming)
    assert sum(count.limited for _, count in found.counts) == sum(limited for _, limited in coming)
    starts = [start for start, _ in found.counts]
    assert starts == list(range(starts[0], starts[-1] + 1, found.step))
    assert starts[-1] <= time < starts[-1] + found.step
    weeks = math.ceil((time - START) / (7 * 86_400 * SECOND)) + 1
    assert len(starts) <= max(most, weeks)


def test_a_timeline_is_as_fine_as_it_may_be() -> None:
    timeline = Timeline()
    for second in range(0, 120, 2):
        timeline.add(START + second * SECOND, limited=second % 4 == 0)
    assert timeline.counts(119).step == SECOND
    assert timeline.counts(118).step == 5 * SECOND
    assert timeline.counts(2).step == MINUTE
    assert [count.limited for _, count in timeline.counts(2).counts] == [15, 15]
