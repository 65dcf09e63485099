"""Settings files: every problem at once, each with its place, field and remedy."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from extauth.cli.main import main
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load, validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source
from extauth.settings.values import RateValue, SecretError, SecretReference, host_and_port, parse_duration

RATE_REMEDY = "use requests over time, such as 10/s, 1000/min or 5000/12h"

GOOD = """\
keys:
  peppers:
    - {id: p1, env: PEPPER}
apis:
  - name: demo
    credentials: [{header: X-API-Key}]
    limits:
      - {name: per-key, by: key, rate: 10/s, burst: 20}
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        validate(SidecarSettings, Source(text, "extauth.yaml"))
    return [str(problem) for problem in caught.value.problems]


def test_a_good_file_is_read() -> None:
    settings = validate(SidecarSettings, Source(GOOD, "extauth.yaml"))
    (api,) = settings.apis
    assert api.credentials[0].header == "x-api-key"
    assert api.limits[0].rate == RateValue(10, 1)
    assert settings.cache.max_stale == 3600


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    text = GOOD.replace("10/s, burst: 20", "fast, burst: 0").replace(
        "header: X-API-Key", "header: X-API-Key, scema: Bearer"
    )
    text += "cache: {size: many}\nlisten: {grpc: [nowhere]}\n"
    assert problems_of(text) == [
        "extauth.yaml:6:39: apis[0].credentials[0].scema: is not a setting (did you mean 'scheme'?)",
        f"extauth.yaml:8:34: apis[0].limits[0].rate: 'fast' is not a rate ({RATE_REMEDY})",
        "extauth.yaml:8:46: apis[0].limits[0].burst: Input should be greater than or equal to 1",
        "extauth.yaml:9:9: cache.size: Input should be a valid integer, unable to parse string as an integer",
        "extauth.yaml:10:17: listen.grpc[0]: 'nowhere' is not an address (use host:port or unix:/absolute/path)",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("name: demo", "name: Demo API"), "apis[0].name: "),
        (("{header: X-API-Key}", "{header: 'x api key'}"), "apis[0].credentials[0].header: "),
        (("[{header: X-API-Key}]", "[]"), "apis[0].credentials: "),
        (("    credentials", "    match: {context: {1: x}}\n    credentials"), "apis[0].match.context.1: "),
        (("10/s, burst: 20", "10/00s"), "'10/00s' is not a rate"),
        (("10/s, burst: 20", f"1/{'9' * 400}s"), "is not a rate"),
        (("10/s, burst: 20", f"{'9' * 400}/s"), "is not a rate"),
        (("by: key", "by: planet"), "apis[0].limits[0].by: 'planet' is no dimension (use key, tenant, plan"),
        (("env: PEPPER", "env: PEPPER, file: x"), "keys.peppers[0]: a secret is kept in one place"),
        (
            ("10/s, burst: 20", "1/30d, burst: 1000000000"),
            "burst: 1,000,000,000 is too large for so slow a rate, which could not be kept exactly (use at most 1,737)",
        ),
        (("    credentials", "    match: {paths: [v1]}\n    credentials"), "'v1' is not a path (use /a/path"),
        (("    credentials", "    match: {hosts: ['a:80']}\n    credentials"), "'a:80' is not a host (use a name"),
        (("    credentials", "    upstream_headers: {tenant: host}\n    credentials"), "belongs to HTTP or to Envoy"),
        (("keys:\n", "redis: {url: 'redis://u:p@h'}\nkeys:\n"), "redis.url: is not a Redis URL without credentials"),
        (
            ("name: per-key,", "name: per-key, name: x,"),
            "apis[0].limits[0].name: stands here twice (keep one of the two)",
        ),
        (
            ("apis:\n", "errors: {default: {body: 7}}\napis:\n"),
            "valid dictionary, or: Input should be a valid list, or:",
        ),
        (("    - {id: p1, env: PEPPER}", "    - {id: p1, env: A}\n    - {id: p1, env: B}"), "two peppers have one id"),
    ],
)
def test_each_mistake_is_named(change: tuple[str, str], problem: str) -> None:
    assert change[0] in GOOD
    (found,) = problems_of(GOOD.replace(*change))
    assert problem in found


def test_names_are_given_once() -> None:
    two = GOOD + GOOD[GOOD.index("  - name: demo") :]
    (found,) = problems_of(two)
    assert "two apis are named 'demo' (use a name for each)" in found


@pytest.mark.parametrize(
    "text", ["a: [", "a: b: c", "\t- x", "a: &a [*a]", "just text", "- a list", "a: \0", "? [a]\n: b"]
)
def test_what_is_not_a_mapping_in_yaml_is_refused(text: str) -> None:
    assert problems_of(text)


@pytest.mark.parametrize("value", ["!!int ''", "!!int x", "!!bool x", "!!timestamp x", "2001-99-99", "!!float ''"])
def test_a_value_that_is_none_of_its_tag_is_refused(value: str) -> None:
    (found,) = problems_of(f"a: {value}")
    assert "has a value that does not fit its YAML tag" in found


def test_a_few_lines_that_stand_for_billions_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    (found,) = problems_of("\n".join(lines))
    assert "its aliases stand for more than 50,000 fields" in found


@pytest.mark.parametrize("depth", [101, 5000])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    (found,) = problems_of("a: " + "[" * depth + "]" * depth)
    assert "nested more than 100 deep" in found


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(SidecarSettings, tmp_path / "missing.yaml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(SidecarSettings, tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("text", "seconds"), [("50ms", 0.05), ("1.5s", 1.5), ("10m", 600), ("12h", 43200), ("30d", 2592000)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 parsec", "1e3s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("address", "expected"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("*:9", ("0.0.0.0", 9))]
)
def test_host_and_port(address: str, expected: tuple[str, int]) -> None:
    assert host_and_port(address) == expected


def test_secrets_are_read_from_where_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("A_SECRET", "s4cret")
    assert SecretReference(file=tmp_path / "secret").read() == "s3cret"
    assert SecretReference(env="A_SECRET").read() == "s4cret"
    for missing in (SecretReference(env="NOT_SET"), SecretReference(file=tmp_path / "none")):
        with pytest.raises(SecretError, match=r"NOT_SET|none"):
            missing.read()


def test_config_check_says_good_or_lists_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "extauth.yaml"
    path.write_text(GOOD)
    result = CliRunner().invoke(main, ["config", "check", "-c", str(path)])
    assert (result.exit_code, result.output) == (0, f"{path}: good: 1 APIs, 1 limits\n")
    path.write_text(GOOD.replace("by: key", "by: keys"))
    result = CliRunner().invoke(main, ["config", "check", "-c", str(path)])
    assert result.exit_code == 1
    assert "apis[0].limits[0].by" in result.stderr
    assert f"1 problem in {path}" in result.stderr


def test_config_check_tells_which_api_lets_anyone_in(tmp_path: Path) -> None:
    path = tmp_path / "extauth.yaml"
    path.write_text(GOOD + "    outage: {unknown_keys: let_anyone_in}\n")
    result = CliRunner().invoke(main, ["config", "check", "-c", str(path)])
    assert result.exit_code == 0
    assert f"{path}: note: api 'demo' lets anyone in while Redis is away\n" in result.output


def test_config_check_reads_secrets_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "extauth.yaml"
    path.write_text(GOOD)
    runner = CliRunner()
    missing = runner.invoke(main, ["config", "check", "--secrets", "-c", str(path)], env={"PEPPER": ""})
    assert missing.exit_code == 1
    assert "environment variable PEPPER is empty or not set" in missing.stderr
    short = runner.invoke(main, ["config", "check", "--secrets", "-c", str(path)], env={"PEPPER": "short"})
    assert "at least 32" in short.stderr
    good = runner.invoke(main, ["config", "check", "--secrets", "-c", str(path)], env={"PEPPER": "x" * 32})
    assert good.exit_code == 0


def test_the_schema_is_json_schema_and_describes_every_field() -> None:
    result = CliRunner().invoke(main, ["config", "schema"])
    schema = json.loads(result.output)
    assert schema["$schema"].startswith("https://json-schema.org/")
    for name, model in {**schema["$defs"], "SidecarSettings": schema}.items():
        for field, description in model.get("properties", {}).items():
            assert "description" in description or "$ref" in description or name == "SidecarSettings", f"{name}.{field}"
