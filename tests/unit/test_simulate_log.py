"""Logs of arrivals: each form that they have, what is wrong in them, and the order in which they are read."""

import gzip
import io
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extauth.simulate.arrival import Arrival
from extauth.simulate.envoy_format import WITH_IDENTITY
from extauth.simulate.errors import BadLineError, LogError
from extauth.simulate.fields import Names
from extauth.simulate.formats import FORMATS, Format
from extauth.simulate.line_reader import Line, read
from extauth.simulate.log import Passed, Reading, arrivals
from extauth.simulate.order import merged, ordered
from extauth.simulate.times import iso, parse

ALL = ("key", "tenant", "address", "path", "header.x-model")
SECOND = 1_700_000_000
ENVOY = (
    '[2023-11-14T22:13:20.250Z] "GET /a?b=c HTTP/1.1" 200 - 0 12 3 2 "10.0.0.9, 192.0.2.7" "curl 8" "id" '
    '"api.example.com" "10.1.1.1:80"'
)


def found(
    directory: Path,
    text: str,
    *,
    form: Format | None = None,
    envoy_format: str | None = None,
    api: str = "",
    max_errors: int = 0,
    only: dict[str, str] | None = None,
    wanted: Sequence[str] = ("key", "tenant"),
    **given: str,
) -> tuple[list[Arrival], list[str], Passed]:
    path = directory / "log"
    path.write_text(text, newline="")
    reading = Reading(Names(wanted, given), form, envoy_format, api, only or {}, max_errors)
    told: list[str] = []
    passed = Passed()
    return list(arrivals(str(path), reading, passed, told.append)), told, passed


def test_csv_with_the_usual_names_and_with_others(tmp_path: Path) -> None:
    wanted = ("key", "tenant", "header.x-model")
    usual = "Time,key_id,tenant,cost,x-model\n1700000000.25,k1,acme,3,small\n1700000001,k2,acme,,-\n"
    (first, second), _, _ = found(tmp_path, usual, wanted=wanted)
    assert first == Arrival(SECOND * 1_000_000 + 250_000, 3, {"key": "k1", "tenant": "acme", "header.x-model": "small"})
    assert second.cost is None
    assert second.values["header.x-model"] == ""
    others = 'when,"who, really",org\n2023-11-14T22:13:20Z,k1,acme\n'
    (only,), _, _ = found(tmp_path, others, wanted=wanted[:2], time="when", key="who, really", tenant="org")
    assert (only.time, only.values["key"], only.values["tenant"]) == (SECOND * 1_000_000, "k1", "acme")


def test_json_lines_with_objects_within(tmp_path: Path) -> None:
    text = (
        '{"ts": 1700000000123, "auth": {"key": "k1", "tenant": "acme"}, "x_forwarded_for": "192.0.2.7:4711"}\n'
        '\n{"ts": 1700000000124, "auth": {"key": "k2", "tenant": null}, "auth.tenant": 7, "path": "/a?b"}\n'
    )
    (first, second), _, _ = found(tmp_path, text, wanted=ALL, key="auth.key", tenant="auth.tenant")
    assert first.time == SECOND * 1_000_000 + 123_000
    assert first.values == {"key": "k1", "tenant": "acme", "address": "192.0.2.7", "path": "", "header.x-model": ""}
    assert (second.values["tenant"], second.values["path"]) == ("7", "/a")


def test_envoys_own_format_with_the_identity_behind_it(tmp_path: Path) -> None:
    (only,), _, _ = found(tmp_path, f'{ENVOY} "k1" "acme"\n', wanted=ALL[:4])
    assert only.time == SECOND * 1_000_000 + 250_000
    assert only.values == {"key": "k1", "tenant": "acme", "address": "192.0.2.7", "path": "/a"}


def test_envoys_own_format_tells_no_key(tmp_path: Path) -> None:
    none, _, passed = found(tmp_path, f"{ENVOY}\n", wanted=ALL[:4])
    assert none == []
    assert passed.anonymous == 1
    (only,), _, _ = found(tmp_path, f"{ENVOY}\n", wanted=("address", "method"))
    assert only.values == {"address": "192.0.2.7", "method": "GET"}


def test_a_format_of_ones_own(tmp_path: Path) -> None:
    form = (
        "%START_TIME(%s.%3f)% %REQ(:METHOD):10% %REQ(X-AUTH-KEY-ID)%|"
        "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:tenant)% %REQ(X-MODEL?X-KIND)% %DURATION%\\n"
    )
    (only,), _, _ = found(
        tmp_path,
        "1700000000.007 GET k1|acme small 12\n",
        envoy_format=form,
        wanted=("key", "tenant", "method", "header.x-model"),
        **{"header.x-model": "x-model?x-kind"},
    )
    assert only.time == SECOND * 1_000_000 + 7_000
    assert only.values == {"key": "k1", "tenant": "acme", "method": "GET", "header.x-model": "small"}


def test_no_header_of_a_client_passes_for_a_key(tmp_path: Path) -> None:
    """In Envoy's text format nothing escapes quotes; a line that has more of them than it should is not believed."""
    forged = ENVOY.replace("curl 8", 'curl" "id" "api" "up" "victim" "acme')
    none, told, _ = found(tmp_path, f'{forged} "k1" "acme"\n', max_errors=1, wanted=ALL[:4])
    assert none == []
    assert told == [f"{tmp_path}/log:1: it is not of Envoy's format"]


def test_bad_lines_are_told_with_their_numbers(tmp_path: Path) -> None:
    text = (
        "time,key,tenant,cost\n1700000000,k1,a,\n,k1,a,\nnoon,k1,a,\n\n1700000001,k1,a,1.5\n1700000002,k1\n"
        f"1700000003,{'x' * (1 << 20)},a,\n1700000004,k1,a,2"
    )
    some, told, passed = found(tmp_path, text, max_errors=5)
    assert [arrival.cost for arrival in some] == [None, 2]
    assert passed.bad == 5
    assert [line.removeprefix(f"{tmp_path}/log:") for line in told] == [
        "3: it has no time",
        "4: 'noon' is not a time",
        "6: '1.5' is not a cost",
        "7: it has 2 columns, not 4",
        "8: it is too long",
    ]
    with pytest.raises(LogError, match="more than 4 bad lines"):
        found(tmp_path, text, max_errors=4)


BITS = st.sampled_from([*'-," {}[]\r\0é', "1700000000", '"time": ', "9" * 5000, "1e400"])
LINES = st.lists(st.lists(BITS | st.text(max_size=5), max_size=8).map("".join), max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, form=st.sampled_from(FORMATS))
def test_whatever_a_log_holds_is_read_or_told(tmp_path: Path, lines: list[str], form: Format) -> None:
    heading = {"csv": "time,key,cost", "json": "", "envoy": ""}[form]
    found(tmp_path, "\n".join([heading, *lines]), form=form, max_errors=100, wanted=("key",))


@pytest.mark.parametrize("line", ["[]", "7", '{"time": ', '{"key": "k"}', '{"time": true}', "[" * 100_000])
def test_json_that_tells_nothing(tmp_path: Path, line: str) -> None:
    assert len(found(tmp_path, line, form="json", max_errors=1)[1]) == 1


def test_a_log_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"log: no column tells the time: .* with one of when, key"):
        found(tmp_path, "when,key\n1,k\n")
    with pytest.raises(LogError, match=r"no column tells the tenant"):
        found(tmp_path, "time,key\n1,k\n")
    with pytest.raises(LogError, match="does not tell the time"):
        found(tmp_path, "k\n", envoy_format="%REQ(X-AUTH-KEY-ID)%")
    with pytest.raises(LogError, match="does not tell the plan"):
        found(tmp_path, f"{ENVOY}\n", wanted=("plan",))
    with pytest.raises(LogError, match="No such file"):
        list(read(str(tmp_path / "absent")))
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"time,key\n" * 100)[:-9])
    with pytest.raises(LogError, match=r"broken\.gz"):
        list(read(str(broken)))
    assert found(tmp_path, "") == ([], [], Passed())


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("spoofed, 192.0.2.1", "192.0.2.1"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("[2001:db8::7]:443", "2001:db8::/64"),
        ("not:an:address", ""),
        ("-", ""),
    ],
)
def test_addresses(tmp_path: Path, text: str, address: str) -> None:
    (only,), _, _ = found(tmp_path, f'time,address\n1,"{text}"\n', wanted=("address",))
    assert only.values == {"address": address}


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    text = (
        "time,key,tenant,api\n1700000000,k1,acme,a\n1700000001,k1,other,a\n1700000002,k1,acme,b\n1700000003,k1,acme,-\n"
    )
    wanted = ("key", "tenant", "api")
    some, _, passed = found(tmp_path, text, only={"tenant": "acme"}, api="a", wanted=wanted)
    assert [arrival.time // 1_000_000 - SECOND for arrival in some] == [0, 3]
    assert passed.others == 2


def test_lines_of_files_and_of_standard_input_compressed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"a\r\n\xff\n" + b"y" * (1 << 20) + b"\nlast"
    lines = [Line(1, "a"), Line(2, "\ufffd"), Line(3, None), Line(4, "last")]
    for data in (text, gzip.compress(text)):
        (tmp_path / "log").write_bytes(data)
        assert list(read(str(tmp_path / "log"))) == lines
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        assert list(read("-")) == lines


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1700000000", SECOND * 1_000_000),
        ("1700000000.000001", SECOND * 1_000_000 + 1),
        ("1700000000123", SECOND * 1_000_000 + 123_000),
        ("1700000000123456", SECOND * 1_000_000 + 123_456),
        ("1700000000123456000", SECOND * 1_000_000 + 123_456),
        ("2023-11-14T22:13:20.5Z", SECOND * 1_000_000 + 500_000),
        ("2023-11-14T23:13:20+01:00", SECOND * 1_000_000),
        ("2023-11-14 22:13:20", SECOND * 1_000_000),
    ],
)
def test_times(text: str, time: int) -> None:
    assert parse(text) == time
    assert parse(iso(time)) == time - time % 1000


@pytest.mark.parametrize("text", ["-5", "nan", "inf", "1e30", "2023-13-01", "now", "9999-12-31", "1969-12-31T23:59Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(BadLineError):
        parse(text)


def arrival(time: int, key: str = "") -> Arrival:
    return Arrival(time, None, {"key": key})


def test_arrivals_come_in_order_if_none_is_too_far_from_its_place() -> None:
    times = [3, 1, 2, 6, 5, 4, 9, 8, 7]
    assert [one.time for one in ordered(map(arrival, times), kept=3)] == sorted(times)
    assert [one.time for one in ordered(map(arrival, [5, 6, 7, 8, 1]), kept=2)] == [5, 6, 1, 7, 8]
    same = [arrival(1, "a"), arrival(1, "b"), arrival(1, "c")]
    assert list(ordered(iter(same), kept=2)) == same


def test_no_more_is_kept_than_puts_them_in_order() -> None:
    without_end = ordered(map(arrival, count()), kept=3)
    assert [next(without_end).time for _ in range(5)] == [0, 1, 2, 3, 4]


def test_several_logs_are_one() -> None:
    logs = ([arrival(1, "a"), arrival(4, "a")], [arrival(2, "b"), arrival(3, "b")], [])
    assert [one.time for one in merged(*map(iter, logs))] == [1, 2, 3, 4]


def test_the_format_that_the_documentation_asks_for_is_the_one_that_is_known() -> None:
    page = (Path(__file__).parents[2] / "docs" / "limits-simulate.md").read_text()
    assert WITH_IDENTITY in page
