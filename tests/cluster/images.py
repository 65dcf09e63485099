"""Images of a cluster, built here since nothing can be pulled: `python -m tests.cluster.images FOLDER PROGRAMS`.

Each is an archive that containerd imports, under the name that manifests call it by.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from extauth.demo import binaries
from tests.cluster.programs import CONTOUR, ENVOY_GATEWAY
from tests.deploy.container import Images
from tests.support.redis_server import binary_of

ROOT = Path(__file__).parents[2]
EXTAUTH = f"registry.example.com/extauth:{yaml.safe_load((ROOT / 'deploy/chart/Chart.yaml').read_text())['appVersion']}"
"""As docs/getting-started.md calls it."""
CONTOUR_IMAGE = f"ghcr.io/projectcontour/contour:{CONTOUR}"
GATEWAY = f"docker.io/envoyproxy/gateway:{ENVOY_GATEWAY}"
_OF_THE_CHART = yaml.safe_load((ROOT / "deploy/chart/values.yaml").read_text())["envoy"]["image"]
ENVOY = f"{_OF_THE_CHART['repository']}:{_OF_THE_CHART['tag']}"
PYTHON = "localhost/python:here"
"""A Debian with Python and nothing else that runs."""
REDIS = "localhost/redis:here"
COREDNS = "localhost/coredns:here"

_BASE = "localhost/base"
_WAIT = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()"
PAUSE = "localhost/pause:here"
"""Holds the namespaces of a pod."""


def build(folder: Path, programs: Path) -> None:
    """All of them, into archives of `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    store = Images(folder / "store")
    (folder / "store").mkdir()
    store.make_bases()
    store.build(
        ROOT,
        ROOT / "deploy" / "image" / "Dockerfile",
        EXTAUTH,
        {"BUILDER": "localhost/builder", "BASE": _BASE, "PYTHON": "/usr/bin/python3"},
    )
    _with(store, PYTHON, {}, ("/usr/bin/python3",))
    _with(store, PAUSE, {}, ("/usr/bin/python3", "-c", _WAIT))
    _with(store, GATEWAY, {"envoy-gateway": programs / "envoy-gateway"}, ("/usr/local/bin/envoy-gateway",))
    _with(store, ENVOY, {"envoy": binaries.envoy()}, ("/usr/local/bin/envoy",))
    _with(store, COREDNS, {"coredns": programs / "coredns"}, ("/usr/local/bin/coredns",))
    _with(store, REDIS, {"redis-server": binary_of("redis-8.2")}, ("/usr/local/bin/redis-server",))
    _with(store, CONTOUR_IMAGE, {"contour": programs / "contour"}, ("/bin/contour",), "/bin")
    for number, name in enumerate((EXTAUTH, PYTHON, PAUSE, GATEWAY, CONTOUR_IMAGE, ENVOY, COREDNS, REDIS)):
        store.buildah("push", "--quiet", name, f"docker-archive:{folder}/{number}.tar:{name}")
    store.close()
    shutil.rmtree(folder / "store")


def _with(
    store: Images, name: str, files: Mapping[str, Path], entry: tuple[str, ...], folder: str = "/usr/local/bin"
) -> None:
    """The base with more programs, of which one begins."""
    container = store.buildah("from", _BASE)
    for program, path in files.items():
        store.buildah("copy", "--quiet", "--chmod", "0755", container, path, f"{folder}/{program}")
    store.buildah("config", "--entrypoint", json.dumps(entry), "--cmd", "", container)
    store.buildah("commit", "--quiet", "--rm", container, name)


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
