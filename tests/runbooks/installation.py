"""A registry, its Redis and a sidecar as units of a stand-in for systemd, in the folder where runbooks are run."""

import http.client
import json
import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from extauth.demo import binaries
from extauth.demo.ports import HOST
from tests.deploy import guide
from tests.e2e.running import free_base
from tests.support.redis_server import binary_of

HERE = Path(__file__).parent
PAGE = guide.read(HERE.parents[1] / "docs" / "runbooks.md")
PEPPER = "a pepper of 32 bytes or even more"
_PATIENCE = 400  # seconds, for the commands of a section on a busy machine
_TRIES = 200  # of what is expected, 0.1 seconds apart
_CHECK = """
check() {
  curl -s -o /dev/null -w '%{http_code}\\n' -H "x-api-key: $1" -H "x-original-method: GET" -H "x-original-uri: /" \\
    -H "x-original-host: 127.0.0.1" "$API_URL"
}
"""
"""In place of the page's own: the sidecar is asked as a proxy does."""


@dataclass
class Installation:
    """`start`, then `stop`. All but `folder` is known after `start`."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    database: str = "sqlite:///registry.db"
    allowed: Counter[str] = field(default_factory=Counter)
    """Checks that passed, by key: of those that a test made."""

    def start(self) -> None:
        base = free_base(4)
        self.ports = {name: base + index for index, name in enumerate(("redis", "http", "admin", "registry"))}
        (self.folder / "secrets").mkdir()
        (self.folder / "secrets" / "p1").write_text(PEPPER)
        self._write_settings()
        self._write_units()
        self.variables |= {
            "REGISTRY_URL": f"http://{HOST}:{self.ports['registry']}",
            "API_URL": f"http://{HOST}:{self.ports['http']}/check",
            "UNITS": str(self.folder),
            "TRIES": str(_TRIES),
            "PYTHONUNBUFFERED": "1",
        }
        self.variables["REGISTRY_TOKEN"] = self.extauth("registry", "init", "-c", "registry.yaml", "--quiet").strip()
        self.systemctl("start", "redis", "extauth-registry", "extauth")
        self.variables["FIRST_OWNER_ID"] = self.call("GET", "/v1/admin-tokens")["items"][0]["id"]

    def stop(self) -> None:
        self.systemctl("stop", "extauth", "extauth-registry", "redis")

    def run(
        self, title: str, replacements: Mapping[str, str] | None = None, own: Mapping[str, str] | None = None
    ) -> str:
        """What the commands of a section print, with two keys and an owner of its own, whose secrets are not in it."""
        section = guide.section(PAGE, title)
        assert guide.blocks(section), title
        own = own or self.own_variables()
        variables = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in own.items())
        script = variables + _CHECK + guide.script(section, replacements or {})
        output = guide.run(script, self.folder, binaries.scripts_directory(), _PATIENCE)
        assert not any(own[name] in output for name in ("KEY", "OTHER_KEY", "REGISTRY_TOKEN"))
        return output

    def own_variables(self) -> dict[str, str]:
        """Of one section: what the page says that people know."""
        owner = self.call("POST", "/v1/admin-tokens", {"name": "of a section", "role": "owner"})
        (key, key_id), (other, other_id) = self.issue("acme"), self.issue("acme")
        return {
            **self._environment(),
            "REGISTRY_TOKEN": owner["secret"],
            "OWNER_ID": owner["id"],
            "KEY": key,
            "KEY_ID": key_id,
            "OTHER_KEY": other,
            "OTHER_KEY_ID": other_id,
        }

    def status(self, key: str) -> tuple[int, str]:
        """Of a check: status, and the reason of a denial."""
        connection = http.client.HTTPConnection(HOST, self.ports["http"], timeout=10)
        told = {"x-original-method": "GET", "x-original-uri": "/", "x-original-host": HOST}
        try:
            connection.request("GET", "/check", headers={**told, "x-api-key": key})
            answer = connection.getresponse()
            body = answer.read()
            self.allowed[key] += answer.status == HTTPStatus.OK
            return answer.status, json.loads(body)["error"] if body else ""
        finally:
            connection.close()

    def issue(self, tenant: str) -> tuple[str, str]:
        """A new key and its id."""
        made = self.call("POST", "/v1/keys", {"name": "a key", "tenant": tenant})
        return made["secret"], made["id"]

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Of the registry."""
        connection = http.client.HTTPConnection(HOST, self.ports["registry"], timeout=30)
        headers = {"authorization": f"Bearer {self.variables['REGISTRY_TOKEN']}", "content-type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status < 300, (method, path, answer.status)
            found: dict[str, Any] = json.loads(text)
            return found
        finally:
            connection.close()

    def extauth(self, *arguments: str) -> str:
        return self._execute([str(binaries.extauth()), *arguments])

    def systemctl(self, *arguments: str) -> None:
        self._execute([str(HERE / "systemctl"), *arguments])

    def _execute(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self._environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {**self.variables, "PATH": f"{HERE}:{binaries.scripts_directory()}:{os.environ['PATH']}"}

    def _write_settings(self) -> None:
        redis = {"url": f"redis://{HOST}:{self.ports['redis']}/0"}
        registry = {
            "database": self.database,
            "listen": {"http": f"{HOST}:{self.ports['registry']}", "grpc": None},
            "redis": redis,
        }
        sidecar = {
            "listen": {"grpc": [f"unix:{self.folder}/x.sock"], "admin": f"{HOST}:{self.ports['admin']}"},
            "http": {"listen": [f"{HOST}:{self.ports['http']}"], "original": "x-original"},
            "redis": redis,
            "usage": {"flush_interval": "1s"},
            "apis": [{"name": "demo", "credentials": [{"header": "x-api-key"}]}],
        }
        # As people write it: the runbooks edit these lines.
        peppers = "keys:\n  peppers:\n    - {id: p1, file: secrets/p1}\n"
        (self.folder / "registry.yaml").write_text(yaml.safe_dump(registry) + peppers)
        (self.folder / "extauth.yaml").write_text(yaml.safe_dump(sidecar) + peppers)

    def _write_units(self) -> None:
        extauth, redis = shlex.quote(str(binaries.extauth())), shlex.quote(str(binary_of("redis-8.2")))
        readyz = f"curl -sf http://{HOST}:%s/readyz"
        port = self.ports["redis"]
        units = {
            "redis": (f"{redis} --port {port} --bind {HOST} --save ''", f"exec 3<>/dev/tcp/{HOST}/{port}"),
            "extauth": (f"{extauth} serve -c extauth.yaml", readyz % self.ports["admin"]),
            "extauth-registry": (f"{extauth} registry serve -c registry.yaml", readyz % self.ports["registry"]),
        }
        for name, (command, ready) in units.items():
            (self.folder / f"{name}.command").write_text(command)
            (self.folder / f"{name}.ready").write_text(ready)
