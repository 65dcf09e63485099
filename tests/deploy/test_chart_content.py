"""What the chart is for: restarts only where they are needed, orderly ends, nobody let in who is not named."""

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from extauth.demo import binaries
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.source import Source
from tests.deploy.chart import API, CHART, Values, containers, merged, notes, of_kind, pod_spec, render, settings_file

_BESIDE: Values = {"sidecar": {"placement": "envoy"}, "envoy": {"config": "/run/extauth/extauth.sock"}}
_POSTGRESQL: Values = {
    "registry": {"database": {"type": "postgresql", "postgresql": {"host": "db", "sslmode": "require"}}}
}
_SUPERVISORS_PATIENCE = 10  # seconds, docs/operations.md


def _pods(*layers: Values) -> dict[str, Any]:
    deployments = of_kind(render(*layers), "Deployment")
    return {name: deployment["spec"]["template"] for name, deployment in deployments.items()}


def test_a_changed_policy_restarts_nothing() -> None:
    other = {"apis": [{**API, "scopes": ["read"]}], "errors": {"invalid_key": {"status": 403}}}
    assert _pods() == _pods(other)
    assert settings_file(render(), "extauth.yaml") != settings_file(render(other), "extauth.yaml")


@pytest.mark.parametrize(
    ("values", "restarted"),
    [
        ({"sidecar": {"settings": {"cache": {"size": 5}}}}, {"extauth"}),
        ({"sidecar": {"keyPrefixes": ["acme"]}}, {"extauth"}),
        ({"registry": {"settings": {"publish": {"lease": "5s"}}}}, {"extauth-registry"}),
        ({"redis": {"settings": {"namespace": "other"}}}, {"extauth", "extauth-registry"}),
    ],
)
def test_changed_settings_restart_those_whose_they_are(values: Values, restarted: set[str]) -> None:
    before, after = _pods(), _pods(values)
    assert {name for name in before if before[name] != after[name]} == restarted


def test_a_changed_envoy_configuration_restarts_envoy() -> None:
    other = merged(_BESIDE, {"envoy": {"config": "other: /run/extauth/extauth.sock"}})
    assert _pods(_BESIDE)["extauth"] != _pods(other)["extauth"]


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("shutdown", [{}, {"delay": "20s", "grace": "1m"}, {"delay": "1500ms"}])
def test_there_is_time_for_an_orderly_end(shutdown: dict[str, str], *, beside: bool) -> None:
    manifests = render(_BESIDE if beside else {}, {"sidecar": {"settings": {"shutdown": shutdown}}})
    settings = validate(SidecarSettings, Source(settings_file(manifests, "extauth.yaml"), "extauth.yaml"))
    pod = pod_spec(of_kind(manifests, "Deployment")["extauth"])
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] if beside else 0
    needed = before + settings.shutdown.delay + settings.shutdown.grace + _SUPERVISORS_PATIENCE
    assert needed < pod["terminationGracePeriodSeconds"] <= needed + 6


def test_a_shared_sidecar_serves_on_until_gateways_have_noticed() -> None:
    assert yaml.safe_load(settings_file(render(), "extauth.yaml"))["shutdown"]["delay"] == "5s"
    assert yaml.safe_load(settings_file(render(_BESIDE), "extauth.yaml"))["shutdown"]["delay"] == "0s"


def test_beside_envoy_the_sidecar_begins_first_and_ends_last() -> None:
    pod = pod_spec(of_kind(render(_BESIDE), "Deployment")["extauth"])
    (sidecar,) = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert sidecar["readinessProbe"]["httpGet"]["path"] == "/readyz"  # counts for the pod
    assert [container["name"] for container in pod["containers"]] == ["envoy"]
    sockets = [mount for one in containers({"spec": {"template": {"spec": pod}}}) for mount in one["volumeMounts"]]
    assert [mount["mountPath"] for mount in sockets if mount["name"] == "socket"] == ["/run/extauth"] * 2


def test_beside_envoy_checks_cannot_come_over_the_network() -> None:
    manifests = render(_BESIDE)
    settings = yaml.safe_load(settings_file(manifests, "extauth.yaml"))
    assert settings["listen"]["grpc"] == ["unix:/run/extauth/extauth.sock"]
    assert "9001" not in json.dumps(
        [*of_kind(manifests, "Service").values(), *of_kind(manifests, "NetworkPolicy").values()]
    )


def test_an_empty_list_of_sources_lets_nobody_in() -> None:
    nobody: Values = {"networkPolicy": {"checks": [], "registry": [], "metrics": []}}
    policies = of_kind(render(nobody), "NetworkPolicy").values()
    assert [policy["spec"]["ingress"] for policy in policies] == [None, None]
    assert all("Ingress" in policy["spec"]["policyTypes"] for policy in policies)


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({}, {53, 6379}),
        ({"redis": {"url": "rediss://redis.example.com:6380/2"}}, {53, 6380}),
        ({"redis": {"url": "redis://redis"}}, {53, 6379}),
        (_POSTGRESQL, {53, 6379, 5432}),
        ({"redis": {"url": "", "settings": {"cluster": {"nodes": ["a:7000", "b:7001", "c:7000"]}}}}, {53, 7000, 7001}),
        (
            {"redis": {"url": "", "settings": {"sentinel": {"service": "main", "nodes": ["a:26379"]}}}},
            {53, 6379, 26379},
        ),
    ],
)
def test_the_registry_connects_to_redis_and_its_database_only(values: Values, ports: set[int]) -> None:
    policy = of_kind(render(values), "NetworkPolicy")["extauth-registry"]
    assert {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]} == ports


def test_tls_of_the_registry_reaches_all_who_ask_it() -> None:
    manifests = render({"registry": {"tls": {"secret": "registry-tls"}}, "serviceMonitor": {"enabled": True}})
    (container,) = containers(of_kind(manifests, "Deployment")["extauth-registry"])
    probes = [container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert {probe["scheme"] for probe in probes} == {"HTTPS"}
    assert "client_ca_file" not in settings_file(manifests, "registry.yaml")  # the kubelet has no certificate
    service = of_kind(manifests, "Service")["extauth-registry"]
    assert [port["port"] for port in service["spec"]["ports"]] == [443, 9904]
    sidecar, registry = of_kind(manifests, "ServiceMonitor")["extauth"]["spec"]["endpoints"]
    assert "scheme" not in sidecar
    assert registry["scheme"] == "https"
    assert registry["tlsConfig"]["serverName"] == "extauth-registry.auth.svc"


def test_tls_of_the_sidecar_leaves_its_probes_alone() -> None:
    tls: Values = {"sidecar": {"tls": {"secret": "tls", "clientCertificates": True}}}
    settings = yaml.safe_load(settings_file(render(tls), "extauth.yaml"))["listen"]
    assert settings["tls"]["client_ca_file"] == "/run/secrets/extauth/tls/ca.crt"
    assert "admin_tls" not in settings
    ports = of_kind(render(tls), "Service")["extauth"]["spec"]["ports"]
    assert [port.get("appProtocol") for port in ports] == [None]  # h2c is without TLS


def test_envoy_beside_the_sidecar_has_the_secret_that_it_must_send() -> None:
    values: Values = {"sidecar": {"envoySecrets": [{"secret": "envoy", "key": "secret"}]}}
    (envoy,) = pod_spec(of_kind(render(_BESIDE, values), "Deployment")["extauth"])["containers"]
    (variable,) = envoy["env"]
    assert variable["name"] == "EXTAUTH_ENVOY_SECRET"
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "envoy", "key": "secret"}


def test_one_process_has_the_sqlite_file_and_it_outlives_the_release() -> None:
    manifests = render()
    assert of_kind(manifests, "Deployment")["extauth-registry"]["spec"]["strategy"] == {"type": "Recreate"}
    claim = of_kind(manifests, "PersistentVolumeClaim")["extauth-registry"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert not of_kind(render(_POSTGRESQL), "PersistentVolumeClaim")


def test_rules_and_dashboards_are_those_that_are_tested() -> None:
    manifests = render({"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}})
    rules = of_kind(manifests, "PrometheusRule")["extauth"]["spec"]["groups"]
    files = [CHART.parent / "prometheus" / name for name in ("recording.yaml", "alerts.yaml")]
    assert rules == [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    dashboards = of_kind(manifests, "ConfigMap")["extauth-dashboards"]
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    for name in ("operators", "usage"):
        file = CHART.parent / "dashboards" / f"{name}.json"
        assert dashboards["data"][f"extauth-{name}.json"] == file.read_text()


def test_a_packaged_chart_has_all_that_it_needs(tmp_path: Path) -> None:
    archive = helm_python.package(CHART, destination=tmp_path)
    with tarfile.open(archive) as packed:
        members = {member.name: member for member in packed.getmembers()}
    assert all(member.isfile() for member in members.values())  # no link leads out of it
    assert {"extauth/files/alerts.yaml", "extauth/files/operators.json", "extauth/values.schema.json"} <= members.keys()


def test_large_numbers_stay_whole() -> None:
    values = {"sidecar": {"settings": {"cache": {"size": 2_000_000}, "check": {"max_message_size": 1_048_577}}}}
    settings = validate(SidecarSettings, Source(settings_file(render(values), "extauth.yaml"), "extauth.yaml"))
    assert (settings.cache.size, settings.check.max_message_size) == (2_000_000, 1_048_577)


def test_the_notes_tell_how_to_begin() -> None:
    assert "-- extauth registry init -c /etc/extauth/registry.yaml" in notes()
    assert "registry init" not in notes({"registry": {"adminToken": {"secret": "owner"}}})
    assert "WARNING" in notes({"networkPolicy": {"enabled": False}})
    assert "http://extauth.auth:80" in notes(_BESIDE)


def test_the_commands_of_the_program_accept_it_all(tmp_path: Path) -> None:
    """As a person goes about it: settings from the chart, Envoy's configuration from them, back into the chart."""
    workers: Values = {"sidecar": {"settings": {"workers": 2}}}
    settings = tmp_path / "extauth.yaml"
    settings.write_text(settings_file(render(_BESIDE), "extauth.yaml"))
    assert "good: 1 APIs, 1 limits" in _run("config", "check", "-c", settings)
    sockets: Values = {"envoy": {"config": "/run/extauth/extauth-0.sock /run/extauth/extauth-1.sock"}}
    settings.write_text(settings_file(render(_BESIDE, workers, sockets), "extauth.yaml"))
    written = _run("envoy", "config", "-c", settings, "--upstream", "orders.default.svc:80")
    manifests = render(_BESIDE, workers, {"envoy": {"config": written}})
    envoy = tmp_path / "envoy.yaml"
    envoy.write_text(settings_file(manifests, "envoy.yaml"))
    assert yaml.safe_load(envoy.read_text()) == yaml.safe_load(written)
    command = [binaries.envoy(), "--mode", "validate", "--log-level", "error", "-c", envoy]
    subprocess.run(command, capture_output=True, timeout=60, check=True)


def _run(*arguments: str | Path) -> str:
    command = [str(binaries.extauth()), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
