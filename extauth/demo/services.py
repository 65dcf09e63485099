"""The servers of a demo: how each is started, and how it is seen to be ready."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from extauth.demo import binaries, probes
from extauth.demo.child import Service
from extauth.demo.layout import Layout
from extauth.demo.token_issuer import JWKS_PATH


def redis(layout: Layout) -> Service:
    """In memory alone, on a unix socket alone."""
    options = {
        "port": "0",
        "unixsocket": str(layout.redis_socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(layout.directory),
        "daemonize": "no",
    }
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    return Service(
        name="redis",
        command=(str(binaries.redis_server()), *arguments),
        log=layout.log("redis"),
        is_ready=lambda: probes.redis_answers(layout.redis_socket),
    )


def registry(layout: Layout) -> Service:
    """REST, gRPC and the publisher."""
    return Service(
        name="registry",
        command=(str(binaries.extauth()), "registry", "serve", "-c", str(layout.registry_settings)),
        log=layout.log("registry"),
        is_ready=lambda: _is_ok(f"{layout.registry_url}/readyz"),
    )


def sidecar(layout: Layout, environment: Mapping[str, str] | None = None) -> Service:
    """What Envoy asks; `environment` holds the secrets that its settings look for there."""
    return Service(
        name="sidecar",
        command=(str(binaries.extauth()), "serve", "-c", str(layout.sidecar_settings)),
        log=layout.log("sidecar"),
        is_ready=lambda: _is_ok(f"{layout.sidecar_admin_url}/readyz"),
        environment=environment or {},
    )


def upstream(layout: Layout) -> Service:
    """An API that shows what reached it."""
    return Service(
        name="upstream",
        command=(binaries.python(), "-P", "-m", "extauth.demo.upstream", str(layout.ports.upstream)),
        log=layout.log("upstream"),
        is_ready=lambda: _is_ok(layout.upstream_url),
    )


def issuer(layout: Layout) -> Service:
    """An authorization server."""
    return Service(
        name="issuer",
        command=(
            *(binaries.python(), "-P", "-m", "extauth.demo.issuer"),
            *(str(layout.ports.issuer), str(layout.sidecar_settings), str(layout.issuer_key)),
        ),
        log=layout.log("issuer"),
        is_ready=lambda: _is_ok(f"{layout.issuer_url}{JWKS_PATH}"),
    )


def envoy(name: str, settings: Path, log: Path, admin_url: str) -> Service:
    """Any Envoy with settings of ours."""
    # Without hot restart two of them need no shared memory and no ids of their own.
    options = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
    return Service(
        name=name,
        command=(str(binaries.envoy()), "-c", str(settings), *options),
        log=log,
        is_ready=lambda: _is_ok(f"{admin_url}/ready"),
    )


def demo_envoy(layout: Layout) -> Service:
    """The Envoy of the demo."""
    return envoy("envoy", layout.envoy_settings, layout.log("envoy"), layout.envoy_admin_url)


def _is_ok(url: str) -> bool:
    return probes.http_status(url) == HTTPStatus.OK
