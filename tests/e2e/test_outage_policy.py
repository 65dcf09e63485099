"""What each API's `outage` says, behind a real Envoy, while Redis hangs."""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from extauth.demo import services
from extauth.demo.ports import HOST
from extauth.demo.settings_files import write_yaml
from extauth.demo.supervisor import Supervisor
from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.from_policy import envoy_for
from extauth.keys.token import generate
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load
from tests.e2e.answer import Answer
from tests.e2e.eventually import eventually
from tests.e2e.http1 import send
from tests.e2e.running import IssuedKey, Running, free_base, running_stack
from tests.support.lone_sidecar import lone_sidecar

pytestmark = pytest.mark.slow

_LIMITS = [{"name": "per-key", "by": "key", "rate": "1/h", "burst": 2}]
_APIS: Mapping[str, Mapping[str, Any]] = {
    "public": {"outage": {"unknown_keys": "let_anyone_in"}},
    "strict": {"outage": {"max_stale": "0s"}, "errors": {"unavailable": {"status": 500}}},
    "unlimited": {"limits": _LIMITS},
    "refusing": {"limits": _LIMITS, "outage": {"limits": "error"}},
    "usual": {},
}
_SETTINGS: Mapping[str, Any] = {
    "cache": {"max_staleness": "1s"},
    "outage": {"limits": "allow"},
    "apis": [
        {"name": name, "match": {"paths": [f"/{name}"]}, "credentials": [{"header": "x-api-key"}], **more}
        for name, more in _APIS.items()
    ],
}
_CLAIMED = [("x-auth-key-id", "claimed"), ("x-auth-tenant", "claimed")]


_TRANSPORTS = {"lean": False, "stock": True}
"""And whether readiness needs Redis there."""


@pytest.fixture(scope="module", params=_TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stack(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = {**_SETTINGS, "readiness": {"needs_redis": _TRANSPORTS[transport]}}
    with running_stack(tmp_path_factory.mktemp("outage"), settings, {"transport": transport}) as running:
        yield running


@contextmanager
def hanging_redis(stack: Running) -> Iterator[None]:
    """Within it, and after it all is as before."""
    process = stack.supervisor["redis"].process_id
    os.kill(process, signal.SIGSTOP)
    try:
        eventually(lambda: component(stack, "redis") != "ok", 10)
        yield
    finally:
        os.kill(process, signal.SIGCONT)
        eventually(lambda: component(stack, "redis") == "ok", 10)


def component(stack: Running, name: str) -> str:
    return str(readiness(stack)[1]["components"][name])


def readiness(stack: Running) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{stack.layout.sidecar_admin_url}/readyz", timeout=5) as page:
            return page.status, json.load(page)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def ask(stack: Running, path: str, key: IssuedKey) -> Answer:
    return send(stack.url, path, [key.header, *_CLAIMED])


def answers(stack: Running, path: str, key: IssuedKey, status: int) -> bool:
    return ask(stack, path, key).status == status


def await_status(stack: Running, path: str, key: IssuedKey, status: int) -> None:
    """Ask until it is so: a check that finds nothing in memory may take too long on a busy machine."""
    eventually(partial(answers, stack, path, key, status), 10)


def test_each_api_does_what_it_says(stack: Running) -> None:
    known, unseen, late, revoked = (stack.issue() for _ in range(4))
    stack.keys("revoke", revoked.id)
    stack.wait_until_published()
    eventually(lambda: ask(stack, "/usual", revoked).reason == "revoked_key", 10)
    for path in ("/usual", "/strict", "/unlimited", "/refusing"):
        await_status(stack, path, known, 200)
    with hanging_redis(stack):
        await_status(stack, "/strict", known, 500)
        assert ask(stack, "/strict", known).reason == "unavailable"
        assert ask(stack, "/usual", known).upstream_header("x-auth-key-id") == [known.id]
        assert ask(stack, "/usual", unseen).reason == "unavailable"
        assert [ask(stack, "/unlimited", known).status for _ in range(3)] == [200] * 3
        assert ask(stack, "/refusing", known).reason == "unavailable"
        await_status(stack, "/public", late, 200)
        let_in = ask(stack, "/public", late)
        for name in ("x-auth-key-id", "x-auth-tenant", "x-api-key"):
            assert let_in.upstream_header(name) == []
        assert ask(stack, "/public", known).upstream_header("x-auth-key-id") == [known.id]
        assert ask(stack, "/public", revoked).reason == "revoked_key"
        assert send(stack.url, "/public", [("x-api-key", "nonsense")]).reason == "malformed_key"
        assert send(stack.url, "/public").reason == "missing_key"
        assert stack.metrics()("extauth_checks_total", api="public", reason="allowed_unidentified") >= 2
    for key in (known, unseen, late):
        await_status(stack, "/strict", key, 200)
    assert ask(stack, "/public", late).upstream_header("x-auth-key-id") == [late.id]


def test_a_sidecar_that_was_ready_stays_so_unless_the_operator_says_otherwise(stack: Running, transport: str) -> None:
    assert readiness(stack)[0] == 200
    with hanging_redis(stack):
        status, page = readiness(stack)
        assert status == (503 if _TRANSPORTS[transport] else 200)
        assert page["ready"] is (status == 200)
        assert page["components"]["redis"].startswith("Redis: ")
        with urllib.request.urlopen(f"{stack.layout.sidecar_admin_url}/healthz", timeout=5) as alive:
            assert alive.status == 200
    assert readiness(stack)[0] == 200


def test_an_answer_comes_before_the_deadline_that_envoy_sets(tmp_path: Path, transport: str) -> None:
    """Every time of the sidecar's own is far longer here than Envoy waits."""
    with lone_sidecar(tmp_path, transport, check={"timeout": "10s"}), Supervisor() as supervisor:
        base = free_base(2)
        listen, admin = f"{HOST}:{base}", f"{HOST}:{base + 1}"
        settings = load(SidecarSettings, tmp_path / "extauth.yaml")
        parameters = envoy_for(settings, listen=listen, admin=admin, upstream=f"{HOST}:1")
        write_yaml(tmp_path / "envoy.yaml", bootstrap(replace(parameters, check_timeout=0.25)))
        envoy = services.envoy("envoy", tmp_path / "envoy.yaml", tmp_path / "envoy.log", f"http://{admin}")
        supervisor.start(envoy)
        supervisor.wait_until_ready(envoy)
        key = ("x-api-key", str(generate("test")))
        eventually(lambda: send(f"http://{listen}", "/", [key]).reason == "unavailable", 8)
