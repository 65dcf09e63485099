"""`extauth envoy`: what it writes is what Envoy accepts, and its own lint has nothing to say about it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from extauth.cli.main import main
from extauth.demo import binaries

SETTINGS = """
listen: {grpc: ["unix:/run/extauth/extauth.sock"]}
keys: {peppers: [{id: p1, env: PEPPER}]}
check: {timeout: 100ms}
apis:
  - name: one
    credentials: [{header: x-api-key}, {cookie: session}]
    upstream_headers: {key_id: x-caller}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "extauth.yaml"
    path.write_text(SETTINGS)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["envoy", *map(str, arguments)])


def validate(path: Path) -> None:
    command = [str(binaries.envoy()), "--mode", "validate", "--log-level", "error", "-c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


BOOTSTRAPS: dict[str, tuple[str, ...]] = {
    "plain": ("--upstream", "127.0.0.1:8081"),
    "names": ("--upstream", "api.default.svc:80", "--sidecar", "extauth.default.svc:9001"),
    "sockets": ("--upstream", "unix:/run/api.sock", "--sidecar", "unix:/a.sock", "--sidecar", "unix:/b.sock"),
    "routes": ("--upstream", "[::1]:80", "--unchecked", "/healthz", "--context", "/gold tier=gold,who=all"),
    "behind a proxy": ("--upstream", "10.0.0.1:80", "--trusted-hops", "2"),
}


@pytest.mark.parametrize("output", ["yaml", "json"])
@pytest.mark.parametrize("options", BOOTSTRAPS.values(), ids=BOOTSTRAPS)
def test_a_bootstrap_is_accepted_by_envoy_and_by_the_lint(
    tmp_path: Path, settings: Path, options: tuple[str, ...], output: str
) -> None:
    done = run("config", "-c", settings, "--output", output, *options)
    assert done.exit_code == 0, done.output
    path = tmp_path / f"envoy.{output}"
    path.write_text(done.stdout)
    validate(path)
    found = run("lint", path, "-c", settings)
    assert found.exit_code == 0, found.output
    assert "warning" not in found.output


def test_filter_and_cluster_fit_into_an_envoy_of_ones_own(tmp_path: Path, settings: Path) -> None:
    whole = yaml.safe_load(run("config", "-c", settings, "--upstream", "127.0.0.1:1").stdout)
    parts = {
        part: yaml.safe_load(run("config", "-c", settings, "--part", part).stdout) for part in ("filter", "cluster")
    }
    manager = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["http_filters"][0] == parts["filter"]
    assert whole["static_resources"]["clusters"][0] == parts["cluster"]
    path = tmp_path / "filter.json"
    path.write_text(json.dumps(parts["filter"]))
    assert run("lint", path, "-c", settings).output == f"{path}: nothing found\n"


def test_it_says_what_the_policy_reads(settings: Path) -> None:
    part = yaml.safe_load(run("config", "-c", settings, "--part", "filter").stdout)
    allowed = [pattern["exact"] for pattern in part["typed_config"]["allowed_headers"]["patterns"]]
    assert allowed[:2] == ["x-api-key", "cookie"]


def test_a_path_that_is_public_makes_no_other_path_public(settings: Path) -> None:
    whole = yaml.safe_load(run("config", "-c", settings, "--upstream", "127.0.0.1:1", "--unchecked", "/public/").stdout)
    manager = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    (public, rest) = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert public["match"] == {"path_separated_prefix": "/public"}
    assert rest["match"] == {"prefix": "/"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "needs --upstream"),
        (("--upstream", "nowhere"), "use host:port"),
        (("--upstream", "a:1", "--unchecked", "healthz"), "begins with /"),
        (("--upstream", "a:1", "--context", "/gold"), "name=value"),
        (("--upstream", "a:1", "--context", "/gold tier"), "name=value"),
    ],
)
def test_what_cannot_be_is_said_at_once(settings: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run("config", "-c", settings, *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_lint_tells_place_rule_reason_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "filter.yaml"
    kind = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
    path.write_text(f"typed_config:\n  '@type': {kind}\n  failureModeAllow: true\n  grpc_service: {{}}\n")
    done = run("lint", path)
    assert done.exit_code == 1
    assert f"{path}:3:3: error fails-open: typed_config.failureModeAllow: " in done.output
    assert "\n  failure_mode_allow: false\n" in done.output
    assert done.output.splitlines()[-1].startswith(f"{path}: 1 error, ")
    found: list[dict[str, Any]] = json.loads(run("lint", path, "--output", "json").stdout)
    assert (found[0]["rule"], found[0]["line"], found[0]["value"]) == ("fails-open", 3, True)


def test_fail_on_chooses_what_counts(tmp_path: Path, settings: Path) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(run("config", "-c", settings, "--upstream", "127.0.0.1:1", "--unchecked", "/healthz").stdout)
    assert run("lint", path).exit_code == 0
    assert run("lint", path, "--fail-on", "note").exit_code == 1
    assert "unchecked-route" in run("lint", path).output


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "is not YAML"), ("a: b", "no ext_authz filter"), ("", "no ext_authz filter")],
)
def test_lint_refuses_what_is_no_envoy_configuration(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    done = run("lint", path)
    assert done.exit_code == 1
    assert message in done.output
    assert "cannot be read" in run("lint", tmp_path / "missing.yaml").output
