"""Sidecars with workers, beside the one of the stack that all tests share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from extauth.demo import services
from extauth.demo.ports import HOST
from extauth.demo.settings_files import envoy_parameters, write_yaml
from extauth.demo.supervisor import Supervisor
from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.from_policy import envoy_for
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load
from tests.e2e.running import Running, free_base
from tests.e2e.workers.envoy import OwnEnvoy
from tests.e2e.workers.sidecar import WorkersSidecar, running_workers


@pytest.fixture(scope="package")
def workers(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkersSidecar]:
    """Three, for tests that leave them as they were."""
    with running_workers(stack, tmp_path_factory.mktemp("workers"), workers=3) as sidecar:
        yield sidecar


@pytest.fixture
def own_workers(request: pytest.FixtureRequest, stack: Running, tmp_path: Path) -> Iterator[WorkersSidecar]:
    """Two, for a test that does things to them; a parameter is the transport. They are patient with Redis."""
    listen = {"transport": getattr(request, "param", "lean")}
    with running_workers(stack, tmp_path, listen, check={"timeout": "1s"}) as sidecar:
        yield sidecar


@pytest.fixture
def envoy(stack: Running, own_workers: WorkersSidecar, tmp_path: Path) -> Iterator[OwnEnvoy]:
    """As `extauth envoy config` writes it, but patient: what is slow on a busy machine is not lost."""
    base = free_base(2)
    listen, admin = f"{HOST}:{base}", f"{HOST}:{base + 1}"
    settings = load(SidecarSettings, own_workers.settings_file)
    upstream = envoy_parameters(stack.layout).upstream
    path = tmp_path / "envoy.yaml"
    parameters = envoy_for(settings, listen=listen, admin=admin, upstream=upstream)
    write_yaml(path, bootstrap(replace(parameters, check_timeout=5)))
    with Supervisor() as supervisor:
        service = services.envoy("envoy", path, tmp_path / "envoy.log", f"http://{admin}")
        supervisor.start(service)
        supervisor.wait_until_ready(service)
        yield OwnEnvoy(f"http://{listen}", f"http://{admin}")
