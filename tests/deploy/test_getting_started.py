"""The newcomer's path: each command for plain Envoy is run, with a real Envoy; for Envoy Gateway, what can be without a
cluster. tests/cluster has one.
"""

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from extauth.demo import binaries
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.source import Source
from tests.deploy import guide, kubernetes
from tests.deploy.chart import of_kind, render, settings_file
from tests.e2e.running import free_base
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
PAGE = guide.read(ROOT / "docs" / "getting-started.md")
PLAIN = guide.section(PAGE, "Plain Envoy")
CLUSTER = guide.section(PAGE, "Envoy Gateway")
FOLDER = ROOT / "deploy" / "gateways" / "plain-envoy"
_PORTS = [6379, 8080, 9901, 9902, 9903, 9904, 8000]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_plain_envoy(tmp_path: Path) -> None:
    first = free_base(len(_PORTS))
    redis = RedisServer("redis-8.2", tmp_path, "--port", str(first), "--bind", "127.0.0.1")
    redis.start()
    try:
        here = {**guide.at_ports(first, _PORTS), "api 8000": f"api {first + _PORTS.index(8000)}"}
        more = {"> envoy.yaml": f"--admin 127.0.0.1:{first + _PORTS.index(9901)} > envoy.yaml"}
        grpc = {"database: sqlite": "listen: {http: 127.0.0.1:9903, grpc: 127.0.0.1:9904}\ndatabase: sqlite"}
        hot_restart = {"envoy -c envoy.yaml": "envoy -c envoy.yaml --disable-hot-restart --concurrency 1"}
        folder = {"/tmp/extauth": str(tmp_path / "x")}
        script = guide.script(PLAIN, {**grpc, **more, **hot_restart, **here, **folder}, without="pip install")
        assert script.count("\nexpect ") == 5
        output = guide.run(script, tmp_path, binaries.scripts_directory(), 200)
        assert "nothing found" in output  # by lint
    finally:
        redis.kill()


def test_the_folder_has_the_same_files() -> None:
    files = guide.files(PLAIN)
    assert files.keys() == {"registry.yaml", "extauth.yaml"}
    assert {name: guide.read(FOLDER / name) for name in files} == files


def test_the_folders_envoy_configuration_is_what_the_command_writes(tmp_path: Path) -> None:
    (line,) = [one for one in guide.read(FOLDER / "README.md").splitlines() if one.startswith("extauth envoy config")]
    assert line in PLAIN
    command = [str(binaries.extauth()), *shlex.split(line.partition(">")[0])[1:]]
    written = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=60, check=True).stdout
    assert guide.read(FOLDER / "envoy.yaml") == written
    checked = [binaries.envoy(), "--mode", "validate", "--log-level", "error", "-c", FOLDER / "envoy.yaml"]
    subprocess.run(checked, cwd=tmp_path, capture_output=True, timeout=60, check=True)


def test_envoy_gateways_values_are_good_and_fit_its_manifests() -> None:
    values = yaml.safe_load(guide.files(CLUSTER)["values.yaml"])
    manifests = render(values)
    kubernetes.validate(manifests)
    settings = validate(SidecarSettings, Source(settings_file(manifests, "extauth.yaml"), "extauth.yaml"))
    hosts = yaml.safe_load(guide.read(ROOT / "deploy/gateways/envoy-gateway/route.yaml"))["spec"]["hostnames"]
    assert list(settings.apis[0].match.hosts) == hosts
    assert "deploy/extauth-registry" in CLUSTER
    assert "extauth-registry" in of_kind(manifests, "Deployment")
    assert "service/extauth-registry 9903:80" in CLUSTER
    assert of_kind(manifests, "Service")["extauth-registry"]["spec"]["ports"][0]["port"] == 80


def test_what_the_page_applies_is_there() -> None:
    for word in CLUSTER.split():
        if word.startswith("deploy/"):
            assert (ROOT / word).exists() or word == "deploy/extauth-registry"


def test_every_command_for_the_cluster_is_one() -> None:
    for block in guide.blocks(CLUSTER):
        subprocess.run(["bash", "-n", "-c", block], capture_output=True, timeout=10, check=True)
