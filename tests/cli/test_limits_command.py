"""`extauth limits simulate`, from logs and policies in files to what is printed; and on a log of a real Envoy."""

import csv
import gzip
import io
import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner, Result

from extauth.cli.main import main
from extauth.demo import binaries
from tests.support.wait import wait_until

POLICY = """
keys: {peppers: [{id: p1, env: PEPPER}]}
apis:
  - name: orders
    credentials: [{header: x-api-key}]
    limits: [{name: per-key, by: key, rate: 1/h, burst: 3}]
  - {name: plain, credentials: [{header: x-api-key}]}
  - name: carts
    credentials: [{header: x-api-key}]
    limits: [{name: per-tenant, by: tenant, rate: 1/h, burst: 4}]
"""
START = 1_700_000_000
LOG = "time,key,tenant,api\n" + "".join(
    f"{START + second},{'ab'[second % 3 > 0]},acme,{'orders' if second < 8 else 'carts'}\n" for second in range(10)
)
NOTHING_REFUSED = "--limit", "by=key,rate=1000/s"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "extauth.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.csv"
    path.write_text(LOG)
    return path


def simulate(*arguments: str | Path, given: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["limits", "simulate", *map(str, arguments)], input=given)


def as_json(*arguments: str | Path, given: str | bytes = "") -> dict[str, Any]:
    done = simulate("--output", "json", *arguments, given=given)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_table_and_a_plot_for_people(policy: Path, log: Path, tmp_path: Path) -> None:
    plot = tmp_path / "limits.svg"
    done = simulate("--policy", policy, "--api", "orders", *NOTHING_REFUSED, "--plot", plot, log)
    assert done.exit_code == 0, done.output
    assert "A: 25.00% refused, 2 of 8; per-key by key: 1/h, burst 3 (█ let through, ░ refused)\n" in done.stdout
    assert "2 requests were not asked for\n" in done.stderr
    tables = [line.split() for line in done.stdout.splitlines()]
    assert ["A", "per-key", "2", "1", "8", "2", "25.00%"] in [row[:7] for row in tables]
    times = ["2023-11-14T22:13:25Z", "2023-11-14T22:13:27Z", "2023-11-14T22:13:00Z"]
    assert ["A", "per-key", "b", "5", "2", "40.00%", *times, "2", "5"] in tables
    assert tables[-2:] == [["BY", "CALLER", "A", "B"], ["key", "b", "2", "0"]]
    assert len(ET.parse(plot).getroot().findall("{http://www.w3.org/2000/svg}g")) == 2


def test_json_tells_everything(policy: Path, log: Path) -> None:
    found = as_json("--policy", policy, "--api", "carts", log)
    timeline = found["candidates"][0].pop("timeline")
    assert timeline["step_seconds"] == 0.1
    assert [step["requests"] for step in timeline["steps"]] == [1, *[0] * 9, 1]
    assert timeline["steps"][0] == {"start": "2023-11-14T22:13:28.000Z", "requests": 1, "limited": 0}
    assert found["candidates"] == [
        {
            "candidate": "A",
            "limits": "per-tenant by tenant: 1/h, burst 4",
            "requests": 2,
            "limited": 0,
            "share": 0.0,
            "origin": f"{policy}, api carts",
        }
    ]
    assert found["log"] == {"requests": 2, "bad_lines": 0, "without_identity": 0, "not_asked_for": 8, "late": 0}
    assert found["callers"] == []


def test_yaml_tells_the_same(policy: Path, log: Path) -> None:
    arguments = ("--policy", policy, "--api", "orders", log)
    done = simulate("--output", "yaml", *arguments)
    assert yaml.safe_load(done.stdout) == as_json(*arguments)


def test_csv_has_a_line_for_each_caller_and_limit(log: Path) -> None:
    done = simulate("--limit", "by=key,rate=1/h,burst=2;by=tenant,rate=1/h,burst=3", "--output", "csv", log)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["limit"], row["caller"], row["limited"]) for row in rows] == [
        ("per-key", "b", "4"),
        ("per-tenant", "acme", "7"),
    ]
    assert rows[1]["share"] == "0.7"


def test_the_callers_who_were_refused_most(log: Path) -> None:
    found = as_json("--limit", "by=key,rate=1/h,burst=1", "--top", "1", log)
    assert [row["caller"] for row in found["callers"]] == ["b"]
    assert found["limits"][0]["callers_limited"] == 2


def test_standard_input_and_several_logs_are_one_traffic(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json.gz"
    lines = [json.dumps({"t": START - 1 + second, "who": {"key": "b"}}) for second in range(3)]
    other.write_bytes(gzip.compress("\n".join(lines).encode()))
    limit = "--limit", "by=key,rate=1/h,burst=6"
    (alone,) = as_json(*limit, "-", given=gzip.compress(LOG.encode()))["callers"] or [None]
    assert alone is None
    (row,) = as_json(*limit, "--field", "key=who.key", "--field", "time=t", other)["limits"]
    assert row["requests"] == 3
    renamed = LOG.replace("time,key", "t,who.key")
    (row,) = as_json(*limit, "--field", "key=who.key", "--field", "time=t", other, "-", given=renamed)["callers"]
    assert (row["caller"], row["limited"], row["requests"]) == ("b", 3, 9)


def test_only_some_of_the_callers(log: Path) -> None:
    found = as_json("--limit", "by=tenant,rate=1/h,burst=1", "--only", "key=a", log)
    assert (found["log"]["requests"], found["limits"][0]["limited"]) == (4, 3)


def test_bad_lines_are_told_and_too_many_are_an_error(tmp_path: Path) -> None:
    log = tmp_path / "bad.csv"
    log.write_text("time,key\n" + "yesterday,a\n" * 12 + f"{START},a\n")
    done = simulate(*NOTHING_REFUSED, log)
    assert done.exit_code == 0
    assert done.stderr.count("'yesterday' is not a time") == 10
    assert f"{log}:2: " in done.stderr
    assert "12 lines could not be read" in done.stderr
    done = simulate(*NOTHING_REFUSED, "--max-errors", "11", log)
    assert done.exit_code == 1
    assert "Error: more than 11 bad lines: see --max-errors" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "nothing to try: use --policy or --limit"),
        (("--policy", "{policy}"), 2, "use --api with one of orders, plain, carts"),
        (("--policy", "{policy}", "--api", "absent"), 2, "use --api with one of orders, plain, carts"),
        (("--policy", "{policy}", "--api", "plain"), 2, "api plain has no limits"),
        (("--policy", "{log}"), 1, "1 problem in"),
        (("--limit", "by=key"), 2, "a limit is a rate or a quota"),
        (("--limit", "by=plan,rate=1/s"), 1, "access.csv: no column tells the plan"),
        ((*NOTHING_REFUSED, "--field", "who=key"), 2, "'who' is no field: use time, cost, key"),
        ((*NOTHING_REFUSED, "--only", "key"), 2, "use FIELD=TEXT"),
        ((*NOTHING_REFUSED, "absent.log"), 1, "absent.log: No such file or directory"),
        ((*NOTHING_REFUSED, "--plot", "/absent/plot.svg"), 1, "/absent/plot.svg: No such file or directory"),
    ],
)
def test_what_cannot_be_is_said(policy: Path, log: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    places = {"{policy}": str(policy), "{log}": str(log)}
    done = simulate(*(places.get(argument, argument) for argument in arguments), log)
    assert message in done.stderr
    assert done.exit_code == code


@pytest.mark.parametrize("form", ["text", "json"])
def test_logs_that_envoy_writes_as_the_documentation_says(tmp_path: Path, form: str) -> None:
    """The identity headers come from the client here, and from the sidecar in truth."""
    log = tmp_path / "access.log"
    path, admin = tmp_path / "envoy.yaml", tmp_path / "admin"
    path.write_text(yaml.safe_dump(envoy_configuration(log, form)))
    command = [
        str(binaries.envoy()),
        "--disable-hot-restart",
        "--log-level",
        "error",
        "-c",
        str(path),
        "--admin-address-path",
        str(tmp_path / "admin"),
    ]
    with (tmp_path / "envoy.err").open("wb") as errors:
        process = subprocess.Popen(command, stdout=errors, stderr=errors)
    try:
        wait_until(lambda: admin.exists() and admin.read_text(), 20)
        wait_until(lambda: listeners(f"http://{admin.read_text()}"), 20)
        port = listening_port(f"http://{admin.read_text()}")
        for number in range(6):
            headers = {"x-auth-key-id": f"k{number % 2}", "x-auth-tenant": "acme", "user-agent": "a [b] c/1"}
            url = f"http://127.0.0.1:{port}/a?number={number}"
            urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10).close()
        urllib.request.urlopen(f"http://127.0.0.1:{port}/nobody", timeout=10).close()
    finally:
        process.terminate()
        process.wait(20)
    limit = "by=key,rate=1/h,burst=2,methods=GET,paths=/a;by=tenant+address,rate=1/h,burst=5"
    found = as_json("--limit", limit, "--max-errors", "0", log)
    assert found["log"] == {"requests": 6, "bad_lines": 0, "without_identity": 1, "not_asked_for": 0, "late": 0}
    assert [(row["caller"], row["limited"]) for row in found["callers"]] == [("k0", 1), ("k1", 1)]
    assert found["limits"][1]["callers"] == 1


def envoy_configuration(log: Path, form: str) -> dict[str, Any]:
    """Every request is answered at once, and written to the log in one of the two forms of docs/limits-simulate.md."""
    page = (Path(__file__).parents[2] / "docs" / "limits-simulate.md").read_text()
    documented = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["access_log"]
    documented[0]["typed_config"]["path"] = str(log)
    if form == "text":
        line = next(line for line in page.splitlines() if line.startswith("[%START_TIME%]"))
        source = {"inline_string": f"{line}\n"}
        documented[0]["typed_config"]["log_format"] = {"text_format_source": source}
    kind = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "use_remote_address": True,
        "access_log": documented,
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "admin": {"address": address},
        "static_resources": {"listeners": [{"name": "main", "address": address, "filter_chains": [chain]}]},
    }


def listening_port(admin: str) -> int:
    (status,) = listeners(admin)
    return int(status["local_address"]["socket_address"]["port_value"])


def listeners(admin: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{admin}/listeners?format=json", timeout=10) as answer:
        return list(json.load(answer).get("listener_statuses", ()))
