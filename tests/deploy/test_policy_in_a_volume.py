"""A changed policy reaches running sidecars as a cluster brings it: the kubelet changes one link in the volume."""

import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from extauth.demo import binaries, probes
from tests.deploy.chart import API, Values, render, settings_file
from tests.e2e.running import free_base
from tests.support.redis_server import RedisServer
from tests.support.wait import wait_until


class Volume:
    """A ConfigMap's volume: files are links to `..data/<file>`, and `..data` is one to the folder of this version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version = 0
        folder.mkdir()

    def write(self, name: str, text: str) -> None:
        self._version += 1
        version = self._folder / f"..version-{self._version}"
        version.mkdir()
        (version / name).write_text(text)
        fresh = self._folder / "..data_tmp"
        fresh.symlink_to(version.name)
        fresh.replace(self._folder / "..data")
        if not (self._folder / name).is_symlink():
            (self._folder / name).symlink_to(f"..data/{name}")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_changed_policy_is_taken_over(tmp_path: Path, workers: int) -> None:
    port = free_base(3)
    redis = RedisServer("redis-8.2", tmp_path, "--port", str(port), "--bind", "127.0.0.1")
    redis.start()
    (tmp_path / "pepper-p1").write_text("0123456789abcdef" * 4)
    volume = Volume(tmp_path / "settings")
    volume.write("extauth.yaml", _settings(tmp_path, port, workers, {}))
    command = [binaries.extauth(), "serve", "-c", tmp_path / "settings" / "extauth.yaml"]
    sidecar = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port + 1}"
        wait_until(lambda: _answers(url), 60)  # not ready: nobody has published anything
        volume.write("extauth.yaml", _settings(tmp_path, port, workers, {"apis": [API, {**API, "name": "invoices"}]}))
        wait_until(lambda: 'extauth_policy_reloads_total{outcome="applied"} 1.0' in _metrics(url), 60)
    finally:
        sidecar.terminate()
        status = sidecar.wait(60)
        redis.kill()
    assert status == 0


def _settings(folder: Path, port: int, workers: int, changes: Values) -> str:
    """As the chart makes them, for this machine."""
    values: Values = {"redis": {"url": f"redis://127.0.0.1:{port}/0"}, "sidecar": {"settings": {"workers": workers}}}
    text = settings_file(render(values, changes), "extauth.yaml").replace("/run/secrets/extauth", str(folder))
    listen = {"admin": f"127.0.0.1:{port + 1}", "grpc": [f"127.0.0.1:{port + 2}"]}
    return yaml.safe_dump({**yaml.safe_load(text), "listen": listen, "shutdown": {"delay": "0s"}})


def _answers(url: str) -> bool:
    try:
        return probes.http_status(f"{url}/healthz") == 200
    except OSError:
        return False


def _metrics(url: str) -> str:
    with urlopen(f"{url}/metrics", timeout=10) as answer:
        return str(answer.read().decode())
