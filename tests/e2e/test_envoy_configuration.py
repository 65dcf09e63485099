"""The bootstrap that is generated: Envoy accepts it, and it says what it must."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from extauth.demo import binaries
from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.from_policy import check_headers, envoy_for
from extauth.envoy.parameters import EnvoyParameters, RouteParameters
from extauth.policy.schema import Api
from extauth.policy.settings import SidecarSettings

_PARAMETERS = EnvoyParameters(
    listen="127.0.0.1:8000",
    admin="[::1]:8001",
    sidecars=("unix:/run/extauth/a.sock", "unix:/run/extauth/b.sock"),
    upstream="127.0.0.1:8080",
    identity_headers=("x-auth-key-id",),
)


def manager_of(configuration: dict[str, Any]) -> Any:
    return configuration["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def filter_of(configuration: dict[str, Any]) -> Any:
    return manager_of(configuration)["http_filters"][0]["typed_config"]


@pytest.mark.parametrize(
    "parameters",
    [
        _PARAMETERS,
        replace(_PARAMETERS, sidecars=("127.0.0.1:9001",), encode_raw_headers=False, check_headers=("x-api-key",)),
        replace(
            _PARAMETERS,
            routes=(
                RouteParameters(prefix="/healthz", checked=False),
                RouteParameters(prefix="/gold", context={"tier": "gold"}),
            ),
        ),
    ],
    ids=["sockets", "tcp", "routes"],
)
def test_envoy_accepts_it(tmp_path: Path, parameters: EnvoyParameters) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(yaml.safe_dump(bootstrap(parameters)))
    command = [str(binaries.envoy()), "--mode", "validate", "--log-level", "error", "-c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_it_fails_closed_and_bounds_every_wait() -> None:
    check = filter_of(bootstrap(replace(_PARAMETERS, check_timeout=0.3)))
    assert check.get("failure_mode_allow", False) is False
    assert check["status_on_error"] == {"code": "ServiceUnavailable"}
    assert check["validate_mutations"] is True
    assert check["encode_raw_headers"] is True
    assert "with_request_body" not in check
    assert check["grpc_service"]["timeout"] == "0.300s"
    # Envoy takes it for the time of a single try as well: envoyproxy/envoy#38847.
    assert check["grpc_service"]["retry_policy"]["retry_back_off"]["max_interval"] == "0.300s"


def test_identity_headers_are_removed_before_the_check() -> None:
    (mutation,) = manager_of(bootstrap(_PARAMETERS))["early_header_mutation_extensions"]
    removed = [step["remove"] for step in mutation["typed_config"]["mutations"]]
    assert removed == ["x-auth-key-id", "x-envoy-auth-failure-mode-allowed"]


def test_a_path_has_one_meaning() -> None:
    manager = manager_of(bootstrap(_PARAMETERS))
    assert manager["normalize_path"] is True
    assert manager["merge_slashes"] is True
    assert manager["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
    assert manager["common_http_protocol_options"]["headers_with_underscores_action"] == "REJECT_REQUEST"
    assert manager["use_remote_address"] is True


def test_it_follows_the_sidecars_settings() -> None:
    api = {"name": "a", "credentials": [{"header": "X-Key"}, {"header": "authorization", "scheme": "Bearer"}]}
    other = {**api, "name": "b", "upstream_headers": {"key_id": "x-caller"}}
    settings = SidecarSettings.model_validate(
        {
            "listen": {"grpc": ["127.0.0.1:9001", "unix:/run/extauth.sock"]},
            "keys": {"peppers": [{"id": "p1", "env": "PEPPER"}]},
            "check": {"timeout": "200ms"},
            "apis": [api, other],
        }
    )
    parameters = envoy_for(settings, listen="127.0.0.1:1", admin="127.0.0.1:2", upstream="127.0.0.1:3")
    assert parameters.sidecars == ("127.0.0.1:9001", "unix:/run/extauth.sock")
    assert parameters.identity_headers == ("x-auth-key-id", "x-auth-tenant", "x-caller")
    assert parameters.check_headers[:2] == ("x-key", "authorization")
    assert not {"x-team", "x-cost", "x-forwarded-for"} & {*parameters.check_headers}
    assert parameters.check_timeout == pytest.approx(0.3)


def test_it_sends_what_limits_look_at() -> None:
    limits = [
        {"name": "a", "by": ["key", {"header": "X-Team"}], "rate": "10/s", "cost": {"header": "x-cost", "max": 5}},
    ]
    api = {"name": "a", "credentials": [{"header": "x-key"}], "limits": limits}
    other = {**api, "name": "b", "client_address": {"header": "x-forwarded-for"}}
    apis = [Api.model_validate(one) for one in (api, other)]
    assert check_headers(apis[:1])[:3] == ("x-key", "x-team", "x-cost")
    assert "x-forwarded-for" not in check_headers(apis[:1])
    assert "x-forwarded-for" in check_headers(apis)
