"""One platform: its preset's own settings file behind a real Envoy, and its clients."""

import http.client
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from extauth.demo.credentials import with_scheme
from extauth.demo.directory import socket_directory
from extauth.demo.layout import Layout
from extauth.demo.ports import COUNT, Ports
from extauth.demo.scenario import Scenario
from extauth.demo.settings_files import write_settings, write_yaml
from extauth.demo.stack import start_stack
from extauth.demo.supervisor import Supervisor
from extauth.demo.token_issuer import TokenIssuer, token_issuer
from extauth.registry.client import Client
from tests.e2e import http1
from tests.e2e.answer import Answer, Headers
from tests.e2e.running import IssuedKey, Running, free_base

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything of a demo with a preset, but for the demo's own keys."""

    running: Running
    scenario: Scenario

    def send(self, path: str, *headers: Header, method: str = "GET", host: str = "") -> Answer:
        """A request to the platform's host, or another."""
        named = [("Host", host or self.scenario.host), *headers]
        return http1.send(self.running.url, path, named, method=method)

    def issue(self, tenant: str = "", scopes: tuple[str, ...] = (), **fields: Any) -> IssuedKey:
        """A new key, of a new tenant unless one is named."""
        return self.running.issue(tenant, scopes=list(scopes), **fields)

    def header(self, secret: str) -> Header:
        """The platform's header for keys."""
        return self.scenario.key_header, with_scheme(self.scenario.key_scheme, secret)

    @property
    def issuer(self) -> TokenIssuer:
        """Of its tokens."""
        issuer = token_issuer(self.running.layout)
        assert issuer is not None
        return issuer

    def burst(
        self, path: str, headers: Headers, requests: int, host: str = "", *, until: int = 0
    ) -> tuple[list[Answer], float]:
        """Requests on one connection, and the seconds they took together; none after one with status `until`."""
        connection = http.client.HTTPConnection(urlsplit(self.running.url).netloc, timeout=http1.PATIENCE)
        named = {"Host": host or self.scenario.host, **dict(headers)}
        answers = []
        started = time.monotonic()
        try:
            for _ in range(requests):
                connection.request("GET", path, headers=named)
                response = connection.getresponse()
                given = [(name.lower(), value) for name, value in response.getheaders()]
                answers.append(Answer(response.status, given, response.read()))
                if response.status == until:
                    break
        finally:
            connection.close()
        return answers, time.monotonic() - started


@contextmanager
def running_platform(
    scenario: Scenario, directory: Path, sidecar: Mapping[str, Any] | None = None
) -> Iterator[Platform]:
    """Start everything on free ports; `sidecar` are settings beside those of the preset."""
    with socket_directory(directory) as sockets, Supervisor() as supervisor:
        layout = Layout(directory, sockets, Ports.from_base(free_base(COUNT)))
        write_settings(layout, scenario)
        for path, more in ((layout.sidecar_settings, sidecar), (layout.registry_settings, _FAST)):
            write_yaml(path, {**yaml.safe_load(path.read_text()), **(more or {})})
        start_stack(layout, supervisor, lambda _service: None)
        client = Client(layout.registry_url, layout.admin_token.read_text().strip())
        yield Platform(Running(layout, supervisor, client), scenario)


_FAST = {"publish": {"poll_interval": "20ms"}}


def new_tenant() -> str:
    """A name that no other test has."""
    return f"t-{uuid.uuid4().hex[:12]}"
