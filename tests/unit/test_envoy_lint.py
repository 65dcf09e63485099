"""Each rule of the lint finds its fault in a configuration that is otherwise good, and that Envoy accepts."""

import copy
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from extauth.demo import binaries
from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.lint.lint import RULES, lint
from extauth.envoy.parameters import EnvoyParameters

IDENTITY = ("x-auth-key-id", "x-auth-tenant")
NEEDED = ("x-api-key",)
GOOD = bootstrap(
    EnvoyParameters(
        listen="127.0.0.1:8000",
        admin="127.0.0.1:8001",
        sidecars=("unix:/run/extauth/a.sock",),
        upstream="127.0.0.1:8080",
        identity_headers=IDENTITY,
        check_headers=NEEDED,
    )
)


@dataclass(frozen=True)
class Parts:
    """What a fault is put into."""

    manager: dict[str, Any]
    check: dict[str, Any]
    """The filter's configuration."""
    cluster: dict[str, Any]
    """The sidecar's."""


Edit = Callable[[Parts], Any]


def manager_of(config: Any) -> Any:
    return config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def found_in(config: dict[str, Any]) -> list[str]:
    found = lint(config, identity_headers=IDENTITY, check_headers=NEEDED, check_timeout=0.15)
    return [finding.rule.name for finding in found]


def changed(edit: Edit) -> dict[str, Any]:
    config = copy.deepcopy(GOOD)
    manager = manager_of(config)
    edit(Parts(manager, manager["http_filters"][0]["typed_config"], config["static_resources"]["clusters"][0]))
    return config


PER_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
FILTER = "envoy.filters.http.ext_authz"

FAULTS: dict[str, list[Edit]] = {
    "no-check": [lambda part: part.manager["http_filters"].pop(0)],
    "filter-disabled": [lambda part: part.manager["http_filters"][0].update(disabled=True)],
    "spoofable-headers": [
        lambda part: part.manager.pop("early_header_mutation_extensions"),
        lambda part: part.manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"].pop(0),
    ],
    "paths-not-normalised": [
        lambda part: part.manager.pop("normalize_path"),
        lambda part: part.manager.update(normalize_path=False),
    ],
    "slashes-not-merged": [lambda part: part.manager.pop("merge_slashes")],
    "escaped-slashes": [
        lambda part: part.manager.pop("path_with_escaped_slashes_action"),
        lambda part: part.manager.update(path_with_escaped_slashes_action="KEEP_UNCHANGED"),
    ],
    "underscores": [lambda part: part.manager.pop("common_http_protocol_options")],
    "client-address": [lambda part: part.manager.pop("use_remote_address")],
    "slow-headers": [lambda part: part.manager.pop("request_headers_timeout")],
    "fails-open": [lambda part: part.check.update(failure_mode_allow=True)],
    "not-enforced": [lambda part: part.check.update(shadow_mode=True)],
    "sampled": [
        lambda part: part.check.update(filter_enabled={"default_value": {"numerator": 50}}),
        lambda part: part.check.update(
            filter_enabled={"default_value": {"numerator": 100, "denominator": "TEN_THOUSAND"}, "runtime_key": "x"}
        ),
    ],
    "not-grpc": [
        lambda part: (
            part.check.pop("grpc_service"),
            part.check.update(
                http_service={"server_uri": {"uri": "http://127.0.0.1:1", "cluster": "upstream", "timeout": "1s"}}
            ),
        )
    ],
    "unknown-cluster": [lambda part: part.check["grpc_service"]["envoy_grpc"].update(cluster_name="nowhere")],
    "no-deadline": [lambda part: part.check["grpc_service"].update(timeout="0s")],
    "long-deadline": [lambda part: part.check["grpc_service"].update(timeout="600s", retry_policy=None)],
    "deadline-too-short": [lambda part: part.check["grpc_service"].update(timeout="0.150s")],
    "fault-looks-like-denial": [lambda part: part.check.pop("status_on_error")],
    "status-not-final": [lambda part: part.check.update(status_on_error={"code": "Continue"})],
    "body-sent": [lambda part: part.check.update(with_request_body={"max_request_bytes": 1024})],
    "mutations-not-validated": [lambda part: part.check.pop("validate_mutations")],
    "headers-joined": [lambda part: part.check.pop("encode_raw_headers")],
    "route-chosen-again": [lambda part: part.check.update(clear_route_cache=True)],
    "version-not-set": [lambda part: part.check.pop("transport_api_version")],
    "retry-never-comes": [lambda part: part.check["grpc_service"]["retry_policy"].pop("retry_back_off")],
    "try-cut-short": [
        lambda part: part.check["grpc_service"]["retry_policy"]["retry_back_off"].update(max_interval="0.010s")
    ],
    "header-kept-back": [
        lambda part: part.check.update(allowed_headers={"patterns": [{"exact": "x-other"}, {"prefix": "x-apis"}]}),
        lambda part: part.check.update(disallowed_headers={"patterns": [{"suffix": "-KEY", "ignore_case": True}]}),
    ],
    "unchecked-route": [
        lambda part: part.manager["route_config"]["virtual_hosts"][0]["routes"][0].update(
            typed_per_filter_config={FILTER: {"@type": PER_ROUTE, "disabled": True}}
        )
    ],
    "identity-removed": [
        lambda part: part.manager["route_config"].update(request_headers_to_remove=["X-Auth-Tenant"]),
        lambda part: part.manager["route_config"]["virtual_hosts"][0]["routes"][0].update(
            request_headers_to_remove=["x-auth-key-id"]
        ),
    ],
    "not-http2": [lambda part: part.cluster.pop("typed_extension_protocol_options")],
    "small-breakers": [
        lambda part: part.cluster["circuit_breakers"]["thresholds"][0].update(max_requests=0),
        lambda part: part.cluster["circuit_breakers"]["thresholds"][0].update(max_pending_requests=100),
    ],
    "large-breakers": [
        lambda part: part.cluster.pop("circuit_breakers"),
        lambda part: part.cluster["circuit_breakers"]["thresholds"][0].update(max_requests=4096),
    ],
    "slow-connect": [lambda part: part.cluster.update(connect_timeout="5s")],
    "behind-the-router": [],  # Envoy accepts no filter behind the router; see below
}
CASES = [
    pytest.param(name, edit, id=f"{name}-{number}")
    for name, all_of in FAULTS.items()
    for number, edit in enumerate(all_of)
]


def test_a_good_configuration_has_no_findings() -> None:
    assert found_in(GOOD) == []


@pytest.mark.parametrize(("name", "edit"), CASES)
def test_a_fault_is_found_and_nothing_else(name: str, edit: Edit) -> None:
    assert set(found_in(changed(edit))) == {name}


def test_every_rule_is_tried() -> None:
    assert {rule.name for rule in RULES} == set(FAULTS)
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("edit", [edit for all_of in FAULTS.values() for edit in all_of])
def test_the_fault_is_one_that_envoy_does_not_report(tmp_path: Path, edit: Edit) -> None:
    path = tmp_path / "envoy.json"
    path.write_text(json.dumps(changed(edit)))
    command = [str(binaries.envoy()), "--mode", "validate", "--log-level", "error", "-c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_filter_behind_the_router_is_found() -> None:
    assert set(found_in(changed(lambda part: part.manager["http_filters"].reverse()))) == {"behind-the-router"}


def test_both_spellings_of_a_field_are_read() -> None:
    def camel(value: Any) -> Any:
        if isinstance(value, dict):
            return {spell(name): camel(item) for name, item in value.items()}
        return [camel(item) for item in value] if isinstance(value, list) else value

    def spell(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(map(str.capitalize, rest)) if "." not in name else name

    assert found_in(camel(GOOD)) == []
    bad = changed(lambda part: part.check.update(failure_mode_allow=True))
    assert found_in(camel(bad)) == ["fails-open"]


def test_a_prefix_may_remove_identity_headers() -> None:
    mutations = [
        {"remove_on_match": {"key_matcher": {"prefix": "x-auth-"}}},
        {"remove": "x-envoy-auth-failure-mode-allowed"},
    ]

    def edit(part: Parts) -> None:
        part.manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"] = mutations

    assert found_in(changed(edit)) == []


def test_a_config_dump_is_read() -> None:
    resources = GOOD["static_resources"]
    dump = {
        "configs": [
            {
                "static_clusters": [
                    {"cluster": {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", **cluster}}
                    for cluster in resources["clusters"]
                ]
            },
            {"static_listeners": [{"listener": listener} for listener in resources["listeners"]]},
        ]
    }
    assert found_in(dump) == []
    del dump["configs"][0]["static_clusters"][0]["cluster"]["circuit_breakers"]
    assert found_in(dump) == ["large-breakers"]
