"""A real nginx and a real Traefik with the configurations in deploy/gateways, on addresses of a test's own."""

import os
import shutil
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from extauth.demo import binaries, probes
from extauth.demo.child import Service
from extauth.demo.ports import HOST
from tests.http_check.stacks import Checked
from tests.support.lone_sidecar import free_port

GATEWAYS = Path(__file__).parents[2] / "deploy" / "gateways"
_NGINX = """
daemon off;
user root;
pid {folder}/pid;
error_log stderr warn;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/extauth.conf;
}}
"""
_TRAEFIK = """
entryPoints:
  web: {{address: "{listen}"}}
providers:
  file: {{filename: "{folder}/dynamic.yaml"}}
"""


def start_nginx(checked: Checked, folder: Path, *, sidecar: str = "", more: Mapping[str, str] | None = None) -> str:
    """Its URL. `sidecar`: another one than the stack's. `more` are texts in place of others of its configuration."""
    listen = f"{HOST}:{free_port()}"
    configuration = _with_addresses(
        GATEWAYS / "nginx" / "extauth.conf",
        {
            "unix:/run/extauth/http.sock": sidecar or checked.address,
            "127.0.0.1:8080": f"{HOST}:{checked.stack.layout.ports.upstream}",
            "listen 8000": f"listen {listen}",
            **(more or {}),
        },
    )
    (folder / "extauth.conf").write_text(configuration)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")  # which is not on everyone's PATH
    assert found is not None, "there is no nginx: apt install nginx-light"
    command = (found, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr")
    _start(checked, f"nginx-{listen}", command, f"http://{listen}/")
    return f"http://{listen}"


def start_traefik(checked: Checked, folder: Path) -> str:
    """Its URL."""
    listen = f"{HOST}:{free_port()}"
    configuration = _with_addresses(
        GATEWAYS / "traefik" / "dynamic.yaml",
        {"127.0.0.1:9904": checked.address, "127.0.0.1:8080": f"{HOST}:{checked.stack.layout.ports.upstream}"},
    )
    (folder / "dynamic.yaml").write_text(configuration)
    (folder / "traefik.yaml").write_text(_TRAEFIK.format(folder=folder, listen=listen))
    command = (str(binaries.scripts_directory() / "traefik"), f"--configFile={folder}/traefik.yaml")
    _start(checked, f"traefik-{listen}", command, f"http://{listen}/")
    return f"http://{listen}"


def _with_addresses(path: Path, addresses: Mapping[str, str]) -> str:
    text = path.read_text()
    for address, ours in addresses.items():
        assert address in text, address
        text = text.replace(address, ours)
    return text


def _start(checked: Checked, name: str, command: tuple[str, ...], url: str) -> None:
    """Until it has its configuration: before that a Traefik knows no route."""
    service = Service(
        name=name,
        command=command,
        log=checked.stack.layout.log(name.partition("-")[0]),
        is_ready=lambda: probes.http_status(url) in {HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE},
    )
    checked.stack.supervisor.start(service)
    checked.stack.supervisor.wait_until_ready(service)
