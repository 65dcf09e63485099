"""Processes that speak TLS: the sidecar, and an Envoy in front of it."""

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from extauth.demo import binaries
from tests.support.lone_sidecar import free_port
from tests.support.wait import wait_until

_PATIENCE = 30  # seconds


@contextmanager
def sidecar(folder: Path, listen: dict[str, Any], **sections: Any) -> Iterator[Path]:
    """One that serves; its log. Nothing answers at its Redis."""
    (folder / "pepper").write_text("a pepper for tests, 32 bytes long")
    settings = {
        "listen": listen,
        "redis": {"url": f"redis://127.0.0.1:{free_port()}/0"},
        "keys": {"peppers": [{"id": "p1", "file": str(folder / "pepper")}]},
        "apis": [{"name": "demo", "credentials": [{"header": "x-api-key"}]}],
        **sections,
    }
    (folder / "extauth.yaml").write_text(yaml.safe_dump(settings))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(binaries.extauth()), "serve", "-c", str(folder / "extauth.yaml")], stderr=output
        )
    try:
        wait_until(lambda: b'"serving"' in log.read_bytes() or process.poll() is not None, _PATIENCE)
        yield log
    finally:
        process.terminate()
        process.wait(_PATIENCE)


@contextmanager
def envoy(folder: Path, options: Mapping[str, str], **environment: str) -> Iterator[str]:
    """One as `extauth envoy config` makes it from the settings in the folder; its URL. Nobody is its upstream."""
    listen, admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    fixed = {"--listen": listen, "--admin": admin, "--upstream": "127.0.0.1:1"}
    words = [word for option in {**fixed, **options}.items() for word in option]
    command = [str(binaries.extauth()), "envoy", "config", "-c", str(folder / "extauth.yaml"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    path = folder / "envoy.yaml"
    path.write_text(done.stdout)
    arguments = [str(binaries.envoy()), "--disable-hot-restart", "--log-level", "error", "-c", str(path)]
    with (folder / "envoy.log").open("wb") as output:
        process = subprocess.Popen(arguments, stderr=output, env={**os.environ, **environment})
    try:
        wait_until(lambda: status(f"http://{admin}/ready") == 200 or process.poll() is not None, _PATIENCE)
        assert process.poll() is None, (folder / "envoy.log").read_text()
        yield f"http://{listen}"
    finally:
        process.kill()
        process.wait()


def status(url: str) -> int:
    """0 when nobody answers."""
    return answer(url)[0]


def answer(url: str) -> tuple[int, str]:
    """Status and body; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as found:
            return found.status, str(found.read(), "utf-8")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, str(refused.read(), "utf-8")
    except OSError:
        return 0, ""
