"""`extauth serve` alone: its Redis takes connections and says nothing, so a key that it does not know is waited for."""

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from extauth.demo import binaries
from tests.support.wait import wait_until

_PATIENCE = 30  # seconds


@dataclass(frozen=True, slots=True)
class LoneSidecar:
    """One that serves."""

    target: str
    admin: str
    process: subprocess.Popen[bytes]
    reader: subprocess.Popen[bytes]
    """Reads what the sidecar logs, and writes it to `log`."""
    log: Path

    def page(self, path: str) -> str:
        """Of the admin port, whatever its status."""
        try:
            with urllib.request.urlopen(f"{self.admin}{path}", timeout=_PATIENCE) as found:
                return str(found.read(), "utf-8")
        except urllib.error.HTTPError as refused:
            with refused:
                return str(refused.read(), "utf-8")

    def stop(self) -> int:
        """Its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)


@contextmanager
def lone_sidecar(
    folder: Path,
    transport: str,
    environment: Mapping[str, str] | None = None,
    *,
    address: str | None = None,
    **sections: Any,
) -> Iterator[LoneSidecar]:
    """Start it in a folder of its own; `sections` are more of its settings."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = address or f"unix:{folder}/x.sock"
        admin = f"127.0.0.1:{free_port()}"
        (folder / "pepper").write_text("a pepper for tests, 32 bytes long")
        settings = {
            "listen": {"grpc": [address], "admin": admin, "transport": transport},
            "redis": {"url": f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "timeout": "10s"},
            "keys": {"peppers": [{"id": "p1", "file": str(folder / "pepper")}]},
            "apis": [{"name": "demo", "credentials": [{"header": "x-api-key"}]}],
            **sections,
        }
        (folder / "extauth.yaml").write_text(yaml.safe_dump(settings))
        log = folder / "log"
        command = [str(binaries.extauth()), "serve", "-c", str(folder / "extauth.yaml")]
        with log.open("wb") as output:
            reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=output)
        assert reader.stdin is not None
        process = subprocess.Popen(command, stderr=reader.stdin, env={**os.environ, **(environment or {})})
        reader.stdin.close()
        try:
            wait_until(lambda: b'"serving"' in log.read_bytes() or process.poll() is not None, _PATIENCE)
            assert process.poll() is None, log.read_text()
            yield LoneSidecar(address, f"http://{admin}", process, reader, log)
        finally:
            for one in (process, reader):
                one.kill()
                one.wait()


def free_port() -> int:
    """Free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port
