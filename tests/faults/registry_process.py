"""`extauth registry serve` as a process of its own, which may be stopped, killed and started again."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from extauth.registry.client import Client
from extauth.store.names import Names
from tests.e2e.running import free_base
from tests.e2e.samples import Samples, scrape
from tests.support.keys import PEPPER

TOKEN = "the-admin-token-of-the-tests"
NAMES = Names("extauth")


class Registry:
    """One replica. `environment` is more than the test's own, `sections` are more of its settings."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        redis_url: str,
        environment: Mapping[str, str] | None = None,
        **sections: Any,
    ) -> None:
        folder.mkdir()
        base = free_base(2)
        self.port = base
        self.url = f"http://127.0.0.1:{base}"
        self.client = Client(self.url, TOKEN)
        self.log = folder / "log"
        self._settings = folder / "registry.yaml"
        self._environment = environment or {}
        (folder / "token").write_text(TOKEN)
        (folder / "pepper").write_text("a pepper for tests, 32 bytes long")
        settings = {
            "database": database_url,
            "listen": {"http": f"127.0.0.1:{base}", "grpc": f"127.0.0.1:{base + 1}"},
            "admin_token": {"file": str(folder / "token")},
            "keys": {"peppers": [{"id": PEPPER.id, "file": str(folder / "pepper")}]},
            "redis": {"url": redis_url, "namespace": NAMES.namespace},
            **sections,
        }
        self._settings.write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        command = [sys.executable, "-m", "extauth", "registry", "serve", "-c", str(self._settings)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **self._environment})

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.ready())
        except OSError:
            return False

    def ready(self) -> dict[str, str]:
        with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
            found: dict[str, str] = json.load(response)
            return found

    def metrics(self) -> Samples:
        return scrape(f"{self.url}/metrics")

    @property
    def is_leading(self) -> bool:
        return self.metrics()("extauth_publisher_leading") == 1

    def create(self) -> str:
        """The id of a new key."""
        return str(self.client.call("POST", "/v1/keys", {"name": "a key", "tenant": "acme"})["id"])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, number: int) -> None:
        self.signal(number)
        self.process.wait(30)
